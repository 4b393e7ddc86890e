"""Whether a run can be made at all: its settings, and the places that it writes to, before anything is done."""

from upath import UPath

from attribution_assets.attribution.files.locations import (
    LocationError,
    local_path,
    location,
    require_writable_folder,
)
from attribution_assets.attribution.files.object_store import ObjectStoreError, require_bucket
from attribution_assets.defs.resources import Resources, resources_of
from attribution_assets.errors import RunRejectedError
from attribution_assets.instance.opening import require_writable_home
from attribution_assets.settings import FailureReports, Settings


def usable(settings: Settings, output: str | None) -> tuple[Resources, UPath]:
    """The resources, and the path of the report, once all that a run uses has been found usable.

    Raises:
        ConfigurationError: A setting cannot be used.
        RunRejectedError: The report cannot be written, or Dagster's history.
    """
    FailureReports.from_environment()
    resources = resources_of(settings, references=False)
    resources.ihc_api.check()
    resources.storage.check()
    resources.storage.require_writable()
    resources.reports.check()
    resources.database.source()
    require_writable_home()
    if output:
        return resources, _writable("--output", output)
    return resources, _writable("the report", str(resources.reports.file("channel_reporting.csv")))


def _writable(what: str, output: str) -> UPath:
    try:
        path = location(output)
        require_bucket(path.parent)
        require_writable_folder(path.parent)
    except (LocationError, ObjectStoreError) as problem:
        raise RunRejectedError(f"{what} {output} cannot be written: {problem}") from None
    if (local := local_path(path)) and local.is_dir():
        raise RunRejectedError(f"{what} {output} is a folder: name a file")
    return path
