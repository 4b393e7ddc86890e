"""The stamp that each stored day carries in its file: the version of its rows, and of what they were made from.

Content and stamp are one file, so that no crash and no second writer can part them.
"""

import functools
import json
import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from attribution_assets.attribution.files.atomic_files import FileState, file_state, state_of
from attribution_assets.attribution.files.locations import local_path
from attribution_assets.attribution.files.object_store import (
    REQUESTS_AT_ONCE,
    list_objects,
    object_version,
    open_version,
)

Key = TypeVar("Key", bound=Hashable)

_STAMP_KEY, _SUFFIX = b"attribution_assets", ".parquet"

_END_READ = 16_384
"""So many bytes at a file's end are read for its stamp: the footer is mostly among them."""

_END_OF_FOOTER = 8
"""Bytes after a Parquet file's footer: its length, and four that say what kind of file it is."""

_MAGIC = b"PAR1"

_WORTH_OF_A_DICTIONARY = 1_000
"""With fewer rows, dictionaries of columns make a file no smaller, and take half of the time of writing it."""

_MOST_STAMPS = 100_000

_JSON = json.JSONDecoder()

_TRIES = 3
"""Failures before one is the object's own: another version may have been there meanwhile, and this one be back."""


@dataclass(frozen=True)
class Stamp:
    """What a stored day is.

    Attributes:
        version: digest of its rows: equal versions mean equal tables.
        made_from: digest of the versions of all that its rows were made from, and of the tables stored beside it.
        settings: digest of the settings that it was made with, where re-making it with others is up to the user.
        rows: how many there are.
        repeated: how many more rows the source has that repeat others in every column.
        undated: how many rows were set aside with the day though their date is no day: they are of no day's share.
        conversion_types: what the source calls the conversion types of its orders, see `order_types.values_of`; as the
            settings are those of these types, they show whether other settings would ask otherwise.
        summed: how many more usable rows the source has, as they are summed to these.
    """

    version: str
    made_from: str
    settings: str | None
    rows: int
    repeated: int = 0
    undated: int = 0
    conversion_types: tuple[str, ...] = ()
    summed: int = 0

    @property
    def usable_rows(self) -> int:
        """How many usable rows of the source its rows were made from, of an asset that is read from there."""
        return self.rows + self.summed


_LOCAL_STAMPS = dict[str, tuple[FileState, Stamp]]()
"""By the path of a local file: the state that it was last seen in, and its stamp then."""


def digest(versions: Mapping[str, str]) -> str:
    """One version that stands for several, whatever their order."""
    return blake2b(json.dumps(sorted(versions.items())).encode(), digest_size=16).hexdigest()


def written_with_stamp(content: pa.Table, stamp: Callable[[], Stamp]) -> bytes:
    """A table as a Parquet file with its stamp, which is asked for when the rows have been written."""
    buffer, many = pa.BufferOutputStream(), len(content) >= _WORTH_OF_A_DICTIONARY
    with pq.ParquetWriter(buffer, content.schema, compression="lz4", use_dictionary=many) as writer:
        writer.write_table(content)
        writer.add_key_value_metadata({_STAMP_KEY: json.dumps(asdict(stamp()))})
    file: bytes = buffer.getvalue().to_pybytes()
    return file


def stamp_in(metadata: pq.FileMetaData) -> Stamp:
    """The stamp in a Parquet file's footer."""
    stored = (metadata.metadata or {}).get(_STAMP_KEY)
    if not stored:
        return Stamp("", "", None, metadata.num_rows)
    return _as_stamp(json.loads(stored))


def _as_stamp(values: dict[str, Any]) -> Stamp:
    values["conversion_types"] = tuple(values.get("conversion_types", ()))
    return Stamp(**values)


def stamp_of(file: UPath) -> Stamp:
    """The stamp of a stored file: of a local one as it is now, of an object as it was listed last or later.

    Only the footer is read, and only if it has not been before.

    Raises:
        OSError: The file cannot be read.
        pa.ArrowException: It is no Parquet file.
    """
    local = local_path(file)
    return _stamp_of_object(file) if local is None else _stamp_of_local(str(local))


def file_versions(folder: UPath) -> dict[str, str]:
    """What is another one once a stored file has changed, of all those right below a folder, by their names.

    Raises:
        OSError: They cannot be listed.
    """
    local = local_path(folder)
    if local is None:
        return {name: object_version(folder / name) for name in list_objects(folder) if name.endswith(_SUFFIX)}
    if not local.is_dir():
        return {}
    with os.scandir(local) as entries:
        return {entry.name: str(file_state(entry.stat())) for entry in entries if entry.name.endswith(_SUFFIX)}


def stamps_of(files: Mapping[Key, UPath]) -> dict[Key, Stamp]:
    """The stamps of several files, those in an object store read side by side; errors as for `stamp_of`."""
    if not any(local_path(file) is None for file in files.values()):
        return {key: stamp_of(file) for key, file in files.items()}
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return dict(zip(files, pool.map(stamp_of, files.values()), strict=True))


def remember_stamp(path: Path | str, state: FileState, stamp: Stamp) -> None:
    """Have `stamp_of` know the stamp of a local file as long as it is in this state."""
    if len(_LOCAL_STAMPS) >= _MOST_STAMPS:
        _LOCAL_STAMPS.clear()
    _LOCAL_STAMPS[str(path)] = state, stamp


def _stamp_of_local(path: str) -> Stamp:
    state = state_of(path)
    known = _LOCAL_STAMPS.get(path)
    if known is None or known[0] != state:
        known = state, _read_stamp(path)
        remember_stamp(path, *known)
    return known[1]


def _read_stamp(path: str) -> Stamp:
    """The stamp of a local file, found in its footer's bytes: to have the footer taken apart takes five times as long.

    It stands behind all in the footer that comes from rows, so that nothing else can be taken for it.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # a path for each of thousands takes as long as this
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_READ))
        end = file.read()
        length = int.from_bytes(end[-_END_OF_FOOTER:-4], "little")
        _, key, value = end[-_END_OF_FOOTER - length : -_END_OF_FOOTER].rpartition(_STAMP_KEY)
        if key and length + _END_OF_FOOTER <= len(end) and end.endswith(_MAGIC):
            with suppress(ValueError, TypeError):
                values, _ = _JSON.raw_decode(value[value.index(b"{") :].decode(errors="replace"))
                return _as_stamp(values)
        return stamp_in(pq.read_metadata(file))


def _stamp_of_object(path: UPath) -> Stamp:
    version, failures = object_version(path), 0
    while True:
        try:
            return _stamp_of_version(path, version)
        except (OSError, pa.ArrowException):
            now, failures = object_version(path, anew=True), failures + 1
            if now == version and failures >= _TRIES:
                raise
            version = now


@functools.lru_cache(maxsize=_MOST_STAMPS)
def _stamp_of_version(path: UPath, version: str) -> Stamp:
    with open_version(path, version) as file:
        return stamp_in(pq.read_metadata(file))
