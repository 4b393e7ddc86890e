"""The restated IHC model: small cases by hand, properties of any request, and accuracy against recorded answers."""

import csv
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.ihc_service.model import (
    PHASES,
    Floats,
    ModelParameters,
    PhaseRedistribution,
    Touchpoints,
    compute_ihc,
    recorded_parameters,
)
from attribution_assets_tests.support.places import SHARED_DATA

needs_recorded_answers = pytest.mark.skipif(
    not (SHARED_DATA / "ihc_responses.csv").exists(), reason="the recorded answers are not here"
)

STEEP = """
restart_gap_hours = 10
initializer_curve = [[0, 0], [10, 1]]
closer_curve = [[0, 1], [10, 0]]
phase_weights = { initializer = 0.25, holder = 0.5, closer = 0.25 }
[channel_weights]
Heavy = { initializer = 3, holder = 3, closer = 3 }
"""
FLAT = """
restart_gap_hours = 10
initializer_curve = [[0, 1]]
closer_curve = [[0, 1]]
phase_weights = { initializer = 0.25, holder = 0.5, closer = 0.25 }
channel_weights = {}
"""
STEEP_PARAMETERS = ModelParameters.from_toml(STEEP)
FLAT_PARAMETERS = ModelParameters.from_toml(FLAT)


class Visit(NamedTuple):
    hours: float
    channel: str = "Search"
    holder: bool = True
    closer: bool = True


Journey = Sequence[Visit]


def attribute(
    journeys: Sequence[Journey],
    parameters: ModelParameters,
    redistribution: Mapping[str, PhaseRedistribution] | None = None,
) -> list[list[list[float]]]:
    """The rows of each journey: initializer, holder, closer, ihc."""
    visits = [visit for journey in journeys for visit in journey]
    channels = sorted({visit.channel for visit in visits})
    starts = np.cumsum([0, *map(len, journeys)])
    touchpoints = Touchpoints(
        journey_start=starts[:-1].astype(np.int64),
        seconds=np.array([round(visit.hours * 3600) for visit in visits], dtype=np.int64),
        channel=np.array([channels.index(visit.channel) for visit in visits], dtype=np.int64),
        channels=channels,
        holder_engagement=np.array([visit.holder for visit in visits], dtype=np.bool_),
        closer_engagement=np.array([visit.closer for visit in visits], dtype=np.bool_),
    )
    rows = compute_ihc(touchpoints, parameters, redistribution).tolist()
    return [rows[start:end] for start, end in pairwise(starts)]


def one(*visits: Visit, parameters: ModelParameters = STEEP_PARAMETERS) -> list[list[float]]:
    return attribute([visits], parameters)[0]


def phase(name: str, rows: list[list[float]]) -> list[float]:
    return [row[PHASES.index(name)] for row in rows]


# Small cases by hand


@pytest.mark.parametrize("engaged", [False, True])
def test_a_journey_of_one_session_has_no_holder(engaged: bool) -> None:  # noqa: FBT001 - pytest's parameter
    assert one(Visit(0, holder=engaged, closer=engaged)) == [[1, 0, 1, 1]]


def test_two_engaged_sessions_share_by_their_distance() -> None:
    assert one(Visit(0), Visit(5)) == [[0.6667, 0.5, 0.3333, 0.5], [0.3333, 0.5, 0.6667, 0.5]]


def test_curves_are_straight_between_their_points() -> None:
    assert phase("initializer", one(Visit(0), Visit(2.5))) == [0.8, 0.2]


def test_a_session_without_closer_engagement_closes_only_as_the_last_one() -> None:
    assert phase("closer", one(Visit(0, closer=False), Visit(5, closer=False))) == [0, 1]


def test_without_holder_engagement_the_other_phases_are_rescaled() -> None:
    rows = one(Visit(0, holder=False), Visit(5, holder=False, closer=False))
    assert rows == [[0.6667, 0, 0.3333, 0.5], [0.3333, 0, 0.6667, 0.5]]


def test_holder_credit_goes_only_to_engaged_sessions() -> None:
    assert phase("holder", one(Visit(0, holder=False), Visit(3), Visit(5, holder=False))) == [0, 1, 0]


def test_holder_is_the_mean_of_arithmetic_and_harmonic_means() -> None:
    # initializer 1, 0, 1/2 and closer 0, 0, 1: q = 1/3, 1, 2/3 and p = 1, 1, 0, so 7/12, 1, 1/6 before normalising
    rows = one(Visit(0, closer=False), Visit(0, closer=False), Visit(5))
    assert phase("holder", rows) == [0.3333, 0.5714, 0.0953]


def test_a_channel_weight_multiplies_each_phase_and_the_phase_sums_to_one_again() -> None:
    rows = one(Visit(0, "Heavy"), Visit(5))
    assert phase("initializer", rows) == [0.8571, 0.1429]
    assert phase("holder", rows) == [0.75, 0.25]
    assert phase("closer", rows) == [0.6, 0.4]


def test_a_longer_gap_than_the_restart_gap_restarts_the_journey() -> None:
    assert one(Visit(0), Visit(3), Visit(13.001)) == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]


def test_one_session_left_by_a_restart_without_holder_engagement_has_no_holder() -> None:
    assert one(Visit(0), Visit(11, holder=False)) == [[0, 0, 0, 0], [1, 0, 1, 1]]


def test_only_what_follows_the_last_restart_has_credit() -> None:
    rows = one(Visit(0), Visit(11), Visit(22), Visit(22))
    assert [row[3] > 0 for row in rows] == [False, False, True, True]


def test_a_gap_of_exactly_the_restart_gap_does_not_restart() -> None:
    assert phase("initializer", one(Visit(0), Visit(10))) == [0.5, 0.5]


def test_of_equal_remainders_the_earliest_is_rounded_up() -> None:
    rows = one(Visit(0), Visit(0), Visit(0), parameters=FLAT_PARAMETERS)
    assert rows == [[0.3334] * 4, [0.3333] * 4, [0.3333] * 4]


def test_no_journeys_have_no_rows() -> None:
    assert attribute([], FLAT_PARAMETERS) == []


def test_the_recorded_parameters_are_whole() -> None:
    parameters = recorded_parameters()
    assert parameters.restart_gap_hours == 52.7
    assert sum(parameters.phase_weights) == pytest.approx(1, abs=1e-12)
    assert parameters.channel_weights["Direct Traffic"] == (0.61, 0.99, 1.28)
    for hours, weights in (parameters.initializer_curve, parameters.closer_curve):
        assert (np.diff(hours) > 0).all()
        assert weights.min() == 0
        assert weights.max() == 1


# Redistribution: four sessions with a quarter of each phase


def redistributed(
    direction: str, threshold: float = 0, channels: Sequence[str] = ("Direct",), phases: Iterable[str] = PHASES
) -> list[list[float]]:
    rule = PhaseRedistribution(direction, threshold, frozenset(channels))  # type: ignore[arg-type] # one of the Literal's
    journey = [Visit(0, "Search"), Visit(0, "Direct"), Visit(0, "Mail"), Visit(0, "Direct")]
    return attribute([journey], FLAT_PARAMETERS, dict.fromkeys(phases, rule))[0]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("any_session", [0.5, 0, 0.5, 0]),
        ("earlier_sessions_only", [0.625, 0, 0.375, 0]),
        ("later_sessions_only", [0.25, 0, 0.5, 0.25]),
    ],
)
def test_credit_is_handed_on_in_the_direction_and_stays_where_nobody_receives(
    direction: str, expected: list[float]
) -> None:
    assert [phase(name, redistributed(direction)) for name in PHASES] == [expected] * 3
    assert [row[3] for row in redistributed(direction)] == expected


def test_a_share_of_exactly_the_threshold_receives_and_a_smaller_one_does_not() -> None:
    assert phase("holder", redistributed("any_session", 0.25)) == [0.5, 0, 0.5, 0]
    assert phase("holder", redistributed("any_session", 0.26)) == [0.25] * 4


def test_a_redistribution_changes_only_the_phases_that_it_names() -> None:
    rows = redistributed("any_session", phases=["closer"])
    assert phase("initializer", rows) == phase("holder", rows) == [0.25] * 4
    assert phase("closer", rows) == [0.5, 0, 0.5, 0]


def test_credit_stays_where_every_channel_gives() -> None:
    assert phase("closer", redistributed("any_session", channels=["Direct", "Search", "Mail"])) == [0.25] * 4


# Properties of any request

visits = st.builds(
    Visit,
    hours=st.integers(0, 200_000).map(lambda seconds: seconds / 600),
    channel=st.sampled_from(["Direct Traffic", "Performance Max", "Newsletter & Email", "Unknown"]),
    holder=st.booleans(),
    closer=st.booleans(),
)
some_journeys = st.lists(st.lists(visits, min_size=1, max_size=25).map(sorted), min_size=1, max_size=8)
rules = st.builds(
    PhaseRedistribution,
    direction=st.sampled_from(["earlier_sessions_only", "any_session", "later_sessions_only"]),
    receive_threshold=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    channels=st.sets(st.sampled_from(["Direct Traffic", "Performance Max"])).map(frozenset),
)
redistributions = st.none() | st.dictionaries(st.sampled_from(PHASES), rules)


@settings(max_examples=150, deadline=None)
@given(some_journeys, redistributions)
def test_initializer_closer_and_ihc_sum_to_one_and_holder_to_one_or_nothing(
    journeys: list[Journey], redistribution: dict[str, PhaseRedistribution] | None
) -> None:
    for journey, rows in zip(journeys, attribute(journeys, recorded_parameters(), redistribution), strict=True):
        units = np.rint(np.array(rows) * 10_000).astype(int)
        assert (units / 10_000).tolist() == rows
        assert units.min() >= 0
        initializer, holder, closer, ihc = units.sum(axis=0).tolist()
        assert (initializer, closer, ihc) == (10_000, 10_000, 10_000)
        assert holder == (10_000 if phase_before_rounding(journey)["holder"] else 0)


@settings(max_examples=75, deadline=None)
@given(some_journeys, redistributions, st.randoms(use_true_random=False))
def test_a_journey_has_the_same_credit_whatever_is_beside_it(
    journeys: list[Journey], redistribution: dict[str, PhaseRedistribution] | None, random: Random
) -> None:
    alone = [attribute([journey], recorded_parameters(), redistribution)[0] for journey in journeys]
    order = list(range(len(journeys)))
    random.shuffle(order)
    together = attribute([journeys[place] for place in order], recorded_parameters(), redistribution)
    assert together == [alone[place] for place in order]


@settings(max_examples=150, deadline=None)
@given(some_journeys, redistributions)
def test_all_journeys_at_once_agree_with_one_session_at_a_time(
    journeys: list[Journey], redistribution: dict[str, PhaseRedistribution] | None
) -> None:
    for journey, rows in zip(journeys, attribute(journeys, recorded_parameters(), redistribution), strict=True):
        expected = phase_before_rounding(journey, redistribution or {})
        for name in PHASES:
            assert phase(name, rows) == pytest.approx(expected[name] or [0.0] * len(journey), abs=1.01e-4)


def phase_before_rounding(
    journey: Journey, redistribution: Mapping[str, PhaseRedistribution] | None = None
) -> dict[str, list[float]]:
    """The model the plain way, one session at a time; an empty list for a phase without credit."""
    parameters = recorded_parameters()

    def curve(points: tuple[Floats, Floats]) -> Callable[[float], float]:
        return lambda hours: float(np.interp(hours, *points))

    def normalised(values: list[float]) -> list[float]:
        return [value / sum(values) for value in values] if sum(values) else []

    rise, fall = curve(parameters.initializer_curve), curve(parameters.closer_curve)
    times = [round(visit.hours * 3600) / 3600 for visit in journey]
    gaps = [0.0, *(later - earlier for earlier, later in pairwise(times))]
    initializer = normalised([1.0, *map(rise, gaps[1:])])
    closer = normalised(
        [visit.closer * fall(times[-1] - time) for visit, time in zip(journey[:-1], times[:-1], strict=True)] + [1.0]
    )
    holder = []
    for visit, first, last in zip(journey, initializer, closer, strict=True):
        q, p = 1 - first, 1 - last
        holder.append(visit.holder * ((q + p) / 2 + (2 * q * p / (q + p) if q + p else 0)) / 2)
    start = max([place for place, gap in enumerate(gaps) if gap > parameters.restart_gap_hours], default=0)
    result = {}
    for row, (name, base) in enumerate(zip(PHASES, (initializer, holder, closer), strict=True)):
        factors = [parameters.channel_weights.get(visit.channel, (1.0, 1.0, 1.0))[row] for visit in journey]
        share = normalised([value * factors[place] * (place >= start) for place, value in enumerate(base)])
        if share and redistribution and name in redistribution:
            share = _handed_on(share, journey, redistribution[name])
        result[name] = share
    return result


def _handed_on(share: list[float], journey: Journey, rule: PhaseRedistribution) -> list[float]:
    result = list(share)
    for giver, visit in enumerate(journey):
        if visit.channel not in rule.channels:
            continue
        receivers = [
            place
            for place, other in enumerate(journey)
            if other.channel not in rule.channels
            and share[place] >= rule.receive_threshold
            and (place < giver or rule.direction != "earlier_sessions_only")
            and (place > giver or rule.direction != "later_sessions_only")
        ]
        total = sum(share[place] for place in receivers)
        if total:
            result[giver] -= share[giver]
            for place in receivers:
                result[place] += share[giver] * share[place] / total
    return result


# Accuracy against recorded answers


@needs_recorded_answers
def test_recorded_journeys_are_reproduced() -> None:
    recorded: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (SHARED_DATA / "ihc_responses.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            recorded[row["journey"]].append(row)
    journeys = [
        [
            Visit(
                datetime.fromisoformat(row["timestamp"] + "+00:00").timestamp() / 3600,
                row["channel_label"],
                row["holder_engagement"] == "1",
                row["closer_engagement"] == "1",
            )
            for row in rows
        ]
        for rows in recorded.values()
    ]
    assert len(journeys) > 1000
    for rows, answer in zip(recorded.values(), attribute(journeys, recorded_parameters()), strict=True):
        tolerance = 0.003 if len({row["channel_label"] for row in rows}) == 1 else 0.01
        expected = [[float(row[name]) for name in (*PHASES, "ihc")] for row in rows]
        assert np.abs(np.array(answer) - expected).max() <= tolerance, rows[0]["journey"]


@needs_recorded_answers
def test_the_published_report_of_the_challenge_is_reproduced() -> None:
    with sqlite3.connect(SHARED_DATA / "challenge.db") as database:
        touchpoints = database.execute("""
            SELECT c.conv_id, c.conv_date || ' ' || c.conv_time, s.event_date || ' ' || s.event_time AS at,
                   s.event_date, s.channel_name, s.holder_engagement, s.closer_engagement
            FROM conversions AS c JOIN session_sources AS s USING (user_id)
            ORDER BY c.conv_id, at, s.session_id
        """).fetchall()
    database.close()
    journeys: dict[str, list[Visit]] = defaultdict(list)
    cells: list[tuple[str, str]] = []
    for conversion, converted_at, at, date, channel, holder, closer in touchpoints:
        time, end = datetime.fromisoformat(at + "+00:00"), datetime.fromisoformat(converted_at + "+00:00")
        if end - timedelta(days=30) <= time < end:
            journeys[conversion].append(Visit(time.timestamp() / 3600, channel, bool(holder), bool(closer)))
            cells.append((channel, date))
    assert len(journeys) == 1940

    report: dict[tuple[str, str], float] = defaultdict(float)
    answers = attribute(list(journeys.values()), recorded_parameters())
    for cell, row in zip(cells, (row for rows in answers for row in rows), strict=True):
        report[cell] += row[3]
    with (SHARED_DATA / "challenge_channel_reporting.csv").open(newline="") as file:
        published = {(row["channel_name"], row["date"]): float(row["ihc"]) for row in csv.DictReader(file)}
    assert len(published) == 150
    assert report.keys() <= published.keys()
    differences = [abs(report[cell] - ihc) for cell, ihc in published.items()]
    assert max(differences) <= 0.02
    assert sum(differences) <= 0.4
