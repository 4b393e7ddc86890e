"""Files that are replaced whole: a reader sees the old content or the new one, even if the writer is killed.

Where a file lies belongs in `locations`, requests to an object store in `object_store`.
"""

import functools
import os
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from upath import UPath

from attribution_assets.attribution.files.locations import local_path
from attribution_assets.attribution.files.object_store import list_objects, read_object, write_object
from attribution_assets.attribution.files.processes import has_ended, this_process

FileState = tuple[int, int, int]
"""Of a local file: time of its last change in ns, inode, size."""


def read_file(path: UPath) -> bytes:
    """One version of a file, whole.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read.
    """
    local = local_path(path)
    return read_object(path) if local is None else local.read_bytes()


def names_in(folder: UPath) -> list[str]:
    """The names of what lies right below a folder; none if it is not there.

    Raises:
        OSError: They cannot be listed.
    """
    if (local := local_path(folder)) is None:
        return list_objects(folder)
    try:
        return os.listdir(local)  # noqa: PTH208  # the names alone: a path for each takes ten times as long
    except FileNotFoundError:
        return []


def file_state(of_file: os.stat_result) -> FileState:
    """The state of a file: another one once it has been replaced."""
    return of_file.st_mtime_ns, of_file.st_ino, of_file.st_size


def state_of(path: Path | str) -> FileState:
    """The state of a local file now.

    Raises:
        FileNotFoundError: There is none.
    """
    return file_state(os.stat(path))  # noqa: PTH116  # a third of the time of the method


def replace_file(path: UPath, content: bytes) -> FileState | None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a part.

    In a folder the content is written beside the file and renamed over it; in an object store one upload does it.

    Returns:
        The state in which the file holds this content; None in an object store.
    """
    local = local_path(path)
    if local is None:
        write_object(path, content)
        return None
    local.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(local.parent)
    beside = f"{local.parent}/.{local.name}~{quote(this_process(), safe='')}~{uuid.uuid4().hex}"
    try:
        with open(beside, "wb") as file:  # noqa: PTH123  # as below: a path's methods take three times as long
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power failure could leave the new name with nothing in it
            state = file_state(os.fstat(file.fileno()))
        os.replace(beside, local)  # noqa: PTH105
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return state


def look_for_leftovers() -> None:
    """Have the next file that is written to a folder clear away what killed writers have left there."""
    _clear_leftovers.cache_clear()


@functools.lru_cache(maxsize=1_000)
def _clear_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed writers have left in a folder, once until `look_for_leftovers`.

    The folder is listed for it, which would take longer for each file than writing it where there are thousands.
    """
    for left in folder.glob(".*~*~*"):
        with suppress(ValueError):  # another's file that only looks like one of ours
            if has_ended(unquote(left.name.split("~")[1])):
                left.unlink(missing_ok=True)
