"""A backup opens with its day's passphrase, whole or not at all, and never over a vault that is there."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from client import backup
from client.backup import restore, write_backup
from client.home import ClientHome
from client.keys import Kdf
from client.restored import note_compared, restored_at
from client.stream import OpeningReader, SealingWriter
from client.vault import Vault
from client.watermark import VaultRolledBack, mark_path
from federation.errors import ConfigError, FolkmootError, IdentityError, VerificationFailed
from federation.types import Row

PASSPHRASE, OTHER = b"correct horse", b"battery staple"
CANARY = "zebra-canary-77aa"
ROWS = [Row(text=f"{CANARY} mail {i}", label=i % 3 == 0) for i in range(7)]
KEY, CONTEXT = bytes(range(32)), b"head"


@pytest.fixture
def home(tmp_path: Path) -> ClientHome:
    return ClientHome(tmp_path / "home")


@pytest.fixture
def copy(home: ClientHome, tmp_path: Path) -> Path:
    """A home with a vault and events, and its backup."""
    with Vault.create(home.vault, PASSPHRASE, kdf=Kdf.MINIMUM) as vault:
        vault.import_rows(ROWS)
        vault.put_secret("seed", b"one")
        with closing(sqlite3.connect(home.events)) as events:
            events.execute("CREATE TABLE events (cid TEXT)")
            events.execute("INSERT INTO events VALUES ('first')")
            events.commit()
        write_backup(vault, home, tmp_path / "copy")
    return tmp_path / "copy"


def elsewhere(tmp_path: Path) -> ClientHome:
    return ClientHome(tmp_path / "other" / "machine")


def events_of(home: ClientHome) -> list[str]:
    with closing(sqlite3.connect(home.events)) as db:
        return [cid for (cid,) in db.execute("SELECT cid FROM events")]


def test_everything_comes_back_when_a_backup_is_restored_elsewhere(copy: Path, tmp_path: Path) -> None:
    there = elsewhere(tmp_path)
    restore(copy, there, PASSPHRASE)
    assert {file.name for file in there.path.iterdir()} == {"vault.db", "vault.db.mark", "events.db"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in there.path.iterdir()} == {0o600}
    assert events_of(there) == ["first"]
    with Vault.open(there.vault, PASSPHRASE) as vault:
        assert list(vault.rows()) == ROWS
        assert vault.get_secret("seed") == b"one"
        assert restored_at(vault) is not None
        note_compared(vault)
        assert restored_at(vault) is None


def test_backup_is_private_and_holds_no_plaintext(copy: Path) -> None:
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    data = copy.read_bytes()
    assert not [word for word in (CANARY, "SQLite", "vault.db", "first") if word.encode() in data]
    assert not list(copy.parent.glob("*/.new-*"))


def test_restore_is_refused_when_a_vault_is_there(copy: Path, home: ClientHome) -> None:
    before = home.vault.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        restore(copy, home, PASSPHRASE)
    assert home.vault.read_bytes() == before


def test_old_vault_is_put_back_on_purpose_when_restored(copy: Path, home: ClientHome) -> None:
    old = home.vault.read_bytes()
    with Vault.open(home.vault, PASSPHRASE) as vault:
        vault.forget([1])
    home.vault.unlink()
    home.vault.write_bytes(old)
    home.vault.chmod(0o600)
    with pytest.raises(VaultRolledBack):
        Vault.open(home.vault, PASSPHRASE)
    home.vault.unlink()
    restore(copy, home, PASSPHRASE)
    with Vault.open(home.vault, PASSPHRASE) as vault:
        assert vault.count == 7
        assert restored_at(vault) is not None


@pytest.mark.parametrize("in_log", [False, True])
def test_vault_file_itself_is_put_back_on_purpose_when_there_is_no_backup(
    home: ClientHome, tmp_path: Path, in_log: bool
) -> None:
    with Vault.create(home.vault, PASSPHRASE, kdf=Kdf.MINIMUM) as vault:
        vault.import_rows(ROWS)
        if in_log:  # as after a crash: the log still holds what the file lacks
            for file in home.path.iterdir():
                shutil.copy(file, tmp_path / file.name)
    if not in_log:
        home.vault.rename(tmp_path / "vault.db")
    there = elsewhere(tmp_path)
    with pytest.raises(IdentityError):
        restore(tmp_path / "vault.db", there, OTHER)
    restore(tmp_path / "vault.db", there, PASSPHRASE)
    with Vault.open(there.vault, PASSPHRASE) as vault:
        assert list(vault.rows()) == ROWS
        assert restored_at(vault) is not None


def test_altered_vault_file_is_refused_when_put_back(copy: Path, home: ClientHome, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home.vault)) as db:
        db.execute("DELETE FROM rows WHERE id = 3")
        db.commit()
    home.vault.rename(tmp_path / "altered")
    with pytest.raises(VerificationFailed, match="rows"):
        restore(tmp_path / "altered", home, PASSPHRASE)
    assert not home.vault.exists()


def test_newer_events_stay_when_only_the_vault_is_gone(copy: Path, home: ClientHome) -> None:
    with closing(sqlite3.connect(home.events)) as events:
        events.execute("INSERT INTO events VALUES ('second')")
        events.commit()
    home.vault.unlink()
    restore(copy, home, PASSPHRASE)
    assert events_of(home) == ["first", "second"]


def test_backup_keeps_its_passphrase_when_it_is_changed_and_the_key_rotated(
    copy: Path, home: ClientHome, tmp_path: Path
) -> None:
    with Vault.open(home.vault, PASSPHRASE) as vault:
        vault.change_passphrase(PASSPHRASE, OTHER, kdf=Kdf.MINIMUM)
        vault.rotate_key(OTHER)
    there = elsewhere(tmp_path)
    with pytest.raises(IdentityError):
        restore(copy, there, OTHER)
    assert not there.vault.exists()
    restore(copy, there, PASSPHRASE)
    with Vault.open(there.vault, PASSPHRASE) as vault:
        assert vault.count == 7


def test_backup_is_refused_when_its_file_is_there(copy: Path, home: ClientHome) -> None:
    before = copy.read_bytes()
    with Vault.open(home.vault, PASSPHRASE) as vault, pytest.raises(ConfigError, match="there already"):
        write_backup(vault, home, copy)
    assert copy.read_bytes() == before


def test_backup_is_refused_when_it_does_not_read_as_written(
    copy: Path, home: ClientHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_digest", lambda path: b"other")
    target = copy.parent / "second"
    with Vault.open(home.vault, PASSPHRASE) as vault, pytest.raises(VerificationFailed, match="read"):
        write_backup(vault, home, target)
    assert not target.exists()
    assert [file.name for file in copy.parent.iterdir() if file.is_file()] == ["copy"]


@pytest.mark.parametrize(
    "where", [0, 20, 40, 60, 100, 200, 300, 5000, -1, "cut", "cut chunk", "more", "empty"]
)
def test_restore_is_refused_when_the_backup_was_altered(copy: Path, tmp_path: Path, where: int | str) -> None:
    data = bytearray(copy.read_bytes())
    if isinstance(where, int):
        data[where] ^= 1
    elif where == "cut":
        del data[-1:]
    elif where == "cut chunk":
        del data[-60_000:]
    else:
        data = bytearray() if where == "empty" else data + b"\0"
    copy.write_bytes(data)
    there = elsewhere(tmp_path)
    with pytest.raises(FolkmootError) as caught:
        restore(copy, there, PASSPHRASE)
    assert isinstance(caught.value, VerificationFailed | IdentityError)
    assert not there.path.exists() or not list(there.path.iterdir())


def test_backup_is_consistent_when_the_vault_is_in_use(copy: Path, home: ClientHome, tmp_path: Path) -> None:
    with Vault.open(home.vault, PASSPHRASE) as vault, Vault.open(home.vault, PASSPHRASE) as other:
        other.import_rows([Row(text="in the log only", label=True)])
        write_backup(vault, home, tmp_path / "second")
    restore(tmp_path / "second", elsewhere(tmp_path), PASSPHRASE)
    with Vault.open(elsewhere(tmp_path).vault, PASSPHRASE) as vault:
        assert vault.count == 8


@pytest.mark.parametrize("point", ["events", "mark", "vault"])
def test_restore_can_be_done_again_when_it_was_killed(copy: Path, tmp_path: Path, point: str) -> None:
    there = elsewhere(tmp_path)
    script = f"""
import os, signal
from pathlib import Path
from client.backup import restore
from client.home import ClientHome
inner = Path.rename, Path.replace
def deadly(which, name):
    def call(self, target):
        if str(target).endswith(name):
            os.kill(os.getpid(), signal.SIGKILL)
        return inner[which](self, target)
    return call
point = {point!r}
Path.rename = deadly(0, {{"events": "events.db", "vault": "vault.db", "mark": "none"}}[point])
Path.replace = deadly(1, ".mark" if point == "mark" else "none")
restore(Path({str(copy)!r}), ClientHome(Path({str(there.path)!r})), {PASSPHRASE!r})
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL
    assert not there.vault.exists()
    restore(copy, there, PASSPHRASE)
    with Vault.open(there.vault, PASSPHRASE) as vault:
        assert vault.count == 7
    assert mark_path(there.vault).exists()


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 300_000])
def test_stream_comes_back_when_read_in_odd_pieces(size: int) -> None:
    plain, file = os.urandom(size), io.BytesIO()
    writer = SealingWriter(file, KEY, CONTEXT)
    for start in range(0, size, 7919):
        writer.write(plain[start : start + 7919])
    writer.finish()
    file.seek(0)
    reader, found = OpeningReader(file, KEY, CONTEXT), b""
    while piece := reader.read(1234):
        found += piece
    reader.finish()
    assert found == plain


def test_stream_is_refused_when_something_follows_a_full_last_chunk() -> None:
    file = io.BytesIO()
    writer = SealingWriter(file, KEY, CONTEXT)
    writer.write(bytes(2 << 16))
    writer.finish()
    OpeningReader(io.BytesIO(file.getvalue()), KEY, CONTEXT).finish()
    with pytest.raises(VerificationFailed):
        OpeningReader(io.BytesIO(file.getvalue() + b"\0"), KEY, CONTEXT).finish()


def test_stream_is_refused_when_chunks_are_dropped_swapped_or_of_another_file() -> None:
    file, chunk = io.BytesIO(), (1 << 16) + 17
    writer = SealingWriter(file, KEY, CONTEXT)
    writer.write(bytes(250_000))
    writer.finish()
    data, start = file.getvalue(), 24
    parts = [data[start + i * chunk : start + (i + 1) * chunk] for i in range(4)]
    head = data[:start]
    for key, context, changed in (
        (KEY, CONTEXT, head + b"".join(parts[:3])),
        (KEY, CONTEXT, head + parts[0] + parts[2] + parts[1] + parts[3]),
        (KEY, CONTEXT, head + parts[0] + parts[3]),
        (KEY, CONTEXT, data + parts[3]),
        (KEY, CONTEXT, head),
        (KEY, CONTEXT, b""),
        (KEY, b"other", data),
        (bytes(32), CONTEXT, data),
    ):
        with pytest.raises(VerificationFailed, match="altered or cut off"):
            OpeningReader(io.BytesIO(changed), key, context).finish()
    OpeningReader(io.BytesIO(data), KEY, CONTEXT).finish()
