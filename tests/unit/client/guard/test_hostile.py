"""What a hostile app gets out of the guard, under a user of its own and under the guard's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.home import socket_in
from tests.unit.client.guard.scene import SECRET, make_vault

MEMBER, APP = 65533, 65534
"""User ids: of the member's guard, and of the app."""

_MAY_TRACE = Path("/proc/sys/kernel/yama/ptrace_scope")

ROOT = Path(__file__).parents[4]


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="the app and the guard need users of their own: only an administrator can start them",
)


def _start(module: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.unit.client.guard.{module}", *args],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def guarded(*, hard: bool):
    """A guard that lets the app's user in, as the member's user; yields its folder and process."""
    folder = Path(tempfile.mkdtemp(prefix="fm"))
    try:
        make_vault(folder / "vault" / "vault.db")
        (folder / "sockets").mkdir()
        for place in (folder, *folder.rglob("*")):
            os.chown(place, MEMBER, MEMBER)
        for place in (folder, folder / "sockets"):
            place.chmod(0o711)
        guard = _start("scene", str(folder), str(MEMBER), str(APP), "hard" if hard else "soft")
        try:
            assert "guarded at" in guard.stdout.readline()
            yield folder, guard
        finally:
            guard.terminate()
            guard.communicate(timeout=30)
    finally:
        shutil.rmtree(folder)


def attack(folder: Path, guard: subprocess.Popen[str], *, user: int) -> dict[str, object]:
    done, _ = _start("hostile", str(user), str(folder), str(guard.pid)).communicate(timeout=120)
    return json.loads(done)


def test_hostile_app_gets_finished_deltas_and_nothing_else_when_it_has_its_own_user():
    with guarded(hard=True) as (folder, guard):
        got = attack(folder, guard, user=APP)
        assert socket_in(folder / "sockets", "red").exists(), "the guard must still run"
    assert got["first"] == got["again"]
    assert not got["first"].startswith("refused")
    for asked in ("another base", "another epoch", "another federation"):
        assert got[asked] == "refused: the guard refuses"
    taken = [answer for answer in got["rest"] if not answer.startswith("refused")]
    assert len(taken) == 7, "eight rounds fit the budget, and the first was taken before"
    assert len(set(taken)) == 7
    for secret in ("vault file", "its folder", "memory", "environment", "open files", "trace"):
        assert got[secret] is False, secret
    assert SECRET not in json.dumps(got)


def test_hostile_app_cannot_look_into_the_guard_when_both_have_one_user():
    with guarded(hard=True) as (folder, guard):
        got = attack(folder, guard, user=MEMBER)
    for secret in ("memory", "environment", "open files", "trace"):
        assert got[secret] is False, secret
    # The file can be read, and is encrypted.
    assert got["vault file"] is True


def test_attack_works_when_the_guard_is_not_hardened():
    with guarded(hard=False) as (folder, guard):
        got = attack(folder, guard, user=MEMBER)
    assert got["environment"] is True
    assert got["open files"] is True
    if _MAY_TRACE.exists() and _MAY_TRACE.read_text() != "0\n":
        return  # This system hides the memory of a user's processes from each other by itself.
    assert got["memory"] is True, "the member's key is there to be found"
