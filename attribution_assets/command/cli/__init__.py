"""The command `attribution-assets`: thin over the code location, so that all it does is in Dagster's history too.

Only arguments, exit codes and printing belong here. Dagster and pandas are imported only by the commands that need
them, so that --help answers at once.
"""

from attribution_assets.command.cli import runs, servers, stored
from attribution_assets.command.cli.common import app
from attribution_assets.command.ending import run_and_end
from attribution_assets.command.memory import give_memory_back

__all__ = ["app", "main", "runs", "servers", "stored"]


def main() -> None:
    """The command as a process of its own."""
    give_memory_back()
    run_and_end(app)
