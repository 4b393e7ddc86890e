"""That two clients never ask for the same journey, and that a dead one keeps nobody from asking."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from threading import Event, Thread

import pandas as pd
import pytest

from attribution_assets.attribution.files.processes import this_process
from attribution_assets.attribution.ihc_api.client import Attribution, IhcClient
from attribution_assets.attribution.ledger.claims import Claims
from attribution_assets.attribution.ledger.ledger import AnsweredRequest, AnswerTerms, KeptAnswer, Ledger
from attribution_assets.attribution.ledger.tables import LedgerError
from attribution_assets_tests.support import ihc_asker
from attribution_assets_tests.support.databases import execute, rows_of
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.ihc_journeys import journeys_of, quick_api
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.waiting import wait_until

TWENTY = [f"c{number}" for number in range(20)]


def asker(url: str, endpoint: IhcEndpoint, *batches: list[str]) -> subprocess.Popen[str]:
    """A process that asks for journeys of two touchpoints, one for each request, two at once."""
    words = [",".join(batch) for batch in batches]
    command = [sys.executable, "-m", ihc_asker.__name__, url, endpoint.url, *words]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)  # noqa: S603  the tests' own


def attribute(url: str, endpoint: IhcEndpoint, conv_ids: list[str]) -> Attribution:
    """The same in this process."""
    with IhcClient(quick_api(endpoint, max_journeys_per_request=1), Ledger(url)) as client:
        return client.attribute(journeys_of(dict.fromkeys(conv_ids, 2)))


def times_asked(endpoint: IhcEndpoint) -> Counter[str]:
    """How often each journey was asked for."""
    return Counter(conv_id for request in endpoint.received for conv_id in request.journeys)


def test_two_processes_that_need_the_same_journeys_at_once_have_each_answered_once(database_url: str) -> None:
    batches = [TWENTY[start : start + 5] for start in range(0, 20, 5)]
    with IhcEndpoint(latency_seconds=0.1) as endpoint:
        one, other = asker(database_url, endpoint, *batches), asker(database_url, endpoint, *reversed(batches))
        printed = [[int(word) for word in process.communicate(timeout=60)[0].split()] for process in (one, other)]
        assert times_asked(endpoint) == Counter(TWENTY)
    assert (one.returncode, other.returncode) == (0, 0)
    assert all(requests + reused == 20 for requests, reused in printed)
    assert sum(requests for requests, _ in printed) == 20
    assert rows_of(database_url, "ihc_claim") == rows_of(database_url, "ihc_claimant") == []


def test_after_a_kill_only_what_was_not_kept_is_asked_for_and_at_once(database_url: str) -> None:
    with IhcEndpoint(latency_seconds=0.1) as endpoint:
        process = asker(database_url, endpoint, TWENTY)
        while len(endpoint.received) < 9:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()  # it is not waited for: a zombie does not ask for anything either
        time.sleep(1)  # what it has sent to the database may still arrive there
        before = {str(row[1]) for row in rows_of(database_url, "ihc_answer")}
        endpoint.received.clear()
        start = time.monotonic()
        attribution = attribute(database_url, endpoint, TWENTY)
        assert time.monotonic() - start < 10
        assert times_asked(endpoint) == Counter(set(TWENTY) - before)
    process.communicate()
    assert 0 < len(before) < 20
    assert attribution.reused == len(before)
    assert set(attribution.touchpoints["outcome"]) == {"attributed"}


_open: list[Claims] = []


def claims_on(ledger: Ledger) -> Claims:
    """The claims of a new client, closed after the test."""
    _open.append(Claims(ledger.tables))
    return _open[-1]


@pytest.fixture(autouse=True)
def closed_claims(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the claims while the test's database is still there: nothing renews them in the next one's."""
    if "database_url" in request.fixturenames:
        request.getfixturevalue("database_url")
    yield
    while _open:
        _open.pop().close()


def process(**changed: object) -> str:
    """This process, or one that differs from it in its host, pid or start."""
    mine = dict(zip(("host", "pid", "started"), this_process().rsplit("|", 2), strict=True))
    return "|".join(map(str, (mine | changed).values()))


def claimed(url: str, **changed: object) -> Ledger:
    """A ledger in which a living claimant of this process claims k1; with other values in its row if any are given."""
    ledger = Ledger(url)
    assert claims_on(ledger).take(["k1"]).claimed == {"k1"}
    for column, value in changed.items():
        execute(url, f"UPDATE ihc_claimant SET {column} = {value!r}")  # noqa: S608  the tests' own values
    return ledger


def test_what_a_living_claimant_claims_is_not_given_to_another(database_url: str) -> None:
    ledger = claimed(database_url)
    taken = claims_on(ledger).take(["k2", "k1"])
    assert (taken.claimed, taken.answers) == ({"k2"}, {})


def test_an_answer_frees_its_journey_and_is_found_by_who_waits_for_it(database_url: str) -> None:
    ledger, answer = claimed(database_url), KeptAnswer("o1", "refused", [["s1", None, None, None, None, "bad"]])
    waiting = claims_on(ledger)
    thread = Thread(target=waiting.wait, args=[["k1"], Event()])
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    ledger.keep(AnswerTerms("new", "embedded"), [AnsweredRequest({"k1": answer}, "r1", pd.Timestamp.now("UTC"))])
    thread.join(30)
    assert not thread.is_alive()
    assert waiting.take(["k1"]).answers == {"k1": answer}
    assert rows_of(database_url, "ihc_claim") == []


def test_the_claims_of_a_process_of_this_machine_that_has_ended_are_void_at_once(database_url: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ledger = claimed(database_url, process=process(pid=ended.pid))
    claims = claims_on(ledger)
    claims.wait(["k1"], Event())
    assert claims.take(["k1"]).claimed == {"k1"}
    assert len(rows_of(database_url, "ihc_claimant")) == 1


def test_a_process_that_later_got_the_number_of_the_claimant_does_not_keep_its_claims_alive(database_url: str) -> None:
    ledger = claimed(database_url, process=process(started="1"))
    assert claims_on(ledger).take(["k1"]).claimed == {"k1"}


def test_the_claims_of_another_host_hold_until_their_time_is_over(database_url: str) -> None:
    claims, until = claims_on(claimed(database_url)), time.time() + 3
    theirs = f"INSERT INTO ihc_claimant VALUES ('theirs', '{process(host='elsewhere', pid=1)}', {until})"  # noqa: S608  the test's own values
    execute(database_url, theirs, "UPDATE ihc_claim SET claimant = 'theirs'")
    assert claims.take(["k1"]).claimed == set()
    claims.wait(["k1"], Event())
    assert time.time() > until - 0.1
    assert claims.take(["k1"]).claimed == {"k1"}


def test_claims_without_a_claimant_are_void(database_url: str) -> None:
    ledger = claimed(database_url)
    execute(database_url, "DELETE FROM ihc_claimant")
    assert claims_on(ledger).take(["k1"]).claimed == {"k1"}


def test_claims_that_are_given_up_are_anybodys(database_url: str) -> None:
    ledger = Ledger(database_url)
    one, other = claims_on(ledger), claims_on(ledger)
    one.take(["k1", "k2"])
    one.close()
    assert other.take(["k1"]).claimed == {"k1"}
    other.close()
    assert rows_of(database_url, "ihc_claim") == rows_of(database_url, "ihc_claimant") == []


def test_a_claimant_says_again_and_again_that_it_lives(sqlite_url: str) -> None:
    claims = Claims(Ledger(sqlite_url).tables)
    claims.take(["k1"])
    [[*_, first]] = rows_of(sqlite_url, "ihc_claimant")
    wait_until(lambda: rows_of(sqlite_url, "ihc_claimant")[0][-1] != first, 20, lambda: first)
    assert rows_of(sqlite_url, "ihc_claimant")[0][-1] - first > 4
    assert claims.hold
    claims.close()
    assert rows_of(sqlite_url, "ihc_claimant") == []


def test_who_is_interrupted_does_not_wait_for_another_writer(sqlite_url: str) -> None:
    interrupted, ledger = Event(), Ledger(sqlite_url)
    claims = Claims(ledger.tables, interrupted)
    claims.take(["k1"])
    with ledger.tables.writing():
        interrupted.set()
        closing = Thread(target=claims.close)
        closing.start()
        closing.join(25)  # a writer is waited for 30 s
        assert not closing.is_alive()
        with pytest.raises(LedgerError, match="kept locked by another program"):
            claims.take(["k1"])
    assert len(rows_of(sqlite_url, "ihc_claim")) == 1


def test_who_is_not_interrupted_waits_for_another_writer(sqlite_url: str) -> None:
    ledger = Ledger(sqlite_url)
    claims = claims_on(ledger)
    with ledger.tables.writing():
        taking = Thread(target=claims.take, args=[["k1"]])
        taking.start()
        taking.join(1)
        assert taking.is_alive()
    taking.join(60)
    assert len(rows_of(sqlite_url, "ihc_claim")) == 1
