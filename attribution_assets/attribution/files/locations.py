"""Where files lie: in a folder of this machine, or under the URL of an object store.

Reading and writing whole files belongs in `atomic_files`, requests to an object store in `object_store`.
"""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit, urlunsplit

from upath import UPath

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""The object stores, by the scheme of their URLs, and the extra of this package that brings each one's library."""

_FOLDERS = ("", "file", "local")
_HERE = Path()


class LocationError(Exception):
    """The text is not a folder or the URL of an object store that can be used."""


def location(text: str) -> UPath:
    """The place that a folder's path or an object store's URL names; the place itself is not accessed yet.

    Endpoint, region and credentials of a store are found by its own library: in the environment variables, files and
    machine roles that it documents.

    Raises:
        LocationError: It is a URL of another kind, or the store's library is not installed or lacks a setting.
    """
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme not in (*_FOLDERS, *EXTRAS):
        raise LocationError("it takes a folder, or a URL that begins with s3://, gs:// or az://")
    try:
        path = UPath(text)
        path.fs  # noqa: B018  # makes the store's client, which checks the settings; paths below this one share it
    except ImportError:
        raise LocationError(f"install what it needs: pip install 'attribution-assets[{EXTRAS[scheme]}]'") from None
    except ValueError as error:
        raise LocationError(str(error)) from None
    if scheme in EXTRAS and not path.drive:
        raise LocationError(f"it names no bucket: {scheme}://bucket/prefix")
    return path


def address(root: str, *names: str) -> str:
    """The URI of what lies under a folder or URL, without user, password and options; empty if it is no URL.

    A container stands where other URLs have a user, as in `abfs://container@account.dfs.core.windows.net/prefix`.
    """
    scheme = root.partition("://")[0] if "://" in root else ""
    if scheme in _FOLDERS:
        return Path(root.partition("://")[2] or root).absolute().joinpath(*names).as_uri()
    try:
        parts = urlsplit(root)
        host = parts.hostname or ""
    except ValueError:
        return ""
    container = f"{parts.username}@" if scheme in ("abfs", "abfss") and parts.username else ""
    path = "/".join([parts.path.rstrip("/"), *names])
    return urlunsplit((scheme, f"{container}{host}", path, "", ""))


def require_writable_folder(path: UPath) -> None:
    """Check that files can be written below a folder, which may not be there yet; nothing of the check is left there.

    Raises:
        LocationError: A file stands in its place or above it, or files cannot be written there.
    """
    if (folder := local_path(path)) is None:
        return
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            folder.lstat()  # which finds a name that is too long
        nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each))
        if not nearest.is_dir():
            raise LocationError(f"{nearest} is no folder: name one that is, or that can be made")
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise LocationError(
            f"no files can be written there ({error.strerror}): name a folder that takes them"
        ) from None


def local_path(path: UPath) -> Path | None:
    """The path in this machine's file system, however its URL is written; None if it lies in an object store."""
    if type(path) is type(_HERE):  # type: ignore[comparison-overlap]
        return path  # one of the standard library: it does what is used here of the other
    return Path(path.path) if path.protocol in _FOLDERS else None
