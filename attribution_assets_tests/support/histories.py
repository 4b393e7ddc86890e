"""Random histories of a small shop: rows that arrive, change and vanish, and runs over some of its days in between.

A history is data, so that a failing one can be read, shortened and replayed; `Player` plays it against a shop.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from attribution_assets_tests.support.databases import execute, insert, rows_of
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import FIRST, LAST

USERS = ("ann", "ben", "cat")
CHANNELS = ("Search", "search ", 'Größe, "neu"\nund anders', "NULL", "O'Hare; -- 100 %", "日本")
DAYS = [(FIRST + dt.timedelta(days=number)).isoformat() for number in range((LAST - FIRST).days + 1)]
BEFORE_THE_CALENDAR = (FIRST - dt.timedelta(days=1)).isoformat()
COLUMNS = {
    "session_sources": ("session_id", "user_id", "event_date", "event_time", "channel_name"),
    "session_costs": ("session_id", "cost"),
    "conversions": ("conv_id", "user_id", "conv_date", "conv_time", "revenue"),
}


@dataclass(frozen=True)
class Insert:
    """A row arrives; its id is made when it does."""

    table: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """Values of a row change; `pick` says of which one."""

    table: str
    pick: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """The cost of a session becomes known, changes, or becomes NULL."""

    pick: int
    cost: float | None


@dataclass(frozen=True)
class Delete:
    """A row vanishes; a session's cost row stays."""

    table: str
    pick: int


@dataclass(frozen=True)
class Run:
    """The command runs over these days."""

    first: dt.date
    last: dt.date


Step = Insert | Change | Cost | Delete | Run


@dataclass(frozen=True)
class History:
    """Rows that are there at first, and what happens then."""

    sessions: Sequence[Insert]
    costs: Sequence[float | str | None]
    orders: Sequence[Insert]
    steps: Sequence[Step]


def histories(most_runs: int) -> st.SearchStrategy[History]:
    """Histories with one to `most_runs` runs, and changes before, between and after them."""
    clock = st.one_of(st.sampled_from(["00:00:00", "00:00:01", "12:00:00", "23:59:59"]), st.times().map(_to_the_second))
    days = st.sampled_from(DAYS)
    session_days = st.sampled_from([*DAYS, *DAYS, BEFORE_THE_CALENDAR])
    users, channels = st.sampled_from(USERS), st.sampled_from(CHANNELS)
    amounts = st.integers(0, 50_000).map(lambda cents: cents / 100)
    costs = st.one_of(amounts, st.none())
    sessions = st.tuples(users, session_days, clock, channels).map(lambda values: Insert("session_sources", values))
    orders = st.tuples(users, days, clock, amounts).map(lambda values: Insert("conversions", values))
    pick = st.integers(0, 99)

    def change(table: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
        return st.builds(Change, st.just(table), pick, st.fixed_dictionaries(values))

    changes = st.one_of(
        sessions,
        orders,
        change("session_sources", channel_name=channels),
        change("session_sources", event_time=clock),
        change("session_sources", event_date=session_days, event_time=clock),
        change("session_sources", user_id=users),
        change("conversions", revenue=amounts),
        change("conversions", conv_time=clock),
        change("conversions", conv_date=days, conv_time=clock),
        change("conversions", user_id=users),
        st.builds(Cost, pick, costs),
        st.builds(Delete, st.sampled_from(sorted(COLUMNS)), pick),
    )
    runs = st.tuples(days, days).map(lambda pair: Run(*map(dt.date.fromisoformat, sorted(pair))))
    chapter = st.tuples(st.lists(changes, max_size=5), runs).map(lambda parts: [*parts[0], parts[1]])
    steps = st.tuples(st.lists(chapter, min_size=1, max_size=most_runs), st.lists(changes, min_size=2, max_size=6)).map(
        lambda parts: [step for steps in [*parts[0], parts[1]] for step in steps]
    )
    return st.builds(
        History,
        st.lists(sessions, min_size=10, max_size=25),
        st.lists(st.one_of(amounts, st.none(), st.just("no row")), min_size=25, max_size=25),
        st.lists(orders, min_size=5, max_size=12),
        steps,
    )


class Player:
    """Plays a history against a shop, which is empty at first.

    Attributes:
        runs: the days of each run that has been played.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop, self._made = shop, {"session_sources": 0, "conversions": 0}
        self.runs: list[Run] = []

    def begin(self, history: History) -> None:
        """Insert the rows that are there at first."""
        for step in [*history.sessions, *history.orders]:
            self.play(step)
        for number, cost in enumerate(history.costs[: len(history.sessions)], 1):
            if cost != "no row":
                insert(self._shop.url, "session_costs", [(f"s{number:02}", cost)])

    def play(self, step: Step) -> None:
        """Have one thing happen."""
        if isinstance(step, Run):
            self._run(step)
        elif isinstance(step, Insert):
            self._made[step.table] += 1
            row = (f"{'s' if step.table == 'session_sources' else 'o'}{self._made[step.table]:02}", *step.values)
            insert(self._shop.url, step.table, [row if step.table == "conversions" else (*row, 1, 0, 0)])
        elif isinstance(step, Cost):
            if picked := self._picked("session_sources", step.pick):
                self._delete("session_costs", picked[0])
                insert(self._shop.url, "session_costs", [(picked[0], step.cost)])
        elif picked := self._picked(step.table, step.pick):
            self._delete(step.table, picked[0])
            if isinstance(step, Change):
                places = {COLUMNS[step.table].index(column): value for column, value in step.values.items()}
                insert(
                    self._shop.url, step.table, [tuple(places.get(place, value) for place, value in enumerate(picked))]
                )

    def _picked(self, table: str, pick: int) -> tuple[Any, ...] | None:
        rows = rows_of(self._shop.url, table)
        return rows[pick % len(rows)] if rows else None

    def _delete(self, table: str, key: str) -> None:
        execute(self._shop.url, f"DELETE FROM {table} WHERE {COLUMNS[table][0]} = '{key}'")  # noqa: S608 - names from here

    def _run(self, run: Run) -> None:
        result = self._shop.run(str(run.first), str(run.last))
        if result.exit_code == 2 and "holds no sessions and no conversions" in " ".join(result.output.split()):
            dates = {row[2] for table in ("session_sources", "conversions") for row in rows_of(self._shop.url, table)}
            assert not any(str(run.first) <= date <= str(run.last) for date in dates)
        else:
            assert result.exit_code == 0, result.output
            self.runs.append(run)


def _to_the_second(time: dt.time) -> str:
    return time.replace(microsecond=0).isoformat()
