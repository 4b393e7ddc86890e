"""What of an OpenAPI schema breaks programs that were written for an earlier one: that is for `/v2`.

It breaks them that something is gone, that more is asked for, or that something has another form. What is new does not.
"""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from attribution_assets.api.described import METHODS

_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_SHAPES = ("pattern", "format")

Schema = Mapping[str, Any]


def breaking(before: Schema, after: Schema) -> list[str]:
    """What of a schema would break the programs that were written for another one, in words.

    Args:
        before: The schema that they were written for.
        after: The schema.
    """
    return [*_of_paths(before, after), *_of_components(before, after)]


def _of_paths(before: Schema, after: Schema) -> Iterator[str]:
    for path, methods in before["paths"].items():
        for method in filter(methods.__contains__, METHODS):
            call = f"{method.upper()} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{call} is gone"
                continue
            known = methods[method]
            if now["operationId"] != known["operationId"]:
                yield f"{call} has another operationId, which generated clients call"
            yield from (f"{call}: {what}" for what in _of_parameters(known, now))
            yield from (
                f"{call}: {what}" for what in _of_body(known.get("requestBody", {}), now.get("requestBody", {}))
            )
            for status, answer in known["responses"].items():
                if status not in now["responses"]:
                    yield f"{call}: the answer {status} is gone"
                    continue
                of_status = _resolved(before, answer), _resolved(after, now["responses"][status])
                yield from (f"{call}: the answer {status}: {what}" for what in _of_answer(*of_status))


def _resolved(schema: Schema, part: Schema) -> Schema:
    if reference := part.get("$ref"):
        kind, name = reference.split("/")[-2:]
        found: Schema = schema["components"][kind][name]
        return found
    return part


def _of_parameters(known: Schema, now: Schema) -> Iterator[str]:
    before, after = (
        {(each["in"], each["name"]): each for each in operation.get("parameters", ())} for operation in (known, now)
    )
    yield from (f"the parameter {name} is gone" for _, name in before.keys() - after)
    for where, each in after.items():
        if each.get("required") and not before.get(where, {}).get("required"):
            yield f"the parameter {where[1]} is asked for"
        if where in before:
            what = f"the parameter {where[1]}"
            yield from _narrowed(what, before[where].get("schema", {}), each.get("schema", {}), sent=True)


def _of_body(known: Schema, now: Schema) -> Iterator[str]:
    yield from _of_forms("bodies", known, now, sent=True)
    if now.get("required") and not known.get("required"):
        yield "a body is asked for"


def _of_answer(known: Schema, now: Schema) -> Iterator[str]:
    yield from _of_forms("it", known, now, sent=False)
    yield from (f"the header {name} is gone" for name in known.get("headers", {}).keys() - now.get("headers", {}))


def _of_forms(what: str, known: Schema, now: Schema, *, sent: bool) -> Iterator[str]:
    before, after = known.get("content", {}), now.get("content", {})
    yield from (f"{what} as {form}: gone" for form in before.keys() - after)
    for form in before.keys() & after:
        schemas = (each[form].get("schema", {}) for each in (before, after))
        yield from _narrowed(f"{what} as {form}", *schemas, sent=sent)


def _of_components(before: Schema, after: Schema) -> Iterator[str]:
    now = after["components"]["schemas"]
    asked, answered = _used(after, "requestBody"), _used(after, "responses")
    for name, body in before["components"]["schemas"].items():
        if name not in now:
            yield f"the body {name} is gone"
            continue
        fields, known = now[name].get("properties", {}), body.get("properties", {})
        yield from (f"{name}: the field {field} is gone" for field in known.keys() - fields)
        for field in known.keys() & fields:
            yield from _narrowed(f"{name}: the field {field}", known[field], fields[field], sent=name in asked)
        yield from _narrowed(name, body, now[name], sent=name in asked)
        needed, was_needed = (set(each.get("required", ())) for each in (now[name], body))
        if name in asked:
            yield from (f"{name}: the field {field} is asked for" for field in sorted(needed - was_needed))
            if now[name].get("additionalProperties") is False and body.get("additionalProperties") is not False:
                yield f"{name}: other fields are taken no more"
        if name in answered:
            lost = (was_needed - needed) & fields.keys()
            yield from (f"{name}: the field {field} may be missing" for field in sorted(lost))


def _used(schema: Schema, where: str) -> set[str]:
    """The bodies that are in a part of any operation, with those in them."""
    parts = [method.get(where) for path in schema["paths"].values() for method in path.values()]
    found = {name for name in _references(parts) if name in schema["components"]["schemas"]}
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


def _narrowed(what: str, before: Schema, after: Schema, *, sent: bool) -> Iterator[str]:
    """In which way a value is another one, or, if it is sent by programs, may be fewer than before."""
    if _form(before) != _form(after):
        yield f"{what} has another form"
        return
    known, now = _values(before), _values(after)
    yield from (f"{what}: the value {value} is gone" for value in sorted(known - now if now or not sent else ()))
    if not sent:
        return
    if now and not known:
        yield f"{what} takes certain values alone"
    had, has = _limits(before), _limits(after)
    for name, limit in has.items():
        raised = name in _AT_LEAST and limit > had.get(name, -inf)
        lowered = name in _AT_MOST and limit < had.get(name, inf)
        if raised or lowered or (name in _SHAPES and limit != had.get(name)):
            yield f"{what}: {name} is {limit}"


def _parts(schema: Schema) -> Iterator[Schema]:
    """A schema, those that it may be, and those of its items; not its fields."""
    yield schema
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _parts(part)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), Mapping):
            yield from _parts(schema[name])


def _form(schema: Schema) -> object:
    """What of a schema is its form: types and references, not values, limits and words."""
    if "$ref" in schema:
        return schema["$ref"]
    if several := (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        return sorted(repr(_form(one)) for one in several)
    return [schema.get("type"), _form(schema["items"]) if isinstance(schema.get("items"), Mapping) else None]


def _values(schema: Schema) -> set[str]:
    found: set[str] = set()
    for part in _parts(schema):
        found |= {str(value) for value in part.get("enum", ())}
        found |= {str(part["const"])} if "const" in part else set()
    return found


def _limits(schema: Schema) -> dict[str, Any]:
    names = (*_AT_LEAST, *_AT_MOST, *_SHAPES)
    return {name: part[name] for part in _parts(schema) for name in names if name in part}
