"""Nothing readable on disk, and nothing altered goes unnoticed."""

from __future__ import annotations

import random
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from client.budget import set_budget
from client.keys import Kdf, Keyring
from client.ledger import PrivacyLedger
from client.release import Release
from client.vault import Vault
from federation.errors import (
    ConfigError,
    DataError,
    FolkmootError,
    IdentityError,
    VerificationFailed,
)
from federation.hashing import sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.privacy import Budget
from federation.types import Hash32, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from client.noise import Entropy

PASSPHRASE = b"correct horse"
CANARY = "zebra-canary-0d1f"
ROWS = [Row(text=f"{CANARY} mail {i}", label=i % 3 == 0) for i in range(7)]
BUDGET = Budget(epsilon=8.0, delta=1e-5)
RELEASE = Release(federation="f", epoch=1, round=2, base_hash=Hash32(bytes(32)), sigma=9.0, clip=0.5)


def reopen(path: Path) -> Vault:
    return Vault.open(path, PASSPHRASE)


def raw(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def fill(vault: Vault) -> None:
    """Put something of every kind into a vault."""
    vault.import_rows(ROWS)
    vault.put_secret("seed", CANARY.encode())
    vault.put_record("membership", CANARY, CANARY.encode())
    vault.cached(b"features", CANARY.encode)
    set_budget(vault, BUDGET)
    ledger = PrivacyLedger(vault)
    ledger.store(ledger.reserve(RELEASE, BUDGET), CANARY.encode())


def computed_again() -> bytes:
    raise AssertionError("what was kept is missing")


def read_all(vault: Vault) -> tuple[object, ...]:
    """Read everything that ``fill`` wrote."""
    ledger = PrivacyLedger(vault)
    cached, stored = vault.cached(b"features", computed_again), ledger.stored(RELEASE)
    assert stored is not None
    records = vault.get_secret("seed"), vault.records("membership")
    return list(vault.rows()), vault.root(), records, cached, stored, ledger.spent()


def test_rows_come_back_in_order_when_reopened(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS)
    root = vault.root()
    vault.close()
    with reopen(path) as again:
        assert list(again.rows()) == ROWS
        assert (again.count, again.root()) == (len(ROWS), root)


@pytest.mark.parametrize("text", ["", "\0", "x" * 209, "x" * 210, "ünï\U0001f40e", "a\0\0"])
def test_row_comes_back_exactly_when_text_is_odd(vault: Vault, text: str) -> None:
    vault.import_rows([Row(text=text, label=True)])
    assert list(vault.rows()) == [Row(text=text, label=True)]


def test_import_adds_each_row_once_when_repeated(vault: Vault) -> None:
    first = vault.import_rows([*ROWS, ROWS[0]])
    assert (first.added, first.duplicates, first.count) == (7, 1, 7)
    root = vault.root()
    again = vault.import_rows(ROWS)
    assert (again.added, again.duplicates, again.count, vault.root()) == (0, 7, 7, root)


def test_import_leaves_a_text_out_when_it_is_there_with_the_other_label(vault: Vault) -> None:
    new = Row(text="something new", label=True)
    vault.import_rows(ROWS)
    flipped = Row(text=ROWS[0].text, label=not ROWS[0].label)
    report = vault.import_rows([flipped, new, Row(text=new.text, label=False), ROWS[1]])
    assert (report.added, report.duplicates, report.contradicting, report.count) == (1, 1, 2, 8)
    assert list(vault.rows()) == [*ROWS, new]


def test_root_is_merkle_root_of_ciphertext_rows(vault: Vault, path: Path) -> None:
    assert vault.root() == bytes(32)
    vault.import_rows(ROWS)
    with raw(path) as db:
        sealed = [row for (row,) in db.execute("SELECT sealed FROM rows ORDER BY id")]
    leaves = [leaf_hash(sha256(row)) for row in sealed]
    assert vault.root() == MerkleTree.build(leaves, sort=False).root


def test_stored_bytes_repeat_when_entropy_repeats(
    tmp_path: Path, counted: Callable[[bytes], Entropy]
) -> None:
    dumps = []
    for name, seed in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        path = tmp_path / name / "vault"
        with Vault.create(path, PASSPHRASE, kdf=Kdf.MINIMUM, entropy=counted(seed)) as vault:
            fill(vault)
            with raw(path) as db:
                dumps.append(list(db.iterdump()))
    assert dumps[0] == dumps[1]
    assert dumps[0] != dumps[2]


def test_plaintext_is_nowhere_on_disk_during_and_after_import(vault: Vault, path: Path) -> None:
    big = [Row(text=f"{CANARY} {i} " + "y" * 100_000, label=True) for i in range(40)]

    def watched() -> Iterator[Row]:
        for row in big:  # 4 MB: more than the page cache, so the log is written before the commit
            yield row
            assert CANARY.encode() not in on_disk(path)

    fill(vault)
    vault.import_rows(watched())
    vault.cached(b"features", CANARY.encode)
    assert {file.name for file in path.parent.iterdir()} == {
        path.name + end for end in ("", "-wal", "-shm", ".mark")
    }
    assert CANARY.encode() not in on_disk(path)
    vault.close()
    assert CANARY.encode() not in on_disk(path)
    with reopen(path) as again:
        assert CANARY in next(again.rows()).text


def test_sizes_on_disk_tell_only_the_bucket(vault: Vault, path: Path) -> None:
    vault.import_rows([Row(text="x" * n, label=bool(n % 2)) for n in (0, 1, 100, 209)])
    with raw(path) as db:
        assert {length for (length,) in db.execute("SELECT length(sealed) FROM rows")} == {256 + 40}


def test_file_and_folder_are_private_when_made(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("which", ["file", "folder"])
def test_open_is_refused_when_others_may_read(vault: Vault, path: Path, which: str) -> None:
    vault.close()
    target = path if which == "file" else path.parent
    target.chmod(target.stat().st_mode | 0o040)
    with pytest.raises(ConfigError, match="others may read"):
        reopen(path)


def test_open_is_refused_when_passphrase_is_wrong(vault: Vault, path: Path) -> None:
    vault.close()
    for wrong in (b"correct horse ", b""):
        with pytest.raises(IdentityError, match="passphrase"):
            Vault.open(path, wrong)


def test_open_is_refused_when_format_is_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "private" / "old.vault"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    with raw(path) as db:
        db.execute("CREATE TABLE header (id INTEGER PRIMARY KEY, version INTEGER, vault_id BLOB, salt BLOB)")
        db.execute("INSERT INTO header VALUES (1, 1, zeroblob(16), zeroblob(16))")
    with pytest.raises(IdentityError, match="format 1, and 2 is known") as caught:
        reopen(path)
    assert caught.value.hint


def test_create_is_refused_when_passphrase_is_empty_or_file_exists(vault: Vault, path: Path) -> None:
    with pytest.raises(IdentityError, match="empty"):
        Vault.create(path.parent / "new", b"", kdf=Kdf.MINIMUM)
    with pytest.raises(ConfigError, match="exists"):
        Vault.create(path, PASSPHRASE, kdf=Kdf.MINIMUM)
    assert not (path.parent / "new").exists()


def test_open_is_refused_when_there_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no vault"):
        reopen(tmp_path / "none")
    (tmp_path / "other").touch(mode=0o600)
    with pytest.raises(ConfigError, match="no such table"):
        reopen(tmp_path / "other")
    (tmp_path / "other").write_bytes(b"x" * 5000)
    with pytest.raises(VerificationFailed, match="not a vault"):
        reopen(tmp_path / "other")


@pytest.mark.parametrize(
    ("passes", "memory"), [(1, 8 << 20), (2, (8 << 20) - 1), (17, 8 << 20), (2, 2 << 30)]
)
def test_kdf_is_refused_when_out_of_bounds(vault: Vault, path: Path, passes: int, memory: int) -> None:
    with pytest.raises(IdentityError, match="out of bounds"):
        Kdf(passes=passes, memory=memory)
    vault.close()
    with raw(path) as db:
        db.execute("UPDATE header SET passes = ?, memory = ?", (passes, memory))
    with pytest.raises(IdentityError, match="out of bounds"):
        reopen(path)


def test_every_field_is_authenticated_when_one_bit_flips(vault: Vault, path: Path) -> None:
    fill(vault)
    want = read_all(vault)
    vault.close()
    original = path.read_bytes()
    with raw(path) as db:
        tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        fields = [
            (table, column[1], rowid)
            for table in tables
            for column in db.execute(f"PRAGMA table_info({table})").fetchall()
            for (rowid,) in db.execute(f"SELECT rowid FROM {table} ORDER BY rowid LIMIT 2").fetchall()
        ]
    assert len(fields) == 41
    for table, column, rowid in fields:
        path.write_bytes(original)
        with raw(path) as db:
            (value,) = db.execute(f"SELECT {column} FROM {table} WHERE rowid = {rowid}").fetchone()
            changed: object
            if isinstance(value, bytes):
                changed = value[:-1] + bytes([value[-1] ^ 1])
            elif isinstance(value, str):
                changed = value[:-1] + chr(ord(value[-1]) ^ 1)
            else:
                changed = value * 2 if isinstance(value, float) else value ^ 64
            db.execute("PRAGMA ignore_check_constraints=ON")
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = {rowid}", (changed,))
        with pytest.raises((FolkmootError, AssertionError)) as caught, reopen(path) as again:
            read_all(again)
        if isinstance(caught.value, AssertionError):  # found under another name: missing, not altered
            assert (table, column) == ("cache", "key")
    path.write_bytes(original)
    with reopen(path) as again:
        assert read_all(again) == want


def test_file_is_read_correctly_or_refused_when_any_bit_flips(vault: Vault, path: Path) -> None:
    fill(vault)
    want = read_all(vault)
    vault.close()
    original = path.read_bytes()
    chance = random.Random(5)
    refused = 0
    for _ in range(60):
        damaged = bytearray(original)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            with reopen(path) as again:
                got = read_all(again)
        except (FolkmootError, AssertionError):
            refused += 1
        else:
            assert got == want
    assert refused


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM rows WHERE id = 7",
        "DELETE FROM rows WHERE id = 3",
        "DELETE FROM rows",
        "DELETE FROM rows WHERE id = 1; UPDATE rows SET id = id - 1",
        "UPDATE rows SET id = -id; UPDATE rows SET id = 8 + id",
        "UPDATE rows SET sealed = (SELECT sealed FROM rows WHERE id = 2) WHERE id = 1",
        "INSERT INTO rows SELECT 8, zeroblob(32), sealed FROM rows WHERE id = 1",
        "UPDATE rows SET digest = zeroblob(32) WHERE id = 1",
        "DELETE FROM heads",
        "UPDATE heads SET sealed = (SELECT sealed FROM heads WHERE name = 'ledger')",
        "DELETE FROM header",
    ],
)
def test_open_is_refused_when_rows_are_dropped_swapped_or_added(
    vault: Vault, path: Path, tampering: str
) -> None:
    vault.import_rows(ROWS)
    vault.close()
    with raw(path) as db:
        db.executescript(tampering)
    with pytest.raises(VerificationFailed):
        reopen(path)


def test_rows_and_import_are_refused_when_file_is_altered_while_open(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS)
    with raw(path) as db:
        db.execute("DELETE FROM rows WHERE id = 7")
    with pytest.raises(VerificationFailed):
        next(vault.rows())
    with pytest.raises(VerificationFailed):
        vault.import_rows(ROWS)


def test_row_is_bound_to_its_vault_when_keys_are_shared(counted: Callable[[bytes], Entropy]) -> None:
    one, other = (Keyring(bytes([i]) * 16, 1, bytes(32), bytes(32), counted(b"")) for i in (1, 2))
    blob = one.sealer("rows").seal(b"1", b"text")
    assert one.sealer("rows").open(b"1", blob) == b"text"
    for sealer, place in (
        (other.sealer("rows"), b"1"),
        (one.sealer("cache"), b"1"),
        (one.sealer("rows"), b"2"),
        (Keyring(bytes([1]) * 16, 2, bytes(32), bytes(32), counted(b"")).sealer("rows"), b"1"),
    ):
        with pytest.raises(VerificationFailed):
            sealer.open(place, blob)


def test_nonces_differ_when_the_same_row_is_sealed_again(counted: Callable[[bytes], Entropy]) -> None:
    sealer = Keyring(bytes(16), 1, bytes(32), bytes(32), counted(b"")).sealer("rows")
    assert len({sealer.seal(b"1", b"text") for _ in range(1000)}) == 1000


def test_nothing_is_imported_when_a_row_is_bad(vault: Vault) -> None:
    with pytest.raises(DataError, match="row 2"):
        vault.import_rows([ROWS[0], Row(text="\ud800", label=False)])

    def failing() -> Iterator[Row]:
        yield ROWS[0]
        raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        vault.import_rows(failing())
    assert vault.count == 0
    assert vault.import_rows(ROWS).added == 7


@pytest.mark.parametrize("after", [3, 40])
def test_import_is_all_or_nothing_when_killed(vault: Vault, path: Path, after: int) -> None:
    vault.import_rows(ROWS)
    root = vault.root()
    vault.close()
    script = f"""
import os, signal
from pathlib import Path
from client.vault import Vault
from federation.types import Row
def rows():
    for i in range(40):
        if i == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        yield Row(text=f"{CANARY} new {{i}}" + "z" * 100_000, label=False)
with_ = Vault.open(Path({str(path)!r}), {PASSPHRASE!r})
with_.import_rows(rows())
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL
    assert CANARY.encode() not in on_disk(path)
    with reopen(path) as again:
        if after < 40:
            assert (again.count, again.root()) == (7, root)
        else:
            assert again.count == 47
        assert len(list(again.rows())) == again.count


def test_secret_comes_back_and_is_never_replaced(vault: Vault) -> None:
    vault.put_secret("seed", b"one")
    vault.put_secret("seed", b"one")
    assert vault.get_secret("seed") == b"one"
    with pytest.raises(IdentityError, match="another"):
        vault.put_secret("seed", b"two")
    with pytest.raises(IdentityError, match="no secret"):
        vault.get_secret("payee")


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM records",
        "DELETE FROM records WHERE kind = 'secret'",
        "UPDATE records SET kind = 'secret'",
        "UPDATE records SET key = zeroblob(32) WHERE kind = 'secret'",
        "UPDATE records SET sealed = (SELECT sealed FROM records WHERE kind = 'm') WHERE kind = 'secret'",
        "INSERT INTO records SELECT zeroblob(32), kind, sealed FROM records WHERE kind = 'm'",
    ],
)
def test_records_are_refused_when_one_is_dropped_moved_or_added(
    vault: Vault, path: Path, tampering: str
) -> None:
    vault.put_secret("seed", b"one")
    vault.put_record("m", "seed", b"two")
    with raw(path) as db:
        db.execute(tampering)
    with pytest.raises(VerificationFailed):
        vault.get_secret("seed")
    with pytest.raises(VerificationFailed):
        vault.records("m")
    vault.close()
    with pytest.raises(VerificationFailed):
        reopen(path)


def test_record_is_refused_when_an_older_one_is_put_back(vault: Vault, path: Path) -> None:
    vault.put_record("membership", "spam", b"old")
    with raw(path) as db:
        (old,) = db.execute("SELECT sealed FROM records").fetchone()
    vault.put_record("membership", "spam", b"new")
    assert vault.records("membership") == {"spam": b"new"}
    with raw(path) as db:
        db.execute("UPDATE records SET sealed = ?", (old,))
    with pytest.raises(VerificationFailed, match="records"):
        vault.record("membership", "spam")


def test_records_are_listed_by_kind_replaced_and_deleted(vault: Vault) -> None:
    for name in ("b", "a" * 300, "", "ü"):
        vault.put_record("membership", name, name.encode() * 3)
    vault.put_record("other", "a", b"x")
    vault.put_record("membership", "b", b"")
    assert vault.records("membership") == {"": b"", "a" * 300: b"a" * 900, "b": b"", "ü": "üüü".encode()}
    assert (vault.record("other", "a"), vault.record("other", "b")) == (b"x", None)
    assert vault.delete_record("membership", "b")
    assert not vault.delete_record("membership", "b")
    assert "b" not in vault.records("membership")
    assert vault.records("none") == {}


def test_secret_is_neither_replaced_nor_deleted_as_a_record(vault: Vault) -> None:
    vault.put_secret("seed", b"one")
    with pytest.raises(IdentityError):
        vault.put_record("secret", "seed", b"two")
    with pytest.raises(IdentityError):
        vault.delete_record("secret", "seed")
    assert vault.get_secret("seed") == b"one"


def test_cache_is_forgotten_when_rows_are_added(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS[:3])
    assert vault.cached(b"k", lambda: b"old") == b"old"
    assert vault.cached(b"other", lambda: b"new") == b"new"
    vault.import_rows(ROWS[:3])
    assert vault.cached(b"k", lambda: b"new") == b"old"
    with raw(path) as db:
        stale = db.execute("SELECT * FROM cache").fetchall()
    vault.import_rows(ROWS)
    with raw(path) as db:
        assert not db.execute("SELECT * FROM cache").fetchall()
        db.executemany("INSERT INTO cache VALUES (?, ?)", stale)
    assert vault.cached(b"k", lambda: b"new") == b"new"


def test_cache_does_not_keep_what_was_computed_while_rows_were_forgotten(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS[:3])

    def texts() -> bytes:
        return "|".join(row.text for row in vault.rows()).encode()

    def slow() -> bytes:
        found = texts()
        with reopen(path) as other:
            other.forget([2])
        return found

    assert ROWS[1].text.encode() in vault.cached(b"k", slow)
    assert vault.cached(b"k", texts) == f"{ROWS[0].text}|{ROWS[2].text}".encode()


def test_vault_is_refused_when_closed(vault: Vault) -> None:
    vault.close()
    with pytest.raises(ConfigError, match="closed"):
        vault.root()
