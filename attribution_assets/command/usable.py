"""Whether a command can be carried out at all: its settings, and the places that it writes to, before it begins."""

from collections.abc import Iterator
from contextlib import contextmanager

from upath import UPath

from attribution_assets.attribution.files.locations import (
    LocationError,
    local_path,
    location,
    require_writable_folder,
)
from attribution_assets.attribution.files.object_store import ObjectStoreError, require_bucket
from attribution_assets.errors import RunRejectedError
from attribution_assets.instance.opening import require_writable_home
from attribution_assets.resources import Reports, Resources, resources_of
from attribution_assets.settings import FailureReports, Settings


def usable(settings: Settings, output: str | None) -> tuple[Resources, UPath]:
    """The resources, and the path of the report, once all that a run uses has been found usable.

    Raises:
        ConfigurationError: A setting cannot be used.
        RunRejectedError: The report cannot be written, or Dagster's history.
    """
    FailureReports.from_environment()
    resources = resources_of(settings)
    resources.ihc_api.check()
    resources.storage.check()
    resources.storage.require_writable()
    resources.reports.check()
    resources.database.source()
    resources.database.results()
    require_writable_home()
    if output:
        return resources, _writable("--output", output)
    return resources, _writable("the report", str(resources.reports.file("channel_reporting.csv")))


def reports_folder(reports: Reports, output: str | None) -> UPath:
    """The folder that files are written to, `output` if it is given, once it has been found writable.

    Raises:
        ConfigurationError: The setting of the folder of reports cannot be used.
        RunRejectedError: `output` cannot be written to.
    """
    if not output:
        reports.check()
        return location(reports.root)
    with _as_rejected("--output", output):
        folder = location(output)
        _require_writable(folder)
    return folder


def _writable(what: str, output: str) -> UPath:
    with _as_rejected(what, output):
        path = location(output)
        _require_writable(path.parent)
    if (local := local_path(path)) and local.is_dir():
        raise RunRejectedError(f"{what} {output} is a folder: name a file")
    return path


def _require_writable(folder: UPath) -> None:
    require_bucket(folder)
    require_writable_folder(folder)


@contextmanager
def _as_rejected(what: str, output: str) -> Iterator[None]:
    try:
        yield
    except (LocationError, ObjectStoreError) as problem:
        raise RunRejectedError(f"{what} {output} cannot be written: {problem}") from None
