"""The page /docs: the schema of the API as people read it. One file of HTML without script; it loads nothing."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

PROBLEMS = {
    "unauthorized": "401: no key, or one that does not work",
    "forbidden": "403: the key has not the scope, or is not for the data set",
    "not-found": "404: there is nothing at this address",
    "method-not-allowed": "405: the address does not take this method",
    "not-possible": "409: it cannot be done now; the detail says what to do",
    "data-set-exists": "409: a data set has this name",
    "results-changed": "409: the results are others than on the page before: begin without a cursor",
    "operation-ended": "409: the operation has ended, and cannot be canceled",
    "invalid-request": "422: a parameter or a part of the body cannot be used; errors say which",
    "unusable-rows": "422: with strict, a row cannot be used; errors say which, and nothing is stored",
    "idempotency-key-used": "422: the Idempotency-Key came with another body before",
    "unreadable-body": "400: the body cannot be read as what it is said to be",
    "bad-request": "400: the request is no HTTP",
    "unknown-host": "400: the header Host names no host that this server answers as",
    "not-acceptable": "406: the results come in no form that the header Accept names",
    "request-timeout": "408: the request was not whole in time",
    "body-too-long": "413: the body is longer than the server takes",
    "unsupported-media-type": "415: the body has a form that the address does not take",
    "too-many-requests": "429: too many calls; Retry-After says when to call again",
    "run-failed": "500: a run in Dagster failed; the detail says why",
    "worker-ended": "500: the process of the operation was ended from outside, again and again",
    "internal-error": "500: a fault of the server; its log says more",
    "busy": "503: too many requests are under way",
    "not-reachable-now": "503: a database or a store cannot be reached",
}
"""Kind of problem -> what it means."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
section { margin: 1rem 0; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem 1rem; }
h3 { margin: .3rem 0; font-size: 1rem; overflow-wrap: anywhere; }
code, pre { font: .875rem/1.4 ui-monospace, monospace; }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line); }
table + table { margin-top: 1rem; }
td code { overflow-wrap: anywhere; }
b.method { display: inline-block; min-width: 4.2rem; margin-right: .5rem; }
"""


def docs_page(schema: Mapping[str, Any]) -> str:
    """The page of an OpenAPI schema, as HTML."""
    info = schema["info"]
    groups: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation.get("tags", ["Other"])[0], []).append(
                _operation(path, method, operation, schema)
            )
    problems = "".join(
        f'<tr id="{kind}"><td><code>/docs#{kind}</code></td><td>{escape(words)}</td></tr>'
        for kind, words in PROBLEMS.items()
    )
    parts = [
        f"<h1>{escape(info['title'])}</h1><p>{_text(info.get('description', ''))}</p>",
        '<p>The schema for programs is at <a href="/v1/openapi.json">/v1/openapi.json</a> (OpenAPI 3.1).</p>',
        *(f"<h2>{escape(name)}</h2>{''.join(sections)}" for name, sections in groups.items()),
        '<h2 id="problems">Problems</h2>',
        "<p>Every error is <code>application/problem+json</code>; its type is one of these.</p>",
        f"<table><tr><th>type</th><th>what it means</th></tr>{problems}</table>",
        "<h2>Bodies</h2>",
        *(_body(name, part) for name, part in schema["components"]["schemas"].items()),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: HTTP API</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}"
        f"{', required' if parameter.get('required') else ''}</td><td>{_kind(parameter.get('schema', {}))}</td>"
        f"<td>{_text(parameter.get('description', ''))}</td></tr>"
        for parameter in operation.get("parameters", ())
    ]
    table = (
        f"<table><tr><th>parameter</th><th>in</th><th>form</th><th></th></tr>{''.join(rows)}</table>" if rows else ""
    )
    body = operation.get("requestBody", {})
    sent = f"<p>{_text(body['description'])}</p>" if "description" in body else ""
    sent += "".join(
        f"<p>Body, <code>{escape(form)}</code>: {_kind(content.get('schema', {}))}</p>{_example(content, schema)}"
        for form, content in body.get("content", {}).items()
    )
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{_text(answer.get('description', ''))}{_headers(answer)}</td>"
        f"<td>{_forms(answer)}</td></tr>"
        for status, answer in operation["responses"].items()
        if "$ref" not in answer and status != "default"
    )
    shared = ", ".join(status for status, answer in operation["responses"].items() if "$ref" in answer)
    answers += f'<tr><td>others</td><td>{escape(shared)}: see <a href="#problems">Problems</a></td><td></td></tr>'
    return (
        f'<section id="{escape(operation["operationId"])}"><h3><b class="method">{method.upper()}</b>'
        f"<code>{escape(path)}</code></h3><p><b>{escape(operation.get('summary', ''))}.</b>"
        f" {_text(operation.get('description', ''))}</p>{table}{sent}"
        f"<table><tr><th>answer</th><th></th><th>body</th></tr>{answers}</table></section>"
    )


def _body(name: str, part: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in part.get('required', ()) else ''}</td>"
        f"<td>{_kind(of_field)}</td><td>{_text(of_field.get('description', ''))}</td></tr>"
        for field, of_field in part.get("properties", {}).items()
    )
    values = (
        f"<p>One of {', '.join(f'<code>{escape(str(v))}</code>' for v in part['enum'])}.</p>" if "enum" in part else ""
    )
    table = f"<table><tr><th>field (* required)</th><th>form</th><th></th></tr>{rows}</table>" if rows else ""
    return (
        f'<section id="body-{escape(name)}"><h3>{escape(name)}</h3><p>{_text(part.get("description", ""))}</p>'
        f"{values}{table}</section>"
    )


def _headers(answer: Mapping[str, Any]) -> str:
    names = ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", ()))
    return f" ({names})" if names else ""


def _forms(answer: Mapping[str, Any]) -> str:
    return ", ".join(
        f"<code>{escape(form)}</code> {_kind(content.get('schema', {}))}"
        for form, content in answer.get("content", {}).items()
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """The form of a value, in a word or a link."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#body-{name}">{name}</a>'
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(one) for one in several)
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(str(schema.get("type", "")) + "".join(_bounds(schema)))


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    if "minimum" in schema or "maximum" in schema:
        yield f" from {schema.get('minimum', '')} to {schema.get('maximum', '')}"
    if "default" in schema and schema["default"] is not None:
        yield f", else {json.dumps(schema['default'])}"


def _example(content: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """An example of a body, as the schema has it."""
    example = content.get("example")
    if example is None:
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        examples = schema["components"]["schemas"].get(name, {}).get("examples", ())
        example = examples[0] if examples else None
    if example is None:
        return ""
    text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _text(words: str) -> str:
    """A description: paragraphs, and code in backquotes."""
    parts = escape(words).split("`")
    return "".join(
        f"<code>{part}</code>" if n % 2 else part.replace("\n\n", "<br><br>") for n, part in enumerate(parts)
    )
