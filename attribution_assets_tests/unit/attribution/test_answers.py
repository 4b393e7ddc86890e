"""What an answer of the API means."""

import pytest

from attribution_assets.attribution.ihc_api.answers import check_answer
from attribution_assets.attribution.ihc_api.errors import IhcAnswerError

ASKED = [("a", "a-1"), ("a", "a-2"), ("b", "b-1")]


def credit(conv_id: str, session_id: str, ihc: float) -> dict[str, str | float]:
    ids = {"conversion_id": conv_id, "session_id": session_id}
    return ids | {"initializer": 1, "holder": 0.5, "closer": -1e-7, "ihc": ihc}


WHOLE = [credit("a", "a-1", 0.25), credit("a", "a-2", 0.75), credit("b", "b-1", 1)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_credit_for_all_that_was_asked_for_is_taken_in_any_order(order: tuple[int, ...]) -> None:
    checked = check_answer(ASKED, {"statusCode": 200, "value": [WHOLE[place] for place in order]}, str)
    assert checked.credit.tolist() == [[1, 0.5, 0, 0.25], [1, 0.5, 0, 0.75], [1, 0.5, 0, 1]]
    assert (checked.outcome.tolist(), checked.reason.tolist()) == (["attributed"] * 3, [None] * 3)
    assert not checked.may_pass.any()


@pytest.mark.parametrize("total", [0.9995, 1.0005])
def test_the_credit_of_a_journey_may_differ_from_one_by_what_the_api_rounds(total: float) -> None:
    value = [credit("a", "a-1", total - 0.5), credit("a", "a-2", 0.5), WHOLE[2]]
    assert check_answer(ASKED, {"statusCode": 200, "value": value}, str).outcome.tolist() == ["attributed"] * 3


@pytest.mark.parametrize(
    ("ihc", "error"),
    [
        (0.24949, "ihc of conversion a sums to 0.99949"),
        (-0.1, "no number"),
        (10**400, "no number"),
        (True, "no number"),
    ],
)
def test_other_credit_is_an_error(ihc: float, error: str) -> None:
    value = [credit("a", "a-1", ihc), *WHOLE[1:]]
    with pytest.raises(IhcAnswerError, match=error.replace("no number", "not a number from 0 to 1")):
        check_answer(ASKED, {"statusCode": 200, "value": value}, str)
