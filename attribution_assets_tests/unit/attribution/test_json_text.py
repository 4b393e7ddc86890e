"""JSON of the API and the ledger: whichever writer or reader does it, the same comes out."""

import json
import math

import pytest

from attribution_assets.attribution.json_text import canonical_json, decoded_json, encoded_json

ODD = [
    "plain",
    'quote " and \\ and /',
    "".join(map(chr, range(0x20))),
    "\x7f",
    "\x80\xa0",
    "größe",
    "\u2028 \u2029 \ufeff",
    "\U0001f600",
    "half \ud83d",
    "<script>",
]


@pytest.mark.parametrize("text", ODD)
def test_keys_of_the_ledger_are_made_of_the_text_that_they_have_always_been_made_of(text: str) -> None:
    journey = [("o1", text, "2024-02-26 10:00:00", text, 0, 1, None, 2**70)]
    before = json.dumps(journey, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    assert canonical_json(journey) == before
    assert canonical_json([("o1", text, 1)]) == json.dumps([("o1", text, 1)], separators=(",", ":")).encode()


@pytest.mark.parametrize("text", ODD)
def test_what_is_written_is_read_again(text: str) -> None:
    value = {"value": [text, 0.1, 1e-9, 1e22, 2**63, None, True]}
    assert decoded_json(encoded_json(value)) == value


def test_an_answer_with_nan_is_read_and_one_that_is_no_json_is_not() -> None:
    assert math.isnan(decoded_json(b"[NaN]")[0])
    with pytest.raises(ValueError, match="Expecting"):
        decoded_json(b"{")
