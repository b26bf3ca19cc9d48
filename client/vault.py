"""A member's encrypted rows, records and caches in one SQLite file.

What is altered, swapped, dropped or added in the file shows when it is opened; so does a whole file
that is put back from an older copy (:mod:`client.watermark`). The vault protects data at rest;
Python cannot erase keys from memory.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Self

from client import records, rows
from client.keys import VERSION, Header, Kdf, bind, new_keys, unlock
from client.records import Records
from client.release import Head
from client.rotation import reseal
from client.rows import NO_SOURCE, ImportReport, Rows, Source, StoredRow
from client.state import State, blob
from client.storage import Storage, create_schema
from federation.errors import IdentityError, VerificationFailed
from federation.types import Row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from client.keys import Keyring
    from client.noise import Entropy
    from federation.types import Hash32

__all__ = ["ImportReport", "Source", "StoredRow", "Vault"]

_SECRET = "secret"  # noqa: S105 -- the kind of a record

# Made with the vault, so that a table cannot be emptied by dropping its head.
_EMPTY_HEADS = {"rows": rows.EMPTY_HEAD, "records": records.EMPTY_HEAD, "ledger": Head().encode()}


class Vault:
    """An open vault. Use as a context manager, or close it.

    Attributes:
        storage: The file's transactions, for what else lives in it.
        entropy: Where keys and nonces come from.
    """

    def __init__(self, file: Storage, keys: Keyring, entropy: Entropy) -> None:
        self.storage, self.entropy = State(file, keys), entropy
        self._rows, self._records = Rows(self.storage), Records(self.storage)
        self._cache, self._cache_key = keys.sealer("cache"), keys.data_subkey("cache keys")

    @classmethod
    def create(
        cls, path: Path, passphrase: bytes, *, kdf: Kdf = Kdf.MODERATE, entropy: Entropy = os.urandom
    ) -> Vault:
        """Make a new vault.

        Args:
            path: The file; its folder must be private to the user, and is made if missing.
            passphrase: Opens the vault; it cannot be recovered.
            kdf: Cost of a passphrase guess; by default 256 MiB and half a second.
            entropy: Where keys and nonces come from.

        Raises:
            ConfigError: The file exists or cannot be made.
            IdentityError: The passphrase is empty.
        """
        keys = new_keys(entropy)
        header = keys.wrap(passphrase, kdf)
        file = Storage.create(path)
        try:
            vault = cls(file, keys, entropy)
            with file.transaction(write=True) as db:
                create_schema(db)
                _write_header(db, header)
                for name, empty in _EMPTY_HEADS.items():
                    vault.storage.write_head(db, name, empty)
                vault.storage.begin(db)
        except BaseException:
            file.close()
            path.unlink()
            raise
        return vault

    @classmethod
    def open(
        cls, path: Path, passphrase: bytes, *, entropy: Entropy = os.urandom, put_back: bool = False
    ) -> Vault:
        """Open a vault and check that its rows and records are those of its heads.

        Args:
            path: The file.
            passphrase: Opens the vault.
            entropy: Where nonces come from.
            put_back: Whether the file was put back on purpose: its age is not checked, it counts as
                the newest from here on.

        Raises:
            ConfigError: There is no such file, others may read it, or it is in use.
            IdentityError: The passphrase is wrong, the header was altered, or the format is another.
            VerificationFailed: Something is missing, altered, swapped or added; or it is no vault.
            VaultRolledBack: The file is an older copy.
        """
        file = Storage(path)
        try:
            with file.transaction(write=False) as db:
                header = _read_header(db, path)
            vault = cls(file, unlock(header, passphrase, entropy), entropy)
            vault.check()
            if put_back:
                vault.storage.reset_mark()
            else:
                vault.storage.check_age()
        except BaseException:
            file.close()
            raise
        return vault

    def close(self) -> None:
        """Close the file."""
        self.storage.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def keys(self) -> Keyring:
        """The open keys, for what else lives in the file."""
        return self.storage.keys

    @property
    def header(self) -> Header:
        """What opens the vault with its passphrase; not secret."""
        with self.storage.transaction(write=False) as db:
            return _read_header(db, self.path)

    @property
    def path(self) -> Path:
        """The file."""
        return self.storage.file.path

    @property
    def count(self) -> int:
        """Number of rows."""
        with self.storage.transaction(write=False) as db:
            return self._rows.head(db).rows

    def check(self) -> None:
        """Compare rows and records with their heads.

        Raises:
            VerificationFailed: Something is missing, altered, swapped or added.
        """
        with self.storage.transaction(write=False) as db:
            self._rows.check(db)
        self._records.check()

    def root(self) -> Hash32:
        """Return the Merkle root over the ciphertext rows in their order; 32 zero bytes if none.

        A leaf is ``leaf_hash(sha256(nonce || ciphertext))``; the tree is not sorted.

        Raises:
            VerificationFailed: Rows are missing, altered, swapped or added.
        """
        return self._rows.root()

    def import_rows(self, rows: Iterable[Row], source: Source = NO_SOURCE) -> ImportReport:
        """Add the rows that are not there yet, all or none.

        Two rows are the same where text and label are. They are recognised by a keyed digest, so
        the file tells nothing about them but their number and rough sizes.

        Raises:
            DataError: A text is not valid Unicode; the message names the row, from 1.
            VerificationFailed: The rows already there are not those of the head.
        """
        return self._rows.add(rows, source)

    def rows(self) -> Iterator[Row]:
        """Yield all examples in their order; they are checked against the head before the first.

        Raises:
            VerificationFailed: Rows are missing, altered, swapped or added.
            ConfigError: Rows were forgotten meanwhile.
        """
        return (stored.row for stored in self._rows.stored())

    def stored_rows(self) -> Iterator[StoredRow]:
        """Yield all rows with their numbers and sources, as :meth:`rows` does."""
        return self._rows.stored()

    def forget(self, numbers: Collection[int]) -> None:
        """Delete rows for good, and what was computed from them; what was spent stays spent.

        Their ciphertexts are overwritten in the file. Copies of the file elsewhere still hold them;
        a copy without the passphrase is worth nothing after :meth:`rotate_key` only if it is
        younger than that.

        Raises:
            ConfigError: There is no row of a number; none was deleted.
            VerificationFailed: The rows are not those of the head.
        """
        self._rows.forget(numbers)
        self.storage.file.tidy()

    def put_secret(self, name: str, value: bytes) -> None:
        """Store a key or a seed for good; storing the same again does nothing.

        Raises:
            IdentityError: Another value has the name: a key is never silently replaced.
        """
        self._records.put_once(_SECRET, name, value)

    def get_secret(self, name: str) -> bytes:
        """Return a stored secret.

        Raises:
            IdentityError: There is none of that name.
            VerificationFailed: It was altered.
        """
        found = self._records.get(_SECRET, name)
        if found is None:
            raise IdentityError(f"the vault holds no secret named {name!r}")
        return found

    def put_record(self, kind: str, name: str, value: bytes) -> None:
        """Store something small, in place of what has the name; not for keys, which stay.

        Args:
            kind: What it is, e.g. ``membership``; stands in the clear.
            name: Which one; sealed with the value.
            value: Any bytes.

        Raises:
            VerificationFailed: Records were altered.
        """
        _require_no_secret(kind)
        self._records.put(kind, name, value)

    def record(self, kind: str, name: str, db: sqlite3.Connection | None = None) -> bytes | None:
        """Return a record, or none; with ``db``, as the caller's transaction sees it.

        Raises:
            VerificationFailed: Records were altered.
        """
        return self._records.get(kind, name, db)

    def records(self, kind: str) -> dict[str, bytes]:
        """Return all records of a kind by name, sorted.

        Raises:
            VerificationFailed: Records were altered.
        """
        return self._records.all(kind)

    def delete_record(self, kind: str, name: str) -> bool:
        """Delete a record; false where there is none.

        Raises:
            VerificationFailed: Records were altered.
        """
        _require_no_secret(kind)
        return self._records.delete(kind, name)

    def cached(self, key: bytes, compute: Callable[[], bytes]) -> bytes:
        """Return something computed from the present rows, e.g. their features, and keep it under a name.

        Not kept where the rows changed while it was computed: a forgotten row must not stay in it.

        Raises:
            VerificationFailed: What was kept was altered.
        """
        with self.storage.transaction(write=False) as db:
            place = self._cache_place(db, key)
            found = db.execute("SELECT sealed FROM cache WHERE key = ?", (place,)).fetchone()
        if found is not None:
            return self._cache.open(place, blob(found[0]))
        value = compute()
        with self.storage.transaction(write=True) as db:
            if self._cache_place(db, key) == place:
                db.execute(
                    "INSERT OR REPLACE INTO cache VALUES (?, ?)", (place, self._cache.seal(place, value))
                )
        return value

    def change_passphrase(self, old: bytes, new: bytes, *, kdf: Kdf = Kdf.MODERATE) -> None:
        """Wrap the keys with another passphrase; nothing else changes.

        Whoever has an older copy of the file still opens that with the old one.

        Raises:
            IdentityError: The old passphrase is wrong, or the new one is empty.
        """
        with self.storage.transaction(write=True) as db:
            unlock(_read_header(db, self.path), old, self.entropy)
            _write_header(db, self.keys.wrap(new, kdf))
        self.storage.file.tidy()

    def rotate_key(self, passphrase: bytes) -> None:
        """Seal everything with a new data key and close the vault; all of it, or nothing.

        The vault's other users are refused from then on, until they open it again.

        Raises:
            IdentityError: The passphrase is wrong.
            VerificationFailed: Something in the vault was altered.
        """
        try:
            with self.storage.transaction(write=True) as db:
                header = _read_header(db, self.path)
                unlock(header, passphrase, self.entropy)
                keys = self.keys.next()
                reseal(db, self.storage, self._rows, self._records, keys)
                _write_header(db, keys.wrap(passphrase, header.kdf))
            self.storage.file.tidy()
        finally:
            self.close()

    def read_head(self, db: sqlite3.Connection, name: str) -> bytes:
        """Return the sealed summary that vouches for a table, inside the caller's transaction.

        Raises:
            VerificationFailed: It is missing or was altered.
        """
        return self.storage.read_head(db, name)

    def write_head(self, db: sqlite3.Connection, name: str, value: bytes) -> None:
        """Replace a table's summary, inside the caller's transaction."""
        self.storage.write_head(db, name, value)

    def _cache_place(self, db: sqlite3.Connection, key: bytes) -> bytes:
        chain = self._rows.head(db).chain
        return hashlib.blake2b(bind(chain, key), key=self._cache_key, digest_size=32).digest()


def _write_header(db: sqlite3.Connection, header: Header) -> None:
    kdf = header.kdf
    row = (VERSION, header.vault_id, header.epoch, kdf.passes, kdf.memory, header.salt, header.wrapped)
    db.execute("INSERT OR REPLACE INTO header VALUES (1, ?, ?, ?, ?, ?, ?, ?)", row)


def _read_header(db: sqlite3.Connection, path: Path) -> Header:
    found = db.execute("SELECT version FROM header WHERE id = 1").fetchone()
    if found is None:
        raise VerificationFailed(str(path), "its header is missing", hint="restore the file from a backup")
    if found[0] != VERSION:
        raise IdentityError(
            f"{path} says it has format {found[0]}, and {VERSION} is known",
            hint="open it with the version of folkmoot that made it",
        )
    vault_id, epoch, passes, memory, salt, wrapped = db.execute(
        "SELECT vault_id, epoch, passes, memory, salt, wrapped FROM header WHERE id = 1"
    ).fetchone()
    kdf = Kdf(passes=passes, memory=memory)
    return Header(vault_id=blob(vault_id), epoch=epoch, kdf=kdf, salt=blob(salt), wrapped=blob(wrapped))


def _require_no_secret(kind: str) -> None:
    if kind == _SECRET:
        raise IdentityError("a secret stays as it is")
