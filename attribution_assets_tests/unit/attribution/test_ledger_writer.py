"""That answers which arrive together are written together, and that one which cannot be written harms no other."""

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from attribution_assets.attribution.ledger.ledger import AnsweredRequest
from attribution_assets.attribution.ledger.tables import LedgerError
from attribution_assets.attribution.ledger.writer import LedgerWriter


def answered(name: str) -> AnsweredRequest:
    return AnsweredRequest({}, name, dt.datetime(2024, 2, 28, tzinfo=dt.UTC))


class Written:
    """Keeps what it is given; the first time only when it is told to, and never what is called "bad"."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.begun, self.may_end = Event(), Event()

    def __call__(self, requests: Sequence[AnsweredRequest], _: Event | None) -> None:
        names = [request.request_id for request in requests]
        self.begun.set()
        self.may_end.wait(10)
        if "bad" in names:
            raise LedgerError("no room")
        self.transactions.append(names)


def keep_all(written: Written, names: Sequence[str]) -> list[BaseException | None]:
    """Keep the first alone, and the others while it is being written; what each of them got."""
    writer = LedgerWriter(written)
    with ThreadPoolExecutor(len(names)) as pool:
        kept = [pool.submit(writer.keep, answered(names[0]))]
        written.begun.wait(10)
        kept += [pool.submit(writer.keep, answered(name)) for name in names[1:]]
        done, _ = wait(kept, timeout=1)
        assert not done
        written.may_end.set()
    return [future.exception() for future in kept]


def test_answers_that_come_while_one_is_being_written_share_the_next_transaction() -> None:
    written = Written()
    assert keep_all(written, ["first", "b", "c", "d"]) == [None] * 4
    assert [sorted(names) for names in written.transactions] == [["first"], ["b", "c", "d"]]


def test_one_that_cannot_be_written_keeps_no_other_out() -> None:
    written = Written()
    errors = keep_all(written, ["first", "b", "bad", "d"])
    assert [type(error) for error in errors] == [type(None), type(None), LedgerError, type(None)]
    assert sorted(name for names in written.transactions for name in names) == ["b", "d", "first"]


def test_who_keeps_alone_hears_of_its_own_error() -> None:
    written = Written()
    written.may_end.set()
    with pytest.raises(LedgerError, match="no room"):
        LedgerWriter(written).keep(answered("bad"))
