"""A named data set in Dagster: its keys, jobs, groups and resources, beside those of the environment's data set."""

from dataclasses import replace

import dagster as dg
import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.defs.data_set_definitions import data_set_definitions
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

SHOP = DataSetNames("shop_de")


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    settings = Settings.from_environment()
    named = replace(settings, data_set="shop_de", storage="elsewhere")
    both = dg.Definitions.merge(data_set_definitions(settings), data_set_definitions(named))
    return both.get_repository_def()


def test_each_asset_has_the_data_set_before_its_name_and_reads_those_of_its_own(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    for asset in always_in_use():
        node, plain = graph.get(SHOP.key(asset)), graph.get(dg.AssetKey(asset))
        assert node.parent_keys == {dg.AssetKey(["shop_de", *key.path]) for key in plain.parent_keys}
        assert (node.group_name, node.tags["data_set"]) == ("shop_de", "shop_de")
        assert "data_set" not in plain.tags
        assert {key.name for key in node.check_keys} == {key.name for key in plain.check_keys}


def test_jobs_schedules_and_sensors_are_each_data_set_s_own(repository: dg.RepositoryDefinition) -> None:
    plain = {"daily", "weekly_check_up", "restatement", "late_data", "freshness"}
    automation = {each.name for each in (*repository.schedule_defs, *repository.sensor_defs)}
    assert automation == {*plain, *map(SHOP.of, plain)}
    job = repository.get_job("shop_de__attribution")
    assert job.tags == {"data_set": "shop_de"}
    assert job.asset_layer.executable_asset_keys == {SHOP.key(asset) for asset in always_in_use()}


def test_resources_are_bound_to_the_data_set_they_are_of(repository: dg.RepositoryDefinition) -> None:
    resources = repository.get_top_level_resources()
    assert {"storage", "shop_de__storage", "io_manager", "shop_de__io_manager"} <= resources.keys()
    needed = repository.get_job("shop_de__attribution").get_required_resource_defs()
    assert {"shop_de__storage", "shop_de__database", "shop_de__rules"} <= needed.keys()
    assert not {"storage", "database", "rules"} & needed.keys()


@pytest.mark.parametrize(
    ("full", "of_shop", "of_environment"),
    [
        ("shop_de__attribution", "attribution", None),
        ("attribution", None, "attribution"),
        ("shop_fr__attribution", None, None),
        ("__ASSET_JOB", None, "__ASSET_JOB"),
    ],
)
def test_a_full_name_is_one_data_set_s(full: str, of_shop: str | None, of_environment: str | None) -> None:
    assert (SHOP.plain(full), DataSetNames().plain(full)) == (of_shop, of_environment)


def test_a_key_is_one_data_set_s() -> None:
    assert SHOP.asset(dg.AssetKey(["shop_de", "sessions"])) == "sessions"
    assert SHOP.asset(dg.AssetKey("sessions")) is None
    assert DataSetNames().asset(dg.AssetKey("sessions")) == "sessions"
    assert DataSetNames().asset(dg.AssetKey(["shop_de", "sessions"])) is None
    assert SHOP.asset(dg.AssetKey(["shop_de", "not_usable"])) is None
