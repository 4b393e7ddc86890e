"""The demo database: made-up sessions, costs and orders of a shop, in the source schema, from a seed.

Nothing here is read by the assets other than through the database. The figures are plausible, not anybody's.
"""

import datetime as dt
import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from attribution_assets.attribution.database.database import (
    REAL,
    SQLITE,
    Database,
    DatabaseError,
    column_types,
    insert_rows,
)


class DemoDatabaseError(DatabaseError):
    """The demo database cannot be made."""


class DemoSize(NamedTuple):
    """How many rows the demo database has."""

    sessions: int
    orders: int


class Channel(NamedTuple):
    """How a channel behaves.

    Attributes:
        first: its share of first visits (relative weight).
        later: its share of returning visits (relative weight).
        cost_per_click: typical cost of a session, in the currency of the revenue; 0 for channels that are not paid for.
        buys: how readily its sessions end in an order, 1 being usual.
        impressions: the share of its sessions that are ad impressions.
    """

    name: str
    first: float
    later: float
    cost_per_click: float
    buys: float
    impressions: float


CHANNELS = (
    Channel("Affiliate", 4, 4, 0.60, 1.2, 0.0),
    Channel("Direct Traffic", 6, 22, 0.0, 1.4, 0.0),
    Channel("Display", 9, 8, 0.62, 0.2, 0.5),
    Channel("Newsletter", 1, 15, 0.0, 1.1, 0.0),
    Channel("Paid Search Brand", 8, 13, 0.31, 1.7, 0.0),
    Channel("Paid Search Non Brand", 15, 6, 0.82, 1.0, 0.0),
    Channel("Paid Social", 15, 8, 0.52, 0.6, 0.2),
    Channel("Price Comparison", 5, 3, 0.55, 1.2, 0.0),
    Channel("Referral", 3, 3, 0.0, 0.8, 0.0),
    Channel("SEO", 18, 11, 0.0, 1.0, 0.0),
    Channel("Shopping Ads", 12, 6, 0.53, 1.1, 0.0),
    Channel("Video", 4, 1, 0.45, 0.2, 0.6),
)

SOURCE_TABLES = sa.MetaData()
sa.Table(
    "session_sources",
    SOURCE_TABLES,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("event_date", sa.Text, nullable=False),
    sa.Column("event_time", sa.Text, nullable=False),
    sa.Column("channel_name", sa.Text, nullable=False),
    sa.Column("holder_engagement", sa.Integer, nullable=False),
    sa.Column("closer_engagement", sa.Integer, nullable=False),
    sa.Column("impression_interaction", sa.Integer, nullable=False),
)
sa.Table(
    "session_costs",
    SOURCE_TABLES,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("cost", REAL),
)
sa.Table(
    "conversions",
    SOURCE_TABLES,
    sa.Column("conv_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("conv_date", sa.Text, nullable=False),
    sa.Column("conv_time", sa.Text, nullable=False),
    sa.Column("revenue", REAL, nullable=False),
)

_VISITORS_PER_DAY = 905
_RUN_UP_DAYS = 14  # visitors who first came this long before the first day are returning ones on it
_MOST_VISITS = 40
_VISITS_TAIL = 1.6  # P(at least n visits) = n ** -tail
_ORDERS_PER_CLICK = 0.031
_ORDERS_WITHOUT_SESSIONS = 0.03
_SESSIONS_WITHOUT_COST_ROW = 0.01
_COST_PER_IMPRESSION = 0.006
_TYPICAL_REVENUE = 46.0
_WEEKDAYS = np.array([1.0, 0.97, 0.95, 0.93, 0.86, 0.78, 0.96])  # Monday first
_HOURS = np.array([4, 2, 1, 1, 1, 2, 5, 9, 12, 14, 15, 15, 16, 15, 14, 14, 15, 17, 19, 22, 24, 22, 16, 9], dtype=float)
_DAY_SECONDS = 86_400

_Integers = npt.NDArray[np.int64]


def has_source_tables(url: str) -> bool:
    """Whether the database has any of the source tables; a SQLite file that does not exist has none.

    Raises:
        DatabaseError: the URL is not a database's, or the database cannot be reached.
    """
    database = Database(url, error=DemoDatabaseError)
    if database.path is not None and not database.path.exists():
        return False
    with database.reading() as connection:
        return any(column_types(connection, table) for table in SOURCE_TABLES.tables)


def make_demo_database(url: str, first_day: dt.date, days: int = 30, seed: int = 7) -> DemoSize:
    """Make the source tables and fill them: per day some 1,400 to 1,900 sessions and 50 orders.

    Visits follow the hours, the weekdays and the season; visitors return, on 12 channels, for journeys of 1 to 40
    touchpoints; some sessions are impressions, a few have no cost row, some orders have no sessions. All happens in the
    given days, so that the first orders have short journeys. The same arguments give the same rows.

    It is all there or not at all: one transaction, and a SQLite file that is new appears under its name when complete
    (folders that lack are made).

    Args:
        url: as for `database.Database`.
        first_day: the first day with data.
        days: how many days.
        seed: chooses the rows.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
        DemoDatabaseError: the database has one of the source tables already, or cannot be written.
    """
    database = Database(url, error=DemoDatabaseError)
    if has_source_tables(url):
        raise DemoDatabaseError(
            f"The {database} has source tables already: they are left alone. Name another database."
        )
    rows = _demo_rows(first_day, days, seed)
    if database.path is None or database.path.exists():
        _write(database, rows)
    else:
        database.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = database.path.with_name(f".{database.path.name}.{os.getpid()}")
        try:
            unfinished.touch()
            unfinished_url = sa.URL.create(SQLITE, database=str(unfinished)).render_as_string()
            _write(Database(unfinished_url, error=DemoDatabaseError), rows)
            unfinished.rename(database.path)
        finally:
            unfinished.unlink(missing_ok=True)
    return DemoSize(sessions=len(rows["session_sources"]), orders=len(rows["conversions"]))


def day_weights(first_day: dt.date, days: int) -> npt.NDArray[np.float64]:
    """How busy each day is compared to the others: by weekday, and by season with its peak in December.

    Args:
        first_day: the first day.
        days: how many days.

    Returns:
        One positive weight per day.
    """
    number = np.arange(days)
    season = 1 + 0.2 * np.cos(2 * np.pi * (first_day.timetuple().tm_yday + number - 345) / 365.25)
    weights: npt.NDArray[np.float64] = season * _WEEKDAYS[(first_day.weekday() + number) % 7]
    return weights


def _write(database: Database, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    with database.writing() as connection:
        SOURCE_TABLES.create_all(connection, checkfirst=False)
        for table, table_rows in rows.items():
            insert_rows(connection, table, SOURCE_TABLES.tables[table].columns.keys(), table_rows)


def _demo_rows(first_day: dt.date, days: int, seed: int) -> dict[str, list[tuple[Any, ...]]]:
    rng = np.random.Generator(np.random.PCG64(seed))
    visitor, second, returning = _visits(rng, first_day, days)
    channel = _channels(rng, returning)
    impression = rng.random(len(visitor)) < np.array([c.impressions for c in CHANNELS])[channel]
    engaged = np.where(impression, 0.1, 0.75)
    holder = (rng.random(len(visitor)) < engaged).astype(int)
    closer = (rng.random(len(visitor)) < engaged * np.where(returning, 0.6, 0.3)).astype(int)
    cost = np.array([c.cost_per_click for c in CHANNELS])[channel] * np.exp(0.35 * rng.standard_normal(len(visitor)))
    cost = np.where(impression, _COST_PER_IMPRESSION, cost).round(3)
    cost_row = rng.random(len(visitor)) >= _SESSIONS_WITHOUT_COST_ROW

    buys = np.array([c.buys for c in CHANNELS])[channel] * ~impression * np.where(returning, 1.1, 0.8)
    ordered_at = second + rng.integers(120, 1500, len(visitor))
    buying = (rng.random(len(visitor)) < _ORDERS_PER_CLICK * buys) & (ordered_at < days * _DAY_SECONDS)
    strangers = round(_ORDERS_WITHOUT_SESSIONS * int(buying.sum()))
    buyer = np.concatenate([visitor[buying], visitor.max(initial=0) + 1 + np.arange(strangers)])
    ordered_at = np.concatenate([ordered_at[buying], rng.integers(0, days * _DAY_SECONDS, strangers)])
    revenue = (_TYPICAL_REVENUE * np.exp(0.6 * rng.standard_normal(len(buyer)))).round(2)

    users = _ids(rng, int(buyer.max(initial=visitor.max(initial=0))) + 1)
    sessions = _ids(rng, len(visitor))
    dates, times = _clock(first_day, second)
    order_dates, order_times = _clock(first_day, ordered_at)
    names = [CHANNELS[c].name for c in channel.tolist()]
    flags = (holder.tolist(), closer.tolist(), impression.astype(int).tolist())
    user_ids, buyer_ids = [users[v] for v in visitor.tolist()], [users[v] for v in buyer.tolist()]
    return {
        "session_sources": list(zip(sessions, user_ids, dates, times, names, *flags, strict=True)),
        "session_costs": [
            (session, amount)
            for session, amount, row in zip(sessions, cost.tolist(), cost_row.tolist(), strict=True)
            if row
        ],
        "conversions": list(
            zip(_ids(rng, len(buyer)), buyer_ids, order_dates, order_times, revenue.tolist(), strict=True)
        ),
    }


def _visits(
    rng: np.random.Generator, first_day: dt.date, days: int
) -> tuple[_Integers, _Integers, npt.NDArray[np.bool_]]:
    """Visits in time order: the visitor's number, the second since the first midnight, whether they came before."""
    visitors = _VISITORS_PER_DAY * (days + _RUN_UP_DAYS)
    visits = np.minimum(_MOST_VISITS, (1 - rng.random(visitors)) ** (-1 / _VISITS_TAIL)).astype(int)
    visitor = np.repeat(np.arange(visitors), visits)
    first = np.r_[0, np.cumsum(visits)[:-1]]
    gap = -np.log1p(-rng.random(len(visitor))) * np.minimum(3.0, 14.0 / visits)[visitor]
    gap[first] = rng.uniform(-_RUN_UP_DAYS, days, visitors)
    elapsed = np.cumsum(gap)
    day = np.floor(elapsed - (elapsed - gap)[first][visitor]).astype(int)
    hour = np.searchsorted(np.cumsum(_HOURS) / _HOURS.sum(), rng.random(len(visitor)), side="right")
    second = day * _DAY_SECONDS + hour * 3600 + rng.integers(0, 3600, len(visitor))

    weight = day_weights(first_day, days)
    inside = (day >= 0) & (day < days)
    kept = inside & (rng.random(len(visitor)) < (weight / weight.max())[np.clip(day, 0, days - 1)])
    visitor, second = visitor[kept], second[kept]
    by_visitor = np.lexsort((second, visitor))
    returning = np.zeros(len(visitor), dtype=bool)
    returning[by_visitor[1:]] = visitor[by_visitor[1:]] == visitor[by_visitor[:-1]]
    by_time = np.lexsort((visitor, second))
    return visitor[by_time], second[by_time], returning[by_time]


def _channels(rng: np.random.Generator, returning: npt.NDArray[np.bool_]) -> _Integers:
    draw = rng.random(len(returning))
    first, later = (
        np.searchsorted(np.cumsum(shares) / np.sum(shares), draw, side="right")
        for shares in ([c.first for c in CHANNELS], [c.later for c in CHANNELS])
    )
    return np.where(returning, later, first)


def _ids(rng: np.random.Generator, count: int) -> list[str]:
    text = rng.bytes(16 * count).hex()
    return [text[start : start + 32] for start in range(0, len(text), 32)]


def _clock(first_day: dt.date, second: _Integers) -> tuple[list[str], list[str]]:
    """Dates and times of day of seconds since the first day's midnight."""
    stamps = np.datetime_as_string(np.datetime64(first_day, "s") + second.astype("timedelta64[s]")).tolist()
    return [stamp[:10] for stamp in stamps], [stamp[11:] for stamp in stamps]
