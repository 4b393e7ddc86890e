"""What must hold of a day's stored tables. Each function names what does not, in plain words; none if all is well."""

import datetime as dt
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandera.errors import SchemaErrors

from attribution_assets.attribution.invariants.schema_match import match_schema
from attribution_assets.attribution.tables.credit import (
    ATTRIBUTED,
    COST_ERROR,
    RELATIVE_ERROR,
    SUM_ERROR,
    SUM_TOLERANCE,
)
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.schemas import STORED_TABLES
from attribution_assets.attribution.tables.set_aside import amounts_set_aside, money_in_words, too_many

PROBLEMS_NAMED = 5

ROWS_LOOKED_AT_TOGETHER = 100_000
"""Of several days: a small table takes about as long by itself."""

REJECTED_NAMED = 3
"""In the one line that stands for a day; the day's list names more."""

CHARACTERS_SHOWN = 60
"""Of an id."""


def schema_problems(name: str, frame: pd.DataFrame) -> list[str]:
    """Rows or columns of the stored table of that name that break its schema."""
    if frame.empty:
        return []
    try:
        STORED_TABLES[name].validate(frame, lazy=True)
    except SchemaErrors as error:
        problems = [_schema_problem(case, frame) for case in error.failure_cases.itertuples()]
        return list(dict.fromkeys(problems))[:PROBLEMS_NAMED]
    return []


def _schema_problem(case: Any, frame: pd.DataFrame) -> str:  # noqa: ANN401 - a row of pandera's failure cases
    if case.schema_context == "DataFrameSchema" and not pd.isna(case.index):
        return f"{frame.columns[0]} {readable(repr(frame.iloc[int(case.index), 0]))}: {case.check} fails"
    return f"{case.column}: {case.check} fails on {readable(repr(case.failure_case))}"


def schema_problems_by_day(name: str, days: Iterable[tuple[dt.date, pa.Table]]) -> Iterator[tuple[dt.date, list[str]]]:
    """The same for each day's table in Arrow; small ones are looked at together, and alone where something is wrong."""
    for group in _groups(days):
        sound = _all_match(name, [table for _, table in group])
        for day, table in group:
            yield day, [] if sound else schema_problems(name, table.to_pandas())


def _groups(days: Iterable[tuple[dt.date, pa.Table]]) -> Iterator[list[tuple[dt.date, pa.Table]]]:
    """The days in turn, as many with the same columns at a time as have few rows together, and at least one."""
    group: list[tuple[dt.date, pa.Table]] = []
    rows = 0
    for day, table in days:
        too_many = rows + len(table) > ROWS_LOOKED_AT_TOGETHER
        if group and (too_many or not table.schema.equals(group[0][1].schema)):
            yield group
            group, rows = [], 0
        group.append((day, table))
        rows += len(table)
    if group:
        yield group


def _all_match(name: str, tables: list[pa.Table]) -> bool:
    of_day = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return match_schema(name, pa.concat_tables(tables), of_day)


def usability_problems(  # noqa: PLR0913, PLR0917 - numbers of rows of their own
    asset: str, rejected: pd.DataFrame, kept: int, repeated: int, largest_share: float, undated: int = 0
) -> tuple[list[str], bool]:
    """How many source rows of the day were set aside, with what money, and which; and whether they are too many.

    Args:
        asset: The source asset.
        rejected: The day's table of the rows that were set aside.
        kept: The number of rows that were not.
        repeated: The number of rows that repeat others in every column; they are no part of `kept`, and never too many.
        largest_share: The share of the day's rows that may be set aside.
        undated: The number of those set aside whose date is no day: they are of no day's share.
    """
    again = [f"{repeated} source rows repeat others in every column: of equal rows one counts"] if repeated else []
    if rejected.empty:
        return again, False
    rows = len(rejected) + kept
    blocks = too_many(len(rejected) - undated, kept, largest_share)
    keys = rejected["row_key"].fillna("(no id)")
    named = [f"{readable(key)}: {reason}" for key, reason in zip(keys, rejected["reason"], strict=True)]
    limit = f", more than ATTRIBUTION_MAX_REJECTED_SHARE={largest_share:g} allows" if blocks else ""
    first = " | ".join(named[:REJECTED_NAMED])
    money = money_in_words(asset, amounts_set_aside(rejected))
    carried = f" with {money}" if money else ""
    return [f"{len(rejected)} of {rows} source rows were set aside{carried}{limit}: {first}", *again, *named], blocks


def sessions_problems(orders: int, without_sessions: int, fewest: int = 2) -> list[str]:
    """That more than half of the orders have no session in their lookback window, and what may have caused it.

    Args:
        orders: How many orders there are.
        without_sessions: How many of them have no session.
        fewest: Fewer orders without sessions say nothing.
    """
    if without_sessions < fewest or without_sessions <= orders / 2:
        return []
    causes = "user ids missing or of two kinds, times not in UTC, or sessions missing before the orders"
    return [f"{without_sessions} of {orders} orders have no session in their lookback window. Likely causes: {causes}"]


def users_with_too_long_orders(too_long: pd.DataFrame) -> list[str]:
    """The users whose orders have more sessions than a request may hold, those with most orders first.

    Args:
        too_long: The table `too_long_orders` of a day.
    """
    most_sessions = max(too_long["most_sessions"].tolist(), default=0)
    counts: dict[str, list[int]] = {}
    for user, sessions in zip(too_long["user_id"].tolist(), too_long["sessions"].tolist(), strict=True):
        counts.setdefault(user, []).append(sessions)
    by_orders = sorted(counts.items(), key=lambda user: (-len(user[1]), user[0]))
    return [_frequent(user, sessions, most_sessions) for user, sessions in by_orders]


def _frequent(user: str, sessions: Sequence[int], most_sessions: int) -> str:
    orders = "1 order" if len(sessions) == 1 else f"{len(sessions)} orders"
    counts = " to ".join(map(str, sorted({min(sessions), max(sessions)})))
    limit = f"but a request may hold only {most_sessions}"
    return f"user {_shortened(user)}: {orders} with {counts} sessions in the lookback window, {limit}"


def _shortened(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= CHARACTERS_SHOWN else f"{shown[: CHARACTERS_SHOWN - 3]}..."


def credit_problems(attributions: pd.DataFrame) -> list[str]:
    """Attributed orders whose credit does not sum to 1."""
    attributed = attributions[attributions["outcome"] == ATTRIBUTED]
    sums = attributed.groupby("conv_id")["ihc"].sum()
    wrong = sums[(sums - 1).abs() > SUM_TOLERANCE + RELATIVE_ERROR]
    return [f"order {order}: credit sums to {total:.6f}" for order, total in wrong.items()]


def touchpoint_problems(journeys: pd.DataFrame, attributions: pd.DataFrame) -> list[str]:
    """Touchpoints that got lost or were made up on the way from journeys to attribution."""
    due, found = (pd.MultiIndex.from_frame(frame[["conv_id", "session_id"]]) for frame in (journeys, attributions))
    lost, made_up = due.difference(found), found.difference(due)
    problems = [f"order {order}: its touchpoint {session} was never attributed" for order, session in lost]
    return problems + [f"order {order}: its touchpoint {session} is in no journey" for order, session in made_up]


def own_second_problems(journeys: pd.DataFrame) -> list[str]:
    """Touchpoints that are not before their order, where journeys end before it."""
    late = journeys[journeys["session_time"] >= journeys["conversion_time"]]
    named = zip(late["conv_id"], late["session_id"], strict=True)
    return [f"order {order}: its touchpoint {session} is not before it" for order, session in named]


def order_problems(conversions: pd.DataFrame, attributions: pd.DataFrame, outcomes: pd.DataFrame) -> list[str]:
    """Orders or revenue that are not accounted for exactly once.

    Args:
        conversions: The day's orders.
        attributions: The day's `ihc_attributions`.
        outcomes: The day's `order_outcomes`.
    """
    never_placed = sorted(set(attributions["conv_id"]) - set(conversions["conv_id"]))
    problems = [f"order {order} was never placed" for order in never_placed]
    ends = attributions.groupby("conv_id")["outcome"].nunique()
    problems += [f"order {order} has {count} outcomes" for order, count in ends[ends > 1].items()]
    if len(outcomes) != len(conversions):
        problems.append(f"{len(outcomes)} orders are accounted for, {len(conversions)} were placed")
    placed, accounted = conversions["revenue"].sum(), outcomes["revenue"].sum()
    if not math.isclose(placed, accounted, rel_tol=RELATIVE_ERROR):
        problems.append(f"revenue of {accounted} is accounted for, {placed} was placed")
    return problems


def unattributed_problems(
    conversions: pd.DataFrame, attributions: pd.DataFrame, unattributed: pd.DataFrame
) -> list[str]:
    """Orders or revenue that are neither attributed nor kept as unattributed, or both.

    Args:
        conversions: The day's orders.
        attributions: The day's `ihc_attributions`.
        unattributed: The day's `unattributed_orders`.
    """
    attributed = set(attributions.loc[attributions["outcome"] == ATTRIBUTED, "conv_id"])
    placed, kept = conversions.set_index("conv_id")["revenue"], unattributed.set_index("conv_id")["revenue"]
    lost = sorted(set(placed.index) - attributed - set(kept.index))
    both = sorted(attributed & set(kept.index))
    never_placed = sorted(set(kept.index) - set(placed.index))
    problems = [f"order {order} is neither attributed nor kept as unattributed" for order in lost]
    problems += [f"order {order} is attributed and kept as unattributed" for order in both]
    problems += [f"order {order} is kept as unattributed, but was never placed" for order in never_placed]
    accounted = placed[placed.index.isin(attributed)].sum() + kept.sum()
    if not math.isclose(placed.sum(), accounted, rel_tol=RELATIVE_ERROR):
        problems.append(f"revenue of {accounted} is accounted for, {placed.sum()} was placed")
    return problems


def spend_problems(sessions: pd.DataFrame, spend: pd.DataFrame, spent_before: Collection[str]) -> list[str]:
    """Where spend and visits of a day do not go together, channel by channel.

    Channels whose visits have a cost although spend gives one (which counts), or although spend gives that of others;
    channels without spend that had some shortly before; and spend without visits.

    Args:
        sessions: The day's sessions: channel_name, cost.
        spend: The day's `spend`.
        spent_before: The channels with spend on one of the days before.
    """
    paid: dict[str, float] = {}
    for channel, cost in zip(spend["channel_name"], spend["cost"].tolist(), strict=True):
        paid[channel] = paid.get(channel, 0.0) + cost
    visits = sessions.groupby("channel_name")["cost"].agg(["size", "sum"])
    problems = []
    for channel, (count, cost) in zip(map(str, visits.index), visits.to_numpy().tolist(), strict=True):
        if channel in paid and cost > 0:
            said = f"spend gives a cost of {paid[channel]:,.2f}, its visits {cost:,.2f}: spend counts"
        elif channel not in paid and paid and cost > 0:
            said = f"no spend, though other channels have some; the cost of its visits, {cost:,.2f}, counts"
        elif channel not in paid and channel in spent_before:
            said = f"no spend, but {count:.0f} visit{'s' if count > 1 else ''}; it had spend in the days before"
        else:
            continue
        problems.append(f"{readable(channel)}: {said}")
    without = sorted(paid.keys() - set(visits.index))
    return problems + [f"{readable(channel)}: spend of {paid[channel]:,.2f}, but no visit" for channel in without]


def cost_problems(sessions: pd.DataFrame, report: pd.DataFrame, spend: pd.DataFrame) -> list[str]:
    """A report whose cost is not what was paid, channel by channel: spend where there is a row of it, else for visits.

    Args:
        sessions: The day's sessions.
        report: The day's `channel_reporting`.
        spend: The day's `spend`.
    """
    spent = spend.groupby("channel_name")["cost"].sum().combine_first(sessions.groupby("channel_name")["cost"].sum())
    reported = report.groupby("channel_name")["cost"].sum()
    rounding = SUM_ERROR + COST_ERROR * (len(sessions) + len(spend))
    costs = pd.concat([reported, spent], axis="columns", keys=["reported", "spent"]).fillna(0.0).sort_index()
    wrong = costs[~np.isclose(costs["reported"], costs["spent"], rtol=RELATIVE_ERROR, atol=rounding)]
    return [
        f"{readable(cost.Index)}: cost {cost.reported} is reported, {cost.spent} was spent"
        for cost in wrong.itertuples()
    ]
