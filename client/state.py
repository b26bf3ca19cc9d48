"""Transactions of an open vault: one key epoch, numbered changes, sealed summaries of tables."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import contextmanager
from typing import TYPE_CHECKING

from client.keys import bind
from client.watermark import VaultRolledBack, Watermark
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from client.keys import Keyring
    from client.storage import Storage

_SERIAL = "serial"


class State:
    """The file of an open vault, as everything that lives in it uses it.

    Attributes:
        file: The file below.
        keys: The open keys.
    """

    def __init__(self, file: Storage, keys: Keyring) -> None:
        self.file = file
        self._mark = Watermark(file.path, keys)
        self._seen = 0
        self.adopt(keys)

    def adopt(self, keys: Keyring) -> None:
        """Use other keys from here on; inside the transaction that changes them."""
        self.keys, self._heads = keys, keys.sealer("heads")

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """Give one consistent view; with ``write``, alone among writers, and durable at the end.

        A change is numbered, and noted in the mark once it is on disk. Everything is undone where
        the body raises.

        Raises:
            ConfigError: The file is in use, cannot be written, or has new keys since it was opened.
            VerificationFailed: It is damaged, or a part of it was put back as it was before.
            VaultRolledBack: All of it was.
        """
        serial = None
        with self.file.transaction(write=write) as db:
            found = db.execute("SELECT epoch FROM header WHERE id = 1").fetchone()
            if found is None or found[0] != self.keys.epoch:
                raise ConfigError("the vault has a new key since it was opened", hint="start again")
            current, before = self._serial(db), db.total_changes
            yield db
            if write and db.total_changes != before:
                serial = current + 1
                self._number(db, serial)
        if serial is not None:
            self._mark.write(serial)

    def begin(self, db: sqlite3.Connection) -> None:
        """Set a new vault's numbers, inside the transaction that makes it, after its heads."""
        self._mark.start(0)
        self._number(db, 0)

    def check_age(self) -> None:
        """Refuse a file that is older than its mark.

        Raises:
            VaultRolledBack: It is older, or the mark is missing.
        """
        # The mark first: whoever writes in between raises the vault's number, never the mark's alone.
        mark = self._mark.read()
        with self.transaction(write=False):
            serial = self._seen
        self._mark.check(mark, serial)

    def reset_mark(self) -> None:
        """Take the file's own number as the newest: it was put back on purpose."""
        with self.transaction(write=False):
            serial = self._seen
        self._mark.start(serial)

    def read_head(self, db: sqlite3.Connection, name: str) -> bytes:
        """Return the sealed summary that vouches for a table, inside the caller's transaction.

        Raises:
            VerificationFailed: It is missing or was altered.
        """
        found = db.execute("SELECT sealed FROM heads WHERE name = ?", (name,)).fetchone()
        if found is None:
            raise VerificationFailed("vault", f"the head of its {name} is missing")
        return self._heads.open(name.encode(), found[0])

    def write_head(self, db: sqlite3.Connection, name: str, value: bytes) -> None:
        """Replace a table's summary, inside the caller's transaction."""
        sealed = self._heads.seal(name.encode(), value)
        db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (name, sealed))

    def _serial(self, db: sqlite3.Connection) -> int:
        """Return the number of the newest change, if all heads are of that change."""
        sealed, digest = _all_heads(db)
        if sealed is None:
            raise VerificationFailed("vault", "the number of its newest change is missing")
        value = self._heads.open(_SERIAL.encode(), sealed)
        serial = int.from_bytes(value[:8], "big")
        if not hmac.compare_digest(value[8:], digest):
            raise VerificationFailed(
                "vault",
                "a part of it was put back as it was before",
                hint="restore the vault file from a backup",
            )
        if serial < self._seen:
            raise VaultRolledBack("vault", f"change {serial} is back, and {self._seen} was seen")
        self._seen = serial
        return serial

    def _number(self, db: sqlite3.Connection, serial: int) -> None:
        self.write_head(db, _SERIAL, serial.to_bytes(8, "big") + _all_heads(db)[1])


def _all_heads(db: sqlite3.Connection) -> tuple[bytes | None, bytes]:
    """Return the sealed number of the newest change, and a digest of all other heads as they are sealed."""
    heads = dict(db.execute("SELECT name, sealed FROM heads ORDER BY name").fetchall())
    number = heads.pop(_SERIAL, None)
    parts = (bind(name.encode(), blob(sealed)) for name, sealed in heads.items())
    return number, hashlib.sha256(b"".join(parts)).digest()


def blob(value: object) -> bytes:
    """Return a stored field that must be bytes.

    Raises:
        VerificationFailed: A damaged page turned it into another type in spite of the schema.
    """
    if not isinstance(value, bytes):
        raise VerificationFailed("vault", "a stored field has the wrong type")
    return value
