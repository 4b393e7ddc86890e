"""Each invariant as Dagster evaluates it over a range of days: passing, and failing with the day and the reason."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.comparison.order_comparisons import order_comparisons
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS, always_in_use
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, names_of
from attribution_assets.attribution.tables.schemas import RULE_MODELS, STORED_TABLES
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.asset_graph import check_keys
from attribution_assets.defs.checks.daily import ProblemOfDay, problems_of_days
from attribution_assets.defs.resources import Storage
from attribution_assets.instance.data_set_names import DataSetNames

DAYS = [dt.date(2024, 2, 26), dt.date(2024, 2, 27)]
BEFORE = [dt.date(2024, 2, number) for number in range(20, 26)]
ORDER = {"conv_id": "o1", "conversion_time": "2024-02-26 12:00:00"}
FIRST = ORDER | {"session_id": "s1", "session_time": "2024-02-26 10:00:00", "initializer": 1.0, "closer": 0.0}
SECOND = ORDER | {"session_id": "s2", "session_time": "2024-02-26 11:00:00", "initializer": 0.0, "closer": 1.0}
SOUND: dict[str, list[dict[str, Any]]] = {
    "sessions": [
        {"session_id": "s1", "session_time": "2024-02-26 10:00:00", "channel_name": "Display", "cost": 0.1},
        {"session_id": "s2", "session_time": "2024-02-26 11:00:00", "channel_name": "Search", "cost": 0.2},
        {"session_id": "s3", "session_time": "2024-02-26 11:30:00", "channel_name": "Search", "cost": None},
    ],
    "conversions": [
        ORDER | {"revenue": 50.0},
        {"conv_id": "o2", "user_id": "u2", "conversion_time": "2024-02-27 12:00:00", "revenue": 5.0},
    ],
    "journeys": [FIRST | {"conversion": 0}, SECOND],
    "ihc_attributions": [FIRST | {"ihc": 0.25}, SECOND | {"ihc": 0.75}],
    "channel_reporting": [
        {"channel_name": "Display", "cost": 0.1, "ihc": 0.25},
        {"channel_name": "Search", "cost": 0.2, "ihc": 0.75},
    ],
}
NO_SESSIONS = {"conv_id": "o2", "conversion_time": "2024-02-27 12:00:00", "reason": "no_sessions", "revenue": 5.0}
BESIDE: dict[str, dict[dt.date, list[dict[str, Any]]]] = {
    "rejected_sessions": {},
    "rejected_conversions": {},
    "too_long_orders": {},
    "unattributed_orders": {DAYS[1]: [NO_SESSIONS]},
}
COMPARED = names_of("model_comparison")
TIMES = {"sessions": "session_time", "channel_reporting": "date"}
Evaluations = dict[tuple[str, str], dg.AssetCheckEvaluation]
Evaluate = Callable[[dict[str, list[dict[str, Any]]]], Evaluations]


@pytest.fixture
def evaluate(tmp_path: Path, table: Callable[..., pd.DataFrame]) -> Evaluate:
    """Stores the tables for two days, those beside them for the first day, and evaluates all checks in one run.

    Evaluations by asset and check.
    """

    def beside(asset: str, day: dt.date, tables: dict[str, list[dict[str, Any]]]) -> dict[str, pd.DataFrame]:
        found = {}
        for name in BESIDE.keys() & names_of(asset)[1:]:
            by_day = BESIDE[name] | ({DAYS[0]: tables[name]} if name in tables else {})
            columns = STORED_TABLES[name].columns
            frame = pd.DataFrame(by_day.get(day, []), columns=list(columns), dtype=object)
            types = {"datetime64[ns]": "datetime64[us]", "float64": "float64", "int64": "int64"}
            found[name] = frame.astype({key: types.get(str(column.dtype), "object") for key, column in columns.items()})
        return found

    def evaluated(tables: dict[str, list[dict[str, Any]]]) -> Evaluations:
        root = str(tmp_path / "assets")
        storage = AssetStorage(root)
        for asset in SOUND:
            frame = table(asset, *(SOUND | tables)[asset])
            dates = pd.to_datetime(frame[TIMES.get(asset, "conversion_time")]).dt.date
            for day in DAYS:
                storage.write(asset, DayTable(day, frame[dates == day], {}, beside(asset, day, tables)))
        for day in BEFORE:
            storage.write("sessions", DayTable(day, table("sessions"), {}, beside("sessions", day, {})))
        for day in DAYS:
            storage.write("channel_reporting_csv", DayTable(day, table("channel_reporting_csv", {}), {}))
            storage.write("spend", DayTable(day, table("spend"), {}))
        compare(storage, {asset: table(asset, *rows) for asset, rows in tables.items() if asset in COMPARED})
        keys = [key for key in check_keys(DataSetNames()) if key.asset_key.to_user_string() in always_in_use()]
        checks = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*keys))
        definitions = dg.Definitions.merge(
            build_definitions(resources={"storage": Storage(root=root)}), dg.Definitions(jobs=[checks])
        )
        tags = {"dagster/asset_partition_range_start": str(DAYS[0]), "dagster/asset_partition_range_end": str(DAYS[1])}
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def("checks").execute_in_process(
                instance=instance, tags=tags, raise_on_error=False
            )
        return {
            (each.asset_key.to_user_string(), each.check_name): each for each in result.get_asset_check_evaluations()
        }

    return evaluated


def problems_of(evaluation: dg.AssetCheckEvaluation) -> list[tuple[Any, Any]]:
    """The rows of the table in which a check shows what is wrong: the day, and the problem."""
    table = evaluation.metadata["problems"]
    assert isinstance(table, dg.TableMetadataValue)
    return [(record.data["day"], record.data["problem"]) for record in table.records]


def compare(storage: AssetStorage, first_day: dict[str, pd.DataFrame]) -> None:
    """Make the comparisons of the stored tables, or take those that are given for the first day."""
    for day in DAYS:
        credit, orders = (storage.days(asset, DAYS).frame(day) for asset in ("ihc_attributions", "conversions"))
        made = order_comparisons(credit, orders, ()) | (first_day if day == DAYS[0] else {})
        storage.write("model_comparison", DayTable(day, made.pop("model_comparison"), {}, made))


def test_sound_tables_pass_every_check_on_every_day(evaluate: Evaluate) -> None:
    evaluations = evaluate({})
    assert all(evaluation.passed for evaluation in evaluations.values())
    warning = {"every_day_is_made", "answers_are_as_learned", "spend_goes_with_visits"}
    assert all(evaluation.blocking == (check not in warning) for (_, check), evaluation in evaluations.items())
    assert len(evaluations) == 24
    for evaluation in evaluations.values():
        assert evaluation.metadata["days_checked"].value == 2
        assert [*problems_of_days(evaluation)] == [(str(day), None) for day in DAYS]


@pytest.mark.parametrize(
    ("tables", "failed", "says"),
    [
        (
            {"model_comparison": [{"model": model, "revenue": 50.0} for model in ("ihc", *RULE_MODELS[1:])]},
            ("model_comparison", "comparisons_are_of_all_orders"),
            "2024-02-26: model_comparison: first_touch: orders sum to 0.000000, 1.000000 were attributed",
        ),
        (
            {"channel_roles": [{"influenced_orders": 2, "assisted_orders": 1}]},
            ("model_comparison", "comparisons_are_of_all_orders"),
            "2024-02-26: channel_roles: Search assisted 1 and influenced 2 of 1 orders",
        ),
        (
            {"conversion_paths": [{"orders": 2, "revenue": 50.0}]},
            ("model_comparison", "comparisons_are_of_all_orders"),
            "2024-02-26: conversion_paths: orders sum to 2.000000, 1.000000 were attributed",
        ),
        (
            {"conversion_paths": [{"revenue": 50.0, "days_to_conversion": -1}]},
            ("model_comparison", "matches_schema"),
            "2024-02-26: conversion_paths: days_to_conversion: greater_than_or_equal_to(0) fails on -1",
        ),
        (
            {"too_long_orders": [ORDER | {"conv_id": "o9", "user_id": "u9", "sessions": -1, "most_sessions": 200}]},
            ("journeys", "matches_schema"),
            "2024-02-26: too_long_orders: sessions: greater_than_or_equal_to(0) fails on -1",
        ),
        (
            {"sessions": [SOUND["sessions"][0] | {"holder_engagement": 2}, *SOUND["sessions"][1:]]},
            ("sessions", "matches_schema"),
            "2024-02-26: holder_engagement: isin([0, 1]) fails on 2",
        ),
        (
            {"ihc_attributions": [FIRST | {"ihc": 0.25}, SECOND | {"ihc": 0.7}]},
            ("ihc_attributions", "credit_sums_to_one"),
            "2024-02-26: order o1: credit sums to 0.950000",
        ),
        (
            {"ihc_attributions": [FIRST | {"ihc": 1.0}]},
            ("ihc_attributions", "orders_are_conserved"),
            "2024-02-26: order o1: its touchpoint s2 was never attributed",
        ),
        (
            {
                "journeys": [],
                "ihc_attributions": [],
                "unattributed_orders": [NO_SESSIONS | ORDER | {"revenue": 50.0}],
            },
            ("ihc_attributions", "orders_are_conserved"),
            "2024-02-26: order o1 has sessions, but no journey",
        ),
        (
            {"journeys": [FIRST | {"conversion": 0}, SECOND | {"session_time": "2024-02-26 12:00:00"}]},
            ("ihc_attributions", "orders_are_conserved"),
            "2024-02-26: order o1: its touchpoint s2 is not before it",
        ),
        (
            {"channel_reporting": [{"channel_name": "Display", "cost": 0.2}, {"channel_name": "Search", "cost": 0.2}]},
            ("channel_reporting", "cost_is_conserved"),
            "2024-02-26: Display: cost 0.2 is reported, 0.1 was spent",
        ),
        (
            {"unattributed_orders": [NO_SESSIONS | ORDER | {"revenue": 0.0}]},
            ("channel_reporting", "unattributed_orders_are_kept"),
            "2024-02-26: order o1 is attributed and kept as unattributed",
        ),
        (
            {"conversions": [*SOUND["conversions"], ORDER | {"conv_id": "o3", "user_id": "u3", "revenue": 7.0}]},
            ("channel_reporting", "unattributed_orders_are_kept"),
            "2024-02-26: order o3 is neither attributed nor kept as unattributed",
        ),
    ],
)
def test_a_broken_table_fails_its_check_and_blocks_by_no_other(
    evaluate: Evaluate, tables: dict[str, list[dict[str, Any]]], failed: tuple[str, str], says: str
) -> None:
    evaluations = evaluate(tables)
    error = dg.AssetCheckSeverity.ERROR
    wrong = [key for key, evaluation in evaluations.items() if not evaluation.passed and evaluation.severity == error]
    assert [key for key in wrong if key[0] in SOUND or failed[0] not in SOUND] == [failed]
    evaluation = evaluations[failed]
    assert evaluation.description == says
    problem = ProblemOfDay(says.removeprefix("2024-02-26: "), stops=True)
    assert [*problems_of_days(evaluation)] == [("2024-02-26", problem), ("2024-02-27", None)]
    assert {day for day, _ in problems_of(evaluation)} == {"2024-02-26"}


BAD_TIME = {"row_key": "s9", "reason": "event_time 'noon' is not a time HH:MM:SS", "row": "{}", "amount": None}
NO_ID = {"row_key": None, "reason": "session_id None is missing", "row": "{}", "amount": 2.5}


def test_rows_set_aside_are_a_warning_that_names_them(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", "0.4")
    evaluations = evaluate({"rejected_sessions": [NO_ID, BAD_TIME]})
    failed = [key for key, evaluation in evaluations.items() if not evaluation.passed]
    assert failed == [("sessions", "rows_are_usable")]
    evaluation = evaluations[failed[0]]
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    named = ["(no id): session_id None is missing", "s9: event_time 'noon' is not a time HH:MM:SS"]
    words = f"2 of 5 source rows were set aside with a cost of 2.50: {' | '.join(named)}"
    assert evaluation.description == f"2024-02-26: {words}"
    assert problems_of(evaluation) == [("2024-02-26", problem) for problem in (words, *named)]
    assert dict(problems_of_days(evaluation)) == {"2024-02-26": ProblemOfDay(words, stops=False), "2024-02-27": None}
    assert "problems" not in evaluations["sessions", "matches_schema"].metadata


def test_too_large_a_share_of_rows_set_aside_blocks_what_hangs_on_the_day(evaluate: Evaluate) -> None:
    evaluations = evaluate({"rejected_conversions": [BAD_TIME | {"row_key": "o9"}]})
    wrong = [key for key, evaluation in evaluations.items() if not evaluation.passed]
    held_up = [key for key in wrong if key[1] == "every_day_is_made"]
    assert {asset for asset, _ in held_up} == {*always_in_use()} - {*SOURCE_ASSETS}
    reason = "1 of 2 source rows of conversions of 2024-02-26 were set aside"
    allowed = "more than ATTRIBUTION_MAX_REJECTED_SHARE=0.01 allows: o9: event_time 'noon' is not a time HH:MM:SS"
    for key in held_up:
        problem = ProblemOfDay(f"{reason}, {allowed}", stops=True)
        assert dict(problems_of_days(evaluations[key])) == {"2024-02-26": problem, "2024-02-27": None}
    [failed] = [key for key in wrong if key not in held_up]
    assert failed == ("conversions", "rows_are_usable")
    assert evaluations[failed].severity == dg.AssetCheckSeverity.ERROR
    assert evaluations[failed].blocking
    assert evaluations[failed].description == f"2024-02-26: 1 of 2 source rows were set aside, {allowed}"
