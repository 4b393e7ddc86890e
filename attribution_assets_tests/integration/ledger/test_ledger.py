"""What the ledger keeps, finds, counts and forgets."""

import datetime as dt
import subprocess
import sys
from typing import Any

import pytest

from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.ledger.ledger import (
    AnsweredRequest,
    AnswersOfMonth,
    AnswerTerms,
    KeptAnswer,
    Ledger,
    Selection,
)
from attribution_assets.attribution.ledger.tables import LedgerError
from attribution_assets_tests.support.databases import execute, rows_of

TERMS = AnswerTerms("new", "https://ihc.example/v1", {"b": 1, "a": {"y": 0.5, "x": "ä"}})
NOON = dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC)
MAKE_TABLES = """
import sys
from attribution_assets.attribution.ledger.ledger import Ledger
print(sorted(Ledger(sys.argv[1]).known(["k"])))
"""


def attributed(conv_id: str = "o1") -> KeptAnswer:
    return KeptAnswer(conv_id, "attributed", [["s1", 1.0, 0.1, 0.0, 1 / 3, None], ["s2", 0.0, 0.9, 1.0, 2 / 3, "ä"]])


def refused(conv_id: str = "o2") -> KeptAnswer:
    return KeptAnswer(conv_id, "refused", [["s1", None, None, None, None, "cannot be parsed"]])


def keep(ledger: Ledger, request: str, day: str, *conv_ids: str, conv_type_id: str = "new") -> None:
    """Answers of one request, given on a day at noon; their keys are the orders' ids."""
    at = dt.datetime.fromisoformat(day).replace(hour=12, tzinfo=dt.UTC)
    ledger.keep(
        AnswerTerms(conv_type_id, "https://ihc.example/v1"),
        [AnsweredRequest({conv_id: attributed(conv_id) for conv_id in conv_ids}, request, at)],
    )


def test_an_answer_is_found_as_it_was_kept(database_url: str) -> None:
    Ledger(database_url).keep(TERMS, [AnsweredRequest({"k1": attributed(), "k2": refused()}, "r1", NOON)])
    ledger = Ledger(database_url)
    assert ledger.answers(["k2", "k1", "k3"]) == {"k1": attributed(), "k2": refused()}
    assert ledger.known(["k1", "k3"]) == {"k1"}


def test_a_row_says_what_was_asked_and_answered_and_when(database_url: str) -> None:
    at = NOON.astimezone(dt.timezone(dt.timedelta(hours=5)))
    Ledger(database_url).keep(TERMS, [AnsweredRequest({"k2": refused()}, "r1", at)])
    parameter = '{"a":{"x":"\\u00e4","y":0.5},"b":1}'
    assert rows_of(database_url, "ihc_answer") == [
        (
            "k2", "o2", "new", "https://ihc.example/v1", parameter, "refused", 1, "2024-02-28T12:00:00+00:00", "r1",
            '[["s1",null,null,null,null,"cannot be parsed"]]',
        )
    ]  # fmt: skip


def test_many_keys_are_found_at_once(database_url: str) -> None:
    ledger = Ledger(database_url)
    answers = {f"k{number}": attributed(f"o{number}") for number in range(2500)}
    ledger.keep(TERMS, [AnsweredRequest(answers, "r1", NOON)])
    assert ledger.answers([*answers, "another"]) == answers


def test_the_first_of_two_answers_to_the_same_is_kept(database_url: str) -> None:
    ledger = Ledger(database_url)
    ledger.keep(TERMS, [AnsweredRequest({"k": attributed()}, "r1", NOON)])
    ledger.keep(TERMS, [AnsweredRequest({"k": refused(), "k2": refused()}, "r2", NOON)])
    assert ledger.answers(["k", "k2"]) == {"k": attributed(), "k2": refused()}


def test_a_key_depends_on_the_terms_and_on_all_that_is_sent() -> None:
    terms: list[dict[str, Any]] = [
        {},
        {"conv_type_id": "old"},
        {"endpoint": "https://ihc.example/v2"},
        {"redistribution_parameter": None},
        {"redistribution_parameter": {"b": 2}},
    ]
    keys = {AnswerTerms(**vars(TERMS) | changed).journey_keys([["o1", "s1", 1]])[0] for changed in terms}
    keys |= set(TERMS.journey_keys([["o1", "s1", 2], ["o1", "s1", "1"], ["o1s1", "", 1]]))
    assert len(keys) == 8
    assert all(len(key) == 64 for key in keys)


def test_a_key_does_not_depend_on_the_order_within_the_redistribution_parameter() -> None:
    same = AnswerTerms(TERMS.conv_type_id, TERMS.endpoint, {"a": {"x": "ä", "y": 0.5}, "b": 1})
    assert same.journey_keys(["o1"]) == TERMS.journey_keys(["o1"])


def test_answers_are_summed_up_by_endpoint_conversion_type_and_month(database_url: str) -> None:
    ledger = Ledger(database_url)
    keep(ledger, "r1", "2024-01-31", "a", "b")
    keep(ledger, "r2", "2024-01-01", "c")
    keep(ledger, "r3", "2024-02-01", "d")
    keep(ledger, "r4", "2024-02-01", "e", conv_type_id="old")
    ledger.keep(AnswerTerms("new", "embedded 1"), [AnsweredRequest({"f": refused()}, "r5", NOON)])
    url = "https://ihc.example/v1"
    assert ledger.summary() == [
        AnswersOfMonth("embedded 1", "new", "2024-02", answers=1, requests=1, touchpoints=1),
        AnswersOfMonth(url, "new", "2024-01", answers=3, requests=2, touchpoints=6),
        AnswersOfMonth(url, "new", "2024-02", answers=1, requests=1, touchpoints=2),
        AnswersOfMonth(url, "old", "2024-02", answers=1, requests=1, touchpoints=2),
    ]


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(), ""),
        (Selection(conv_type_id="new"), "d"),
        (Selection(before=dt.date(2024, 2, 28)), "cd"),
        (Selection(before=dt.date(2024, 2, 29)), ""),
        (Selection(conv_ids=["a", "d", "z"]), "bc"),
        (Selection(conv_type_id="new", before=dt.date(2024, 2, 28), conv_ids=["a", "c"]), "bcd"),
    ],
)
def test_the_answers_of_which_all_that_is_given_holds_are_forgotten(
    database_url: str, selection: Selection, left: str
) -> None:
    ledger = Ledger(database_url)
    keep(ledger, "r1", "2024-02-27", "a", "b")
    keep(ledger, "r2", "2024-02-28", "c")
    keep(ledger, "r3", "2024-02-28", "d", conv_type_id="old")
    assert ledger.count(selection) == 4 - len(left)
    assert ledger.forget(selection) == 4 - len(left)
    assert ledger.known(["a", "b", "c", "d"]) == set(left)


def test_where_there_is_no_ledger_its_summary_is_empty_and_none_is_made(database_url: str) -> None:
    execute(database_url, "CREATE TABLE other (a int)")
    assert Ledger(database_url).summary() == []
    assert Ledger(database_url).count(Selection()) == 0
    with pytest.raises(DatabaseError, match="ihc_answer"):
        rows_of(database_url, "ihc_answer")


def test_several_processes_may_make_the_tables_at_once(database_url: str) -> None:
    arguments = [sys.executable, "-c", MAKE_TABLES, database_url]
    processes = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  this module's own
        for _ in range(4)
    ]
    assert [process.communicate() for process in processes] == [("[]\n", "")] * 4


def test_a_table_that_lacks_a_column_is_an_error_that_names_it(database_url: str) -> None:
    execute(database_url, "CREATE TABLE ihc_claim (journey_key text)")
    with pytest.raises(LedgerError, match="lacks the column claimant of table ihc_claim"):
        Ledger(database_url).known(["k"])


def test_a_missing_database_is_an_error() -> None:
    with pytest.raises(LedgerError, match="There is no database at"):
        Ledger("sqlite:///nowhere/ledger.db").summary()


def test_a_password_is_not_shown() -> None:
    assert repr(Ledger("postgresql://me:secret@db/shop")) == "Ledger(PostgreSQL database shop at db)"
