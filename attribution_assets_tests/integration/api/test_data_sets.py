"""Data sets made over the API: they are the same thing as those from files, and their secrets are never told."""

import datetime as dt
import stat
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner
from upath import UPath

from attribution_assets.api.data_set_files import identity_of, require_folder
from attribution_assets.api.deletion import delete_data_set
from attribution_assets.attribution.database.database import Database, column_types
from attribution_assets.attribution.storage.asset_storage import AssetStorage, ForeignStorageError
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.command.cli import app
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets.data_sets import data_set_named, data_sets, owns_source
from attribution_assets.definitions import build_definitions
from attribution_assets.environment import without_secrets
from attribution_assets.errors import RunRejectedError
from attribution_assets.resources import resources_of
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.databases import create_source_tables, execute

KEY = "api-key-of-the-shop"
FOLDER = Path("data/data_sets")


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiClient]:
    monkeypatch.chdir(tmp_path)
    with running_api() as url:
        yield ApiClient(url, new_key("admin", "admin"))


def test_a_data_set_is_a_file_that_command_and_code_location_know(admin: ApiClient) -> None:
    settings = {"start_date": "2024-01-01", "lookback_days": 7, "direct_channels": ["Direct", "None"]}
    made = admin.post("/v1/data-sets", {"name": "shop_de", **settings})
    assert (made.status_code, made.headers["Location"]) == (201, "/v1/data-sets/shop_de")
    assert {name: made.json()[name] for name in ("name", "start_date", "lookback_days", "direct_channels")} == {
        "name": "shop_de",
        "start_date": "2024-01-01",
        "lookback_days": 7,
        "direct_channels": ["direct", "none"],
    }
    assert admin.get("/v1/data-sets/shop_de").json() == made.json()
    assert yaml.safe_load((FOLDER / "shop_de.yaml").read_text()) == settings
    assert data_sets().usable["shop_de"].lookback_days == 7
    keys = {key.to_user_string() for key in build_definitions().resolve_asset_graph().get_all_asset_keys()}
    assert "shop_de/channel_reporting" in keys
    (FOLDER / "shop_de.db").touch()
    create_source_tables(f"sqlite:///{FOLDER / 'shop_de.db'}")
    assert "channel_reporting" in CliRunner().invoke(app, ["status", "--data-set", "shop_de"]).stdout


def test_a_folder_of_data_sets_that_is_not_there_yet_is_made_as_the_server_starts(
    admin: ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATA_SETS", str(tmp_path / "named" / "sets"))
    assert admin.get("/v1/data-sets/shop_de").status_code == 409
    require_folder()
    assert admin.get("/v1/data-sets").json() == {"data": [], "next": None}
    assert admin.get("/v1/data-sets/shop_de").status_code == 404
    assert admin.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
    assert (tmp_path / "named" / "sets" / "shop_de.yaml").exists()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ATTRIBUTION_LOOKBACK_DAYS", "many", "ATTRIBUTION_LOOKBACK_DAYS is 'many'"),
        ("ATTRIBUTION_DATA_SETS", "file/sets", "ATTRIBUTION_DATA_SETS is 'file/sets': it cannot be made"),
    ],
)
def test_the_server_does_not_start_with_a_variable_that_no_data_set_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, value)
    result = CliRunner().invoke(app, ["api"])
    assert (result.exit_code, words in result.stderr) == (2, True), result.output


@pytest.mark.parametrize("name", ["shop_de", "Shop_DE"])
def test_a_name_that_exists_is_a_conflict(admin: ApiClient, name: str) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de", "lookback_days": 7})
    assert admin.post("/v1/data-sets", {"name": name}).status_code == 409
    assert data_set_named("shop_de") == data_sets().usable["shop_de"]
    assert [path.name for path in FOLDER.glob("*.yaml")] == ["shop_de.yaml"]


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"name": "source"}, "/name"),
        ({"name": "a__b"}, "/name"),
        ({"lookback_days": 0}, "/lookback_days"),
        ({"start_date": "2024-02-30"}, "/start_date"),
        ({"start_date": "2024-02-02", "end_date": "2024-02-01"}, "/end_date"),
        ({"lookback": 3}, "/lookback"),
        ({"ihc_conv_type_id": {"env": "HOME"}}, "/ihc_conv_type_id"),
        ({"database_url": "mysql://host/shop"}, "/database_url"),
        ({"engine": "sparkle"}, "/engine"),
        ({"dimensions": ["cost"]}, "/dimensions"),
        ({"ihc_api_key": "***"}, "/ihc_api_key"),
        ({"database_url": "postgresql://***@127.0.0.1:1/shop"}, "/database_url"),
        ({"source_url": "shop"}, "/source_url"),
        ({"channels": "no_such.csv"}, "/channels"),
        ({"channels": "\0.csv"}, "/channels"),
        ({"lookback_days": True}, "/lookback_days"),
        ({"lookback_days": "3"}, "/lookback_days"),
    ],
)
def test_settings_that_cannot_be_used_are_named_and_nothing_is_written(
    admin: ApiClient, settings: dict[str, object], pointer: str
) -> None:
    answer = admin.post("/v1/data-sets", {"name": "shop_de", **settings})
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]] or settings == {"name": "source"}
    assert data_sets().usable == {}
    assert not list(FOLDER.glob("*.yaml"))


def test_a_secret_is_in_a_file_of_its_own_and_never_told(admin: ApiClient) -> None:
    url = "postgresql://anna:pass-of-anna@127.0.0.1:1/shop"
    settings = {"ihc_api_key": KEY, "ihc_api_url": "https://127.0.0.1:1/v1", "database_url": url}
    made = admin.post("/v1/data-sets", {"name": "shop_de", **settings})
    assert made.status_code == 201
    told = [made.text, admin.get("/v1/data-sets").text, (FOLDER / "shop_de.yaml").read_text()]
    told.append(admin.post("/v1/data-sets/shop_de/operations", {"kind": "attribute"}).text)
    assert not any(secret in text for text in told for secret in (KEY, "pass-of-anna"))
    assert made.json()["ihc_api_key"] == "***"
    files = list((FOLDER / ".secrets").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    found = data_set_named("shop_de")
    assert found is not None
    assert (found.ihc_api_key, found.database_url) == (KEY, url)
    assert found.variables["ihc_api_key"] == "ATTRIBUTION_DATA_SET_SHOP_DE_IHC_API_KEY"
    assert without_secrets(f"{KEY} {url}") == "*** postgresql://***@127.0.0.1:1/shop"


def test_a_changed_secret_replaces_its_file_and_null_takes_it_away(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de", "ihc_api_key": KEY, "lookback_days": 7})
    changed = admin.call("PATCH", "/v1/data-sets/shop_de", json={"ihc_api_key": "another-key"})
    assert changed.status_code == 200
    assert [file.read_text() for file in (FOLDER / ".secrets").iterdir()] == ["another-key"]
    elsewhere = admin.call("PATCH", "/v1/data-sets/shop_de", json={"ihc_api_url": "https://elsewhere.example/"})
    assert (elsewhere.status_code, [error["pointer"] for error in elsewhere.json()["errors"]]) == (
        422,
        ["/ihc_api_url"],
    )
    taken = admin.call("PATCH", "/v1/data-sets/shop_de", json={"ihc_api_key": None, "lookback_days": None})
    assert (taken.json()["ihc_api_key"], taken.json()["lookback_days"]) == (None, 4)
    assert list((FOLDER / ".secrets").iterdir()) == []
    assert admin.call("PATCH", "/v1/data-sets/shop_at", json={}).status_code == 404


def test_a_file_that_cannot_be_used_is_listed_with_its_problem_and_can_be_repaired(admin: ApiClient) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "shop_de.yaml").write_text("lookback_days: many\n")
    (listed,) = admin.get("/v1/data-sets").json()["data"]
    assert "lookback_days is 'many'" in listed["problem"]
    assert listed["problem"].startswith("the data set shop_de, line 1: ")
    assert admin.post("/v1/data-sets/shop_de/operations", {"kind": "attribute"}).status_code == 409
    assert admin.call("PATCH", "/v1/data-sets/shop_de", json={"lookback_days": 3}).json()["problem"] is None


def test_a_file_that_names_no_source_is_a_conflict_and_not_to_be_tried_again(admin: ApiClient) -> None:
    assert admin.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
    (FOLDER / "shop_de.yaml").write_text("source_url: shop\n")
    for path in ("report", "status"):
        answer = admin.get(f"/v1/data-sets/shop_de/{path}")
        assert (answer.status_code, answer.json()["title"]) == (409, "Not possible"), path
        assert "Retry-After" not in answer.headers


def test_the_mask_of_a_secret_is_no_secret(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de", "ihc_api_key": KEY})
    shown = admin.get("/v1/data-sets/shop_de").json()
    answer = admin.call("PATCH", "/v1/data-sets/shop_de", json={"ihc_api_key": shown["ihc_api_key"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/ihc_api_key")
    assert [file.read_text() for file in (FOLDER / ".secrets").iterdir()] == [KEY]


def test_dimensions_are_given_changed_and_taken_away(admin: ApiClient) -> None:
    given = {"dimensions": ["campaign"], "order_dimensions": ["country", "device"]}
    made = admin.post("/v1/data-sets", {"name": "shop_de", **given}).json()
    assert {name: made[name] for name in given} == given
    assert data_sets().usable["shop_de"].order_dimensions == ("country", "device")
    unknown = admin.get("/v1/data-sets/shop_de/report?dimension=city")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/query/dimension")
    assert "it has campaign, country, device" in unknown.json()["detail"]
    assert admin.get("/v1/data-sets/shop_de/report?dimension=campaign").json()["data"] == []
    changed = admin.call("PATCH", "/v1/data-sets/shop_de", json={"dimensions": None, "order_dimensions": ["city"]})
    assert (changed.json()["dimensions"], changed.json()["order_dimensions"]) == ([], ["city"])


def test_a_data_set_made_again_beside_the_answers_of_its_predecessor_is_a_new_one(admin: ApiClient) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "shop_de.db").touch()
    execute(f"sqlite:///{FOLDER / 'shop_de.db'}", "CREATE TABLE shop_de__kept_answers (answer text)")
    assert admin.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
    status = admin.get("/v1/data-sets/shop_de/status")
    assert (status.status_code, {day for row in status.json()["data"] for day in row["missing"]}) == (200, set())
    refused = admin.post("/v1/data-sets/shop_de/operations", {"kind": "attribute"})
    assert (refused.status_code, "demo" in refused.text) == (409, False)
    assert "holds no sessions and no conversions" in refused.json()["detail"]


def test_data_sets_are_listed_in_pages(admin: ApiClient) -> None:
    for name in ("b", "a", "c"):
        admin.post("/v1/data-sets", {"name": name})
    first = admin.get("/v1/data-sets?limit=2").json()
    second = admin.get(f"/v1/data-sets?limit=2&cursor={first['next']}").json()
    assert [[each["name"] for each in page["data"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert second["next"] is None


def identity(name: str) -> str:
    return identity_of(FOLDER / f"{name}.yaml")


def test_asked_for_twice_a_data_set_is_deleted_once_and_not_changed_meanwhile(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de"})
    first, second = (admin.call("DELETE", "/v1/data-sets/shop_de") for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert admin.call("DELETE", "/v1/data-sets/shop_de?forget_answers=true").status_code == 409
    assert admin.call("PATCH", "/v1/data-sets/shop_de", json={"lookback_days": 3}).status_code == 409
    rows = admin.post("/v1/data-sets/shop_de/rows/costs", [{"session_id": "s1", "cost": 1}])
    assert rows.status_code == 409


def test_rows_that_come_in_while_their_data_set_is_deleted_are_not_stored(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de"})

    def body() -> Iterator[bytes]:
        yield b'{"session_id": "s1", "cost": 1}\n'
        admin.call("DELETE", "/v1/data-sets/shop_de")
        delete_data_set("shop_de", identity("shop_de"), forget_answers=True)
        yield b'{"session_id": "s2", "cost": 1}\n'

    place, headers = "/v1/data-sets/shop_de/rows/costs", {"Content-Type": "application/x-ndjson"}
    refused = admin.call("POST", place, data=body(), headers=headers)
    assert (refused.status_code, refused.json()["title"]) == (404, "Not found")
    assert not (FOLDER / "shop_de.db").exists()


def test_a_data_set_that_was_made_after_the_deletion_was_asked_for_is_left_alone(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de"})
    of_first = identity("shop_de")
    delete_data_set("shop_de", of_first, forget_answers=False)
    assert admin.post("/v1/data-sets", {"name": "shop_de", "lookback_days": 9}).status_code == 201
    with pytest.raises(RunRejectedError, match="made anew"):
        delete_data_set("shop_de", of_first, forget_answers=True)
    assert admin.get("/v1/data-sets/shop_de").json()["lookback_days"] == 9


def test_only_the_reports_that_its_tables_name_are_deleted_from_a_shared_folder(
    admin: ApiClient, tmp_path: Path
) -> None:
    for name in ("shop_a", "shop_b"):
        admin.post("/v1/data-sets", {"name": name, "reports": str(tmp_path / "shared")})
        settings = data_set_named(name)
        assert settings is not None
        report = resources_of(settings).reports.file(f"channel_reporting_of_{name}.csv")
        report.parent.mkdir(exist_ok=True)
        report.write_text("channel_name\n")
        written = pd.DataFrame({"path": [str(report)]})
        AssetStorage(settings.storage).write("channel_reporting_csv", DayTable(dt.date(2024, 2, 24), written, {}))
    delete_data_set("shop_a", identity("shop_a"), forget_answers=False)
    assert [file.name for file in (tmp_path / "shared").iterdir()] == ["channel_reporting_of_shop_b.csv"]


def test_what_readers_of_the_page_saved_is_deleted_with_the_data_set(admin: ApiClient, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'shared.db'}", makes_file=True)
    saved = {}
    for name in ("shop_a", "shop_b"):
        admin.post("/v1/data-sets", {"name": name, "database_url": f"sqlite:///{tmp_path / 'shared.db'}"})
        saved[name] = SavedThings(f"sqlite:///{tmp_path / 'shared.db'}", f"{name}__", makes_file=True)
        saved[name].save("view", "losing channels", "?sort=profit", dt.datetime(2024, 3, 1, tzinfo=dt.UTC))
    delete_data_set("shop_a", identity("shop_a"), forget_answers=False)
    with database.reading() as connection:
        assert not column_types(connection, "shop_a__page_saved")
    assert saved["shop_b"].read().views == {"losing channels": "?sort=profit"}


@pytest.mark.parametrize("forget_answers", [False, True])
def test_rows_sent_before_the_source_was_another_one_are_deleted_with_the_data_set(
    admin: ApiClient, tmp_path: Path, *, forget_answers: bool
) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de"})
    admin.post("/v1/data-sets/shop_de/rows/costs", [{"session_id": "s1", "cost": 1}])
    settings = data_set_named("shop_de")
    assert settings is not None
    (tmp_path / "export").mkdir()
    source_url = f"files://{tmp_path / 'export'}"
    assert admin.call("PATCH", "/v1/data-sets/shop_de", json={"source_url": source_url}).status_code == 200
    delete_data_set("shop_de", identity("shop_de"), forget_answers=forget_answers)
    database = Database(settings.database_url)
    assert database.path is not None
    assert database.path.exists() is not forget_answers
    if database.path.exists():
        with database.reading() as connection:
            assert not column_types(connection, "session_costs")


def test_places_of_its_own_in_an_object_store_are_deleted_as_a_whole(
    admin: ApiClient, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("STORAGE", "REPORTS", "CONVERSION_TYPES"):
        monkeypatch.setenv(f"ATTRIBUTION_{place}", f"{s3_bucket}/{place.lower()}")
    for name in ("shop_a", "shop_ab"):
        admin.post("/v1/data-sets", {"name": name})
        settings = data_set_named(name)
        assert settings is not None
        files = (
            f"{settings.reports}/channel_reporting.csv",
            f"{settings.storage}/sessions/2024-02-24.parquet",
            f"{settings.conversion_types}/default.toml",
            f"{settings.conversion_types}/earlier/default.1.toml",
        )
        for file in files:
            UPath(file).write_bytes(b"")
    delete_data_set("shop_a", identity("shop_a"), forget_answers=False)
    left = [path for path in UPath(s3_bucket).rglob("*") if path.is_file()]
    assert len(left) == len(files)
    assert all("/data_sets/shop_ab/" in str(path) for path in left)


def test_a_storage_that_holds_the_tables_of_another_database_is_left_alone(admin: ApiClient, tmp_path: Path) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de", "storage": str(tmp_path / "shared")})
    AssetStorage(str(tmp_path / "shared")).claim("SQLite database of another shop")
    before = [path.read_bytes() for path in (tmp_path / "shared").iterdir()]
    with pytest.raises(ForeignStorageError):
        delete_data_set("shop_de", identity("shop_de"), forget_answers=False)
    assert [path.read_bytes() for path in (tmp_path / "shared").iterdir()] == before
    assert data_set_named("shop_de") is not None


@pytest.mark.parametrize("settings", ["database_url: {env: NOWHERE_SET}\n", "lookback_days: many\n"])
def test_a_data_set_whose_places_are_not_known_is_not_deleted(admin: ApiClient, settings: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "shop_de.yaml").write_text(settings)
    refused = admin.call("DELETE", "/v1/data-sets/shop_de")
    assert (refused.status_code, refused.json()["title"]) == (409, "Not possible")
    with pytest.raises(RunRejectedError, match="not known"):
        delete_data_set("shop_de", identity("shop_de"), forget_answers=True)
    assert (FOLDER / "shop_de.yaml").exists()


def test_of_a_file_that_cannot_be_read_the_file_and_its_secrets_are_deleted(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_de", "ihc_api_key": KEY, "ihc_api_url": "https://127.0.0.1:1/v1"})
    (FOLDER / "shop_de.yaml").write_text("lookback_days: [\n")
    assert admin.call("DELETE", "/v1/data-sets/shop_de").status_code == 202
    assert delete_data_set("shop_de", identity("shop_de"), forget_answers=True) == {
        "deleted": "shop_de",
        "answers_kept": True,
    }
    assert not list((FOLDER / ".secrets").iterdir())
    assert admin.get("/v1/data-sets/shop_de").status_code == 404


def test_beside_a_postgresql_database_each_data_set_has_a_schema_of_its_own(
    admin: ApiClient, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", postgresql_url)
    for name in ("Shop_DE", "shop_at"):
        monkeypatch.setenv(f"ATTRIBUTION_DATA_SET_{name}_DATABASE_URL".upper(), "")  # set by the API, and put back
        made = admin.post("/v1/data-sets", {"name": name})
        assert (made.status_code, made.json()["database_url"]) == (201, None)
        stored = admin.post(f"/v1/data-sets/{name}/rows/costs", [{"session_id": "s1", "cost": 1}])
        assert stored.json()["stored"] == 1, stored.text
    where = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'session_costs' ORDER BY 1"
    with Database(postgresql_url).reading() as connection:
        assert connection.exec_driver_sql(where).scalars().all() == ["data_set_shop_at", "data_set_shop_de"]
    assert admin.call("PATCH", "/v1/data-sets/shop_at", json={"database_url": None}).status_code == 200
    assert admin.call("DELETE", "/v1/data-sets/shop_at/rows/costs/s1").status_code == 204
    assert owns_source("Shop_DE")
    delete_data_set("Shop_DE", identity_of(FOLDER / "Shop_DE.yaml"), forget_answers=True)
    with Database(postgresql_url).reading() as connection:
        assert connection.exec_driver_sql(where).scalars().all() == ["data_set_shop_at"]
    assert admin.post("/v1/data-sets", {"name": "Shop_DE"}).status_code == 201
    assert admin.call("DELETE", "/v1/data-sets/Shop_DE/rows/costs/s1").status_code == 404


def test_a_data_set_whose_schema_cannot_be_made_is_not_made(
    admin: ApiClient, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", postgresql_url)
    monkeypatch.setenv("ATTRIBUTION_DATA_SET_SHOP_DE_DATABASE_URL", "")  # set by the API, and put back
    with Database(postgresql_url).writing() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not today'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION refuse()"
        )
    try:
        assert admin.post("/v1/data-sets", {"name": "shop_de", "ihc_api_key": KEY}).status_code == 503
        assert [path.name for path in FOLDER.rglob("*") if "shop_de" in path.name] == []
    finally:
        with Database(postgresql_url).writing() as connection:
            connection.exec_driver_sql("DROP EVENT TRIGGER refuse")
    assert admin.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
