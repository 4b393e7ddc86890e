"""The exceptions of the IHC API's client, and which of them a status stands for.

IhcApiError
├── IhcTransientError             may pass by itself: was asked again until the bounds were reached
│   └── IhcAnswerError            the API answered, but not what it was asked
├── IhcPermanentError             asking again cannot help: somebody has to change something
│   ├── IhcAuthenticationError    the key is not accepted
│   └── IhcRequestError           the request is not accepted
└── IhcBudgetError                the run has made all the requests that it may make
"""

from collections.abc import Mapping
from typing import Final

_ADVICE: Final[Mapping[int, str]] = {
    400: (
        "check IHC_CONV_TYPE_ID, IHC_REDISTRIBUTION_PARAMETER and the limits IHC_MAX_JOURNEYS_PER_REQUEST and"
        " IHC_MAX_SESSIONS_PER_REQUEST"
    ),
    401: "check IHC_API_KEY",
    403: "check IHC_API_KEY and IHC_API_URL",
    404: "check IHC_API_URL",
    405: "check IHC_API_URL",
    413: "lower IHC_MAX_SESSIONS_PER_REQUEST",
}


class IhcApiError(Exception):
    """The IHC API did not attribute what it was asked; the root of what its client raises."""


class IhcTransientError(IhcApiError):
    """A fault that may pass by itself.

    Args:
        message: one line, without the key.
        retry_after: seconds that the API asked to wait before the next try, None if it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IhcAnswerError(IhcTransientError):
    """The API answered, but something in the answer is wrong or missing."""


class IhcPermanentError(IhcApiError):
    """A fault that stays until somebody changes something."""


class IhcAuthenticationError(IhcPermanentError):
    """The API does not accept the key (401, 403)."""


class IhcRequestError(IhcPermanentError):
    """The API does not accept the request (any other 4xx), or is not at this address (3xx)."""


class IhcBudgetError(IhcApiError):
    """A run has made all the requests that it may make, and needs more."""


def is_transient(status: int) -> bool:
    """Whether what a status says, of a whole answer or of one journey, may pass by itself."""
    return status in (408, 429) or status >= 500  # noqa: PLR2004 - 5xx is the name of this class


def failure(status: int, message: str, retry_after: float | None = None) -> IhcApiError:
    """The error, transient or permanent, that a status other than 2xx stands for.

    Args:
        status: HTTP status, or `statusCode` of an answer; 408, 429 and 5xx are transient.
        message: the API's own words, in one line and without the key; may be empty.
        retry_after: seconds that the API asked to wait.
    """
    said = f"the IHC API answered {status}" + (f": {message}" if message else "")
    if is_transient(status):
        return IhcTransientError(said, retry_after)
    if 300 <= status < 400:  # noqa: PLR2004 - 3xx is the name of this class
        return IhcRequestError(f"{said} (redirects are not followed, lest the key go elsewhere: check IHC_API_URL)")
    error = IhcAuthenticationError if status in (401, 403) else IhcRequestError
    return error(said + (f" ({_ADVICE[status]})" if status in _ADVICE else ""))
