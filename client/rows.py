"""A member's examples in the vault: appended, forgotten, and never changed otherwise.

A sealed head holds their number and a running hash over the ciphertexts, so that a row that is
altered, swapped, dropped or added shows. Forgetting rows, or sealing all of them with a new key,
starts a new running hash from the last value of the old one. At most a few hundred rows are
open at a time.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from client.state import blob
from federation.errors import ConfigError, DataError, VerificationFailed
from federation.hashing import sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Hash32, Row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator

    from client.keys import Keyring
    from client.state import State

_BUCKET = 256
"""Plaintexts are padded to a multiple of this, because lengths identify messages."""

_BATCH = 256
_HEAD_NAME = "rows"
_HEAD = struct.Struct(">QQ32s32s")
_ROW = struct.Struct(">?Q32sHI")
_NAME_BYTES = 1 << 16

_NO_DIGEST = Hash32(bytes(32))

EMPTY_HEAD = bytes(_HEAD.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows came from; kept inside their ciphertexts.

    Attributes:
        name: The file's name, without its folder; empty where there was none.
        digest: SHA-256 of the file.
        imported: When it was imported; seconds since 1970.
    """

    name: str = ""
    digest: Hash32 = _NO_DIGEST
    imported: int = 0


NO_SOURCE = Source()
"""Of rows that came from no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A row as it lies in the vault.

    Attributes:
        number: Its number, from 1; never used again.
        row: The example.
        source: Where it came from.
    """

    number: int
    row: Row
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: New rows.
        duplicates: Rows that were there already, or came twice.
        contradicting: Rows whose text is there with the other label; left out, as one message must not
            count as two examples.
        count: Rows in the vault now.
    """

    added: int
    duplicates: int
    contradicting: int
    count: int


class _Head(NamedTuple):
    rows: int
    last: int
    base: bytes
    chain: bytes


class Rows:
    """The rows of one open vault."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sealer = state.keys.sealer("rows")
        self._dedupe = state.keys.data_subkey("dedupe")
        self._checked: int | None = None

    def head(self, db: sqlite3.Connection) -> _Head:
        """Return the sealed summary, inside the caller's transaction."""
        return _Head(*_HEAD.unpack(self._state.read_head(db, _HEAD_NAME)))

    def check(self, db: sqlite3.Connection) -> _Head:
        """Return the summary after comparing all rows with it.

        They are compared anew only where another connection changed the file since.

        Raises:
            VerificationFailed: Rows are missing, altered, swapped or added.
        """
        head = self.head(db)
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version != self._checked:
            if _fold(db, head.base)[1] != head.chain:
                raise VerificationFailed(
                    "vault",
                    "rows are missing, altered, moved or added",
                    hint="restore the vault file from a backup",
                )
            self._checked = version
        return head

    def root(self) -> Hash32:
        """Return the Merkle root over the ciphertexts in their order; 32 zero bytes if none."""
        with self._state.transaction(write=False) as db:
            self.check(db)
            leaves = [
                leaf_hash(sha256(blob(s))) for (s,) in db.execute("SELECT sealed FROM rows ORDER BY id")
            ]
        return MerkleTree.build(leaves, sort=False).root if leaves else Hash32(bytes(32))

    def add(self, rows: Iterable[Row], source: Source) -> ImportReport:
        """Add the rows that are not there yet, all or none.

        Raises:
            DataError: A text is not valid Unicode; the message names the row, from 1.
            VerificationFailed: The rows already there are not those of the head.
        """
        with self._state.transaction(write=True) as db:
            count, last, base, chain = self.check(db)
            before, seen, contradicting = count, 0, 0
            for seen, row in enumerate(rows, 1):
                plain, digest = _encode(row, source, seen), self._digest(row)
                if _is_there(db, digest):
                    continue
                if _is_there(db, self._digest(Row(text=row.text, label=not row.label))):
                    contradicting += 1
                    continue
                count, last = count + 1, last + 1
                sealed = self._sealer.seal(_place(last, digest), plain)
                db.execute("INSERT INTO rows VALUES (?, ?, ?)", (last, digest, sealed))
                chain = _link(chain, last, digest, sealed)
            if count > before:
                self._write_head(db, _Head(count, last, base, chain))
        return ImportReport(
            added=count - before,
            duplicates=seen - contradicting - (count - before),
            contradicting=contradicting,
            count=count,
        )

    def stored(self) -> Iterator[StoredRow]:
        """Yield all rows in their order; they are checked against the head before the first.

        Raises:
            VerificationFailed: Rows are missing, altered, swapped or added.
            ConfigError: Rows were forgotten, or sealed with a new key, meanwhile.
        """
        with self._state.transaction(write=False) as db:
            head = self.check(db)
        at = 0
        for _ in range(0, head.rows, _BATCH):
            with self._state.transaction(write=False) as db:
                if self.head(db).base != head.base:
                    raise ConfigError("the vault changed while it was read", hint="start again")
                batch = db.execute(
                    "SELECT id, digest, sealed FROM rows WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
                    (at, head.last, _BATCH),
                ).fetchall()
            for at, digest, sealed in batch:
                row, source = _decode(self._sealer.open(_place(at, blob(digest)), blob(sealed)))
                yield StoredRow(number=at, row=row, source=source)

    def forget(self, numbers: Collection[int]) -> None:
        """Delete rows, all or none; what stays starts a new running hash.

        Raises:
            ConfigError: There is no row of a number.
            VerificationFailed: The rows are not those of the head.
        """
        with self._state.transaction(write=True) as db:
            head = self.check(db)
            for number in set(numbers):
                if not db.execute("DELETE FROM rows WHERE id = ?", (number,)).rowcount:
                    raise ConfigError(f"there is no row {number}", hint="see: folkmoot client data ls")
            if numbers:
                self._restart(db, head)

    def reseal(self, db: sqlite3.Connection, keys: Keyring) -> None:
        """Seal all rows with other keys, inside the transaction that adopted them."""
        sealer, dedupe = keys.sealer("rows"), keys.data_subkey("dedupe")
        head, at = self.check(db), 0
        self._dedupe = dedupe
        while batch := db.execute(
            "SELECT id, digest, sealed FROM rows WHERE id > ? ORDER BY id LIMIT ?", (at, _BATCH)
        ).fetchall():
            for at, digest, sealed in batch:
                plain = self._sealer.open(_place(at, digest), sealed)
                fresh = self._digest(_decode(plain)[0])
                row = (fresh, sealer.seal(_place(at, fresh), plain), at)
                db.execute("UPDATE rows SET digest = ?, sealed = ? WHERE id = ?", row)
        self._restart(db, head)

    def _restart(self, db: sqlite3.Connection, old: _Head) -> None:
        base = sha256(b"restart" + old.chain)
        count, chain = _fold(db, base)
        self._write_head(db, _Head(count, old.last, base, chain))

    def _write_head(self, db: sqlite3.Connection, head: _Head) -> None:
        self._state.write_head(db, _HEAD_NAME, _HEAD.pack(*head))
        db.execute("DELETE FROM cache")

    def _digest(self, row: Row) -> bytes:
        plain = bytes([row.label]) + row.text.encode()
        return hashlib.blake2b(plain, key=self._dedupe, digest_size=32).digest()


def _is_there(db: sqlite3.Connection, digest: bytes) -> bool:
    return db.execute("SELECT 1 FROM rows WHERE digest = ?", (digest,)).fetchone() is not None


def _fold(db: sqlite3.Connection, base: bytes) -> tuple[int, bytes]:
    """Return the number of rows and the running hash over them."""
    count, chain = 0, base
    for number, digest, sealed in db.execute("SELECT id, digest, sealed FROM rows ORDER BY id"):
        count, chain = count + 1, _link(chain, number, blob(digest), blob(sealed))
    return count, chain


def _link(chain: bytes, number: int, digest: bytes, sealed: bytes) -> bytes:
    return sha256(chain + _place(number, digest) + sha256(sealed))


def _place(number: int, digest: bytes) -> bytes:
    return number.to_bytes(8, "big", signed=True) + digest


def _encode(row: Row, source: Source, number: int) -> bytes:
    """Return row and source, padded with zeros to a multiple of the bucket."""
    try:
        text = row.text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"row {number}: the text is not valid Unicode") from error
    name = source.name.encode(errors="replace")[: _NAME_BYTES - 1]
    head = _ROW.pack(row.label, source.imported, source.digest, len(name), len(text))
    plain = head + name + text
    return plain + bytes(-len(plain) % _BUCKET)


def _decode(plain: bytes) -> tuple[Row, Source]:
    label, imported, digest, name_length, length = _ROW.unpack_from(plain)
    at = _ROW.size + name_length
    name = plain[_ROW.size : at].decode(errors="replace")
    source = Source(name=name, digest=Hash32(digest), imported=imported)
    return Row(text=plain[at : at + length].decode(), label=label), source
