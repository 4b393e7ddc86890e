"""What the framework leaves out of the OpenAPI schema: the problems that any call can meet, and headers of answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from attribution_assets.api.problems import refusal

METHODS = ("get", "post", "put", "patch", "delete")

_OF_ALL: Mapping[int, str] = {
    400: "The request is no HTTP that can be read, its body is not what its headers say, or its Host is not known",
    401: "There is no key, or it does not work",
    403: "The key has not the scope, or is not for the data set",
    408: "The request was not whole in time",
    429: "There are too many calls: call again after Retry-After",
    500: "A fault of the server",
    503: "The server is busy, or cannot reach a database or a store: call again after Retry-After",
}
_OF_NAMED: Mapping[int, str] = {404: "There is no such thing"}
_OF_PARAMETERS: Mapping[int, str] = {422: "A parameter or a part of the body cannot be used; errors say which"}
_OF_BODIES: Mapping[int, str] = {413: "The body is too long", 415: "The body has a form that the address does not take"}

_HEADERS: Mapping[str, tuple[str, str]] = {
    "Location": ("Where it is", "string"),
    "Retry-After": ("After how many seconds to call again", "integer"),
    "WWW-Authenticate": ("How a key is sent: Bearer", "string"),
    "ETag": ("Another one whenever the answer is: send it as If-None-Match", "string"),
    "Final-Through": ("As final_through in JSON; not there if that is null", "string"),
    "As-Of": ("As as_of in JSON; not there if that is null", "string"),
}
_ALWAYS_SENT = ("Location", "WWW-Authenticate", "ETag")
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of an answer that the client has: 304 if it is still the same",
}


def describe(schema: dict[str, Any]) -> None:
    """Add to a schema the problems that each operation can answer, once for all, and the headers of answers.

    Args:
        schema: As the framework makes it; what a route says of a status is kept.
    """
    shared = {**_OF_ALL, **_OF_NAMED, **_OF_PARAMETERS, **_OF_BODIES}
    schema["components"] |= {
        "headers": {
            name: {"description": words, "required": name in _ALWAYS_SENT, "schema": {"type": type_}}
            for name, (words, type_) in _HEADERS.items()
        },
        "responses": {f"Problem{status}": refusal(words) for status, words in shared.items()},
    }
    for status in shared:
        _add_headers(str(status), schema["components"]["responses"][f"Problem{status}"])
    for path, methods in schema["paths"].items():
        for method in filter(methods.__contains__, METHODS):
            _describe_operation(path, methods[method])


def _describe_operation(path: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    if "304" in responses:
        operation["parameters"].append(_IF_NONE_MATCH)
    for status, response in responses.items():
        _add_headers(status, response, has_etag="304" in responses)
    problems = [*_OF_ALL]
    problems += _OF_NAMED if "{" in path else ()
    problems += _OF_PARAMETERS if operation.get("parameters") or "requestBody" in operation else ()
    problems += _OF_BODIES if "requestBody" in operation else ()
    for number in problems:
        responses.setdefault(str(number), {"$ref": f"#/components/responses/Problem{number}"})
    operation["responses"] = dict(sorted(responses.items())) | {"default": refusal("A problem")}


def _add_headers(status: str, response: dict[str, Any], *, has_etag: bool = False) -> None:
    """Name the headers that an answer has beside its Content-Type."""
    if names := [*_headers_of(status, has_etag=has_etag)]:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _headers_of(status: str, *, has_etag: bool) -> Iterator[str]:
    if status in ("201", "202"):
        yield "Location"
    if status in ("202", "429", "503"):
        yield "Retry-After"
    if status == "401":
        yield "WWW-Authenticate"
    if status in ("200", "304") and has_etag:
        yield from ("ETag", "Final-Through", "As-Of")
