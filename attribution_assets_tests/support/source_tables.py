"""Rows of the source tables as tests write them, and what is read of them over four days."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase
from attribution_assets_tests.support.databases import execute

FIRST = dt.date(2024, 2, 28)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(4)]  # over 29 February

UNKEYED = """
CREATE TABLE session_sources (session_id text, user_id text, event_date text, event_time text, channel_name text,
    holder_engagement {flag}, closer_engagement {flag}, impression_interaction {flag});
CREATE TABLE session_costs (session_id text, cost {amount});
CREATE TABLE conversions (conv_id text, user_id text, conv_date text, conv_time text, revenue {amount})
"""


def create_unkeyed_tables(url: str) -> None:
    """Source tables without any constraint."""
    flag, amount = ("", "") if url.startswith("sqlite") else ("integer", "double precision")
    execute(url, *UNKEYED.format(flag=flag, amount=amount).split(";"))


def session(session_id: object = "s", **changed: object) -> tuple[Any, ...]:
    """A row of session_sources."""
    row = {"session_id": session_id, "user": "u", "date": "2024-02-28", "time": "12:00:00", "channel": "SEO"}
    return tuple((row | {"holder": 1, "closer": 0, "impression": 0} | changed).values())


def order(conv_id: object = "c", **changed: object) -> tuple[Any, ...]:
    """A row of conversions."""
    row = {"conv_id": conv_id, "user": "u", "date": "2024-02-28", "time": "12:00:00", "revenue": 10.0}
    return tuple((row | changed).values())


def source(url: str) -> SourceDatabase:
    """The source tables, read from FIRST on."""
    return SourceDatabase(url, FIRST)


def in_pandas(extracted: ExtractedDay) -> ExtractedDay:
    """The day with its frame in pandas, in whichever form it came."""
    frame = extracted.frame
    return extracted._replace(frame=frame.to_pandas() if isinstance(frame, pa.Table) else frame)


def extracted_sessions(url: str, days: Sequence[dt.date] = DAYS) -> dict[dt.date, ExtractedDay]:
    """The sessions by day, in pandas."""
    return {extracted.day: in_pandas(extracted) for extracted in source(url).sessions(days)}


def extracted_orders(url: str, days: Sequence[dt.date] = DAYS) -> dict[dt.date, ExtractedDay]:
    """The orders by day, in pandas."""
    return {extracted.day: in_pandas(extracted) for extracted in source(url).conversions(days)}


def read_sessions(url: str, days: Sequence[dt.date] = DAYS) -> dict[dt.date, pd.DataFrame]:
    """The usable sessions by day."""
    return {day: extracted.frame for day, extracted in extracted_sessions(url, days).items()}


def read_conversions(url: str, days: Sequence[dt.date] = DAYS) -> dict[dt.date, pd.DataFrame]:
    """The usable orders by day."""
    return {day: extracted.frame for day, extracted in extracted_orders(url, days).items()}
