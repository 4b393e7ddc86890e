"""What Dagster shows of where tables and code are: right for each kind of settings, and never a secret."""

import ast
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from attribution_assets.attribution.database.database import Database
from attribution_assets.attribution.files.locations import address
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.asset_graph import daily_assets
from attribution_assets.settings import Settings
from attribution_assets_tests.support.places import PROJECT

SECRET = Settings(
    database_url="postgresql://k8r:s3cr%40et@db.test:5433/shop?sslpassword=s3cret2&sslmode=require",
    storage="s3://bucket/assets/",
    reports="reports",
    engine="spark",
)


def metadata_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """The metadata of each asset's definition."""
    specs = build_definitions(settings).resolve_all_asset_specs()
    return {spec.key.to_user_string(): dict(spec.metadata) for spec in specs}


def test_tables_are_named_with_their_database_without_user_password_and_options() -> None:
    shown = metadata_of(SECRET)
    assert shown["source/session_costs"]["dagster/uri"] == "postgresql://db.test:5433/shop"
    assert shown["source/session_costs"]["dagster/table_name"] == "session_costs"
    assert shown["channel_reporting"]["dagster/table_name"] == "channel_reporting"
    assert shown["channel_reporting"]["dagster/storage_kind"] == "postgresql"
    assert shown["ihc_attributions"]["published_in"] == (
        "attribution_customer_journey, attribution_order of postgresql://db.test:5433/shop"
    )
    assert "dagster/table_name" not in shown["conversions"]
    assert not [word for word in ("k8r", "s3cr", "sslmode") if word in str([*shown.values()])]


def test_day_files_are_named_by_their_uri_and_csv_files_by_that_of_the_reports() -> None:
    shown = metadata_of(SECRET)
    assert shown["journeys"]["dagster/uri"] == "s3://bucket/assets/journeys"
    assert shown["channel_reporting_csv"]["dagster/uri"] == Path("reports").absolute().as_uri()
    assert (
        metadata_of(Settings(storage="/srv/all days"))["journeys"]["dagster/uri"] == "file:///srv/all%20days/journeys"
    )


def test_kinds_follow_the_database_and_the_engine_of_the_settings() -> None:
    def kinds(settings: Settings) -> dict[str, set[str]]:
        return {spec.key.to_user_string(): spec.kinds for spec in build_definitions(settings).resolve_all_asset_specs()}

    on_postgresql, by_default = kinds(SECRET), kinds(Settings())
    assert on_postgresql["channel_reporting"] == {"spark", "parquet", "postgresql"}
    assert by_default["channel_reporting"] == {"duckdb", "parquet", "sqlite"}
    assert by_default["source/conversions"] == {"sqlite"}
    assert by_default["channel_reporting_csv"] == {"csv"}


def test_a_database_url_that_cannot_be_read_is_left_to_the_run_and_not_shown() -> None:
    shown = metadata_of(Settings(database_url="mysql://ann:s3cret@h/shop"))
    assert "dagster/uri" not in shown["source/conversions"]
    assert "s3cret" not in str([*shown.values()])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/shop.db", "sqlite:////srv/shop.db"),
        ("postgresql://ann:pw@h/shop", "postgresql://h/shop"),
        ("postgresql+psycopg://ann@[::1]:5432/shop", "postgresql://[::1]:5432/shop"),
        ("postgresql://ann:pw@/shop?host=/run/postgresql", "postgresql:///shop"),
        ("postgresql:///shop?host=h&password=pw", "postgresql://h/shop"),
    ],
)
def test_a_databases_address_is_its_url_without_what_is_nobodys_business(url: str, shown: str) -> None:
    assert Database(url).address == shown


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        ("gs://bucket/prefix?token=k3y#k3y", "gs://bucket/prefix/sessions"),
        ("s3://k3y:s3cret@bucket", "s3://bucket/sessions"),
        ("abfs://box:s3cret@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a/sessions"),
        ("file:///srv/assets", "file:///srv/assets/sessions"),
        ("s3://[bucket", ""),
    ],
)
def test_a_folders_address_has_no_secret_either(root: str, shown: str) -> None:
    assert address(root, "sessions") == shown


def test_code_references_point_at_the_line_that_defines_the_assets_function() -> None:
    shown = metadata_of(Settings(dimensions=("campaign",)))
    for asset in daily_assets():
        name = asset.function.__name__
        (reference,) = shown[name]["dagster/code_references"].code_references
        assert isinstance(reference, dg.LocalFileCodeReference)
        path = Path(reference.file_path)
        assert path.parent == PROJECT / "attribution_assets/defs/assets"
        (definition,) = [node for node in ast.parse(path.read_text()).body if getattr(node, "name", None) == name]
        assert reference.line_number == definition.lineno  # which is not that of its decorators
