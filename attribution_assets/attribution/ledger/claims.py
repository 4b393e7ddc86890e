"""Claims on journeys: a client claims a journey before it asks the IHC API, so that no two clients pay for it.

The clients can run on several machines. A claim is valid while its claimant is alive: every `_RENEWAL_SECONDS` a
claimant renews its lease in the database, which lasts `LEASE_SECONDS`. Its claims are void when the lease is over, or
at once if its process was on this machine and has ended. Times are by the database's clock. The tables are in
`tables.py`, the answers in `ledger.py`.
"""

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

import sqlalchemy as sa

from attribution_assets.attribution.files.processes import has_ended, this_process
from attribution_assets.attribution.ledger.ledger import KeptAnswer, answers_in
from attribution_assets.attribution.ledger.tables import LedgerError, LedgerTables, rows_with_keys

LEASE_SECONDS: Final = 30.0
_RENEWAL_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2

_SECONDS_SINCE_1970: Final = {
    "sqlite": sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double),
    "postgresql": sa.literal_column("CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Double),
}


@dataclass(frozen=True)
class Taken:
    """The outcome of `Claims.take`; journeys in neither attribute are claimed by another client.

    Attributes:
        answers: the answers of the journeys that have one, by journey key.
        claimed: keys of the journeys that this client has claimed and must ask for.
    """

    answers: dict[str, KeptAnswer]
    claimed: set[str]


class Claims:
    """The claims of one client. Call `close` at the end.

    Args:
        tables: the ledger's tables.
        interrupted: once it is set, nothing waits for other writers any more.
    """

    def __init__(self, tables: LedgerTables, interrupted: Event | None = None) -> None:
        self._tables, self._interrupted = tables, interrupted
        self._claim, self._claimant_table = tables.schema.claim, tables.schema.claimant
        self._claimant = uuid.uuid4().hex
        self._renewed_at = 0.0
        self._closed = Event()
        self._renewal: Thread | None = None

    @property
    def hold(self) -> bool:
        """Whether the lease still lasts, so that no other client can have taken a claim over.

        It can have run out, for example while the machine slept.
        """
        return time.time() - self._renewed_at < LEASE_SECONDS - _RENEWAL_SECONDS

    def take(self, keys: Sequence[str]) -> Taken:
        """Claim the journeys that have no answer and no other living claimant, in one transaction.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        with self._tables.writing(self._interrupted) as connection:
            self._renew(connection)
            answers = answers_in(connection, self._tables.schema, keys)
            living, void = self._claimants(connection, keys)
            if void:
                for table in (self._claim, self._claimant_table):
                    connection.execute(table.delete().where(table.c.claimant.in_(void)))
            claimed = [key for key in keys if key not in answers and living.get(key, self._claimant) == self._claimant]
            new = [{"journey_key": key, "claimant": self._claimant} for key in claimed if key not in living]
            if new:
                connection.execute(self._claim.insert(), new)
        if self._renewal is None:
            self._renewal = Thread(target=self._keep_alive, name="ihc-claims", daemon=True)
            self._renewal.start()
        return Taken(answers, set(claimed))

    def wait(self, keys: Sequence[str], stopped: Event) -> None:
        """Wait until another client gives up one of the journeys, answered or not, or until `stopped` is set.

        Args:
            keys: keys of journeys that are all claimed by other clients.
            stopped: ends the wait.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        while not stopped.wait(_POLL_SECONDS):
            with self._tables.reading() as connection:
                living, _ = self._claimants(connection, keys)
            if len(living) < len(keys):
                return

    def close(self) -> None:
        """Give up all claims. After this, `take` must not be called."""
        self._closed.set()
        if self._renewal is not None:
            self._renewal.join()
            # if this fails, the lease runs out
            with suppress(LedgerError), self._tables.writing(self._interrupted) as connection:
                for table in (self._claim, self._claimant_table):
                    connection.execute(table.delete().where(table.c.claimant == self._claimant))

    def _claimants(self, connection: sa.Connection, keys: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """The living claimant of each key that has one, and the dead claimants, whose claims are void."""
        now = _now(connection)
        claim, claimant = self._claim, self._claimant_table
        with_claimants = sa.select(claim.c.journey_key, claim.c.claimant, *claimant.c[1:]).select_from(
            claim.outerjoin(claimant, claim.c.claimant == claimant.c.claimant)
        )
        living, void, judged = {}, set(), {}
        for row in rows_with_keys(connection, with_claimants, keys):
            if row.claimant not in judged:
                judged[row.claimant] = row.claimant == self._claimant or _is_alive(row, now)
            if judged[row.claimant]:
                living[row.journey_key] = row.claimant
            else:
                void.add(row.claimant)
        return living, sorted(void)

    def _renew(self, connection: sa.Connection) -> None:
        row = {"claimant": self._claimant, "process": this_process(), "alive_until": _now(connection) + LEASE_SECONDS}
        renew = sa.text(
            f"INSERT INTO {self._claimant_table.name} (claimant, process, alive_until)"  # noqa: S608  as in `ledger`
            " VALUES (:claimant, :process, :alive_until)"
            " ON CONFLICT (claimant) DO UPDATE SET alive_until = excluded.alive_until"
        )
        connection.execute(renew, row)
        self._renewed_at = time.time()

    def _keep_alive(self) -> None:
        while not self._closed.wait(_RENEWAL_SECONDS):
            if self.hold:  # a lease that has run out is not renewed: others may hold the claims now
                # the next renewal tries again
                with suppress(LedgerError), self._tables.writing(self._closed) as connection:
                    if self.hold:  # the transaction may have waited for other writers
                        self._renew(connection)


def _now(connection: sa.Connection) -> float:
    """Seconds since 1970 by the database's clock, which is the same for all claimants."""
    return float(connection.execute(sa.select(_SECONDS_SINCE_1970[connection.dialect.name])).scalar_one())


def _is_alive(claimant: sa.Row[Any], now: float) -> bool:
    """Whether a claimant's lease lasts and its process has not ended, as far as this machine can know."""
    if claimant.alive_until is None or claimant.alive_until <= now:
        return False
    return not has_ended(claimant.process)
