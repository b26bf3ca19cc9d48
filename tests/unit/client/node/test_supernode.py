"""Flower's command as we start it, with something simpler in Flower's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client.node.supernode import RETURNED

ROOT = Path(__file__).parents[4]

PROGRAM = """
import sys, importlib.metadata, client.node.supernode as ours

class Command:
    def load(self):
        return {work}

ours.entry_points = lambda **_: [Command()]
ours.main()
"""

FOREVER = "lambda: (print(sys.argv, flush=True), __import__('time').sleep(60))"
LINGERING = "lambda: __import__('threading').Thread(target=__import__('time').sleep, args=(60,)).start()"


def start(work):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work), "--superlink", "x:1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_process_ends_when_flowers_worker_returns_and_leaves_threads():
    with start(LINGERING) as process:
        assert process.wait(20) == RETURNED


def test_process_ends_when_its_supervisor_is_gone():
    with start(FOREVER) as process:
        assert process.stdout.readline() == "['flower-supernode', '--superlink', 'x:1']\n"
        process.stdin.close()
        assert process.wait(20) == -signal.SIGTERM


def test_process_stays_while_its_supervisor_lives():
    with start(FOREVER) as process:
        process.stdout.readline()
        process.stdin.write("anything\n")
        process.stdin.flush()
        time.sleep(0.3)
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize("status", [0, 1])
def test_status_is_flowers_own_when_it_exits_by_itself(status):
    with start(f"lambda: sys.exit({status})") as process:
        assert process.wait(20) == status
