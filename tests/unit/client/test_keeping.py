"""Keys, passphrases and rows change whole or not at all, and an older copy of the file shows."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.keys import Kdf, Keyring
from client.ledger import PrivacyLedger
from client.release import Release
from client.rotation import SEALED_TABLES
from client.vault import Source, Vault
from client.watermark import VaultRolledBack, mark_path
from federation.errors import ConfigError, IdentityError, VerificationFailed
from federation.privacy import Budget
from federation.types import Hash32, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PASSPHRASE, OTHER = b"correct horse", b"battery staple"
CANARY = "zebra-canary-5c1e"
ROWS = [Row(text=f"{CANARY} mail {i}", label=i % 3 == 0) for i in range(7)]
SOURCE = Source(name="inbox.mbox", digest=Hash32(b"\7" * 32), imported=1_700_000_000)
BUDGET = Budget(epsilon=8.0, delta=1e-5)
_ROWS = st.builds(Row, text=st.text(max_size=3), label=st.booleans())
RELEASE = Release(federation="f", epoch=1, round=2, base_hash=Hash32(bytes(32)), sigma=9.0, clip=0.5)


def reopen(path: Path, passphrase: bytes = PASSPHRASE) -> Vault:
    return Vault.open(path, passphrase)


def raw(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())


def sealed_rows(path: Path) -> dict[int, bytes]:
    with raw(path) as db:
        return dict(db.execute("SELECT id, sealed FROM rows").fetchall())


def fill(vault: Vault) -> None:
    vault.import_rows(ROWS, SOURCE)
    vault.put_secret("seed", b"one")
    vault.put_record("membership", "spam", b"terms")
    vault.cached(b"features", lambda: b"cached")
    ledger = PrivacyLedger(vault)
    ledger.store(ledger.reserve(RELEASE, BUDGET), b"payload")


def contents(vault: Vault) -> tuple[object, ...]:
    ledger = PrivacyLedger(vault)
    rows = list(vault.stored_rows())
    return rows, vault.get_secret("seed"), vault.records("membership"), ledger.stored(RELEASE), ledger.spent()


def test_source_and_number_come_back_when_rows_are_listed(vault: Vault) -> None:
    vault.import_rows(ROWS[:2], SOURCE)
    vault.import_rows(ROWS[:3])
    stored = list(vault.stored_rows())
    assert [(s.number, s.row) for s in stored] == list(enumerate(ROWS[:3], 1))
    assert [s.source for s in stored] == [SOURCE, SOURCE, Source()]


def test_rows_come_back_in_order_when_there_are_several_batches(vault: Vault) -> None:
    rows = [Row(text=f"row {i}", label=True) for i in range(600)]
    assert vault.import_rows(rows).count == 600
    vault.forget({1, 256, 257, 600})
    assert [s.number for s in vault.stored_rows()] == [n for n in range(1, 600) if n not in {1, 256, 257}]


# Forgetting


def test_forgotten_rows_leave_no_trace_when_deleted(vault: Vault, path: Path) -> None:
    fill(vault)
    before, root = sealed_rows(path), vault.root()
    spent = PrivacyLedger(vault).spent()
    vault.forget([2, 7])
    assert [s.number for s in vault.stored_rows()] == [1, 3, 4, 5, 6]
    assert (vault.count, vault.cached(b"features", lambda: b"anew")) == (5, b"anew")
    assert vault.root() != root
    data = on_disk(path)
    assert [number for number, sealed in before.items() if sealed[24:] not in data] == [2, 7]
    vault.close()
    with reopen(path) as again:
        assert [s.row for s in again.stored_rows()] == [ROWS[i] for i in (0, 2, 3, 4, 5)]
        assert PrivacyLedger(again).spent() == spent
        report = again.import_rows(ROWS)
        assert (report.added, report.count) == (2, 7)
        assert [s.number for s in again.stored_rows()] == [1, 3, 4, 5, 6, 8, 9]


def test_nothing_is_forgotten_when_one_number_is_unknown(vault: Vault) -> None:
    fill(vault)
    with pytest.raises(ConfigError, match="no row 8"):
        vault.forget([1, 8])
    assert (vault.count, vault.cached(b"features", lambda: b"anew")) == (7, b"cached")


@pytest.mark.parametrize("number", [1, 4, 7])
def test_forgotten_row_is_refused_when_it_is_put_back(vault: Vault, path: Path, number: int) -> None:
    fill(vault)
    with raw(path) as db:
        row = db.execute("SELECT * FROM rows WHERE id = ?", (number,)).fetchone()
    vault.forget([number])
    vault.close()
    with raw(path) as db:
        db.execute("INSERT INTO rows VALUES (?, ?, ?)", row)
    with pytest.raises(VerificationFailed, match="rows"):
        reopen(path)


def test_reading_ends_with_an_error_when_rows_are_forgotten_meanwhile(vault: Vault) -> None:
    vault.import_rows([Row(text=f"row {i}", label=True) for i in range(600)])
    rows = vault.stored_rows()
    next(rows)
    vault.forget([400])
    with pytest.raises(ConfigError, match="changed while it was read"):
        list(rows)


# Keys and passphrase


def test_everything_comes_back_under_another_key_when_rotated(vault: Vault, path: Path) -> None:
    fill(vault)
    want, before, header = contents(vault), sealed_rows(path), vault.header
    vault.rotate_key(PASSPHRASE)
    data = on_disk(path)
    assert not [number for number, sealed in before.items() if sealed[24:] in data]
    assert header.wrapped[24:] not in data
    with reopen(path) as again:
        assert contents(again) == want
        assert again.keys.epoch == 2
        assert again.import_rows(ROWS).added == 0
        assert again.cached(b"features", lambda: b"anew") == b"anew"
        again.put_secret("seed", b"one")
        ledger = PrivacyLedger(again)
        ledger.release(RELEASE)


def test_rotation_knows_every_table_that_has_ciphertexts(path: Path, vault: Vault) -> None:
    with raw(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        sealed = {
            t for t in tables for column in db.execute(f"PRAGMA table_info({t})") if column[1] == "sealed"
        }
    assert sealed == SEALED_TABLES


def test_old_key_opens_nothing_when_rotated(vault: Vault, path: Path) -> None:
    fill(vault)
    old = vault.keys
    vault.rotate_key(PASSPHRASE)
    # Not even under the new epoch's number: whoever has the old data key has nothing of the new one.
    renumbered = Keyring(old.vault_id, 2, old._root, old._data, os.urandom)
    with reopen(path) as again, raw(path) as db:
        rows = db.execute("SELECT id, digest, sealed FROM rows").fetchall()
        heads = db.execute("SELECT name, sealed FROM heads").fetchall()
        blobs = [("rows", number.to_bytes(8, "big") + digest, sealed) for number, digest, sealed in rows]
        for use, place, sealed in [*blobs, *(("heads", name.encode(), sealed) for name, sealed in heads)]:
            again.keys.sealer(use).open(place, sealed)
            for keys in (old, renumbered):
                with pytest.raises(VerificationFailed):
                    keys.sealer(use).open(place, sealed)


def test_rotation_is_refused_when_passphrase_is_wrong_or_a_row_altered(vault: Vault, path: Path) -> None:
    fill(vault)
    with reopen(path) as other, pytest.raises(IdentityError):
        other.rotate_key(OTHER)
    with reopen(path) as other:
        with raw(path) as db:
            db.execute("UPDATE rows SET sealed = zeroblob(296) WHERE id = 7")
        with pytest.raises(VerificationFailed):
            other.rotate_key(PASSPHRASE)
    with raw(path) as db:
        assert db.execute("SELECT epoch FROM header").fetchone() == (1,)


def test_open_vault_is_refused_when_another_process_rotated_the_key(vault: Vault, path: Path) -> None:
    fill(vault)
    with reopen(path) as other:
        other.rotate_key(PASSPHRASE)
    ledger_rows = sealed_rows(path)
    for use in (
        lambda: vault.import_rows([Row(text="new", label=True)]),
        lambda: list(vault.rows()),
        vault.root,
    ):
        with pytest.raises(ConfigError, match="new key"):
            use()
    with pytest.raises(ConfigError, match="new key"):
        vault.put_record("membership", "x", b"y")
    assert sealed_rows(path) == ledger_rows


def test_only_new_passphrase_opens_when_changed(vault: Vault, path: Path) -> None:
    fill(vault)
    want, rows, old = contents(vault), sealed_rows(path), vault.header
    with pytest.raises(IdentityError):
        vault.change_passphrase(OTHER, b"x", kdf=Kdf.MINIMUM)
    with pytest.raises(IdentityError, match="empty"):
        vault.change_passphrase(PASSPHRASE, b"", kdf=Kdf.MINIMUM)
    vault.change_passphrase(PASSPHRASE, OTHER, kdf=Kdf.MINIMUM)
    assert contents(vault) == want  # the open vault goes on
    vault.close()
    assert old.salt not in on_disk(path)
    assert old.wrapped not in on_disk(path)
    with pytest.raises(IdentityError):
        reopen(path)
    with reopen(path, OTHER) as again:
        assert contents(again) == want
    assert sealed_rows(path) == rows


# Any order of changes


@given(data=st.data())
@settings(max_examples=15)
def test_vault_holds_what_a_plain_list_would_whatever_is_done_to_it(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v" / "vault"
        vault, model, last = Vault.create(path, PASSPHRASE, kdf=Kdf.MINIMUM), dict[int, Row](), 0
        for what in data.draw(st.lists(st.sampled_from(["add", "forget", "rotate", "reopen"]), max_size=8)):
            if what == "add":
                for row in data.draw(st.lists(_ROWS, max_size=5)):
                    vault.import_rows([row])
                    if row.text not in {known.text for known in model.values()}:
                        last += 1
                        model[last] = row
            elif what == "forget" and model:
                gone = data.draw(st.sets(st.sampled_from(sorted(model))))
                vault.forget(gone)
                model = {number: row for number, row in model.items() if number not in gone}
            elif what in {"rotate", "reopen"}:
                if what == "rotate":
                    vault.rotate_key(PASSPHRASE)
                vault.close()
                vault = reopen(path)
            assert {stored.number: stored.row for stored in vault.stored_rows()} == model
            assert vault.count == len(model)
        vault.close()
        reopen(path).close()


# Older copies


CHANGES = {
    "rows": lambda vault: vault.import_rows([Row(text="more", label=True)]),
    "forgotten": lambda vault: vault.forget([1]),
    "record": lambda vault: vault.put_record("membership", "spam", b"other"),
    "deleted": lambda vault: vault.delete_record("membership", "spam"),
    "passphrase": lambda vault: vault.change_passphrase(PASSPHRASE, PASSPHRASE, kdf=Kdf.MINIMUM),
    "key": lambda vault: vault.rotate_key(PASSPHRASE),
    "ledger": lambda vault: PrivacyLedger(vault).reserve(
        Release(federation="f", epoch=1, round=3, base_hash=Hash32(bytes(32)), sigma=9.0, clip=0.5), BUDGET
    ),
    "sent": lambda vault: PrivacyLedger(vault).release(RELEASE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_vault_is_refused_when_an_older_copy_is_put_back(vault: Vault, path: Path, change: str) -> None:
    fill(vault)
    vault.close()
    old = path.read_bytes()
    with reopen(path) as again:
        CHANGES[change](again)
    path.write_bytes(old)
    with pytest.raises(VaultRolledBack, match="older copy") as caught:
        reopen(path)
    assert caught.value.exit_code == 8
    assert "restore" in str(caught.value.hint)
    with Vault.open(path, PASSPHRASE, put_back=True) as again:
        assert len(list(again.rows())) == 7
    reopen(path).close()


def test_vault_opens_when_its_mark_is_behind(vault: Vault, path: Path) -> None:
    vault.close()
    behind = mark_path(path).read_bytes()
    with reopen(path) as again:
        fill(again)
    old = path.read_bytes()
    mark_path(path).write_bytes(behind)
    with reopen(path) as again:  # and raises the mark
        again.put_record("a", "b", b"c")
    path.write_bytes(old)
    with pytest.raises(VaultRolledBack):
        reopen(path)


def test_mark_is_raised_by_opening_when_it_was_behind(vault: Vault, path: Path) -> None:
    vault.close()
    behind, first = mark_path(path).read_bytes(), path.read_bytes()
    with reopen(path) as again:
        fill(again)
    mark_path(path).write_bytes(behind)
    reopen(path).close()
    path.write_bytes(first)
    with pytest.raises(VaultRolledBack):
        reopen(path)


@pytest.mark.parametrize("damage", ["missing", "empty", "noise", "foreign"])
def test_vault_is_refused_when_its_mark_is_not_its_own(
    vault: Vault, path: Path, tmp_path: Path, damage: str
) -> None:
    fill(vault)
    vault.close()
    mark = mark_path(path)
    if damage == "missing":
        mark.unlink()
    elif damage == "foreign":
        with Vault.create(tmp_path / "other" / "v", PASSPHRASE, kdf=Kdf.MINIMUM) as other:
            for i in range(99):
                other.put_record("a", str(i), b"")
        shutil.copy(mark_path(tmp_path / "other" / "v"), mark)
    else:
        mark.write_bytes(b"" if damage == "empty" else os.urandom(96))
    with pytest.raises(VaultRolledBack, match="mark"):
        reopen(path)


@pytest.mark.parametrize("slot", [0, 1])
def test_mark_is_read_from_its_other_half_when_one_is_torn(vault: Vault, path: Path, slot: int) -> None:
    fill(vault)
    vault.put_record("a", "b", b"c")
    vault.close()
    old = path.read_bytes()
    with reopen(path) as again:
        again.put_record("a", "b", b"d")
        again.put_record("a", "b", b"e")
    torn = bytearray(mark_path(path).read_bytes())
    torn[48 * slot : 48 * slot + 20] = bytes(20)
    mark_path(path).write_bytes(torn)
    reopen(path).close()
    path.write_bytes(old)
    with pytest.raises(VaultRolledBack):
        reopen(path)


# Kills and races


_SCRIPT = """
import os, signal, sys
from pathlib import Path
import client.state, client.storage, client.watermark
from client.keys import Kdf, Keyring
from client.vault import Vault
from federation.types import Row
path, what, point, at = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
vault = Vault.open(path, b"correct horse")
seen = 0
def deadly(inner, after):
    def call(*args, **named):
        global seen
        seen += 1
        if seen == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = inner(*args, **named)
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return call
owner, name = {
    "head": (client.state.State, "write_head"),
    "mark": (client.watermark.Watermark, "write"),
    "tidy": (client.storage.Storage, "tidy"),
}[point.split("-")[0]]
setattr(owner, name, deadly(getattr(owner, name), point.endswith("after")))
if what == "rotate":
    vault.rotate_key(b"correct horse")
elif what == "passphrase":
    vault.change_passphrase(b"correct horse", b"battery staple", kdf=Kdf.MINIMUM)
elif what == "forget":
    vault.forget([1, 2])
else:
    vault.import_rows([Row(text=f"new {i}" + "z" * 50_000, label=True) for i in range(60)])
"""


_POINTS = {"head": False, "head-after": False, "mark": True, "mark-after": True, "tidy": True}
_CHANGES = ("import", "rotate", "passphrase", "forget")


@pytest.mark.parametrize(
    ("what", "point"),
    [(what, point) for what in _CHANGES for point in _POINTS if (what, point) != ("import", "tidy")],
)
def test_change_is_whole_or_not_at_all_when_killed(vault: Vault, path: Path, what: str, point: str) -> None:
    at, done = 2 if what == "rotate" and not _POINTS[point] else 1, _POINTS[point]
    fill(vault)
    want = contents(vault)
    vault.close()
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path), what, point, str(at)], check=False, cwd=ROOT, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL
    assert CANARY.encode() not in on_disk(path)
    with reopen(path, OTHER if done and what == "passphrase" else PASSPHRASE) as again:
        assert again.keys.epoch == (2 if done and what == "rotate" else 1)
        if done and what in {"import", "forget"}:
            assert again.count == {"import": 67, "forget": 5}[what]
            assert len(list(again.rows())) == again.count
            assert contents(again)[1:] == want[1:]
        else:
            assert contents(again) == want


@pytest.mark.slow
@pytest.mark.parametrize("what", ["import", "rotate", "forget"])
def test_vault_opens_whole_when_killed_at_any_time(vault: Vault, path: Path, what: str) -> None:
    vault.import_rows([Row(text=f"old {i}" + "y" * 20_000, label=True) for i in range(200)])
    vault.close()
    for at in range(25):
        running = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, str(path), what, "tidy", "99"],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        timer = threading.Timer(0.25 + 0.012 * at, running.kill)
        timer.start()
        running.wait()
        timer.cancel()
        with reopen(path) as again:
            count = again.count
            assert len(list(again.rows())) == count
            assert count in {200, 198, 260, 258}


def test_both_imports_arrive_when_two_processes_import_at_once(vault: Vault, path: Path) -> None:
    vault.import_rows(ROWS)
    vault.close()
    script = f"""
import sys
from pathlib import Path
from client.vault import Vault
from federation.types import Row
with Vault.open(Path({str(path)!r}), b"correct horse") as vault:
    for i in range(10):
        vault.import_rows([Row(text=f"{{who}} {{i}}", label=True) for who in ("shared", sys.argv[1])])
"""
    running = [subprocess.Popen([sys.executable, "-c", script, name], cwd=ROOT) for name in ("a", "b")]
    assert [process.wait(60) for process in running] == [0, 0]
    with reopen(path) as again:
        assert again.count == 7 + 10 + 20
        assert len({row.text for row in again.rows()}) == 37


def test_rows_being_read_stay_bounded_when_there_are_many(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.import_rows([Row(text=f"row {i}", label=True) for i in range(1000)])
    asked: list[int] = []
    inner = vault.storage.transaction

    def watched(*, write: bool) -> object:
        asked.append(1)
        return inner(write=write)

    monkeypatch.setattr(vault.storage, "transaction", watched)
    rows: Iterator[object] = vault.rows()
    for _ in range(300):
        next(rows)
    assert len(asked) == 3  # the check, and two batches of 256
