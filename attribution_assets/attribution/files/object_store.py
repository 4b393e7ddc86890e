"""Objects in an object store, through its fsspec library: written in one piece, read as one of their versions.

Other processes replace objects at any time. So an object is read with one request, whose answer is one whole version,
and never put together from parts; and no result depends on an earlier listing that a later one could contradict. If a
store cannot be reached or refuses a request, its library's error is raised as an `ObjectStoreError`.

Files in folders do not belong here, but in `atomic_files`.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from upath import UPath

from attribution_assets.attribution.files.locations import local_path

REQUESTS_AT_ONCE = 16
"""How many objects are requested at once: the time of a request is mostly spent on the network."""

_LIBRARY_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
    ("aiohttp", "ClientError"),
)
"""Module and name of the libraries' errors that are not OSErrors; modules that are not loaded are skipped."""


class ObjectStoreError(OSError):
    """An object store cannot be reached, or refuses a request."""


def require_bucket(path: UPath) -> None:
    """Check that the bucket exists and that its objects may be listed; for a folder, do nothing.

    Raises:
        ObjectStoreError: It does not exist, or they may not be listed.
    """
    if local_path(path) is not None or list_objects(path):
        return
    with _as_object_store_error(path):
        there = path.fs.exists(path.drive)
    if not there:
        raise ObjectStoreError(f"there is no bucket {path.drive!r}, or it may not be seen")


def list_objects(folder: UPath) -> list[str]:
    """The names of the objects right below a URL, as the store has them now; empty if there are none.

    Raises:
        ObjectStoreError: They cannot be listed.
    """
    with _as_object_store_error(folder):
        folder.fs.invalidate_cache(folder.path)  # the library remembers listings; others may have written since
        try:
            entries = folder.fs.ls(folder.path, detail=True)
        except FileNotFoundError:
            return []
    return [entry["name"].rpartition("/")[2] for entry in entries if entry["type"] == "file"]


def read_object(path: UPath) -> bytes:
    """An object as it is now.

    Raises:
        FileNotFoundError: There is none.
        ObjectStoreError: It cannot be read.
    """
    with _as_object_store_error(path):
        content: bytes = path.fs.cat_file(path.path, start=0)  # without a start, large objects are read in parts
    return content


def write_object(path: UPath, content: bytes) -> None:
    """Replace an object at once: the new one is seen when all of it has arrived, and not at all if the writer dies.

    Raises:
        ObjectStoreError: It cannot be written.
    """
    with _as_object_store_error(path):
        try:
            path.fs.pipe_file(path.path, content)
        except FileNotFoundError as error:
            raise ObjectStoreError(f"{path}: {error}") from None


def object_version(path: UPath, *, anew: bool = False) -> str:
    """The object's entity tag, which changes whenever its content changes, as it was listed last.

    Args:
        path: The object.
        anew: Whether to ask the store instead of using the last listing.

    Raises:
        FileNotFoundError: There is none.
        ObjectStoreError: The store cannot be asked.
    """
    with _as_object_store_error(path):
        if anew:
            path.fs.invalidate_cache(path.path)
        return _version_in(path.fs.info(path.path))


def open_version(path: UPath, version: str) -> Any:  # noqa: ANN401  # a file object of the library, which reads like any other
    """A file object that reads an object in parts, as long as it is still this version.

    S3, whose tags return when content does, refuses parts of another version. The tags of other stores never return.

    Raises:
        FileNotFoundError: There is no object.
        ObjectStoreError: It has been replaced, or cannot be read. Reading from the file object raises the library's own
            errors.
    """
    with _as_object_store_error(path):
        file = path.fs.open(path.path, "rb", cache_type="none")
        if _version_in(file.details) != version:
            raise ObjectStoreError(f"{path} has been replaced")
        return file


@contextmanager
def local_copies(objects: Sequence[UPath]) -> Iterator[list[Path]]:
    """Copies of objects in a temporary folder, each one version whole, in the same order; gone afterwards.

    Raises:
        FileNotFoundError: One of them is not there.
        ObjectStoreError: One of them cannot be read.
    """
    with TemporaryDirectory(prefix="attribution_assets_") as folder:
        copies = [Path(folder) / f"{number}.parquet" for number in range(len(objects))]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for _ in pool.map(lambda path, copy: copy.write_bytes(read_object(path)), objects, copies):
                pass
        yield copies


def _version_in(entry: dict[str, object]) -> str:
    return str(entry.get("ETag") or entry["etag"])


@contextmanager
def _as_object_store_error(path: UPath) -> Iterator[None]:
    """Raise the errors of the store's library as `ObjectStoreError`; a missing file stays a `FileNotFoundError`."""
    try:
        yield
    except (FileNotFoundError, ObjectStoreError):
        raise
    except _library_errors() as error:
        raise ObjectStoreError(f"{path}: {error}") from None


def _library_errors() -> tuple[type[Exception], ...]:
    imported = [getattr(sys.modules[module], name) for module, name in _LIBRARY_ERRORS if module in sys.modules]
    return (OSError, *imported)
