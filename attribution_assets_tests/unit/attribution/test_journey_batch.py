"""Journeys as the API is sent them and as the ledger knows them."""

import hashlib
import json

import pandas as pd
import pytest

from attribution_assets.attribution.ihc_api.journey_batch import JourneyBatch
from attribution_assets.attribution.ledger.ledger import AnswerTerms
from attribution_assets_tests.support.ihc_journeys import journeys_of
from attribution_assets_tests.unit.attribution.test_json_text import ODD

FLAGS = ["holder_engagement", "closer_engagement", "conversion", "impression_interaction"]
SENT = ["conv_id", "session_id", "session_time", "channel_name", *FLAGS]
AS_SENT = {"conv_id": "conversion_id", "session_time": "timestamp", "channel_name": "channel_label"}


def batch_of(journeys: pd.DataFrame) -> JourneyBatch:
    return JourneyBatch(journeys, lambda conv_type_id: AnswerTerms(conv_type_id, "https://ihc"), "default", 10)


def key_of(journey: pd.DataFrame, conv_type_id: str = "default") -> str:
    """The key of a journey as it has always been made."""
    rows = journey[SENT].astype({"session_time": str}).to_numpy(object).tolist()
    texts = [json.dumps(value, separators=(",", ":")) for value in ([conv_type_id, "https://ihc", None], rows)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def odd_journeys() -> pd.DataFrame:
    """A journey for each odd text, of two touchpoints, with the text in all ids and names."""
    whole = (text for text in ODD if text.encode(errors="ignore").decode() == text)
    texts = [text.replace("\0", "") for text in whole]  # with which pandas takes ids for shorter ones
    frames = [journeys_of({text: 2}).assign(channel_name=[text, "plain"]) for text in texts]
    return pd.concat(frames, ignore_index=True)


def test_the_keys_of_the_ledger_are_those_that_they_have_always_been() -> None:
    journeys = odd_journeys()
    of_orders = [key_of(journey) for _, journey in journeys.groupby("conv_id", sort=False)]
    assert batch_of(journeys).keys == of_orders


def test_the_key_of_a_journey_is_the_same_whatever_it_is_among() -> None:
    alone = batch_of(journeys_of({"a": 3})).keys
    assert batch_of(journeys_of({"long": 60, "longer": 70, "a": 3, "b": 1})).keys[2:3] == alone


def test_a_key_is_of_the_conversion_type_of_its_order() -> None:
    journeys = journeys_of({"a": 1, "b": 2, "c": 1})
    types = ["new", "old", "old", "new"]
    keys = batch_of(journeys.assign(conv_type_id=types)).keys
    assert keys == [
        key_of(journeys[journeys["conv_id"] == order], of)
        for order, of in zip("abc", ("new", "old", "new"), strict=True)
    ]


def test_a_request_holds_the_touchpoints_as_they_are() -> None:
    journeys = odd_journeys()
    rows = journeys.iloc[[4, 5, 0, 1]].rename(columns=AS_SENT)
    sent = rows[["conversion_id", "session_id", "timestamp", "channel_label", *FLAGS]].astype({"timestamp": str})
    assert batch_of(journeys).sent([2, 0]) == sent.to_dict("records")


@pytest.mark.parametrize("rows", [[0, 2, 1], [0, 1, 1, 2]], ids=["not adjacent", "twice"])
def test_journeys_must_be_in_one_piece_with_each_session_once(rows: list[int]) -> None:
    with pytest.raises(ValueError, match="the rows of each journey must be adjacent"):
        batch_of(journeys_of({"a": 2, "b": 1}).iloc[rows])
