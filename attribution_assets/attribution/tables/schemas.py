"""One pandera schema for each table: its columns, their types and what holds for every row.

Stored tables (`TABLES`, one per asset, and `TABLES_BESIDE`), result tables (`RESULT_TABLES`). What a usable row of a
source table is stands in `source/schemas.py`.
Only what a single day's table must satisfy by itself belongs here; what must hold between tables is in `invariants/`,
the columns' Arrow types are in `arrow.py`, the values that columns of credit hold in `credit.py`.
Times are UTC without a zone, amounts are in the source's one currency.
"""

import math
from itertools import chain

import pandas as pd
from pandera.pandas import Check, Column, DataFrameSchema

from attribution_assets.attribution.tables.credit import ATTRIBUTED, JOURNEY_OUTCOMES, UNATTRIBUTED_OUTCOMES
from attribution_assets.attribution.tables.set_aside import MONEY


def _text(description: str, *checks: Check, nullable: bool = False, unique: bool = False) -> Column:
    return Column(str, list(checks), nullable=nullable, unique=unique, description=description)


def _time(description: str) -> Column:
    return Column("datetime64[ns]", description=description)


def _date(description: str) -> Column:
    return _text(description, Check.str_matches(r"^\d{4}-\d{2}-\d{2}$"))


def _count(description: str) -> Column:
    return Column("int64", Check.ge(0), description=description)


def _flag(description: str) -> Column:
    return Column("int64", Check.isin([0, 1]), description=description)


def _share(description: str) -> Column:
    return Column("float64", Check.in_range(0, 1), nullable=True, description=description)


def _amount(description: str, *, nullable: bool = False) -> Column:
    return Column("float64", [Check.ge(0), Check.lt(math.inf)], nullable=nullable, description=description)


def _touchpoint_precedes_order(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Or is of the order's own second, where journeys end with it; those that end before are built so."""
    in_time: pd.Series[bool] = frame["session_time"].dt.floor("s") <= frame["conversion_time"].dt.floor("s")
    return in_time


def _credit_where_attributed(frame: pd.DataFrame) -> "pd.Series[bool]":
    return frame["ihc"].notna() == (frame["outcome"] == ATTRIBUTED)


def _schema(name: str, columns: dict[str, Column], *checks: Check, unique: list[str] | None = None) -> DataFrameSchema:
    return DataFrameSchema(columns, list(checks), name=name, unique=unique, strict=True, ordered=True)


SESSIONS = _schema(
    "sessions",
    {
        "session_id": _text("The visit", unique=True),
        "user_id": _text("The visitor; empty where it is not known", nullable=True),
        "session_time": _time("Start of the visit, UTC"),
        "channel_name": _text("Marketing channel that brought the visit"),
        "holder_engagement": _flag("1 if the visit counts for the holder phase"),
        "closer_engagement": _flag("1 if the visit counts for the closer phase"),
        "impression_interaction": _flag("1 if an ad was seen, not clicked"),
        "cost": _amount("Paid for the visit; empty where no cost is known", nullable=True),
    },
)

CONVERSIONS = _schema(
    "conversions",
    {
        "conv_id": _text("The order", unique=True),
        "user_id": _text("The visitor who ordered; empty where it is not known", nullable=True),
        "conversion_time": _time("Time of the order, UTC"),
        "revenue": _amount("Value of the order"),
    },
)

SPEND = _schema(
    "spend",
    {
        "date": _date("Day on which it was spent, UTC"),
        "channel_name": _text("Marketing channel"),
        "campaign": _text("Campaign; empty where the source does not say", nullable=True),
        "cost": _amount("What was spent"),
        "impressions": _amount("How often ads were shown; empty where the source does not say", nullable=True),
        "clicks": _amount("How often ads were clicked; empty where the source does not say", nullable=True),
    },
    unique=["channel_name", "campaign"],
)

_TOUCHPOINT = {
    "conv_id": _text("The order"),
    "conversion_time": _time("Time of the order, UTC"),
    "session_id": _text("The visit"),
    "session_time": _time("Start of the visit, UTC"),
    "channel_name": _text("Marketing channel that brought the visit"),
}

JOURNEYS = _schema(
    "journeys",
    {
        **_TOUCHPOINT,
        "holder_engagement": _flag("1 if the visit counts for the holder phase"),
        "closer_engagement": _flag("1 if the visit counts for the closer phase"),
        "impression_interaction": _flag("1 if an ad was seen, not clicked"),
        "conversion": _flag("1 on the journey's last touchpoint"),
    },
    Check(_touchpoint_precedes_order, name="touchpoint_precedes_order"),
    unique=["conv_id", "session_id"],
)

ORDER_TYPES = _schema(
    "order_types",
    {
        "conv_id": _text("The order", unique=True),
        "conversion_type": _text("What the source calls its conversion type; other orders have the default one"),
    },
)

_DIMENSION = {
    "dimension": _text("Column of the source"),
    "value": _text("Its value; rows without one are left out"),
}

SESSION_DIMENSIONS = _schema(
    "session_dimensions",
    {"session_id": _text("The visit"), "date": _date("Its day, UTC"), **_DIMENSION},
    unique=["session_id", "dimension"],
)

ORDER_DIMENSIONS = _schema(
    "order_dimensions",
    {"conv_id": _text("The order"), "date": _date("Its day, UTC"), **_DIMENSION},
    unique=["conv_id", "dimension"],
)

SPEND_BY_DIMENSION = _schema(
    "spend_by_dimension",
    {
        "channel_name": _text("Marketing channel"),
        "date": _date("Day on which it was spent, UTC"),
        "dimension": _text("Column of the source"),
        "value": _text("Its value; empty where a row has none", nullable=True),
        "cost": _amount("What was spent"),
        "impressions": _amount("How often ads were shown; empty where the source does not say", nullable=True),
        "clicks": _amount("How often ads were clicked; empty where the source does not say", nullable=True),
    },
    unique=["channel_name", "dimension", "value"],
)

TOO_LONG_ORDERS = _schema(
    "too_long_orders",
    {
        "conv_id": _text("The order", unique=True),
        "conversion_time": _time("Time of the order, UTC"),
        "user_id": _text("The visitor who ordered"),
        "sessions": _count("Sessions in the order's lookback window"),
        "most_sessions": _count("How many of them a request may hold"),
    },
)

IHC_ATTRIBUTIONS = _schema(
    "ihc_attributions",
    {
        **_TOUCHPOINT,
        "initializer": _share("Share of the initializer phase"),
        "holder": _share("Share of the holder phase"),
        "closer": _share("Share of the closer phase"),
        "ihc": _share("Share of the order: the touchpoint's credit"),
        "outcome": _text("What became of the order", Check.isin([*JOURNEY_OUTCOMES])),
        "reason": _text("Why the order or the touchpoint got no credit", nullable=True),
        "answered_by": _text("Who attributed the order: the API's URL, or embedded"),
    },
    Check(_credit_where_attributed, name="credit_where_attributed"),
    unique=["conv_id", "session_id"],
)

CHANNEL_REPORTING = _schema(
    "channel_reporting",
    {
        "channel_name": _text("Marketing channel", unique=True),
        "date": _date("Touch date, UTC"),
        "cost": _amount("What was spent on the channel and day, or else the cost of all its visits"),
        "ihc": _amount("Attributed orders"),
        "ihc_revenue": _amount("Attributed revenue"),
    },
)

CHANNEL_BREAKDOWN = _schema(
    "channel_breakdown",
    {
        "channel_name": _text("Marketing channel"),
        "date": _date("Touch date, UTC"),
        "dimension": _text("Column of the source by whose values the channel's row of the report is shared out"),
        "value": _text("Its value; (none) where it is missing, and for cost that is known for the channel only"),
        "cost": _amount("As in the report; empty for a dimension of orders", nullable=True),
        "ihc": _amount("Attributed orders"),
        "ihc_revenue": _amount("Attributed revenue"),
        "impressions": _amount("How often ads were shown; empty where the source does not say", nullable=True),
        "clicks": _amount("How often ads were clicked; empty where the source does not say", nullable=True),
    },
    unique=["dimension", "channel_name", "value"],
)

UNATTRIBUTED_ORDERS = _schema(
    "unattributed_orders",
    {
        "conv_id": _text("The order", unique=True),
        "conversion_time": _time("Time of the order, UTC"),
        "reason": _text("Why it has no credit", Check.isin([*UNATTRIBUTED_OUTCOMES])),
        "detail": _text("The API's words, how long the journey is, or where the sessions are", nullable=True),
        "revenue": _amount("Value of the order"),
    },
)

CHANNEL_REPORTING_CSV, CHANNEL_BREAKDOWN_CSV = (
    _schema(name, {"path": _text("Where the day's file was written")})
    for name in ("channel_reporting_csv", "channel_breakdown_csv")
)

RULE_MODELS = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay")
"""The models that stand beside IHC and split an order by a rule, see `comparison/rule_models.py`."""

MODEL_COMPARISON = _schema(
    "model_comparison",
    {
        "model": _text("Attribution model", Check.isin(["ihc", *RULE_MODELS])),
        "channel_name": _text("Marketing channel"),
        "touch_date": _date("Day of the credited visits, UTC"),
        "conversion_date": _date("Day of the orders, UTC"),
        "orders": _amount("Attributed orders"),
        "revenue": _amount("Attributed revenue"),
    },
    unique=["model", "channel_name", "touch_date"],
)

CONVERSION_PATHS = _schema(
    "conversion_paths",
    {
        "path": _text("Channels of the journey's touchpoints in their order, as a JSON list"),
        "days_to_conversion": _count("Whole days (of 24 hours) from the first touchpoint to the order"),
        "conversion_date": _date("Day of the orders, UTC"),
        "touchpoints": _count("Touchpoints of the journey"),
        "orders": _count("Attributed orders with this path and time lag"),
        "revenue": _amount("Their revenue"),
    },
    unique=["path", "days_to_conversion"],
)

CHANNEL_ROLES = _schema(
    "channel_roles",
    {
        "channel_name": _text("Marketing channel", unique=True),
        "conversion_date": _date("Day of the orders, UTC"),
        "influenced_orders": _count("Attributed orders with the channel anywhere in their journey"),
        "influenced_revenue": _amount("Their revenue"),
        "assisted_orders": _count("Attributed orders with the channel before the journey's last touchpoint"),
        "assisted_revenue": _amount("Their revenue"),
        "initializer": _amount("Orders by the initializer phase"),
        "holder": _amount("Orders by the holder phase"),
        "closer": _amount("Orders by the closer phase"),
    },
)

TABLES = {
    str(schema.name): schema
    for schema in (
        SESSIONS,
        CONVERSIONS,
        SPEND,
        JOURNEYS,
        IHC_ATTRIBUTIONS,
        CHANNEL_REPORTING,
        CHANNEL_BREAKDOWN,
        MODEL_COMPARISON,
    )
}
"""The schema of each stored asset, by the asset's name."""


def _rejected(asset: str, key: str) -> DataFrameSchema:
    return _schema(
        f"rejected_{asset}",
        {
            "row_key": _text(f"The row's {key}; empty where it has none", nullable=True),
            "reason": _text("All that is wrong with the row: column, value and what is wrong with it"),
            "row": _text("The row as it was read, as JSON; long values are shortened"),
            "amount": Column("float64", nullable=True, description=f"The {MONEY[asset]} that is set aside with it"),
        },
    )


TABLES_BESIDE: dict[str, tuple[DataFrameSchema, ...]] = {
    "sessions": (_rejected("sessions", "session_id"), SESSION_DIMENSIONS),
    "conversions": (_rejected("conversions", "conv_id"), ORDER_TYPES, ORDER_DIMENSIONS),
    "spend": (_rejected("spend", "channel_name"), SPEND_BY_DIMENSION),
    "journeys": (TOO_LONG_ORDERS,),
    "channel_reporting": (UNATTRIBUTED_ORDERS,),
    "model_comparison": (CONVERSION_PATHS, CHANNEL_ROLES),
}
"""The schemas of the tables stored beside an asset's own, by the asset's name: rows set aside, orders with too many
sessions, orders without credit, what else is compared of the same orders."""

COMPANIONS = frozenset(str(schema.name) for schema in chain(*TABLES_BESIDE.values()))
"""Their names. They have a file only for days with rows, as most days have none: a day without a file has no row."""

STORED_TABLES = TABLES | {
    str(schema.name): schema
    for schema in (*chain(*TABLES_BESIDE.values()), CHANNEL_REPORTING_CSV, CHANNEL_BREAKDOWN_CSV)
}
"""The schema of each table in the asset storage, by the table's name."""

ATTRIBUTION_CUSTOMER_JOURNEY = _schema(
    "attribution_customer_journey",
    {
        "conv_id": _text("The order"),
        "session_id": _text("The visit"),
        "ihc": Column("float64", Check.in_range(0, 1), description="Share of the order: the touchpoint's credit"),
    },
    unique=["conv_id", "session_id"],
)

CHANNEL_REPORTING_OF_ALL_DAYS = _schema(
    "channel_reporting",
    CHANNEL_REPORTING.columns | {"channel_name": _text("Marketing channel")},
    unique=["channel_name", "date"],
)

RESULT_TABLES = {str(schema.name): schema for schema in (ATTRIBUTION_CUSTOMER_JOURNEY, CHANNEL_REPORTING_OF_ALL_DAYS)}
"""The schema of each table of the results that people query, by the table's name."""
