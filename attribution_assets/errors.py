"""Errors that the command reports in one line.

    ReportingError
    ├── ConfigurationError   an environment variable has a value that cannot be used
    ├── RunRejectedError     what was asked for cannot be done; nothing has been written
    └── RunFailedError       an asset or a blocking check failed; what had succeeded before is kept

Errors of the work itself stand in `attribution/`, beside what raises them.
"""


class ReportingError(Exception):
    """A report cannot be made."""


class ConfigurationError(ReportingError):
    """An environment variable has a value that cannot be used."""


class RunRejectedError(ReportingError):
    """What was asked for cannot be done; nothing has been written."""


class RunFailedError(ReportingError):
    """An asset or a blocking check failed; what had succeeded before is kept."""
