"""API keys: who may ask for what. Only a hash of each is kept."""

import datetime as dt
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.errors import RunRejectedError
from attribution_assets.operations.home import Home

BEGINNING = "aak_"


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    WRITE = "write"
    RUN = "run"
    ADMIN = "admin"


@dataclass(frozen=True)
class Key:
    """An API key, without its secret.

    Attributes:
        name: what it is called.
        data_sets: the data sets that it is for; empty: all.
        scopes: what it may do.
        created: when it was made (UTC).
        revoked: when it was revoked; None if it is in use.
    """

    name: str
    data_sets: tuple[str, ...]
    scopes: tuple[Scope, ...]
    created: dt.datetime
    revoked: dt.datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope; `admin` may do everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def knows(self, data_set: str) -> bool:
        """Whether it is for a data set."""
        return not self.data_sets or data_set in self.data_sets


class Keys:
    """The keys of the API.

    Args:
        home: Where they are kept.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def create(self, name: str, data_sets: Sequence[str], scopes: Sequence[Scope]) -> str:
        """Make a key, and return its secret, which nothing tells again.

        Raises:
            RunRejectedError: There is a key of this name.
        """
        if not name.strip() or not name.isprintable():
            raise RunRejectedError(f"{quoted(name)} cannot be the name of a key: write a word, such as the program's")
        secret = BEGINNING + secrets.token_urlsafe(32)
        row = (name, _hash(secret), json.dumps([*data_sets]), json.dumps([*scopes]), _now())
        try:
            with self._home.changes() as database:
                database.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, NULL)", row)
        except sqlite3.IntegrityError:
            raise RunRejectedError(f"there is a key named {quoted(name)}: take another name") from None
        return secret

    def all(self) -> list[Key]:
        """All keys, revoked ones too, by name."""
        with self._home.database() as database:
            return [_key(row) for row in database.execute("SELECT * FROM api_keys ORDER BY name")]

    def revoke(self, name: str) -> None:
        """Have a key not work any more.

        Raises:
            RunRejectedError: There is none of this name.
        """
        with self._home.changes() as database:
            found = database.execute(
                "UPDATE api_keys SET revoked = coalesce(revoked, ?) WHERE name = ?", (_now(), name)
            )
            if not found.rowcount:
                raise RunRejectedError(f"there is no key {quoted(name)}")

    def of(self, secret: str) -> Key | None:
        """The key of a secret; None if there is none, or it has been revoked."""
        sought = _hash(secret)
        with self._home.database() as database:
            rows = database.execute("SELECT * FROM api_keys WHERE revoked IS NULL").fetchall()
        found = [row for row in rows if hmac.compare_digest(row["hash"], sought)]  # each is looked at
        return _key(found[0]) if found else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()  # 256 random bits need no slow hash


def _key(row: sqlite3.Row) -> Key:
    return Key(
        row["name"],
        tuple(json.loads(row["data_sets"])),
        tuple(Scope(scope) for scope in json.loads(row["scopes"])),
        dt.datetime.fromisoformat(row["created"]),
        dt.datetime.fromisoformat(row["revoked"]) if row["revoked"] else None,
    )


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
