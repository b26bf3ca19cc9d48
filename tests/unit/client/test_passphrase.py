"""The passphrase comes from a private file, a credential, a keyring or a person, in this order."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from client.passphrase import find_passphrase, new_passphrase, read_passphrase, remember
from federation.errors import ConfigError, IdentityError

VAULT = Path("/somewhere/vault.db")
ROOT = Path(__file__).parents[3]


class Keyring:
    """A keyring of the package's interface, or one that fails as on a machine without a desktop."""

    def __init__(self, *, works: bool = True) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.works = works

    def _need(self) -> None:
        if not self.works:
            raise FileNotFoundError("no session bus")

    def get_password(self, service: str, user: str) -> str | None:
        self._need()
        return self.entries.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        self._need()
        self.entries[service, user] = password


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    made = Keyring()
    install(monkeypatch, made)
    return made


def install(monkeypatch: pytest.MonkeyPatch, made: Keyring) -> None:
    monkeypatch.setitem(sys.modules, "keyring", made)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


def file(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_file_comes_first_then_credential_then_keyring(
    tmp_path: Path, keyring: Keyring, nobody: None
) -> None:
    remember(VAULT, b"from keyring")
    folder = tmp_path / "credentials"
    folder.mkdir()
    file(folder / "passphrase", b"from systemd\n", 0o440)
    named, environ = file(tmp_path / "named", b"from file\n"), {"CREDENTIALS_DIRECTORY": str(folder)}
    assert find_passphrase(named, environ, VAULT) == b"from file"
    assert find_passphrase(None, environ, VAULT) == b"from systemd"
    assert find_passphrase(None, {}, VAULT) == b"from keyring"
    assert find_passphrase(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}, VAULT) == b"from keyring"
    with pytest.raises(IdentityError, match="no entry"):
        find_passphrase(None, {}, VAULT.with_name("other"))


@pytest.mark.parametrize("data", [b"one", b"one\n", b"one\r\n", b"one\ntwo\n"])
def test_passphrase_is_the_first_line_of_its_file(tmp_path: Path, data: bytes) -> None:
    assert read_passphrase(file(tmp_path / "p", data)) == b"one"
    assert read_passphrase(file(tmp_path / "q", b" two words \n")) == b" two words "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_file_is_refused_when_others_may_use_it(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="others may read") as caught:
        read_passphrase(file(tmp_path / "p", b"one", mode))
    assert "chmod 600" in str(caught.value.hint)


def test_file_is_refused_when_it_is_none_or_endless(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("/dev/null"), file(tmp_path / "p", b"x" * 5000)):
        with pytest.raises(ConfigError) as caught:
            read_passphrase(path)
        assert "xxxx" not in str(caught.value)


def test_empty_passphrase_is_refused_when_it_is_to_be_set(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="empty"):
        new_passphrase(file(tmp_path / "p", b"\n"))


@pytest.mark.parametrize("works", [True, False, None])
def test_reason_is_said_when_no_keyring_helps_and_nobody_is_there(
    monkeypatch: pytest.MonkeyPatch, nobody: None, works: bool | None
) -> None:
    if works is None:
        monkeypatch.setitem(sys.modules, "keyring", None)
    else:
        install(monkeypatch, Keyring(works=works))
    reason = {True: "no entry", False: "cannot be used", None: "no keyring is installed"}[works]
    with pytest.raises(IdentityError, match=reason) as caught:
        find_passphrase(None, {}, VAULT)
    assert "--passphrase-file" in str(caught.value.hint)
    if not works:
        with pytest.raises(ConfigError, match="keyring"):
            remember(VAULT, b"x")


def test_person_is_asked_when_nothing_else_knows(monkeypatch: pytest.MonkeyPatch, keyring: Keyring) -> None:
    asked: list[bool] = []

    def prompt(_text: str, *, hide_input: bool, confirmation_prompt: bool, err: bool) -> str:
        assert hide_input
        assert err
        asked.append(confirmation_prompt)
        return "typed"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", prompt)
    assert find_passphrase(None, {}, VAULT) == b"typed"
    assert new_passphrase(None) == b"typed"
    assert asked == [False, True]


def test_process_leaves_no_core_and_no_readable_files_when_hardened(tmp_path: Path) -> None:
    script = f"""
import ctypes, os, resource
from client.hygiene import harden_process
harden_process()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
open({str(tmp_path / "made")!r}, "w").close()
import sys
if sys.platform == "linux":
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE
"""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
