"""Which reported days have been restated since webhooks were told of it last: versions of stored days say so."""

from filelock import FileLock

from attribution_assets.data_sets import data_set_named
from attribution_assets.operations.home import Home
from attribution_assets.operations.webhooks import WebhookStore
from attribution_assets.resources import resources_of

LOCK = "restatements.lock"


def note_restatements(home: Home, data_set: str) -> None:
    """Have the webhooks of a data set told which days of its report have changed since this was looked at last.

    The first look only notes what there is. A day that is reported for the first time is no restatement.

    Args:
        home: Where the API keeps its webhooks.
        data_set: The data set.

    Raises:
        ConfigurationError: Its file cannot be used.
        OSError: Its storage cannot be read; libraries of object stores and of Parquet raise errors of their own too.
    """
    settings = data_set_named(data_set)
    if settings is None or settings.missing:
        return
    storage = resources_of(settings).storage.tables()
    with FileLock(home.folder / LOCK):  # what is read first is noted first
        stamps = storage.all_days("channel_reporting").stamps()
        WebhookStore(home).note_reports(data_set, {str(day): stamp.version for day, stamp in stamps.items()})
