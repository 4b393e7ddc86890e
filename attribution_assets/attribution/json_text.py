"""JSON as the IHC API and the ledger have it: fast where it is plain, and exact where it is not."""

import json
from typing import Any

import orjson


def encoded_json(value: object) -> bytes:
    """A value as JSON in UTF-8, without blanks.

    Args:
        value: Of dicts, lists, tuples, text, finite numbers, true, false and None; what is not finite may become null.

    Raises:
        TypeError: Something in it has no JSON.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # whole numbers beyond 64 bits, text with half a character
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def decoded_json(text: bytes | str) -> Any:  # noqa: ANN401 - whatever it is
    """What a JSON text holds, NaN and Infinity too; whole numbers of more than 64 bits may come as fractions.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def canonical_json(value: object) -> bytes:
    """A value without fractions as JSON in ASCII, of which keys of the ledger are made: it stays as it is for ever.

    It is what Python's own writer gives with `separators=(",", ":")`, `sort_keys` and all else as it is by default.

    Args:
        value: Of lists, tuples, text, whole numbers, true, false and None.

    Raises:
        TypeError: Something in it has no JSON.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:
        text = b""
    if text and text.isascii() and b"\x7f" not in text:  # then both write the same
        return text
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
