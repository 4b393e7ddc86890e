"""The embedded IHC service over real HTTP: its contract, what it rejects, and how it starts and stops."""

import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn

from attribution_assets.ihc_service.app import create_app
from attribution_assets.ihc_service.server import embedded_ihc_service
from attribution_assets_tests.support.answered_journeys import made_up_parameters

Row = dict[str, Any]
PARAMETERS = {"conv_type_id": "default"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with embedded_ihc_service(max_journeys_per_request=3, max_sessions_per_request=6) as url:
        yield url


def session(conversion_id: str, session_id: str, timestamp: str, *, conversion: int = 0, **fields: object) -> Row:
    return {
        "conversion_id": conversion_id,
        "session_id": session_id,
        "timestamp": timestamp,
        "channel_label": "Search",
        "holder_engagement": 1,
        "closer_engagement": 1,
        "conversion": conversion,
        "impression_interaction": 0,
    } | fields


def single(conversion_id: str = "c1", **fields: object) -> Row:
    return session(conversion_id, "s1", "2023-09-07 10:00:00", conversion=1) | fields


def post(url: str, rows: list[Row], **body: object) -> requests.Response:
    return requests.post(url, params=PARAMETERS, json={"customer_journeys": rows} | body, timeout=10)


def rejection(response: requests.Response) -> str:
    """The message of a rejection, whose envelope is as it has to be."""
    envelope = response.json()
    assert envelope.keys() == {"statusCode", "value", "partialFailureErrors", "message"}
    assert envelope["statusCode"] == response.status_code
    assert envelope["value"] is None
    assert envelope["partialFailureErrors"] == []
    return str(envelope["message"])


# Answers


def test_a_single_session_is_answered_in_the_envelope(url: str) -> None:
    response = post(url, [single()])
    assert response.status_code == 200
    assert response.json() == {
        "statusCode": 200,
        "value": [{"conversion_id": "c1", "session_id": "s1", "initializer": 1, "holder": 0, "closer": 1, "ihc": 1}],
        "partialFailureErrors": [],
    }


def test_rows_come_back_in_the_order_asked_and_are_attributed_in_time_order(url: str) -> None:
    rows = [
        session("c1", "late", "2023-09-07 12:00:00", conversion=1),
        session("c2", "only", "2023-09-07 12:00:00", conversion=1),
        session("c1", "early", "2023-09-07 11:59:00"),
    ]
    value = post(url, rows).json()["value"]
    assert [row["session_id"] for row in value] == ["late", "only", "early"]
    assert [row["initializer"] for row in value] == [0, 1, 1]


def test_the_converting_session_is_the_last_of_its_second(url: str) -> None:
    rows = [
        session("c1", "converting", "2023-09-07 12:00:00", conversion=1, closer_engagement=0),
        session("c1", "beside", "2023-09-07 12:00:00", closer_engagement=0),
    ]
    assert [row["closer"] for row in post(url, rows).json()["value"]] == [1, 0]


def test_timestamps_with_and_without_offset_name_the_same_moments(url: str) -> None:
    plain = [session("c1", "a", "2023-09-06 23:30:00"), session("c1", "b", "2023-09-07 10:00:00", conversion=1)]
    offset = [
        session("c1", "a", "2023-09-07 01:30:00 +0200"),
        session("c1", "b", "2023-09-07 05:00:00 -05:00", conversion=1),
    ]
    assert post(url, plain).json() == post(url, offset).json()


def test_unknown_fields_and_a_missing_impression_interaction_are_accepted(url: str) -> None:
    row = single(note="ignored")
    del row["impression_interaction"]
    assert post(url, [row]).json()["statusCode"] == 200


def test_a_redistribution_parameter_moves_the_credit_of_its_channels(url: str) -> None:
    rows = [
        session("c1", "a", "2023-09-07 11:00:00"),
        session("c1", "b", "2023-09-07 12:00:00", conversion=1, channel_label="Direct"),
    ]
    rule = {
        "direction": "earlier_sessions_only",
        "receive_threshold": 0,
        "redistribution_channel_labels": ["Direct"],
    }
    before = post(url, rows).json()["value"]
    after = post(url, rows, redistribution_parameter={"closer": rule}).json()["value"]
    assert 0 < before[0]["closer"] < 1
    assert [row["closer"] for row in after] == [1, 0]
    assert [row["holder"] for row in after] == [row["holder"] for row in before]


# Partial failures


def test_a_session_after_the_conversion_is_left_out_and_the_rest_is_attributed(url: str) -> None:
    rows = [
        session("c1", "before", "2023-09-07 09:00:00"),
        session("c1", "after", "2023-09-07 12:00:01"),
        session("c1", "converting", "2023-09-07 12:00:00", conversion=1),
    ]
    response = post(url, rows)
    envelope = response.json()
    assert response.status_code == 200
    assert envelope["statusCode"] == 206
    assert envelope["partialFailureErrors"] == [
        {
            "trigger": {"conversion_id": "c1", "session_id": "after"},
            "reason": "Session/Impression excluded from customer journey since it occurs after the conversion event",
            "statusCode": 206,
        }
    ]
    assert envelope["value"] == post(url, [rows[0], rows[2]]).json()["value"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [session("bad", "a", "2023-09-07 09:00:00"), session("bad", "b", "2023-09-07 10:00:00")],
            "Customer journey refused since conversion is 1 in 0 of its sessions and not in exactly one",
        ),
        (
            [single("bad", session_id="a"), single("bad", session_id="b")],
            "Customer journey refused since conversion is 1 in 2 of its sessions and not in exactly one",
        ),
        (
            [session("bad", "a", "2023-09-07 09:00:00"), single("bad", session_id="a")],
            "Customer journey refused since it has a session_id more than once",
        ),
    ],
)
def test_a_journey_that_cannot_be_attributed_is_refused_whole_and_the_others_are_attributed(
    url: str, rows: list[Row], reason: str
) -> None:
    envelope = post(url, [*rows, single("good")]).json()
    assert envelope["statusCode"] == 206
    assert [row["conversion_id"] for row in envelope["value"]] == ["good"]
    assert envelope["partialFailureErrors"] == [
        {
            "trigger": {"conversion_id": "bad", "session_id": row["session_id"]},
            "reason": reason,
            "statusCode": 406,
        }
        for row in rows
    ]


def test_a_request_of_refused_journeys_alone_has_no_value(url: str) -> None:
    envelope = post(url, [single(conversion=0)]).json()
    assert (envelope["statusCode"], envelope["value"], len(envelope["partialFailureErrors"])) == (206, [], 1)


# Rejections


def test_requests_at_the_limits_are_answered(url: str) -> None:
    rows = [single(f"c{journey}", session_id=f"s{half}", conversion=half) for journey in range(3) for half in (0, 1)]
    assert len(post(url, rows).json()["value"]) == 6


def test_more_journeys_than_the_limit_are_rejected(url: str) -> None:
    response = post(url, [single(f"c{journey}") for journey in range(4)])
    assert response.status_code == 400
    assert rejection(response) == "4 journeys in one request: at most 3 are allowed"


def test_more_sessions_than_the_limit_are_rejected(url: str) -> None:
    response = post(url, [single(session_id=f"s{place}", conversion=int(place == 0)) for place in range(7)])
    assert response.status_code == 400
    assert rejection(response) == "7 sessions in one request: at most 6 are allowed"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"session_id": "\ud800"}, "customer_journeys[1].session_id: Value error, 'utf-8' codec can't encode"),
        ({"conversion_id": 7}, "customer_journeys[1].conversion_id: Input should be a valid string"),
        ({"holder_engagement": 2}, "customer_journeys[1].holder_engagement: Input should be 0 or 1"),
        ({"conversion": "1"}, "customer_journeys[1].conversion: Input should be 0 or 1"),
        ({"timestamp": "2023-02-30 10:00:00"}, "customer_journeys[1].timestamp: Value error, day is out of range"),
        *(
            ({"timestamp": timestamp}, "customer_journeys[1].timestamp: Input should be like 2023-09-07 10:00:22 or")
            for timestamp in ("2023-09-07T10:00:00", "2023-09-07", "2023-09-07 10:00:00.5", "yesterday", 0, None)
        ),
    ],
)
def test_a_malformed_field_is_rejected_with_its_place(url: str, fields: Row, message: str) -> None:
    response = post(url, [single("c0"), single(**fields)])
    assert response.status_code == 400
    assert rejection(response).startswith(message)


def test_a_missing_field_is_rejected_with_its_place(url: str) -> None:
    row = single()
    del row["channel_label"]
    response = post(url, [row])
    assert response.status_code == 400
    assert rejection(response) == "customer_journeys[0].channel_label: Field required"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"customer_journeys": [', "body: not JSON at character 23: Expecting value"),
        (b"", "body: Field required"),
        (b"[]", "body: Input should be a valid dictionary or object to extract fields from"),
        (b"{}", "customer_journeys: Field required"),
        (b'{"customer_journeys": []}', "customer_journeys: List should have at least 1 item after validation, not 0"),
        (b'{"customer_journeys": {}}', "customer_journeys: Input should be a valid list"),
        (b'{"customer_journeys": [3]}', "customer_journeys[0]: Input should be a valid dictionary or object to"),
        (b"\xff", "There was an error parsing the body"),
    ],
)
def test_a_malformed_body_is_rejected_in_the_envelope(url: str, body: bytes, message: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(url, params=PARAMETERS, data=body, headers=headers, timeout=10)
    assert response.status_code == 400
    assert rejection(response).startswith(message)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"opener": None}, "redistribution_parameter.opener: Extra inputs are not permitted"),
        ({"\ud800": None}, "redistribution_parameter: Input should be a valid string, unable to parse raw data as a"),
        ({"closer": {}}, "redistribution_parameter.closer.direction: Field required; "),
        (
            {"closer": {"direction": "any_session", "receive_threshold": 2, "redistribution_channel_labels": []}},
            "redistribution_parameter.closer.receive_threshold: Input should be less than or equal to 1",
        ),
        (
            {"holder": {"direction": "up", "receive_threshold": 0, "redistribution_channel_labels": []}},
            "redistribution_parameter.holder.direction: Input should be 'earlier_sessions_only', 'any_session' or",
        ),
    ],
)
def test_a_malformed_redistribution_parameter_is_rejected(url: str, parameter: Row, message: str) -> None:
    response = post(url, [single()], redistribution_parameter=parameter)
    assert response.status_code == 400
    assert rejection(response).startswith(message)


@pytest.mark.parametrize("parameters", [{}, {"conv_type_id": ""}])
def test_a_request_without_conversion_type_is_rejected(url: str, parameters: dict[str, str]) -> None:
    response = requests.post(url, params=parameters, json={"customer_journeys": [single()]}, timeout=10)
    assert response.status_code == 400
    assert rejection(response).startswith("conv_type_id: ")


def test_other_paths_and_methods_are_rejected_in_the_envelope(url: str) -> None:
    assert rejection(requests.post(url + "x", timeout=10)) == "Not Found"
    response = requests.get(url, timeout=10)
    assert (response.status_code, rejection(response)) == (405, "Method Not Allowed")
    assert response.headers["Allow"] == "POST"


def test_each_conversion_type_is_answered_with_its_own_parameters_and_an_unknown_one_is_rejected() -> None:
    types = {"default": made_up_parameters(0), "new": made_up_parameters(5)}
    row = {"holder_engagement": 1, "closer_engagement": 1, "conversion_id": "c", "channel_label": "Channel 1"}
    rows = [
        row | {"session_id": "a", "timestamp": "2024-02-28 10:00:00", "conversion": 0},
        row | {"session_id": "b", "timestamp": "2024-02-29 20:00:00", "conversion": 1},
    ]
    with embedded_ihc_service(conversion_types=types) as url:
        answers = {
            name: requests.post(url, params={"conv_type_id": name}, json={"customer_journeys": rows}, timeout=10)
            for name in (*types, "other")
        }
    assert [credit["ihc"] for credit in answers["default"].json()["value"]] == [0.0, 1.0]  # 34 h is over its cut
    assert min(credit["ihc"] for credit in answers["new"].json()["value"]) > 0
    assert rejection(answers["other"]) == "the conversion type 'other' is not known here: known are 'default', 'new'"


# Documentation


def test_openapi_describes_the_body_the_answer_and_the_rejection(url: str) -> None:
    description = requests.get(url.replace("/v1/compute_ihc", "/openapi.json"), timeout=10).json()
    operation = description["paths"]["/v1/compute_ihc"]["post"]
    assert operation["responses"].keys() == {"200", "4XX"}
    assert [(parameter["name"], parameter["required"]) for parameter in operation["parameters"]] == [
        ("conv_type_id", True)
    ]
    schemas = description["components"]["schemas"]
    assert set(schemas["Session"]["required"]) == single().keys() - {"impression_interaction"}
    assert schemas["Session"]["properties"]["timestamp"]["type"] == "string"
    assert schemas["Answer"]["properties"].keys() == {"statusCode", "value", "partialFailureErrors"}


def test_the_documentation_is_a_page(url: str) -> None:
    page = requests.get(url.replace("/v1/compute_ihc", "/docs"), timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "/openapi.json" in page.text


# Starting, stopping, and the key


def test_the_service_is_gone_when_its_context_ends_even_by_an_error() -> None:
    threads = threading.enumerate()
    with (  # noqa: PT012 - the error has to leave the service's context
        pytest.raises(ZeroDivisionError),
        embedded_ihc_service() as url,
        requests.Session() as client,
    ):
        assert client.post(url, params=PARAMETERS, json={"customer_journeys": [single()]}, timeout=10).ok
        raise ZeroDivisionError
    assert threading.enumerate() == threads
    with pytest.raises(requests.ConnectionError):
        post(url, [single()])


def test_services_run_beside_each_other() -> None:
    with embedded_ihc_service() as first, embedded_ihc_service() as second:
        assert first != second
        assert post(first, [single()]).json() == post(second, [single()]).json()


def test_an_unfinished_request_does_not_keep_the_service_from_stopping() -> None:
    with embedded_ihc_service() as url:
        address = urlsplit(url)
        client = socket.create_connection((address.hostname, address.port), timeout=10)
        client.sendall(b"POST /v1/compute_ihc?conv_type_id=a HTTP/1.1\r\nHost: x\r\n")
        client.sendall(b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        time.sleep(0.1)
        stopping = time.monotonic()
    client.close()
    assert time.monotonic() - stopping < 30


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), embedded_ihc_service() as url:
        post(url, [single()])
    assert [record.name for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.fixture(scope="module")
def guarded_url() -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(create_app(api_key="key-1"), log_config=None, log_level="warning", ws="none")
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/compute_ihc"
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "other"}])
def test_a_missing_or_wrong_key_is_rejected(guarded_url: str, headers: dict[str, str]) -> None:
    body = {"customer_journeys": [single()]}
    response = requests.post(guarded_url, params=PARAMETERS, json=body, headers=headers, timeout=10)
    assert response.status_code == 403
    assert rejection(response) == "Forbidden"


def test_the_right_key_is_answered(guarded_url: str) -> None:
    body = {"customer_journeys": [single()]}
    headers = {"x-api-key": "key-1"}
    response = requests.post(guarded_url, params=PARAMETERS, json=body, headers=headers, timeout=10)
    assert response.json()["statusCode"] == 200


def test_the_service_by_itself_runs_until_it_is_interrupted() -> None:
    code = "from attribution_assets.ihc_service.server import serve; serve(0)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own interpreter and code
        assert process.stderr is not None
        running = (re.search(r"running on (http://127\.0\.0\.1:\d+)", line) for line in process.stderr)
        address = next(match[1] for match in running if match)
        assert post(address + "/v1/compute_ihc", [single()]).json()["statusCode"] == 200
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 0
