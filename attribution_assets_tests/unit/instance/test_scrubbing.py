"""What the erasure of a visitor changes in Dagster's history: free texts of one data set, and nothing else."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from attribution_assets.instance.scrubbing import id_pattern, scrub_history, scrubbed

DAY = "2024-01-10"


@pytest.mark.parametrize(
    ("user", "text", "without"),
    [
        ("10", "row of 10, on 2024-01-10 10:00:10, cost 1.10", "row of (erased), on 2024-01-10 10:00:10, cost 1.10"),
        ("2024", "user 2024 since 2024-01-10", "user (erased) since 2024-01-10"),
        ("ann", "ann, joanna, ann_b and user_id=ann", "(erased), joanna, ann_b and user_id=(erased)"),
        ('a"b', r'{"user_id": "a\"b"} or a"b', '{"user_id": "(erased)"} or (erased)'),
    ],
)
def test_an_id_is_found_where_it_stands_by_itself(user: str, text: str, without: str) -> None:
    assert id_pattern(user).sub("(erased)", text) == without


def test_free_texts_alone_are_changed() -> None:
    event = {
        "step_key": "sessions",
        "partition": "2024",
        "user_message": "read sessions",
        "metadata_entries": [{"label": "sessions", "entry_data": {"__class__": "sessions", "text": "sessions"}}],
    }
    changed = json.loads(scrubbed(json.dumps(event), id_pattern("sessions")))
    assert changed == event | {
        "user_message": "read (erased)",
        "metadata_entries": [{"label": "sessions", "entry_data": {"__class__": "sessions", "text": "(erased)"}}],
    }
    assert scrubbed(json.dumps({"text": DAY}), id_pattern(DAY)) == json.dumps({"text": DAY})


def rows_of(home: Path) -> dict[str, list[object]]:
    """Every row of every table of a history by file and table."""
    found: dict[str, list[object]] = {}
    for file in sorted(home.rglob("*.db")):
        with closing(sqlite3.connect(file)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                found[f"{file.name} {table}"] = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    return found


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A history with one day of `sessions` of two data sets, whose metadata name the visitors 10, 2024 and sessions."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for data_set in ("shop_a", "shop_b"):
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    dg.AssetKey([data_set, "sessions"]),
                    partition=DAY,
                    metadata={"rejected": f"rows of 10, 2024 and sessions of {DAY}"},
                )
            )
        yield instance


def test_only_events_of_the_data_set_change_and_none_of_their_keys_and_days(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    before = rows_of(tmp_path)
    for user in ("10", "2024", "sessions"):
        scrub_history(instance, "shop_a", user)
    after = rows_of(tmp_path)
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"index.db event_logs", "index.db asset_keys", ".db event_logs"}
    for table in changed:
        of_a, of_b = ([row for row in before[table] if name in str(row)] for name in ("shop_a", "shop_b"))
        assert [row for row in after[table] if "shop_b" in str(row)] == of_b
        assert len([row for row in after[table] if "shop_a" in str(row)]) == len(of_a)
    for data_set, text in (
        ("shop_a", f"rows of (erased), (erased) and (erased) of {DAY}"),
        ("shop_b", f"rows of 10, 2024 and sessions of {DAY}"),
    ):
        key = dg.AssetKey([data_set, "sessions"])
        assert instance.get_materialized_partitions(key) == {DAY}
        event = instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["rejected"].value == text
