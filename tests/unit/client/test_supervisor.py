"""A program that is kept running: starts, ends, waits, wakes up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from client import supervisor
from client.supervisor import Notice, keep
from federation.errors import ConfigError, PeerError


class Tool:
    """A Python program to keep, and the notices about it."""

    name = "tool"
    interactive = False
    fatal = (ConfigError,)

    def __init__(self, folder, *sources, refuse=0, unhealthy_from=None, ended=PeerError):
        self.folder, self._sources, self._refuse = folder, list(sources), refuse
        self._unhealthy_from, self._ended, self._looks = unhealthy_from, ended, 0
        self.notices, self.starts = [], 0
        self.stop = asyncio.Event()
        self.stop_after = ("stopped", 1)

    def command(self):
        self.starts += 1
        source = self._sources[min(self.starts, len(self._sources)) - 1]
        return [sys.executable, "-S", "-c", source]

    def environment(self):
        return {"PATH": os.environ["PATH"]}

    async def ready(self):
        if self._refuse:
            self._refuse -= 1
            raise PeerError("not yet")

    async def healthy(self):
        self._looks += 1
        if self._looks == self._unhealthy_from:
            raise PeerError("unwell")

    def line(self, text):
        return ("said", text) if text else None

    def ended(self, status):
        return self._ended(f"ended with {status}")

    def report(self, notice: Notice):
        self.notices.append(notice)
        event, times = self.stop_after
        if sum(n.event == event for n in self.notices) >= times:
            self.stop.set()

    def run(self, *, until, times=1, clock=None):
        self.stop_after = (until, times)

        async def main():
            await asyncio.wait_for(
                keep(self, report=self.report, stop=self.stop, clock=clock, look=0.05), timeout=30
            )

        asyncio.run(main())
        return [n.event for n in self.notices]

    def texts(self, event):
        return [n.text for n in self.notices if n.event == event]


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.04)


FOREVER = "import sys, time; print('up', flush=True); time.sleep(60)"


def test_program_is_ended_by_sigterm_when_the_supervisor_is_told_to_stop(tmp_path):
    source = (
        "import os, signal, sys, time\n"
        "def bye(*_): os.write(1, b'bye\\n'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, bye); print('up', flush=True); time.sleep(60)"
    )
    tool = Tool(tmp_path, source)
    assert tool.run(until="said") == ["started", "said", "said", "stopped"]
    assert tool.texts("said") == ["up", "bye"]


def test_program_is_killed_when_it_ignores_sigterm(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "PATIENCE", 0.2)
    source = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    tool = Tool(tmp_path, source)
    begun = time.monotonic()
    assert tool.run(until="said")[-1] == "stopped"
    assert time.monotonic() - begun < 10


def test_program_starts_again_when_it_ends_by_itself(tmp_path):
    tool = Tool(tmp_path, "raise SystemExit(5)", FOREVER)
    assert tool.run(until="said") == ["started", "waiting", "started", "said", "stopped"]
    assert tool.notices[1].error.message == "ended with 5"


def test_pauses_double_up_to_a_limit_when_it_cannot_start(tmp_path):
    tool = Tool(tmp_path, FOREVER, refuse=5)
    tool.run(until="started")
    assert [n.pause for n in tool.notices if n.event == "waiting"] == [0.01, 0.02, 0.04, 0.04, 0.04]


def test_supervisor_ends_when_it_is_told_to_while_a_program_gets_ready(tmp_path):
    tool = Tool(tmp_path, FOREVER)

    async def never():
        tool.stop.set()
        await asyncio.sleep(60)

    tool.ready = never
    assert tool.run(until="stopped") == ["stopped"]


def test_supervisor_gives_up_when_trying_again_cannot_help(tmp_path):
    tool = Tool(tmp_path, "raise SystemExit(3)", ended=ConfigError)
    with pytest.raises(ConfigError, match="ended with 3"):
        tool.run(until="stopped")
    assert tool.starts == 1


def test_supervisor_gives_up_when_there_is_no_such_program(tmp_path):
    tool = Tool(tmp_path, FOREVER)
    tool.command = lambda: [str(tmp_path / "nothing")]
    with pytest.raises(ConfigError, match="cannot be started"):
        tool.run(until="stopped")


def test_program_is_stopped_until_it_is_ready_when_it_is_unwell(tmp_path):
    tool = Tool(tmp_path, FOREVER, unhealthy_from=2)
    events = tool.run(until="started", times=2)
    assert events[:4] == ["started", "said", "waiting", "started"]
    assert tool.notices[2].error.message == "unwell"


class Jumping:
    """A clock that is set, or wakes up, after so many looks."""

    def __init__(self, by, after):
        self._by, self._left = by, after

    def passed(self):
        return time.monotonic()

    def wall(self):
        self._left -= 1
        return time.monotonic() + (self._by if self._left < 0 else 0)


@pytest.mark.parametrize("by", [3600, -3600])
def test_program_restarts_at_once_when_the_clock_jumps(tmp_path, by):
    tool = Tool(tmp_path, FOREVER)
    events = tool.run(until="started", times=2, clock=Jumping(by, after=3))
    assert "clock-jumped" in events
    assert "waiting" not in events


def test_program_that_may_ask_its_user_stays_when_the_machine_wakes_up(tmp_path):
    tool = Tool(tmp_path, FOREVER, unhealthy_from=8)
    tool.interactive = True
    events = tool.run(until="waiting", clock=Jumping(3600, after=3))
    assert events == ["started", "waiting", "stopped"]


def test_program_stays_when_the_clock_is_corrected_a_little(tmp_path):
    tool = Tool(tmp_path, "import time; time.sleep(0.6); print('done', flush=True); time.sleep(60)")
    assert tool.run(until="said", clock=Jumping(20, after=3)) == ["started", "said", "stopped"]


def test_what_a_program_started_is_gone_when_the_program_is_killed(tmp_path):
    child = "import time; time.sleep(60)"
    source = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen([sys.executable, '-S', '-c', {child!r}]).pid, flush=True); time.sleep(60)"
    )
    tool = Tool(tmp_path, source)
    tool.run(until="said")
    pid = int(tool.texts("said")[0])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("an orphan is left")


def test_output_is_read_on_when_a_line_is_beyond_all_bounds(tmp_path):
    tool = Tool(tmp_path, "print('x' * 1000000); print('after', flush=True); import time; time.sleep(60)")
    tool.stop_after = ("said", 1)
    tool.run(until="said")
    assert tool.texts("said")[-1] == "after"
