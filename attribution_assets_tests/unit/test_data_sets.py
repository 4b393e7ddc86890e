"""Data sets from files: what an attribute gives, what is the environment's, and what is said of one that is wrong."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from attribution_assets.command.chosen import chosen
from attribution_assets.data_sets import data_sets, owns_source
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.assets.daily import pool_of
from attribution_assets.defs.resources import dagster_resources
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import ATTRIBUTES, FIRST_DAY, Settings

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the folder ATTRIBUTION_DATA_SETS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTRIBUTION_DATA_SETS", str(tmp_path / "sets"))
    (tmp_path / "sets").mkdir()

    def write(name: str, text: str) -> Path:
        file = tmp_path / "sets" / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def problem_of(write: Write, text: str) -> str:
    """What is said of a file, without its folder."""
    file = write("shop_de.yaml", text)
    found = data_sets()
    assert not found.usable
    return found.unusable["shop_de"].replace(f"{file.parent}/", "")


def test_without_a_folder_there_is_only_the_data_set_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTRIBUTION_DATA_SETS", raising=False)
    assert not data_sets().usable
    assert [each.name for each in chosen(None, every=True)] == [""]


def test_each_attribute_is_the_setting_of_its_variable(write: Write) -> None:
    write(
        "shop_de.yaml",
        """
database_url: sqlite:///shop.db
storage: de/tables
reports: de/reports
engine: duckdb
start_date: 2024-01-05
end_date: "2024-03-01"
lookback_days: 7
max_rejected_share: 0.5
direct_channels: [Direct, Typed In]
channels: names.csv
journey_end: at
ihc_api_url: http://127.0.0.1:1/v1/compute_ihc
ihc_conv_type_id: 007
ihc_conversion_types: {new: first_orders}
ihc_max_journeys_per_request: 10
ihc_max_sessions_per_request: 20
ihc_max_concurrent_requests: 3
ihc_max_requests_per_run: 1000
ihc_redistribution_parameter: {initializer: {direction: earlier_sessions_only}}
""",
    )
    found = data_sets().usable["shop_de"]
    assert (found.data_set, found.database_url, found.storage) == ("shop_de", "sqlite:///shop.db", "de/tables")
    assert (found.reports, found.first_day, found.last_day) == ("de/reports", dt.date(2024, 1, 5), dt.date(2024, 3, 1))
    assert (found.lookback_days, found.max_rejected_share, found.journey_end.value) == (7, 0.5, "at")
    assert found.direct_channels == {"direct", "typed in"}
    assert found.ihc_conversion_types == {"new": "first_orders"}
    assert (found.channels, found.ihc_conv_type_id) == ("names.csv", "007")
    assert (found.ihc_max_journeys_per_request, found.ihc_max_sessions_per_request) == (10, 20)
    assert (found.ihc_max_concurrent_requests, found.ihc_max_requests_per_run) == (3, 1000)
    assert found.ihc_redistribution_parameter == '{"initializer": {"direction": "earlier_sessions_only"}}'
    assert found.variables == {}


def test_what_is_not_given_is_the_environment_s_but_in_places_of_its_own(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_LOOKBACK_DAYS", "9")
    monkeypatch.setenv("ATTRIBUTION_STORAGE", "s3://bucket/tables/")
    monkeypatch.setenv("IHC_API_KEY", "the-key-of-all")
    write("shop_de.yaml", "")
    found = data_sets().usable["shop_de"]
    assert (found.lookback_days, found.ihc_api_key, found.own_account) == (9, "the-key-of-all", False)
    assert found.storage == "s3://bucket/tables/data_sets/shop_de"
    assert found.reports == "data/reports/data_sets/shop_de"
    assert found.conversion_types == "data/conversion_types/data_sets/shop_de"
    assert found.database_url == "sqlite:///data/data_sets/shop_de.db"
    assert found.variables == {"ihc_api_key": "IHC_API_KEY"}


def test_a_postgresql_database_is_shared_where_none_is_given(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://user:secret@db.example.com/shops"
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", url)
    write("shop_de.yaml", "")
    found = data_sets().usable["shop_de"]
    assert (found.database_url, found.variables["database_url"]) == (url, "ATTRIBUTION_DATABASE_URL")


def test_a_schema_of_the_environment_s_database_can_be_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://user:secret@db.example.com/shops?options=-cwork_mem%3D64MB"
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", url)
    monkeypatch.setenv("ATTRIBUTION_DATA_SET_SHOP_DE_DATABASE_URL", "")  # set by what is tested, and put back
    write("shop_de.yaml", "database_url: {schema: shop_de}")
    found = data_sets().usable["shop_de"]
    options = sa.make_url(found.database_url).query["options"]
    assert options == "-cwork_mem=64MB -csearch_path=shop_de"
    assert found.database_url.startswith("postgresql+psycopg://user:secret@db.example.com/shops?")
    assert found.variables["database_url"] == "ATTRIBUTION_DATA_SET_SHOP_DE_DATABASE_URL"
    assert not owns_source("shop_de")  # rows of others may lie there
    write("shop_de.yaml", "database_url: {schema: data_set_shop_de}")
    assert owns_source("shop_de")


@pytest.mark.parametrize(
    ("url", "schema", "problem"),
    [
        ("postgresql://db.example.com/shops", "a,public", "names no schema"),
        ("sqlite:///shops.db", "shop_de", "the environment's database is not PostgreSQL's"),
    ],
)
def test_a_schema_that_cannot_be_had_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch, url: str, schema: str, problem: str
) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", url)
    write("shop_de.yaml", f"database_url: {{schema: '{schema}'}}")
    assert problem in data_sets().unusable["shop_de"]


def test_its_calendar_begins_where_it_says_or_else_where_the_environment_s_does(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("shop_de.yaml", "database_url: sqlite:///shop.db")
    assert data_sets().usable["shop_de"].first_day == dt.date(2024, 2, 20)
    monkeypatch.delenv("ATTRIBUTION_START_DATE")
    assert data_sets().usable["shop_de"].first_day == FIRST_DAY


def test_a_secret_is_named_and_hidden_wherever_it_would_be_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DE_KEY", "key-of-shop-de")
    monkeypatch.setenv("SHOP_DE_URL", "sqlite:///named.db")
    write("shop_de.yaml", "ihc_api_key: {env: SHOP_DE_KEY}\ndatabase_url: {env: SHOP_DE_URL}\n")
    found = data_sets().usable["shop_de"]
    assert (found.ihc_api_key, found.database_url, found.own_account) == ("key-of-shop-de", "sqlite:///named.db", True)
    assert found.variables == {"ihc_api_key": "SHOP_DE_KEY", "database_url": "SHOP_DE_URL"}
    assert dagster_resources(found)["ihc_api"].api_key == dg.EnvVar("SHOP_DE_KEY")
    assert without_secrets("asked with key-of-shop-de") == "asked with ***"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lookback_dys: 3", "line 1: lookback_dys is no attribute of a data set: did you mean lookback_days?"),
        ("\n\nlookback_days: many", "line 3: lookback_days is 'many': it takes a whole number from 1 to 3650"),
        ("start_date: 5 March", "line 1: start_date is '5 March': it takes a date written YYYY-MM-DD, from 1970-01-01"),
        ("start_date: 2024-03-05\nend_date: 2024-03-04", "line 2: end_date is 2024-03-04: that is before the first"),
        ("end_date: 2024-01-04", "line 1: end_date is 2024-01-04: that is before the first day, 2024-02-20"),
        ("engine: duckdb\nengine: spark", "line 1: engine is given twice, again on line 2"),
        ("storage:", "line 1: storage has no value that can be used: write a text or a number, or leave it out"),
        ("storage: [a, [b]]", "line 1: storage has no value that can be used"),
        ("storage: {url: a}", "line 1: storage has no value that can be used"),
        (
            "storage: {env: 'A B'}",
            "line 1: storage names neither a variable nor a file: write {env: NAME_OF_A_VARIABLE}, or",
        ),
        ("ihc_api_key: abc", "line 1: ihc_api_key holds a secret, which is to be named and not written: {env: NAME_OF"),
        ("database_url: postgresql://u:p@h/d", "line 1: database_url holds a secret, which is to be named"),
        ("- a", "holds no attributes: write one on each line, as in lookback_days: 30"),
        ("storage: 'a", "line 1 is not YAML: found unexpected end of stream"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_line_and_what_to_do(write: Write, text: str, problem: str) -> None:
    assert problem_of(write, text).startswith(f"shop_de.yaml{',' if problem.startswith('line') else ''} {problem}")


@pytest.mark.parametrize("name", ["shop-de", "1shop", "_shop", "shop__de", "shop_", "source", "Source", "ü", "a" * 41])
def test_names_that_dagster_or_a_database_could_not_take_are_refused(write: Write, name: str) -> None:
    write(f"{name}.yaml", "")
    assert "cannot be the name of a data set" in data_sets().unusable[name]


def test_files_whose_names_dagster_cannot_take_break_nothing(write: Write) -> None:
    for file in ("my-shop.yaml", "my_shop.yaml", "shop.yaml", "shop.yml", "ü.yaml", "ä.yaml"):
        write(file, "")
    repository = build_definitions().get_repository_def()
    nodes = {node.key.to_user_string(): node for node in repository.asset_graph.asset_nodes}
    shown = {key: node for key, node in nodes.items() if key.endswith("/not_usable")}
    described = {key.split("/")[0]: (node.description or "").split(":")[0] for key, node in shown.items()}
    assert described == {"my_shop_2": "my-shop", "shop_yml": "shop.yml", "_": "ä", "__2": "ü"}
    assert {"my_shop/sessions", "shop/sessions"} <= nodes.keys()


def test_the_key_of_the_environment_goes_to_no_other_url(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IHC_API_KEY", "the-key-of-all")
    assert "is given without ihc_api_key" in problem_of(write, "ihc_api_url: https://elsewhere.example.com/v1")


def test_one_that_cannot_be_used_breaks_no_other_and_is_shown(write: Write) -> None:
    write("broken.yaml", "lookback_days: 0")
    write("keyless.yaml", "ihc_api_key: {env: NOT_SET_ANYWHERE}")
    write("shop_de.yaml", "lookback_days: 3")
    repository = build_definitions().get_repository_def()
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert {"sessions", "shop_de/sessions", "keyless/sessions", "broken/not_usable"} <= keys
    assert "broken/sessions" not in keys
    described = repository.asset_graph.get(dg.AssetKey(["broken", "not_usable"])).description
    assert described is not None
    assert "line 1: lookback_days is '0'" in described
    broken, keyless = (found for found in chosen(["broken", "keyless"], every=False))
    with pytest.raises(ConfigurationError, match="lookback_days is '0'"):
        broken.usable()
    with pytest.raises(ConfigurationError, match="ihc_api_key names the variable NOT_SET_ANYWHERE, which is not set"):
        keyless.usable()


def test_all_data_sets_are_those_of_the_folder_and_the_environment_s_if_it_names_data(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("shop_de.yaml", "")
    write("shop_fr.yml", "")
    write(".hidden.yaml", "")
    write("notes.txt", "")
    assert [each.name for each in chosen(None, every=True)] == ["shop_de", "shop_fr"]
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", "sqlite:///mine.db")
    assert [each.name for each in chosen(None, every=True)] == ["", "shop_de", "shop_fr"]
    assert [each.name for each in chosen(["shop_fr", "shop_fr"], every=False)] == ["shop_fr"]
    with pytest.raises(ConfigurationError, match="there is no data set 'shop_uk': there are shop_de, shop_fr"):
        chosen(["shop_uk"], every=False)


def test_a_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATA_SETS", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match=r"ATTRIBUTION_DATA_SETS is .* it cannot be read"):
        data_sets()


def test_data_sets_that_ask_with_one_key_share_its_pool_and_others_have_their_own(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IHC_API_KEY", "the-key-of-all")
    monkeypatch.setenv("KEY_A", "key-of-two-shops")
    monkeypatch.setenv("KEY_B", "key-of-two-shops")
    for name, key in (("shop_a", "{env: KEY_A}"), ("shop_b", "{env: KEY_B}"), ("same", "{env: IHC_API_KEY}")):
        write(f"{name}.yaml", f"ihc_api_key: {key}")
    write("inherits.yaml", "")
    found = data_sets().usable
    pools = {name: pool_of("ihc_api", found[name]) for name in found}
    assert pools["shop_a"] == pools["shop_b"] != "ihc_api"
    assert pools["same"] == pools["inherits"] == pool_of("ihc_api", Settings.from_environment()) == "ihc_api"
    assert "key-of-two-shops" not in str(pools)
    monkeypatch.delenv("IHC_API_KEY")
    assert pool_of("ihc_api", data_sets().usable["inherits"]) is None


def test_the_attributes_are_named_like_their_variables() -> None:
    for attribute, variable in ATTRIBUTES.items():
        assert variable in {attribute.upper(), f"ATTRIBUTION_{attribute.upper()}"}
