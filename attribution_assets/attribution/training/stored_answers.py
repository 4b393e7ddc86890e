"""Answers to learn from: those that are stored with the attributions of days, and those in CSV files.

Journeys with sessions that the API excluded are left out, and so is what the embedded service answered.
"""

import csv
import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from upath import UPath

from attribution_assets.attribution.ihc_api.order_types import CONV_TYPE_ID, AskedWith, OrderTypes
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS, EMBEDDED
from attribution_assets.ihc_service.model import Touchpoints
from attribution_assets.ihc_service.training.answers import AnsweredJourneys, Journeys
from attribution_assets.ihc_service.training.learning import Learned, Transcript, learned

_JOURNEY = ["conv_id", "session_id", "session_time", "channel_name", "holder_engagement", "closer_engagement"]
ANSWERED_COLUMNS = [*_JOURNEY, *CREDIT_COLUMNS]
"""What is learned from: touchpoints with flags and credit, of journeys that were answered whole."""
_FILE_COLUMNS = (
    "conversion_id",
    "session_id",
    "timestamp",
    "channel_label",
    "holder_engagement",
    "closer_engagement",
    *CREDIT_COLUMNS,
)
_WEIGHT_COLUMNS = ("channel", "initializer weight", "holder weight", "closer weight")


class TrainingInputError(Exception):
    """A file to train from cannot be used; the message names the file and the row."""


def stored_journeys(storage: AssetStorage) -> Journeys:
    """The journeys of all stored days."""
    frames = [frame[_JOURNEY] for _, frame in storage.all_days("journeys").frames()]
    return Journeys(_touchpoints(_together(frames, _JOURNEY)))


def journeys_of(frame: pd.DataFrame) -> Journeys:
    """The journeys of a frame of the table `journeys`."""
    return Journeys(_touchpoints(frame))


def stored_answers(storage: AssetStorage, asked: AskedWith, since: dt.date | None = None) -> AnsweredJourneys:
    """What the API answered for a conversion type; arguments as for `stored_touchpoints`."""
    return answers_of(stored_touchpoints(storage, asked, since))


def stored_touchpoints(storage: AssetStorage, asked: AskedWith, since: dt.date | None = None) -> pd.DataFrame:
    """What the API answered for a conversion type, in all stored days that were attributed with its settings.

    Args:
        storage: where the assets' tables lie.
        asked: the settings that were asked with.
        since: the first of these days; None for all.

    Returns:
        `ANSWERED_COLUMNS`, a row for each touchpoint; journeys adjacent, in time order.
    """
    return _together([*_answered(storage, asked, since)], ANSWERED_COLUMNS)


def has_stored_answers(storage: AssetStorage, asked: AskedWith, fewest: int) -> bool:
    """Whether at least so many journeys of several sessions are answered; arguments as for `stored_answers`."""
    found = 0
    for answered in _answered(storage, asked):
        found += int((answered.groupby("conv_id").size() > 1).sum())
        if found >= fewest:
            return True
    return False


def _answered(storage: AssetStorage, asked: AskedWith, since: dt.date | None = None) -> Iterator[pd.DataFrame]:
    """The answered touchpoints of each stored day."""
    attributed, named = storage.all_days("ihc_attributions"), storage.all_days("order_types")
    journeys = storage.all_days("journeys")
    for day, stamp in attributed.stamps().items():
        if since and day < since:
            continue
        if day in journeys.files and stamp.settings in (asked.alone, asked.of_day(stamp.conversion_types)):
            answered = answered_touchpoints(attributed.frame(day), journeys.frame(day))
            if stamp.settings != asked.alone:
                answered = of_type(answered, asked.conv_type_id, asked.types, named.frame(day))
            yield answered


def of_type(touchpoints: pd.DataFrame, conv_type_id: str, types: OrderTypes, named: pd.DataFrame) -> pd.DataFrame:
    """The touchpoints of the orders that a conversion type splits; arguments as for `OrderTypes.with_types`."""
    typed = types.with_types(touchpoints, named)
    return touchpoints[typed[CONV_TYPE_ID] == conv_type_id]


def learned_from_stored(
    storage: AssetStorage, source: SourceDatabase, asked: AskedWith, at: dt.datetime, since: dt.date | None = None
) -> Learned:
    """What the stored answers of the API teach of a conversion type.

    Args:
        storage: where the assets' tables lie.
        source: the database that they were made from.
        asked: the conversion type and its settings.
        at: now, UTC.
        since: only answers on orders of this day and later; None for all.

    Raises:
        ForeignStorageError: the storage holds the tables of another database.
        TooFewAnswersError: there are too few answers to learn from.
    """
    storage.require(str(source))
    words = f"what the API answered for the {source}{f' since {since}' if since else ''}"
    return learned(asked.conv_type_id, stored_answers(storage, asked, since), words, at, since)


def answers_of(touchpoints: pd.DataFrame) -> AnsweredJourneys:
    """Answered journeys of a frame as `answered_touchpoints` gives it."""
    return AnsweredJourneys(_touchpoints(touchpoints), touchpoints[list(CREDIT_COLUMNS)].to_numpy(np.float64))


def answered_touchpoints(attributions: pd.DataFrame, journeys: pd.DataFrame) -> pd.DataFrame:
    """The touchpoints of a day that the API attributed whole, with flags and credit.

    Args:
        attributions: the table `ihc_attributions` of the day.
        journeys: the table `journeys` of the day.

    Returns:
        conv_id, session_id, session_time, channel_name, holder_engagement, closer_engagement, initializer, holder,
        closer, ihc; only orders whose journey is still the one that was asked for.
    """
    asked = attributions[["conv_id", "session_id", *CREDIT_COLUMNS, "outcome", "reason", "answered_by"]]
    found = journeys[_JOURNEY].merge(asked, on=["conv_id", "session_id"], how="left")
    usable = (found["outcome"] == ATTRIBUTED) & found["reason"].isna() & (found["answered_by"] != EMBEDDED)
    sizes = attributions.groupby("conv_id").size()
    same = found["conv_id"].map(sizes) == found.groupby("conv_id")["conv_id"].transform("size")
    whole = (usable & same).groupby(found["conv_id"]).transform("all")
    return found.loc[whole, ANSWERED_COLUMNS]


def answers_in(file: UPath) -> AnsweredJourneys:
    """The answers in a CSV file: conversion_id, session_id, timestamp, channel_label, flags and credit.

    A journey's rows need not be adjacent nor in order; of sessions of one time, the order of the rows counts.

    Raises:
        TrainingInputError: the file cannot be read, lacks a column, or has a value that cannot be used.
    """
    rows: list[tuple[object, ...]] = []
    for number, row in _rows(file, _FILE_COLUMNS):
        try:
            time = dt.datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # all are of one zone
            flags = [{"0": 0, "1": 1}[row[name]] for name in ("holder_engagement", "closer_engagement")]
            credit = [float(row[name]) for name in CREDIT_COLUMNS]
        except KeyError as flag:
            raise TrainingInputError(f"{file}, row {number}: a flag is {flag}, not 0 or 1") from None
        except ValueError as error:
            raise TrainingInputError(f"{file}, row {number}: {error}") from None
        if not all(0 <= share <= 1 for share in credit):
            raise TrainingInputError(f"{file}, row {number}: credit is not from 0 to 1")
        rows.append((row["conversion_id"], row["session_id"], time, row["channel_label"], *flags, *credit))
    frame = pd.DataFrame(rows, columns=ANSWERED_COLUMNS)
    frame["session_time"] = frame["session_time"].astype("datetime64[s]")
    order = np.lexsort((frame["session_time"].to_numpy("int64"), pd.factorize(frame["conv_id"])[0]))
    return answers_of(frame.iloc[order])


def transcript_of(file: UPath, phase_weights: tuple[float, float, float], cut_hours: float | None) -> Transcript:
    """What the vendor's dashboard shows, with the channel weights from its CSV file.

    Raises:
        TrainingInputError: as for `answers_in`.
    """
    weights = {}
    for number, row in _rows(file, _WEIGHT_COLUMNS):
        try:
            initializer, holder, closer = (float(row[name]) for name in _WEIGHT_COLUMNS[1:])
        except ValueError as error:
            raise TrainingInputError(f"{file}, row {number}: {error}") from None
        if not min(initializer, holder, closer) > 0:
            raise TrainingInputError(f"{file}, row {number}: weights must be more than 0")
        weights[row["channel"]] = (initializer, holder, closer)
    return Transcript(phase_weights, weights, cut_hours)


def _rows(file: UPath, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their numbers, the header's being 1."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingInputError(f"{file} cannot be read: {error}") from None
    reader = csv.DictReader(text.splitlines())
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise TrainingInputError(f"{file} has no column {missing[0]!r}: it takes {', '.join(columns)}")
    for number, row in enumerate(reader, 2):
        if any(row[name] is None for name in columns):
            raise TrainingInputError(f"{file}, row {number}: it has too few values")
        yield number, row


def _together(frames: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)


def _touchpoints(frame: pd.DataFrame) -> Touchpoints:
    """Touchpoints of a frame with the columns `_JOURNEY`: journeys adjacent, in time order."""
    journey, channels = pd.factorize(frame["conv_id"])[0], pd.factorize(frame["channel_name"])
    return Touchpoints(
        journey_start=np.flatnonzero(np.diff(journey, prepend=-1)).astype(np.int64),
        seconds=frame["session_time"].to_numpy("datetime64[s]").astype(np.int64),
        channel=channels[0].astype(np.int64),
        channels=[str(channel) for channel in channels[1]],
        holder_engagement=frame["holder_engagement"].to_numpy() == 1,
        closer_engagement=frame["closer_engagement"].to_numpy() == 1,
    )
