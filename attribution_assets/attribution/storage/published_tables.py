"""Definitions of the result tables: which there are, their columns, and which stored tables are published in them.

What they mean is said in `result_tables.py`.
"""

from functools import cache

import sqlalchemy as sa

from attribution_assets.attribution.database.database import REAL
from attribution_assets.attribution.storage.stored_days import companion_table

JOURNEY = "attribution_customer_journey"
ORDER = "attribution_order"
REPORT = "channel_reporting"
UNATTRIBUTED = "unattributed_order"
DAY = "attribution_day"
BREAKDOWN = "channel_breakdown"
PUBLISHED_AS = {
    "ihc_attributions": (JOURNEY, ORDER),
    "channel_reporting": (REPORT, UNATTRIBUTED),
    "channel_breakdown": (BREAKDOWN,),
}
"""Asset -> the result tables that its days go into, the one of the asset's own rows first."""
TOO_LONG_ORDERS = companion_table("journeys")
PUBLISHED_TABLES = {
    "ihc_attributions": ("ihc_attributions", TOO_LONG_ORDERS),
    "channel_reporting": ("channel_reporting", companion_table("channel_reporting")),
    "channel_breakdown": ("channel_breakdown",),
}
"""Published asset -> the stored tables that are published with it."""


@cache
def tables_with(prefix: str) -> sa.MetaData:
    """The result tables, each with the prefix before its name, but for the breakdown's."""
    tables = sa.MetaData()
    sa.Table(
        prefix + JOURNEY,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("ihc", REAL),
    )
    sa.Table(
        prefix + ORDER,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True, index=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
    )
    sa.Table(
        prefix + REPORT,
        tables,
        sa.Column("channel_name", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("cost", REAL),
        sa.Column("ihc", REAL),
        sa.Column("ihc_revenue", REAL),
    )
    sa.Table(
        prefix + UNATTRIBUTED,
        tables,
        sa.Column("conv_id", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True, index=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("revenue", REAL),
    )
    sa.Table(
        prefix + DAY,
        tables,
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("date", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
    )
    return tables


@cache
def breakdown_with(prefix: str) -> sa.Table:
    """The breakdown's table, made when the first breakdown is published: most shops have none."""
    return sa.Table(
        prefix + BREAKDOWN,
        sa.MetaData(),
        sa.Column("channel_name", sa.Text, nullable=False),
        sa.Column("date", sa.Text, nullable=False, index=True),
        sa.Column("dimension", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),  # of any length, so it is no part of a key
        sa.Column("cost", REAL),
        sa.Column("ihc", REAL),
        sa.Column("ihc_revenue", REAL),
        sa.Column("impressions", REAL),
        sa.Column("clicks", REAL),
    )


def published_version(*versions: str) -> str:
    """The version of a published day: those of the stored tables that it is published from."""
    return " ".join(versions)
