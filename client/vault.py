"""A member's encrypted rows, secrets and caches in one SQLite file.

Rows are appended and never changed. A sealed head holds their number, their Merkle root and a
running hash over the ciphertexts, so that a row that is altered, swapped, dropped or added shows.
A whole file put back from an older copy does not show here: its root differs from the one the
member has published. The vault protects data at rest; Python cannot erase keys from memory.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from client.keys import VERSION, Header, Kdf, Keyring, bind, lock, unlock
from client.storage import Storage, create_schema
from federation.errors import DataError, IdentityError, VerificationFailed
from federation.hashing import sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from client.noise import Entropy
    from federation.types import Hash32

_BUCKET = 256
"""Plaintexts are padded to a multiple of this, because lengths identify messages."""

_ROW = struct.Struct(">?I")
_ROWS_HEAD = struct.Struct(">Q32s32s")

# Made with the vault, so that a table cannot be emptied by dropping its head.
_EMPTY_HEADS = {"rows": bytes(_ROWS_HEAD.size), "ledger": bytes(48)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: New rows.
        duplicates: Rows that were there already, or came twice.
        count: Rows in the vault now.
        root: Merkle root over their ciphertexts.
    """

    added: int
    duplicates: int
    count: int
    root: Hash32


class _Head(NamedTuple):
    rows: int
    root: Hash32
    chain: bytes


class Vault:
    """An open vault. Use as a context manager, or close it.

    Attributes:
        keys: The open keys, for what else lives in the file.
        storage: The file, for what else lives in it.
    """

    def __init__(self, storage: Storage, keys: Keyring) -> None:
        self.storage, self.keys = storage, keys
        self._rows, self._heads = keys.sealer("rows"), keys.sealer("heads")
        self._secrets, self._cache = keys.sealer("secrets"), keys.sealer("cache")
        self._dedupe_key, self._cache_key = keys.subkey("dedupe"), keys.subkey("cache keys")

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
        header, keys = lock(passphrase, kdf, entropy)
        storage = Storage.create(path)
        try:
            vault = cls(storage, keys)
            with storage.transaction(write=True) as db:
                create_schema(db)
                db.execute(
                    "INSERT INTO header VALUES (1, ?, ?, ?, ?, ?, ?)",
                    (VERSION, header.vault_id, kdf.passes, kdf.memory, header.salt, header.wrapped),
                )
                for name, empty in _EMPTY_HEADS.items():
                    vault.write_head(db, name, empty)
        except BaseException:
            storage.close()
            path.unlink()
            raise
        return vault

    @classmethod
    def open(cls, path: Path, passphrase: bytes, *, entropy: Entropy = os.urandom) -> Vault:
        """Open a vault and check that its rows are those of its head.

        Raises:
            ConfigError: There is no such file, others may read it, or it is in use.
            IdentityError: The passphrase is wrong, or the header was altered.
            VerificationFailed: Rows are missing, altered, swapped or added; or it is no vault.
        """
        storage = Storage(path)
        try:
            with storage.transaction(write=False) as db:
                header = _read_header(db, path)
            vault = cls(storage, unlock(header, passphrase, entropy))
            with storage.transaction(write=False) as db:
                vault._checked_rows(db)
        except BaseException:
            storage.close()
            raise
        return vault

    def close(self) -> None:
        """Close the file."""
        self.storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._read_head().rows

    def root(self) -> Hash32:
        """Return the Merkle root over the ciphertext rows in their order; 32 zero bytes if none.

        A leaf is ``leaf_hash(sha256(nonce || ciphertext))``; the tree is not sorted.
        """
        return self._read_head().root

    def import_rows(self, rows: Iterable[Row]) -> ImportReport:
        """Add the rows that are not there yet, all or none.

        Two rows are the same where text and label are. They are recognised by a keyed digest, so
        the file tells nothing about them but their number and rough sizes.

        Raises:
            DataError: A text is not valid Unicode; the message names the row, from 1.
            VerificationFailed: The rows already there are not those of the head.
        """
        with self.storage.transaction(write=True) as db:
            head, stored = self._checked_rows(db)
            leaves = [sha256(sealed) for _, _, sealed in stored]
            known = {digest for _, digest, _ in stored}
            chain, seen = head.chain, 0
            for seen, row in enumerate(rows, 1):
                plain = _encode(row, seen)
                digest = hashlib.blake2b(plain, key=self._dedupe_key, digest_size=32).digest()
                if digest in known:
                    continue
                known.add(digest)
                number = len(leaves) + 1
                sealed = self._rows.seal(_place(number, digest), plain)
                db.execute("INSERT INTO rows VALUES (?, ?, ?)", (number, digest, sealed))
                leaves.append(sha256(sealed))
                chain = _link(chain, digest, leaves[-1])
            added = len(leaves) - head.rows
            if added:
                root = MerkleTree.build([leaf_hash(leaf) for leaf in leaves], sort=False).root
                head = _Head(len(leaves), root, chain)
                self.write_head(db, "rows", _ROWS_HEAD.pack(*head))
                db.execute("DELETE FROM cache")
        return ImportReport(added=added, duplicates=seen - added, count=head.rows, root=head.root)

    def rows(self) -> Iterator[Row]:
        """Yield all rows in their order; they are checked against the head before the first.

        Raises:
            VerificationFailed: Rows are missing, altered, swapped or added.
        """
        with self.storage.transaction(write=False) as db:
            _, stored = self._checked_rows(db)
        for number, digest, sealed in stored:
            yield _decode(self._rows.open(_place(number, digest), sealed))

    def put_secret(self, name: str, value: bytes) -> None:
        """Store a key or a seed for good; storing the same again does nothing.

        Raises:
            IdentityError: Another value has the name: a key is never silently replaced.
        """
        with self.storage.transaction(write=True) as db:
            found = _one(db, "SELECT sealed FROM secrets WHERE name = ?", name)
            if found is None:
                sealed = self._secrets.seal(name.encode(), value)
                db.execute("INSERT INTO secrets VALUES (?, ?)", (name, sealed))
            elif not hmac.compare_digest(self._secrets.open(name.encode(), found), value):
                raise IdentityError(f"the vault holds another secret named {name!r}")

    def get_secret(self, name: str) -> bytes:
        """Return a stored secret.

        Raises:
            IdentityError: There is none of that name.
            VerificationFailed: It was altered.
        """
        with self.storage.transaction(write=False) as db:
            found = _one(db, "SELECT sealed FROM secrets WHERE name = ?", name)
        if found is None:
            raise IdentityError(f"the vault holds no secret named {name!r}")
        return self._secrets.open(name.encode(), found)

    def cache_put(self, key: bytes, value: bytes) -> None:
        """Keep something computed from the present rows, e.g. their features, under a name."""
        with self.storage.transaction(write=True) as db:
            place = self._cache_place(db, key)
            sealed = self._cache.seal(place, value)
            db.execute("INSERT OR REPLACE INTO cache VALUES (?, ?)", (place, sealed))

    def cache_get(self, key: bytes) -> bytes | None:
        """Return what was computed from the present rows; none where rows were added since.

        Raises:
            VerificationFailed: It was altered.
        """
        with self.storage.transaction(write=False) as db:
            place = self._cache_place(db, key)
            found = _one(db, "SELECT sealed FROM cache WHERE key = ?", place)
        return None if found is None else self._cache.open(place, found)

    def read_head(self, db: sqlite3.Connection, name: str) -> bytes:
        """Return the sealed summary that vouches for a table, inside the caller's transaction.

        Raises:
            VerificationFailed: It is missing or was altered.
        """
        sealed = _one(db, "SELECT sealed FROM heads WHERE name = ?", name)
        if sealed is None:
            raise VerificationFailed("vault", f"the head of its {name} is missing")
        return self._heads.open(name.encode(), sealed)

    def write_head(self, db: sqlite3.Connection, name: str, value: bytes) -> None:
        """Replace a table's summary, inside the caller's transaction."""
        sealed = self._heads.seal(name.encode(), value)
        db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (name, sealed))

    def _rows_head(self, db: sqlite3.Connection) -> _Head:
        return _Head(*_ROWS_HEAD.unpack(self.read_head(db, "rows")))

    def _read_head(self) -> _Head:
        with self.storage.transaction(write=False) as db:
            return self._rows_head(db)

    def _checked_rows(self, db: sqlite3.Connection) -> tuple[_Head, list[tuple[int, bytes, bytes]]]:
        head = self._rows_head(db)
        stored = db.execute("SELECT id, digest, sealed FROM rows ORDER BY id").fetchall()
        chain = bytes(32)
        for _, digest, sealed in stored:
            chain = _link(chain, _blob(digest), sha256(_blob(sealed)))
        if [number for number, _, _ in stored] != list(range(1, head.rows + 1)) or chain != head.chain:
            raise VerificationFailed(
                "vault",
                "rows are missing, altered, moved or added",
                hint="restore the vault file from a backup",
            )
        return head, stored

    def _cache_place(self, db: sqlite3.Connection, key: bytes) -> bytes:
        root = self._rows_head(db).root
        return hashlib.blake2b(bind(root, key), key=self._cache_key, digest_size=32).digest()


def _read_header(db: sqlite3.Connection, path: Path) -> Header:
    found = db.execute(
        "SELECT version, vault_id, passes, memory, salt, wrapped FROM header WHERE id = 1"
    ).fetchone()
    if found is None:
        raise VerificationFailed(str(path), "its header is missing", hint="restore the file from a backup")
    version, vault_id, passes, memory, salt, wrapped = found
    if version != VERSION:
        raise IdentityError(
            f"{path} says it has format {version}, and {VERSION} is known", hint="update folkmoot"
        )
    kdf = Kdf(passes=passes, memory=memory)
    return Header(vault_id=_blob(vault_id), kdf=kdf, salt=_blob(salt), wrapped=_blob(wrapped))


def _one(db: sqlite3.Connection, query: str, key: str | bytes) -> bytes | None:
    found = db.execute(query, (key,)).fetchone()
    return None if found is None else _blob(found[0])


def _blob(value: object) -> bytes:
    # A damaged page can turn a column into another type in spite of the schema.
    if not isinstance(value, bytes):
        raise VerificationFailed("vault", "a stored field has the wrong type")
    return value


def _link(chain: bytes, digest: bytes, leaf: bytes) -> bytes:
    return sha256(chain + digest + leaf)


def _place(number: int, digest: bytes) -> bytes:
    return number.to_bytes(8, "big") + digest


def _encode(row: Row, number: int) -> bytes:
    """Return label, length and text, padded with zeros to a multiple of the bucket."""
    try:
        text = row.text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"row {number}: the text is not valid Unicode") from error
    plain = _ROW.pack(row.label, len(text)) + text
    return plain + bytes(-len(plain) % _BUCKET)


def _decode(plain: bytes) -> Row:
    label, length = _ROW.unpack_from(plain)
    return Row(text=plain[_ROW.size : _ROW.size + length].decode(), label=label)
