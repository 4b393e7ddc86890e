"""The schema of the API is that of the repository, has all attributes of data sets, and may only grow."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from attribution_assets.api.breaking import breaking
from attribution_assets.api.data_sets import DataSetSettings
from attribution_assets.api.docs_page import PROBLEMS, docs_page
from attribution_assets.api.problems import problem_type
from attribution_assets.api.schema import kept_schema, schema_now
from attribution_assets.settings import ATTRIBUTES

DATA_SETS, OPERATIONS = "/v1/data-sets", "/v1/operations"
REPORT, ROWS = "/v1/data-sets/{name}/report", "/v1/data-sets/{name}/rows/{table}"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return schema_now()


def test_the_kept_schema_is_that_of_the_application(schema: dict[str, Any]) -> None:
    assert breaking(kept_schema(), schema) == []
    assert schema == kept_schema(), "write it anew: python -m attribution_assets.api.schema"


def test_it_is_openapi_3_1_and_every_operation_answers_problems_and_needs_a_key(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert all("application/problem+json" in each["responses"]["default"]["content"] for each in operations)
    assert all(each["security"] == [{"key": []}] for each in operations)


def test_each_operation_names_the_statuses_and_headers_that_it_can_answer_with(schema: dict[str, Any]) -> None:
    found = " ".join(sorted(schema["paths"][ROWS]["post"]["responses"]))
    assert found == "200 400 401 403 404 408 409 413 415 422 429 500 503 default"
    report, asked = schema["paths"][REPORT]["get"], schema["paths"]["/v1/data-sets/{name}/operations"]["post"]
    for status in ("200", "304"):
        assert [*report["responses"][status]["headers"]] == ["ETag", "Final-Through", "As-Of"]
    assert parameter(report, "If-None-Match")["in"] == "header"
    assert next(iter(report["responses"]["200"]["content"])) == "application/json"  # which generated clients take
    assert [*asked["responses"]["202"]["headers"]] == ["Location", "Retry-After"]
    shared = schema["components"]["responses"]
    headers = {name: [*problem.get("headers", ())] for name, problem in shared.items() if "headers" in problem}
    retried = ["Retry-After"]
    assert headers == {"Problem401": ["WWW-Authenticate"], "Problem429": retried, "Problem503": retried}


def test_the_paths_are_those_of_the_contract(schema: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in schema["paths"].items() if "operations" in path} == {
        "/v1/data-sets/{name}/operations": {"post"},
        "/v1/operations": {"get"},
        "/v1/operations/{id}": {"get"},
        "/v1/operations/{id}/cancel": {"post"},
    }
    assert set(schema["paths"]["/v1/data-sets"]) == {"get", "post"}
    assert set(schema["paths"]["/v1/data-sets/{name}"]) == {"get", "patch", "delete"}


def test_every_attribute_of_a_data_set_can_be_given() -> None:
    assert set(DataSetSettings.model_fields) == set(ATTRIBUTES)


def parameter(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in operation["parameters"] if each["name"] == name)


def json_of(answer: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


def removed(part: dict[str, Any], name: str) -> None:
    del part[name]


# What is changed in a schema -> what that breaks; `paths` and `bodies` are those of the schema.
BREAKING: list[tuple[Callable[[Any, Any], object], list[str]]] = [
    (lambda paths, _: removed(paths, OPERATIONS), ["GET /v1/operations is gone"]),
    (
        lambda paths, _: paths[OPERATIONS]["get"].update(operationId="operations"),
        ["GET /v1/operations has another operationId, which generated clients call"],
    ),
    (
        lambda paths, _: paths[DATA_SETS]["get"].update(
            parameters=[{"name": "owner", "in": "query", "required": True}]
        ),
        [
            "GET /v1/data-sets: the parameter cursor is gone",
            "GET /v1/data-sets: the parameter limit is gone",
            "GET /v1/data-sets: the parameter owner is asked for",
        ],
    ),
    (
        lambda paths, _: parameter(paths[REPORT]["get"], "group")["schema"]["enum"].remove("day"),
        [f"GET {REPORT}: the parameter group: the value day is gone"],
    ),
    (
        lambda paths, _: parameter(paths[REPORT]["get"], "limit")["schema"].update(maximum=10, type="integer"),
        [f"GET {REPORT}: the parameter limit: maximum is 10"],
    ),
    (
        lambda paths, _: parameter(paths[REPORT]["get"], "model").update(required=True),
        [f"GET {REPORT}: the parameter model is asked for"],
    ),
    (lambda paths, _: removed(paths[REPORT]["get"]["responses"], "304"), [f"GET {REPORT}: the answer 304 is gone"]),
    (
        lambda paths, _: removed(paths[REPORT]["get"]["responses"]["200"]["content"], "text/csv"),
        [f"GET {REPORT}: the answer 200: it as text/csv: gone"],
    ),
    (
        lambda paths, _: removed(paths[REPORT]["get"]["responses"]["200"]["headers"], "ETag"),
        [f"GET {REPORT}: the answer 200: the header ETag is gone"],
    ),
    (
        lambda paths, _: json_of(paths[DATA_SETS]["post"]["responses"]["201"]).update({"$ref": "#/x/Operation"}),
        ["POST /v1/data-sets: the answer 201: it as application/json has another form"],
    ),
    (
        lambda paths, _: removed(paths[ROWS]["post"]["requestBody"]["content"], "text/csv"),
        [f"POST {ROWS}: bodies as text/csv: gone"],
    ),
    (lambda _, bodies: removed(bodies["Operation"]["properties"], "result"), ["Operation: the field result is gone"]),
    (
        lambda _, bodies: bodies["Operation"]["required"].remove("result"),
        ["Operation: the field result may be missing"],
    ),
    (
        lambda _, bodies: bodies["Progress"]["properties"]["done"].update(type="string"),
        ["Progress: the field done has another form"],
    ),
    (lambda _, bodies: bodies["State"]["enum"].remove("canceled"), ["State: the value canceled is gone"]),
    (
        lambda _, bodies: bodies["Operation"]["properties"]["kind"]["enum"].remove("train"),
        ["Operation: the field kind: the value train is gone"],
    ),
    (lambda _, bodies: bodies["Train"]["required"].append("method"), ["Train: the field method is asked for"]),
    (
        lambda _, bodies: bodies["Train"]["properties"]["conversion_type"].update(maxLength=9),
        ["Train: the field conversion_type: maxLength is 9"],
    ),
    (
        lambda _, bodies: bodies["EraseUser"]["properties"]["user_id"].update(pattern="^u"),
        ["EraseUser: the field user_id: pattern is ^u"],
    ),
    (
        lambda _, bodies: bodies["EraseUser"]["properties"]["user_id"].update(enum=["ann"]),
        ["EraseUser: the field user_id takes certain values alone"],
    ),
    # What says or takes more breaks nobody.
    (lambda _, bodies: bodies["Operation"]["required"].append("cost"), []),
    (lambda _, bodies: bodies["Train"]["properties"].update(method={"type": "string"}), []),
    (lambda _, bodies: bodies["State"]["enum"].append("paused"), []),
    (lambda paths, _: parameter(paths[REPORT]["get"], "limit")["schema"].update(maximum=10**6), []),
]


@pytest.mark.parametrize(("change", "broken"), BREAKING, ids=[" ".join(broken) or "none" for _, broken in BREAKING])
def test_what_would_break_programs_is_found(
    schema: dict[str, Any], change: Callable[[Any, Any], object], broken: list[str]
) -> None:
    changed = copy.deepcopy(schema)
    change(changed["paths"], changed["components"]["schemas"])
    assert sorted(breaking(schema, changed)) == broken


def test_an_answer_that_all_operations_share_is_looked_into(schema: dict[str, Any]) -> None:
    changed = copy.deepcopy(schema)
    del changed["components"]["responses"]["Problem429"]["headers"]
    found = breaking(schema, changed)
    assert len(found) == sum(map(len, schema["paths"].values()))
    assert "GET /v1/operations: the answer 429: the header Retry-After is gone" in found


def test_the_page_loads_nothing_and_has_each_operation_and_kind_of_problem(schema: dict[str, Any]) -> None:
    page = docs_page(schema)
    assert all(f'id="{each["operationId"]}"' in page for path in schema["paths"].values() for each in path.values())
    assert all(f'id="{kind}"' in page for kind in PROBLEMS)
    assert not any(word in page for word in ("<script", "<link", "http://", "src="))


def test_the_type_of_a_problem_is_a_fragment_of_the_page() -> None:
    assert problem_type("Idempotency key used") == "/docs#idempotency-key-used"
    assert "idempotency-key-used" in PROBLEMS
