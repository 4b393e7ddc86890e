"""The schema of the API is that of the repository, has all attributes of data sets, and may only grow."""

import copy
from typing import Any

import pytest

from attribution_assets.api.data_sets import DataSetSettings
from attribution_assets.api.docs_page import PROBLEMS, docs_page
from attribution_assets.api.problems import problem_type
from attribution_assets.api.schema import breaking, kept_schema, schema_now
from attribution_assets.settings import ATTRIBUTES


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


def test_what_would_break_programs_is_found(schema: dict[str, Any]) -> None:
    changed = copy.deepcopy(schema)
    del changed["paths"]["/v1/operations"]
    get = changed["paths"]["/v1/data-sets"]["get"]
    get["parameters"] = [{"name": "owner", "in": "query", "required": True}]
    bodies = changed["components"]["schemas"]
    del bodies["Operation"]["properties"]["result"]
    bodies["Train"]["required"].append("method")
    bodies["Progress"]["properties"]["done"]["type"] = "string"
    bodies["State"]["enum"].remove("canceled")
    bodies["Operation"]["required"].append("cost")  # an answer that says more breaks nobody
    assert sorted(breaking(schema, changed)) == [
        "GET /v1/data-sets: the parameter cursor is gone",
        "GET /v1/data-sets: the parameter limit is gone",
        "GET /v1/data-sets: the parameter owner is asked for",
        "GET /v1/operations is gone",
        "Operation: the field result is gone",
        "Progress: the field done has another form",
        "State: the value canceled is gone",
        "Train: the field method is asked for",
    ]


def test_the_page_loads_nothing_and_has_each_operation_and_kind_of_problem(schema: dict[str, Any]) -> None:
    page = docs_page(schema)
    assert all(f'id="{each["operationId"]}"' in page for path in schema["paths"].values() for each in path.values())
    assert all(f'id="{kind}"' in page for kind in PROBLEMS)
    assert not any(word in page for word in ("<script", "<link", "http://", "src="))


def test_the_type_of_a_problem_is_a_fragment_of_the_page() -> None:
    assert problem_type("Idempotency key used") == "/docs#idempotency-key-used"
    assert "idempotency-key-used" in PROBLEMS
