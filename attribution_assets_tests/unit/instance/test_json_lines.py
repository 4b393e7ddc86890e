"""A log record as a JSON line."""

import json
import logging
import sys

from attribution_assets.instance.json_logs import JsonLines


def test_a_line_is_one_line_and_shows_control_characters_as_escapes() -> None:
    try:
        raise ValueError("\x1b]0;title\x07\u202e")  # noqa: TRY301 - as it is logged
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "channel %s", ("a\nb\x9b31m\u2028",), sys.exc_info())
    line = JsonLines().format(record)
    assert line.isprintable()
    found = json.loads(line)
    assert found["message"] == "channel a\nb\\x9b31m\\u2028"
    assert found["error"] == r"ValueError: \x1b]0;title\x07\u202e"
