"""The mapping of channel names: a CSV file of spellings, and the channel that each of them is reported as.

    name,channel
    google ads,Paid Search
    GoogleAds,Paid Search

A spelling stands for itself in any case and with blanks around it. Names that the file does not hold stay as they are.
Where the file is configured does not belong here, nor which rows are usable (`usable_rows`).
"""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from upath import UPath

from attribution_assets.attribution.files.atomic_files import read_file
from attribution_assets.attribution.source.value_forms import trimmed
from attribution_assets.attribution.tables.readable import quoted

HEADER = ["name", "channel"]
_HEX_DIGITS = 32


class ChannelNamesError(ValueError):
    """The file cannot be used; the message names the line."""


@dataclass(frozen=True)
class ChannelNames:
    """Which channel each spelling is reported as.

    Attributes:
        channels: spelling, trimmed and casefolded -> channel.
    """

    channels: Mapping[str, str] = field(default_factory=dict)

    def reported(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """The sessions with the channels that their names stand for.

        Args:
            sessions: any columns, among them `channel_name` (str, trimmed).
        """
        if not self.channels or sessions.empty:
            return sessions
        names = sessions["channel_name"]
        reported = {name: self.channels.get(_key(name), name) for name in names.unique()}
        return sessions.assign(channel_name=np.array([reported[name] for name in names], dtype=object))

    def not_named(self, reported: Iterable[str]) -> list[str]:
        """The channels of mapped sessions that the file does not name, sorted; none where there is no file."""
        return sorted(set(reported).difference(self.channels.values())) if self.channels else []

    def applied_to(self, names: Iterable[object]) -> str:
        """A short text that changes when rows with these names are reported as other channels; empty if none is mapped.

        Args:
            names: channel names as the source holds them.
        """
        keys = {_key(str(name)) for name in set(names) if name is not None}
        applied = sorted((key, self.channels[key]) for key in keys if key in self.channels)
        return hashlib.sha256(repr(applied).encode()).hexdigest()[:_HEX_DIGITS] if applied else ""


def read_channel_names(path: UPath) -> ChannelNames:
    """The mapping that a file holds: UTF-8 with or without a byte order mark, the header `name,channel`, then rows.

    Raises:
        ChannelNamesError: The header is another one, a row does not have two values, a value is empty, a channel holds
            control characters, a spelling stands for two channels, or the file is not UTF-8 or no CSV.
        OSError: It cannot be read.
    """
    channels: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, name, channel in _rows(_text(read_file(path))):
        key = _key(name)
        if channels.setdefault(key, channel) != channel:
            raise ChannelNamesError(
                f"line {line}: {quoted(name)} is {quoted(channel)} here, but {quoted(channels[key])} in line"
                f" {lines[key]} (case and blanks around a name do not count): leave one of them"
            )
        lines.setdefault(key, line)
    return ChannelNames(channels)


def _rows(text: str) -> Iterator[tuple[int, str, str]]:
    """The rows below the header: line, name, channel; empty lines are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if [title.strip().casefold() for title in header] != HEADER:
            raise ChannelNamesError(
                f"line 1: the header is {quoted(','.join(header))}, but has to be name,channel (separated by a comma)"
            )
        for row in reader:
            values = [str(trimmed(value)) for value in row]
            if any(values):
                yield reader.line_num, *_two(reader.line_num, values)
    except csv.Error as error:
        raise ChannelNamesError(f"line {reader.line_num}: it is no CSV ({error})") from None


def _two(line: int, values: list[str]) -> tuple[str, str]:
    if len(values) != len(HEADER):
        raise ChannelNamesError(
            f"line {line}: it has {len(values)} values, but has to have two, a name and its channel (put a value that"
            ' holds a comma in "double quotes")'
        )
    for title, value in zip(HEADER, values, strict=True):
        if not value:
            raise ChannelNamesError(f"line {line}: the {title} is empty")
    name, channel = values
    if any(unicodedata.category(character) == "Cc" for character in channel):
        raise ChannelNamesError(f"line {line}: the channel {quoted(channel)} holds a control character")
    return name, channel


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ChannelNamesError(f"line {line}: it is not in UTF-8: save the file as UTF-8") from None


def _key(name: str) -> str:
    return str(trimmed(name)).casefold()
