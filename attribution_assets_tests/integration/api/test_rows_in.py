"""Rows that are sent to the API: all formats give the same, unusable ones are refused as runs would set them aside."""

import csv
import datetime as dt
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.api.batches import Batch
from attribution_assets.api.row_tables import ROW_TABLES, sorted_out
from attribution_assets.attribution.database.database import Database, insert_rows
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.data_sets import owns_source
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.databases import execute, insert, rows_of
from attribution_assets_tests.support.rows_api import DATA_SET, ApiServer
from attribution_assets_tests.support.source_tables import create_unkeyed_tables, session

NDJSON, CSV, PARQUET, JSON = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet", "application/json"
SESSION = {
    "session_id": "s1",
    "user_id": "u1",
    "event_date": "2024-02-24",
    "event_time": "10:00:00",
    "channel_name": "Search",
    "holder_engagement": 1,
    "closer_engagement": 0,
    "impression_interaction": 0,
}
ORDER = {"conv_id": "o1", "user_id": "u1", "conv_date": "2024-02-25", "conv_time": "9:30:00", "revenue": 12.5}
STORED_SESSION = ("s1", "u1", "2024-02-24", "10:00:00", "Search", 1, 0, 0)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def csv_of(*rows: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def parquet_of(*rows: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([*rows]), file)
    return file.getvalue()


def stored(api: ApiServer, table: str = "session_sources") -> list[tuple[Any, ...]]:
    return rows_of(api.settings.database_url, table)


ROWS = [SESSION | {"campaign": "Brüder, 5 €"}, SESSION | {"session_id": "s,2", "user_id": None, "campaign": None}]


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        (NDJSON, lines(*ROWS).encode()),
        (NDJSON, b"\xef\xbb\xbf" + lines(*ROWS).replace("\n", "\r\n\r\n").encode()),
        (CSV, csv_of(*ROWS).encode()),
        (f"{CSV}; charset=UTF-8", b"\xef\xbb\xbf" + csv_of(*ROWS).encode()),
        (PARQUET, parquet_of(*ROWS)),
        (JSON, json.dumps(ROWS).encode()),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_all_formats_give_the_same_rows(api: ApiServer, type_: str, body: bytes, zipped: bool) -> None:  # noqa: FBT001 - a parameter
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    answer = api.send("sessions", gzip.compress(body) if zipped else body, type_, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"received": 2, "stored": 2, "unchanged": 0, "rejected": [], "rejected_count": 0}
    assert stored(api) == [
        ("s,2", None, *STORED_SESSION[2:], None),
        ("s1", *STORED_SESSION[1:], "Brüder, 5 €"),
    ]


def test_rows_are_replaced_by_their_key_and_sending_again_changes_nothing(api: ApiServer) -> None:
    def told(*rows: dict[str, Any]) -> tuple[int, ...]:
        answer = api.send("conversions", lines(*rows)).json()
        return answer["received"], answer["stored"], answer["unchanged"]

    other = ORDER | {"conv_id": "o2"}
    assert told(ORDER, other) == (2, 2, 0)
    assert told(ORDER, other) == (2, 0, 2)
    assert told(ORDER | {"revenue": 13}, other) == (2, 1, 1)
    assert told(ORDER | {"revenue": 14}, ORDER | {"revenue": 15}) == (2, 1, 1)
    assert [row[-1] for row in stored(api, "conversions")] == [15.0, 12.5]
    assert told(ORDER | {"customer": "new"}) == (1, 1, 0)
    assert told(ORDER) == (1, 1, 0)  # which has no such column
    assert [row[-1] for row in stored(api, "conversions")] == [None, None]


def test_costs_and_spend_have_keys_of_their_own(api: ApiServer) -> None:
    assert (
        api.send("costs", csv_of({"session_id": "s1", "cost": "0.5"}, {"session_id": 2, "cost": ""}), CSV).json()[
            "stored"
        ]
        == 2
    )
    assert stored(api, "session_costs") == [("2", None), ("s1", 0.5)]
    spend = {"date": "2024-02-24", "channel_name": "Search", "cost": 10}
    assert api.send("spend", lines(spend, spend | {"campaign": "a"}, spend | {"cost": 11})).json()["stored"] == 2
    assert api.send("spend", lines(spend | {"campaign": ""}, spend | {"campaign": "a"})).json()["unchanged"] == 1
    answer = api.send("spend", lines(spend | {"cost": "free", "campaign": "a, b"}, {})).json()
    assert [row["id"] for row in answer["rejected"]] == ['2024-02-24,Search,"a, b"', None]
    assert api.delete("spend/2024-02-24,Search,a").status_code == 204
    assert api.delete("spend/2024-02-24,Search").status_code == 204
    assert stored(api, "ad_spend") == []
    assert {api.delete(f"spend/{key}").status_code for key in ("2024-02-24,Search", "a", "a,b,c,d", '"')} == {404}


def test_a_timestamp_with_an_offset_is_date_and_time_in_utc(api: ApiServer) -> None:
    row = {name: value for name, value in SESSION.items() if not name.startswith("event_")}
    moments = ["2024-02-24T00:30:00+02:00", "2024-02-24 10:00:00.25Z", "2024-02-24T10:00:00", "noon", 5]
    sent = [row | {"session_id": f"s{number}", "timestamp": moment} for number, moment in enumerate(moments)]
    answer = api.send("sessions", lines(*sent, SESSION | {"timestamp": moments[0]})).json()
    example = "is not a timestamp with an offset: write it as 2024-02-01T12:00:00+01:00"
    assert [(each["row"], each["id"], each["field"], each["reason"]) for each in answer["rejected"]] == [
        (3, "s2", "timestamp", f"timestamp '2024-02-24T10:00:00' {example}"),
        (4, "s3", "timestamp", f"timestamp 'noon' {example}"),
        (5, "s4", "timestamp", f"timestamp 5 {example}"),
        (
            6,
            "s1",
            "timestamp",
            f"timestamp '{moments[0]}' stands beside event_date or event_time: leave these out",
        ),
    ]
    assert [row[2:4] for row in stored(api)] == [("2024-02-23", "22:30:00"), ("2024-02-24", "10:00:00.250000")]


def test_days_and_times_of_parquet_are_those_of_the_source_tables(api: ApiServer) -> None:
    at = dt.datetime(2024, 2, 23, 22, 30, tzinfo=dt.UTC)
    table = pa.table(
        {
            "Session_ID": [1, 2],
            "timestamp": pa.array([at, None], pa.timestamp("ns", "Europe/Berlin")),
            "event_date": pa.array([None, dt.date(2024, 2, 24)]),
            "event_time": pa.array([None, dt.time(10)], pa.time64("us")),
            "channel_name": pa.array(["Search"] * 2).dictionary_encode(),
            **{name: [True, False] for name in SESSION if name.endswith(("engagement", "interaction"))},
            "tags": [["a"], None],
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    answer = api.send("sessions", file.getvalue(), PARQUET).json()
    assert answer["rejected"] == [{"row": 1, "id": "1", "field": "tags", "reason": "tags ['a'] is no single value"}]
    file = io.BytesIO()
    pq.write_table(table.drop_columns("tags"), file)
    answer = api.send("sessions", file.getvalue(), PARQUET).json()
    assert (answer["stored"], answer["unchanged"]) == (1, 1)
    assert stored(api) == [
        ("1", None, "2024-02-23", "22:30:00", "Search", 1, 1, 1),
        ("2", None, "2024-02-24", "10:00:00", "Search", 0, 0, 0),
    ]


BAD_SESSIONS = [
    {"session_id": None},
    {"session_id": ""},
    {"session_id": "x" * 257},
    {"session_id": "a\nb", "user_id": "\x7f"},
    {"event_date": "2024-02-30"},
    {"event_date": None, "event_time": None},
    {"event_time": "25:00:00"},
    {"event_time": "00:30:00+01:00"},
    {"channel_name": " \u200b"},
    {"channel_name": None, "holder_engagement": 2, "closer_engagement": "yes", "impression_interaction": None},
]
BAD_ORDERS = [
    {"conv_id": ""},
    {"revenue": None},
    {"revenue": "ten"},
    {"revenue": -1},
    {"revenue": 1e15, "refunded": "some"},
    {"refunded": 13, "conv_time": "noon", "conversion_type": "\x7f"},
]
BAD_COSTS = [{"cost": "free"}, {"cost": -0.5}]


def test_a_rejected_row_says_what_a_run_would_say_of_it(api: ApiServer, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    (tmp_path / "pipeline.db").touch()
    create_unkeyed_tables(url)
    sessions = [{**SESSION, "session_id": f"b{n}", **changed} for n, changed in enumerate(BAD_SESSIONS)]
    orders = [
        {**ORDER, "refunded": None, "conversion_type": None, "conv_id": f"b{n}", **changed}
        for n, changed in enumerate(BAD_ORDERS)
    ]
    costs = [{"session_id": f"c{n}", **changed} for n, changed in enumerate(BAD_COSTS)]
    insert(url, "session_sources", [tuple(row.values()) for row in sessions])
    insert(url, "session_sources", [session(row["session_id"], date="2024-02-24") for row in costs])
    insert(url, "session_costs", [tuple(row.values()) for row in costs])
    execute(url, *(f"ALTER TABLE conversions ADD COLUMN {name}" for name in ("refunded", "conversion_type text")))
    with Database(url).writing() as connection:
        insert_rows(connection, "conversions", [*orders[0]], [tuple(row.values()) for row in orders])
    source, days = SourceDatabase(url, dt.date(2024, 2, 24)), [dt.date(2024, 2, 24) + dt.timedelta(n) for n in range(8)]
    said = {
        (key, reason)
        for extracted in (*source.sessions(days), *source.conversions(days))
        for key, reason in zip(extracted.rejected["row_key"], extracted.rejected["reason"], strict=True)
    }
    sent = {"sessions": sessions, "costs": costs, "conversions": orders}
    answers = [api.send(table, lines(*rows)).json() for table, rows in sent.items()]
    assert {(row["id"], row["reason"]) for answer in answers for row in answer["rejected"]} == said
    assert [answer["rejected_count"] for answer in answers] == [len(sessions), len(costs), len(orders)]
    assert [answer["stored"] for answer in answers] == [0, 0, 0]


def test_good_rows_are_stored_beside_rejected_ones_unless_strict(api: ApiServer) -> None:
    body = lines(SESSION, SESSION | {"session_id": "s2", "event_time": "25:00:00"}, SESSION | {"session_id": "s3"})
    refused = api.send("sessions", body, params={"strict": "true"})
    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["errors"] == [
        {"row": 2, "id": "s2", "field": "event_time", "detail": "event_time '25:00:00' is not a time HH:MM:SS"}
    ]
    assert not Path(api.settings.database_url.removeprefix("sqlite:///")).exists()
    assert api.send("sessions", body).json() == {
        "received": 3,
        "stored": 2,
        "unchanged": 0,
        "rejected": [
            {"row": 2, "id": "s2", "field": "event_time", "reason": "event_time '25:00:00' is not a time HH:MM:SS"}
        ],
        "rejected_count": 1,
    }
    assert [row[0] for row in stored(api)] == ["s1", "s3"]
    assert api.send("sessions", lines(SESSION), params={"strict": "true"}).status_code == 200


def test_fields_that_can_be_no_column_and_values_that_are_several_are_refused_by_row(api: ApiServer) -> None:
    rows = [
        SESSION | {"my;tag": 1},
        SESSION | {"Channel_Name": "b"},
        SESSION | {"channel_name": {"a": 1}},
        SESSION | {"note": "\0"},
    ]
    answer = api.send("sessions", lines(*rows)).json()
    assert [(row["field"], row["reason"]) for row in answer["rejected"]] == [
        (
            "my;tag",
            "'my;tag' cannot be the name of a column: take letters and digits, with blanks or _ . - between",
        ),
        ("", "two of its fields have the same name, but for capital letters"),
        ("channel_name", "channel_name {'a': 1} is no single value"),
        ("note", r"note '\x00' holds a control character"),
    ]


@pytest.mark.parametrize(
    ("type_", "body", "reason"),
    [
        (NDJSON, lines(SESSION) + '{"session_id": }\n', "line 2 is no JSON: "),
        (NDJSON, lines(SESSION) + "[1]\n", "line 2 is no JSON object"),
        (NDJSON, b'{"session_id": "\xff"}', "line 1 is no JSON: "),
        (NDJSON, '{"a": "' + "x" * 1_000_001 + '"}', "line 1 is longer than 1,000,000 bytes"),
        (CSV, csv_of(SESSION) + "s2,u1\r\n", "line 3 has 2 fields, and the header 8"),
        (CSV, 'session_id,cost\ns1,"0.5\n', "line 2 is no CSV: unexpected end of data"),
        (CSV, b"session_id,cost\n\xff,1\n", "line 2 is no UTF-8: byte 1"),
        (CSV, "", "line 1: there is no header"),
        (CSV, "session_id,cost,cost\n", "line 1: the column cost is there twice"),
        (CSV, "session_id;cost\n1;2\n", "line 1: 'session_id;cost' cannot be the name of a column"),
        (PARQUET, b"PAR1 and more", "the body is no Parquet file that can be read: "),
        (JSON, '[{"session_id": 1},\n{]', "line 2 is no JSON: "),
        (JSON, "{}", "line 1: the body is no JSON array of rows"),
        (JSON, "[1]", "row 1 is no JSON object"),
        (JSON, "", "line 1 is no JSON: "),
        (JSON, '[{"session_id": 1},]', "line 1 is no JSON: an object is missing"),
        (JSON, '[{"session_id": 1}\n{"session_id": 2}]', "line 2 is no JSON: a comma or the end"),
        (JSON, '[{"session_id": 1}', "line 1 is no JSON: a comma or the end"),
        (JSON, '[{"session_id": 1}]\n[]', "line 2 is no JSON: something stands after"),
        (JSON, '[{"session_id": NaN}]', "line 1 is no JSON: "),
        (JSON, b'[{"session_id": "\xff"}]', "the body is no UTF-8"),
        (JSON, '[{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]", "line 1 is no JSON that can be read: "),
        (JSON, '[{"a": "' + "x" * 2_000_000 + '"}]', "row 1 is longer than 1,000,000 bytes"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_line_and_reason_and_nothing_is_stored(
    api: ApiServer, type_: str, body: str | bytes, reason: str
) -> None:
    answer = api.send("costs", body, type_)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Unreadable body"
    assert answer.json()["detail"].startswith(reason)
    assert answer.json()["detail"].endswith("; nothing is stored")
    assert not Path(api.settings.database_url.removeprefix("sqlite:///")).exists()


def test_what_is_sent_in_an_unknown_way_is_refused(api: ApiServer) -> None:
    zipped = gzip.compress(lines(SESSION).encode())
    for body, type_, encoding, status in (
        (b"", "text/plain", "identity", 415),
        (b"", f"{CSV}; charset=latin-1", "identity", 415),
        (b"", NDJSON, "br", 415),
        (zipped[:-9], NDJSON, "gzip", 400),
        (b"plain", NDJSON, "gzip", 400),
    ):
        answer = api.send("sessions", body, type_, headers={"Content-Encoding": encoding})
        assert answer.status_code == status, answer.text
    for unknown in (api.send("visits", ""), api.delete("visits/s1")):
        assert (unknown.status_code, unknown.json()["title"]) == (404, "Not found")
    assert api.send("sessions", "").json()["received"] == 0


def test_a_json_array_is_read_in_parts_however_long_it_is(api: ApiServer) -> None:
    costs = [{"session_id": f"s{n}", "cost": 1, "note": "ä€" * 300} for n in range(20_000)]
    body = b"\xef\xbb\xbf" + json.dumps(costs, ensure_ascii=False, indent=1).encode() + b" " * 2_000_000
    assert len(body) > 30_000_000
    assert api.send("costs", body, JSON).json()["stored"] == 20_000
    assert api.send("costs", b"[" + b" " * 2_000_000 + b"]", JSON).json()["received"] == 0


@pytest.mark.parametrize(("type_", "form"), [(NDJSON, "%s"), (JSON, "[%s]")])
def test_numbers_as_ids_keep_all_their_digits_or_are_refused(api: ApiServer, type_: str, form: str) -> None:
    ids = [9007199254740993, 18446744073709551617, -123456789012345678901234567890]
    for number in ids:
        assert api.send("costs", form % f'{{"session_id": {number}, "cost": 1}}', type_).json()["stored"] == 1
    assert {row[0] for row in stored(api, "session_costs")} == set(map(str, ids))
    [refused] = api.send("costs", form % '{"session_id": 9007199254740993.0, "cost": 1}', type_).json()["rejected"]
    assert (refused["field"], "may have lost digits" in refused["reason"]) == ("session_id", True)
    assert api.send("costs", form % '{"session_id": 7.0, "cost": 1}', type_).json()["stored"] == 1


def test_a_body_too_long_is_one_kind_of_problem_however_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_api(most_bytes=1_000) as url:
        client = ApiClient(url, new_key("admin", "admin"))
        client.post("/v1/data-sets", {"name": "shop"})
        body = b" " * 2_000
        sent = [(body, {}), (iter([body]), {}), (gzip.compress(body), {"Content-Encoding": "gzip"})]
        for data, headers in sent:
            headers |= {"Content-Type": NDJSON}
            answer = client.call("POST", "/v1/data-sets/shop/rows/costs", data=data, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (413, "/docs#body-too-long")


def test_a_data_set_beside_others_in_a_server_s_database_takes_no_rows(
    api: ApiServer, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_DATABASE_URL", postgresql_url)
    for answer in (api.send("costs", lines({"session_id": "s1", "cost": 1})), api.delete("costs/s1")):
        assert (answer.status_code, answer.json()["title"]) == (409, "Not possible")
        assert "give it database_url" in answer.json()["detail"]
    assert not owns_source(DATA_SET)
    with Database(postgresql_url).writing() as connection:
        connection.exec_driver_sql("CREATE SCHEMA shop_de")
    options = "options=-csearch_path%3Dshop_de"
    own = f"{postgresql_url}{'&' if '?' in postgresql_url else '?'}{options}"
    api.move_to(own)
    assert api.send("costs", lines({"session_id": "s1", "cost": 1})).json()["stored"] == 1
    with Database(postgresql_url).reading() as connection:
        where = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'session_costs'"
        assert connection.exec_driver_sql(where).scalars().all() == ["shop_de"]


def test_a_row_can_be_deleted_once(api: ApiServer) -> None:
    assert api.delete("sessions/s1").status_code == 404
    api.send("sessions", lines(SESSION, SESSION | {"session_id": "a/b c"}))
    assert [api.delete(f"sessions/{key}").status_code for key in ("s1", "s1", "a%2Fb%20c")] == [204, 404, 204]
    assert stored(api) == []
    assert api.delete("costs/s1").status_code == 404


def test_rows_come_into_postgresql_as_into_sqlite(api: ApiServer, postgresql_url: str) -> None:
    api.move_to(postgresql_url)
    body = lines(*ROWS, *(SESSION | {"session_id": f"n{n}", "channel_name": f"C{n % 2}"} for n in range(20_005)))
    answer = api.send("sessions", body).json()
    assert answer["stored"] == 20_007
    body = lines(
        *ROWS,
        SESSION | {"session_id": "n7", "campaign": "x"},
        SESSION | {"session_id": "n7"},
        SESSION | {"session_id": None},
    )
    answer = api.send("sessions", body).json()
    assert (answer["received"], answer["stored"], answer["unchanged"], answer["rejected_count"]) == (5, 1, 3, 1)
    api.send("costs", "session_id,cost\ns1,0.25\n", CSV)
    spend = {"date": "2024-02-24", "channel_name": "Search", "cost": 10}
    assert [api.send("spend", lines(spend)).json()["stored"] for _ in range(2)] == [1, 0]
    assert api.send("conversions", lines(ORDER)).json()["stored"] == 1
    [day] = SourceDatabase(postgresql_url, dt.date(2024, 2, 24)).sessions([dt.date(2024, 2, 24)])
    assert (len(day.frame), len(day.rejected)) == (20_007, 0)
    assert [api.delete(f"sessions/{key}").status_code for key in ("n7", "n7")] == [204, 404]
    assert api.delete("spend/2024-02-24,Search").status_code == 204


def test_tables_that_are_there_are_used_as_they_are(api: ApiServer, database_url: str) -> None:
    """With their own types, spelling and rows; where a key has several rows, none could be replaced."""
    api.move_to(database_url)
    typed = "date, conv_time time" if database_url.startswith("postgresql") else "text, conv_time text"
    execute(
        database_url, f'CREATE TABLE conversions ("Conv_ID" text, user_id text, conv_date {typed}, revenue numeric)'
    )
    execute(database_url, "INSERT INTO conversions VALUES ('o1', 'u1', '2024-02-25', '09:30:00', 12)")
    answer = api.send("conversions", lines(ORDER | {"revenue": 12})).json()
    assert answer["unchanged"] == 1
    assert api.send("conversions", lines(ORDER)).json()["stored"] == 1
    with Database(database_url).reading() as connection:
        assert float(connection.exec_driver_sql("SELECT revenue FROM conversions").scalar_one()) == 12.5
    execute(database_url, "CREATE TABLE ad_spend (date text, channel_name text, cost numeric)")
    execute(database_url, "INSERT INTO ad_spend VALUES ('2024-02-25', 'SEO', 1), ('2024-02-25', 'SEO', 2)")
    answer = api.send("spend", lines({"date": "2024-02-25", "channel_name": "SEO", "cost": 1}))
    assert answer.status_code == 409
    assert "ad_spend has several rows with the same date, channel_name, campaign" in answer.json()["detail"]


def test_a_key_needs_the_scope_and_the_data_set(api: ApiServer) -> None:
    secret = new_key("reader", "read")
    assert api.send("costs", "", CSV, headers={"Authorization": f"Bearer {secret}"}).status_code == 403
    assert api.send("costs", "", CSV, headers={"Authorization": ""}).status_code == 401


def test_rows_of_a_source_of_its_own_are_not_ours_to_change(api: ApiServer) -> None:
    api.set(source_url="sqlite:///other.db")
    for answer in (api.send("sessions", lines(SESSION)), api.delete("sessions/s1")):
        assert (answer.status_code, answer.json()["title"]) == (409, "Not possible")
        assert "reads its rows from a source of its own" in answer.json()["detail"]
    assert not Path("other.db").exists()


_VALUES = st.one_of(
    st.none(),
    st.integers(-2, 2),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["", " ", "1", "true", "0.5", "9:00:00", "12:00:00+01:00", "2024-02-24", "x\n", "x" * 257]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from([*SESSION]), _VALUES, max_size=3))
def test_what_is_stored_a_run_can_use_and_what_is_rejected_it_would_set_aside(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    row = SESSION | changes
    batch = Batch(1, 1, {name: [value] for name, value in row.items()})
    found = sorted_out(ROW_TABLES["sessions"], batch)
    url = f"sqlite:///{tmp_path / 'one.db'}"
    (tmp_path / "one.db").unlink(missing_ok=True)
    (tmp_path / "one.db").touch()
    create_unkeyed_tables(url)
    kept = [values[0] for values in found.columns.values()] if not found.refused else [*row.values()]
    with Database(url).writing() as connection:
        insert_rows(connection, "session_sources", [*(found.columns if not found.refused else row)], [tuple(kept)])
    first = dt.date(2024, 2, 24)
    [day] = SourceDatabase(url, first).sessions([first])
    if found.refused:
        assert (len(day.frame), len(day.rejected)) == (0, 1)
    else:
        assert (len(day.frame), len(day.rejected)) == (1, 0)
