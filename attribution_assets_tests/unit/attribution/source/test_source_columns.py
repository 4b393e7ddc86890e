"""What a look at a whole column says is what a look at each of its values says, and what the rows' reasons are."""

import datetime as dt
import re
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.source.column_checks import are_in_order, are_plain_ids, plain_amounts, plain_times
from attribution_assets.attribution.source.schemas import CONVERSIONS, TIME
from attribution_assets.attribution.source.usable_rows import session_rows

DAY = dt.date(2024, 2, 28)
WHOLE_SECONDS = st.times().map(lambda time: time.strftime("%H:%M:%S"))
NEARLY_TIMES = st.one_of(
    st.text("0123456789:./ \uff11", min_size=8, max_size=8),
    st.builds("{}{}".format, WHOLE_SECONDS, st.sampled_from(["", ".5", ".123456", ".1234567", "\n", "."])),
    st.sampled_from(["24:00:00", "23:60:00", "23:59:60", "29:59:59", "12:00", "", "12-00-00", "1\x002:00:00"]),
)
ROWS = st.fixed_dictionaries(
    {
        "session_id": st.one_of(st.integers(0, 15).map("s{:02}".format), st.sampled_from(["é", "", None, "a\nb", 7])),
        "user_id": st.sampled_from(["u", "v", "\U0001f6d2", "", None]),
        "channel_name": st.sampled_from(["SEO", "two\nlines", ""]),
        "event_date": st.sampled_from([str(DAY), str(DAY), str(DAY), "2024-02-28x"]),
        "event_time": st.one_of(WHOLE_SECONDS, st.sampled_from(["09:00:00", "09:00:00.5", "9:00"])),
        "holder_engagement": st.sampled_from([0, 1, 1, 2, "1"]),
        "closer_engagement": st.sampled_from([0, 1, 1.0]),
        "impression_interaction": st.sampled_from([0, 0, 1, None]),
        "cost": st.sampled_from([0.5, 1, 1.0, None, -1.0, "1"]),
    }
)
GOOD = {
    "user_id": "u", "channel_name": "SEO", "event_date": str(DAY), "event_time": "09:00:00",
    "holder_engagement": 1, "closer_engagement": 0, "impression_interaction": 0, "cost": 0.5,
}  # fmt: skip


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as the columns in which they are read."""
    return {name: [row[name] for row in rows] for name in ("session_id", *GOOD)}


def in_database_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as SQLite sorts them: NULL, numbers, text, each among themselves."""

    def rank(value: object) -> tuple[int, Any]:
        return (0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value)

    return sorted(rows, key=lambda row: [rank(row[name]) for name in ("event_date", "event_time", "session_id")])


@given(st.lists(st.one_of(WHOLE_SECONDS, NEARLY_TIMES), max_size=4))
def test_times_are_read_if_and_only_if_each_is_a_time_of_the_day(values: list[str]) -> None:
    read = plain_times(values)
    if all(re.fullmatch(TIME, value) for value in values):
        assert read is not None
        assert read.dtype == np.dtype("timedelta64[us]")
        assert read.tolist() == [pd.Timedelta(value).to_pytimedelta() for value in values]
    else:
        assert read is None


@pytest.mark.parametrize("value", [None, 12, b"12:00:00", dt.time(12)])
def test_times_of_another_type_are_none(value: object) -> None:
    assert plain_times(["12:00:00", value]) is None


@given(st.lists(st.text(max_size=3), max_size=3))
def test_ids_that_pass_at_once_pass_one_by_one(values: list[str]) -> None:
    if are_plain_ids(values):
        CONVERSIONS.columns["conv_id"].validate(pd.DataFrame({"conv_id": pd.Series(values, dtype=object)}))
    plain = all(value and value.isprintable() for value in values)
    assert are_plain_ids(values) == plain


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f", "\n", "\x85"])
def test_a_control_character_in_one_id_is_seen(character: str) -> None:
    assert are_plain_ids(["a b~", "!"])
    assert not are_plain_ids(["a b~", f"x{character}y", "!"])


def test_amounts_are_typed_with_nan_for_null_and_refused_out_of_range() -> None:
    amounts = plain_amounts([1, 0.5, None], {int, float, type(None)})
    assert amounts is not None
    assert amounts[:2].tolist() == [1.0, 0.5]
    assert np.isnan(amounts[2])
    for odd in (-0.5, 1e15, float("nan"), "1"):
        assert plain_amounts([1.0, odd], {int, float, type(None)}) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("aábz\U0001f6d2")), max_size=6))
def test_rows_are_in_order_if_and_only_if_time_and_id_ascend(rows: list[tuple[int, str]]) -> None:
    times = np.array([time for time, _ in rows], dtype="datetime64[us]")
    ascend = all(row < later for row, later in pairwise(rows))
    assert are_in_order(times, [key for _, key in rows]) == ascend


@given(rows=st.lists(ROWS, max_size=8), good=st.integers(0, 8), random=st.randoms())
def test_a_day_is_the_same_whether_its_rows_come_in_order_or_not_and_whatever_odd_ones_are_among_them(
    rows: list[dict[str, Any]], good: int, random: Random
) -> None:
    cost_of = {row["session_id"]: row["cost"] for row in rows}
    rows = [row | {"cost": cost_of[row["session_id"]]} for row in rows]
    rows += [GOOD | {"session_id": f"good {number}"} for number in range(good)]
    ordered, shuffled = in_database_order(rows), list(rows)
    random.shuffle(shuffled)
    day, other = (session_rows(DAY, columns(each)) for each in (ordered, shuffled))
    pd.testing.assert_frame_equal(day.frame, other.frame)
    pd.testing.assert_frame_equal(day.rejected, other.rejected)
    assert len(day.frame) >= good
    keys = list(zip(day.frame["session_time"], day.frame["session_id"], strict=True))
    assert keys == sorted(keys)
