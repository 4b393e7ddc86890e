"""JSON as the IHC API and the ledger have it: fast where it is plain, and exact where it is not.

Keys of the ledger are not made here: their text must stay as it is for ever.
"""

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
    """What a JSON text holds; as Python's own reader has it, which also takes NaN and Infinity.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
