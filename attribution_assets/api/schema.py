"""The schema of the repository, `openapi.json`, and what would break programs. Run as a module, this writes it anew.

What breaks programs that are there is for `/v2`: something is taken away, or more is asked for.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attribution_assets.api.app import create_app, schema_of
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import OperationStore

KEPT = Path(__file__).with_name("openapi.json")
_METHODS = ("get", "post", "put", "patch", "delete")


def schema_now() -> dict[str, Any]:
    """The schema of the application."""
    with tempfile.TemporaryDirectory() as folder:
        return schema_of(create_app(OperationStore(Home(Path(folder)))))


def kept_schema() -> dict[str, Any]:
    """The schema of the repository."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return kept


def breaking(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What of a schema would break the programs that were written for another one.

    Args:
        before: The schema that they were written for.
        after: The schema.
    """
    return [*_of_paths(before["paths"], after["paths"]), *_of_bodies(before, after)]


def _of_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in before.items():
        for method in (name for name in _METHODS if name in methods):
            call = f"{method.upper()} {path}"
            now = after.get(path, {}).get(method)
            if now is None:
                yield f"{call} is gone"
                continue
            yield from (
                f"{call}: the answer {status} is gone"
                for status in methods[method]["responses"].keys() - now["responses"]
            )
            parameters = {(each["in"], each["name"]): each for each in now.get("parameters", ())}
            known = {(each["in"], each["name"]): each for each in methods[method].get("parameters", ())}
            yield from (f"{call}: the parameter {name} is gone" for _, name in known.keys() - parameters)
            for where, each in parameters.items():
                if each.get("required") and not known.get(where, {}).get("required"):
                    yield f"{call}: the parameter {where[1]} is asked for"
            sent, taken = (each.get("requestBody", {}).get("content", {}) for each in (methods[method], now))
            yield from (f"{call}: bodies of {form} are taken no more" for form in sent.keys() - taken)


def _of_bodies(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    now = after["components"]["schemas"]
    asked = _asked_for(after)
    for name, body in before["components"]["schemas"].items():
        if name not in now:
            yield f"the body {name} is gone"
            continue
        fields, known = now[name].get("properties", {}), body.get("properties", {})
        yield from (f"{name}: the field {field} is gone" for field in known.keys() - fields)
        yield from (
            f"{name}: the field {field} has another form"
            for field in known.keys() & fields
            if _form(known[field]) != _form(fields[field])
        )
        if name in asked:
            required = set(now[name].get("required", ())) - set(body.get("required", ()))
            yield from (f"{name}: the field {field} is asked for" for field in sorted(required))
        yield from (
            f"{name}: the value {value} is gone" for value in set(body.get("enum", ())) - set(now[name].get("enum", ()))
        )


def _asked_for(schema: Mapping[str, Any]) -> set[str]:
    """The bodies that are sent, with those in them."""
    found = set(
        _references([method.get("requestBody") for path in schema["paths"].values() for method in path.values()])
    )
    while more := set(_references([schema["components"]["schemas"][name] for name in found])) - found:
        found |= more
    return found


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _form(field: Mapping[str, Any]) -> object:
    """What of a field's schema is its form: bounds and words may change."""
    if "$ref" in field:
        return field["$ref"]
    if several := field.get("anyOf") or field.get("oneOf"):
        return sorted(json.dumps(_form(one)) for one in several)
    return [field.get("type"), _form(field["items"]) if isinstance(field.get("items"), Mapping) else None]


def main() -> None:
    """Write the kept schema anew, unless that would break programs."""
    schema = schema_now()
    if broken := breaking(kept_schema(), schema) if KEPT.exists() else []:
        sys.exit(f"Not written, as programs would break: {'; '.join(broken)}. That is for /v2")
    KEPT.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
