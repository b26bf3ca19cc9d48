"""Small things that a vault keeps by kind and name: keys, seeds, memberships, the budget.

A sealed head over all of them shows when one is dropped, or put back as it was before. Names are
inside the ciphertext; kinds are not.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import nullcontext
from typing import TYPE_CHECKING

from client.keys import bind
from client.state import blob
from federation.errors import IdentityError, VerificationFailed
from federation.hashing import sha256

if TYPE_CHECKING:
    import sqlite3

    from client.keys import Keyring
    from client.state import State

EMPTY_HEAD = sha256(b"")

_BUCKET = 256
_HEAD = "records"


class Records:
    """The records of one open vault."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sealer = state.keys.sealer("records")
        self._names = state.keys.subkey("record names")

    def put(self, kind: str, name: str, value: bytes) -> None:
        """Store a record, in place of the one that has the name.

        Raises:
            VerificationFailed: The records are not those of their head.
        """
        with self._state.transaction(write=True) as db:
            self._check(db)
            self._write(db, kind, name, value)

    def put_once(self, kind: str, name: str, value: bytes) -> None:
        """Store a record for good; storing the same again does nothing.

        Raises:
            IdentityError: Another value has the name: a key is never silently replaced.
            VerificationFailed: The records are not those of their head.
        """
        with self._state.transaction(write=True) as db:
            self._check(db)
            found = self._read(db, kind, name)
            if found is None:
                self._write(db, kind, name, value)
            elif not hmac.compare_digest(found, value):
                raise IdentityError(f"the vault holds another {kind} named {name!r}")

    def get(self, kind: str, name: str, db: sqlite3.Connection | None = None) -> bytes | None:
        """Return a record, or none; with ``db``, as the caller's transaction sees it.

        Raises:
            VerificationFailed: The records are not those of their head.
        """
        with nullcontext(db) if db else self._state.transaction(write=False) as view:
            self._check(view)
            return self._read(view, kind, name)

    def all(self, kind: str) -> dict[str, bytes]:
        """Return all records of a kind by name, sorted.

        Raises:
            VerificationFailed: The records are not those of their head.
        """
        with self._state.transaction(write=False) as db:
            self._check(db)
            rows = db.execute("SELECT key, sealed FROM records WHERE kind = ?", (kind,)).fetchall()
        found = [_unpack(self._sealer.open(bind(kind.encode(), key), sealed)) for key, sealed in rows]
        return dict(sorted(found))

    def delete(self, kind: str, name: str) -> bool:
        """Delete a record; false where there is none.

        Raises:
            VerificationFailed: The records are not those of their head.
        """
        with self._state.transaction(write=True) as db:
            self._check(db)
            done = db.execute("DELETE FROM records WHERE key = ?", (self._key(kind, name),)).rowcount > 0
            self._state.write_head(db, _HEAD, _summary(db))
        return done

    def reseal(self, db: sqlite3.Connection, keys: Keyring) -> None:
        """Seal all records with other keys, inside the transaction that adopted them."""
        self._check(db)
        sealer = keys.sealer("records")
        for key, kind, sealed in db.execute("SELECT key, kind, sealed FROM records").fetchall():
            place = bind(kind.encode(), key)
            fresh = sealer.seal(place, self._sealer.open(place, sealed))
            db.execute("UPDATE records SET sealed = ? WHERE key = ?", (fresh, key))
        self._state.write_head(db, _HEAD, _summary(db))

    def check(self) -> None:
        """Compare the records with their head.

        Raises:
            VerificationFailed: Some are missing, altered, moved, added, or older ones.
        """
        with self._state.transaction(write=False) as db:
            self._check(db)

    def _check(self, db: sqlite3.Connection) -> None:
        if not hmac.compare_digest(self._state.read_head(db, _HEAD), _summary(db)):
            raise VerificationFailed(
                "vault",
                "records are missing, altered, moved or added",
                hint="restore the vault file from a backup",
            )

    def _key(self, kind: str, name: str) -> bytes:
        return hashlib.blake2b(bind(kind.encode(), name.encode()), key=self._names, digest_size=32).digest()

    def _read(self, db: sqlite3.Connection, kind: str, name: str) -> bytes | None:
        key = self._key(kind, name)
        found = db.execute("SELECT sealed FROM records WHERE key = ?", (key,)).fetchone()
        if found is None:
            return None
        return _unpack(self._sealer.open(bind(kind.encode(), key), blob(found[0])))[1]

    def _write(self, db: sqlite3.Connection, kind: str, name: str, value: bytes) -> None:
        key = self._key(kind, name)
        plain = bind(name.encode(), value)
        sealed = self._sealer.seal(bind(kind.encode(), key), plain + bytes(-len(plain) % _BUCKET))
        db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (key, kind, sealed))
        self._state.write_head(db, _HEAD, _summary(db))


def _summary(db: sqlite3.Connection) -> bytes:
    rows = db.execute("SELECT key, kind, sealed FROM records ORDER BY key").fetchall()
    return sha256(
        b"".join(bind(blob(key), kind.encode(), sha256(blob(sealed))) for key, kind, sealed in rows)
    )


def _unpack(plain: bytes) -> tuple[str, bytes]:
    end = 4 + int.from_bytes(plain[:4], "big")
    length = int.from_bytes(plain[end : end + 4], "big")
    return plain[4:end].decode(), plain[end + 4 : end + 4 + length]
