"""The demo database: made-up sessions, costs, orders and spend of a shop, in the source schema, from a seed.

Nothing here is read by the assets other than through the database. Who visits and orders is in `demo_visitors.py`, what
else is known of that in `demo_campaigns.py`.
"""

import datetime as dt
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.database.database import (
    REAL,
    SQLITE,
    Database,
    DatabaseError,
    column_types,
    insert_rows,
)
from attribution_assets.demo_visitors import demo_rows


class DemoDatabaseError(DatabaseError):
    """The demo database cannot be made."""


class DemoSize(NamedTuple):
    """How many rows the demo database has."""

    sessions: int
    orders: int


_KEYS = {"session_sources": "session_id", "session_costs": "session_id", "conversions": "conv_id"}
_NEEDED: Mapping[str, Mapping[str, Any]] = {
    "session_sources": dict.fromkeys(("session_id", "user_id", "event_date", "event_time", "channel_name"), sa.Text)
    | dict.fromkeys(("holder_engagement", "closer_engagement", "impression_interaction"), sa.Integer),
    "session_costs": {"session_id": sa.Text, "cost": REAL},
    "conversions": dict.fromkeys(("conv_id", "user_id", "conv_date", "conv_time"), sa.Text) | {"revenue": REAL},
}
_FURTHER: Mapping[str, Mapping[str, Any]] = {
    "session_sources": dict.fromkeys(("campaign", "country"), sa.Text),
    "conversions": dict.fromkeys(("market", "customer_type", "conversion_type"), sa.Text) | {"refunded": REAL},
}


def _tables(further: Mapping[str, Mapping[str, Any]]) -> sa.MetaData:
    """The tables that a source has to have, with further columns."""
    tables = sa.MetaData()
    for name, needed in _NEEDED.items():
        nullable = {"cost", *further.get(name, ())}
        sa.Table(
            name,
            tables,
            *(
                sa.Column(column, of, primary_key=column == _KEYS[name], nullable=column in nullable)
                for column, of in {**needed, **further.get(name, {})}.items()
            ),
        )
    return tables


SOURCE_TABLES = _tables({})
DEMO_TABLES = _tables(_FURTHER)
"""The tables as the demo has them: with what a source may have beyond `SOURCE_TABLES`."""
sa.Table(
    "ad_spend",
    DEMO_TABLES,
    *(sa.Column(column, sa.Text, primary_key=True) for column in ("date", "channel_name", "campaign")),
    sa.Column("cost", REAL, nullable=False),
    *(sa.Column(column, sa.Integer) for column in ("impressions", "clicks")),
)

DEMO_TABLE = sa.Table(
    "attribution_demo",
    sa.MetaData(),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("last_day", sa.Text, nullable=False),
)
"""Marks a database as a demo: only where this table is, days are added."""


def has_source_tables(url: str) -> bool:
    """Whether the database has any of the source tables; a SQLite file that does not exist has none.

    Raises:
        DatabaseError: the URL is not a database's, or the database cannot be reached.
    """
    database = Database(url, error=DemoDatabaseError)
    if database.path is not None and not database.path.exists():
        return False
    with database.reading() as connection:
        return any(column_types(connection, table) for table in DEMO_TABLES.tables)


def make_demo_database(
    url: str, first_day: dt.date, days: int = 30, seed: int = 7, conversion_types: Collection[str] = ()
) -> DemoSize:
    """Make the source tables and fill them: per day some 1,700 sessions and 50 orders, as the season has it.

    Visits follow the hours, the weekdays and the season; visitors return, on 12 channels, for journeys of 1 to 40
    touchpoints; some sessions are impressions, a few have no cost row, some orders have no sessions. Visits have a
    campaign and a country, orders a market, a type of customer and here and there a refund; what some channels cost is
    known by day and campaign. A day has the same rows whichever other days are made, now or later. The first orders
    have short journeys.

    It is all there or not at all: one transaction, and a SQLite file that is new appears under its name when complete
    (folders that lack are made).

    Args:
        url: as for `database.Database`.
        first_day: the first day with data.
        days: how many days.
        seed: chooses the rows.
        conversion_types: the types of orders that are given (`new`, `returning`); other orders have none.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
        DemoDatabaseError: the database has one of the source tables already, or cannot be written.
    """
    database = Database(url, error=DemoDatabaseError)
    if has_source_tables(url):
        raise DemoDatabaseError(
            f"The {database} has source tables already: they are left alone. Name another database."
        )
    last_day = first_day + dt.timedelta(days=days - 1)
    rows = demo_rows(first_day, last_day, seed, conversion_types)
    if database.path is None or database.path.exists():
        _write(database, rows, seed, last_day)
    else:
        database.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = database.path.with_name(f".{database.path.name}.{os.getpid()}")
        try:
            unfinished.touch()
            unfinished_url = sa.URL.create(SQLITE, database=str(unfinished)).render_as_string()
            _write(Database(unfinished_url, error=DemoDatabaseError), rows, seed, last_day)
            unfinished.rename(database.path)
        finally:
            unfinished.unlink(missing_ok=True)
    return _size(rows)


def extend_demo_database(
    url: str, first_day: dt.date, last_day: dt.date, conversion_types: Collection[str] = ()
) -> DemoSize | None:
    """Add the days up to `last_day` that a demo database does not have yet; its rows stay as they are.

    Args:
        url: as for `database.Database`.
        first_day: no day before it is added.
        last_day: the last day that is to have data.
        conversion_types: as for `make_demo_database`.

    Returns:
        What was added; None if the database is not a demo's, or that of an earlier version: then it is left alone.

    Raises:
        DemoDatabaseError: the database cannot be read or written.
    """
    database = Database(url, error=DemoDatabaseError)
    with database.reading() as connection:
        if not (column_types(connection, DEMO_TABLE.name) and column_types(connection, "ad_spend")):
            return None
        seed, until = connection.execute(sa.select(DEMO_TABLE.c.seed, DEMO_TABLE.c.last_day)).one()
        made_until = dt.date.fromisoformat(until)
        of_last_day = demo_rows(made_until, made_until, seed)["session_sources"]
        session_id = SOURCE_TABLES.tables["session_sources"].c.session_id
        is_ours = session_id == of_last_day[0][0]
        if not connection.scalar(sa.select(sa.exists().where(is_ours))):
            return None  # the tables were filled with other rows since
    rows = demo_rows(max(first_day, made_until + dt.timedelta(days=1)), last_day, seed, conversion_types)
    if rows["session_sources"]:
        with database.writing() as connection:
            marked = sa.update(DEMO_TABLE).where(DEMO_TABLE.c.last_day == until)  # unless another process was quicker
            if not connection.execute(marked.values(last_day=last_day.isoformat())).rowcount:
                return DemoSize(0, 0)
            _insert(connection, rows)
    return _size(rows)


def _write(database: Database, rows: Mapping[str, Sequence[tuple[Any, ...]]], seed: int, last_day: dt.date) -> None:
    with database.writing() as connection:
        DEMO_TABLES.create_all(connection, checkfirst=False)
        DEMO_TABLE.metadata.create_all(connection)
        connection.execute(sa.insert(DEMO_TABLE).values(seed=seed, last_day=last_day.isoformat()))
        _insert(connection, rows)


def _insert(connection: sa.Connection, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
    for table, table_rows in rows.items():
        insert_rows(connection, table, DEMO_TABLES.tables[table].columns.keys(), table_rows)


def _size(rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> DemoSize:
    return DemoSize(sessions=len(rows["session_sources"]), orders=len(rows["conversions"]))
