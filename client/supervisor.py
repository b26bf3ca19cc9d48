"""Keep a program running: start it when it can start, say why not, start it again.

It ends on request alone. Pauses between attempts double up to a minute. A clock that jumps, which
it does when the machine wakes up, restarts the program at once: its connection is stale. But not a
program that has the terminal: it would ask its user for the passphrase again, who may be away.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from federation.errors import ConfigError, FolkmootError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY: Final = 120.0
"""Seconds after which a program that ends starts with the shortest pause again."""

LOOK: Final = 5.0
"""Seconds between two looks at the program's health and at the clock."""

JUMP: Final = 30.0
"""Seconds that the clock may move against the time that passed."""

PATIENCE: Final = 15.0
"""Seconds for a program to end after SIGTERM, before it is killed."""

_LAST_WORDS, _POLL = 1.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something happened to a program.

    Attributes:
        program: Its name.
        event: started, waiting, clock-jumped, stopped, or a word of the program's own.
        text: About it.
        error: Why the program does not run, when it is waited for.
        pause: Seconds until the next attempt, then.
    """

    program: str
    event: str
    text: str = ""
    error: FolkmootError | None = None
    pause: float = 0.0


class Program(Protocol):
    """Something to keep running."""

    @property
    def name(self) -> str:
        """For whoever watches."""
        ...

    def command(self) -> Sequence[str]:
        """Return the command line of the next start."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Return the environment of the next start."""
        ...

    @property
    def folder(self) -> Path:
        """The working directory."""
        ...

    @property
    def interactive(self) -> bool:
        """Whether it shares the terminal, on which it may ask; its output is not read then."""
        ...

    @property
    def fatal(self) -> tuple[type[FolkmootError], ...]:
        """What trying again cannot help."""
        ...

    async def ready(self) -> None:
        """Return when it can start.

        Raises:
            FolkmootError: It cannot now.
        """
        ...

    async def healthy(self) -> None:
        """Return if it may go on.

        Raises:
            FolkmootError: It must be stopped until it is ready again.
        """
        ...

    def line(self, text: str) -> tuple[str, str] | None:
        """Return event and text if a line of its output is worth a notice."""
        ...

    def ended(self, status: int) -> FolkmootError:
        """Explain an end that nobody asked for."""
        ...


class Clock(Protocol):
    """Both clocks of a machine, in seconds."""

    def wall(self) -> float:
        """Unix time."""
        ...

    def passed(self) -> float:
        """Time that does not count sleep, and is never set."""
        ...


class SystemClock:
    """This machine's."""

    def wall(self) -> float:
        """Unix time."""
        return time.time()

    def passed(self) -> float:
        """Time that does not count sleep, and is never set."""
        return time.monotonic()


class _Restart(FolkmootError):
    """The program was stopped to be started again at once."""


async def keep(
    program: Program,
    *,
    report: Callable[[Notice], None],
    stop: asyncio.Event,
    clock: Clock | None = None,
    look: float = LOOK,
) -> None:
    """Keep a program running until ``stop`` is set; then end it with SIGTERM.

    Args:
        program: What to keep.
        report: Told what happens.
        stop: Ends it.
        clock: Both clocks.
        look: Seconds between two looks.

    Raises:
        FolkmootError: One of the program's fatal errors.
    """
    times, pause = clock or SystemClock(), FIRST_PAUSE
    while not stop.is_set():
        begun = times.passed()
        try:
            if await _ready(program, stop):
                await _Run(program, report, times, look).until(stop)
        except _Restart:
            continue
        except program.fatal:
            raise
        except FolkmootError as error:
            pause = FIRST_PAUSE if times.passed() - begun > STEADY else pause
            report(Notice(program=program.name, event="waiting", error=error, pause=pause))
            await _sleep(pause, stop)
            pause = min(2 * pause, LONGEST_PAUSE)
    report(Notice(program=program.name, event="stopped"))


class _Run:
    """One process of a program."""

    def __init__(self, program: Program, report: Callable[[Notice], None], clock: Clock, look: float) -> None:
        self._program, self._report, self._clock, self._look = program, report, clock, look

    async def until(self, stop: asyncio.Event) -> None:
        """Run until it ends or ``stop`` is set.

        Raises:
            FolkmootError: It ended otherwise than by ``stop``.
        """
        program = self._program
        alone = not program.interactive
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command(),
                env=dict(program.environment()),
                cwd=program.folder,
                stdin=asyncio.subprocess.PIPE if alone else None,
                stdout=asyncio.subprocess.PIPE if alone else None,
                stderr=asyncio.subprocess.STDOUT if alone else None,
                start_new_session=alone,
            )
        except OSError as error:
            raise ConfigError(
                f"{program.name} cannot be started: {(error.strerror or str(error)).lower()}"
            ) from error
        self._report(Notice(program=program.name, event="started", text=str(process.pid)))
        reading = asyncio.ensure_future(self._read(process))
        ways = [
            asyncio.ensure_future(_exit(process)),
            asyncio.ensure_future(stop.wait()),
            asyncio.ensure_future(self._watch()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            ended_alone = process.returncode is not None
            await _end(process)
        finally:
            if alone:
                # What it started may still run, and keeps its output open.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait([reading], timeout=_LAST_WORDS)
            for task in (reading, *ways):
                task.cancel()
            await asyncio.gather(reading, *ways, return_exceptions=True)
            if process.stdin is not None:
                process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LAST_WORDS)
        if ways[2].done() and not ways[2].cancelled() and (found := ways[2].exception()) is not None:
            raise found
        if ended_alone and not stop.is_set():
            assert process.returncode is not None
            raise program.ended(process.returncode)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None:
            try:
                raw = await process.stdout.readline()
            except ValueError:
                continue  # A line beyond all bounds; the next one may be of use.
            if not raw:
                return
            found = self._program.line(raw.decode("utf-8", "replace").rstrip())
            if found is not None:
                self._report(Notice(program=self._program.name, event=found[0], text=found[1]))

    async def _watch(self) -> None:
        """Look at health and clock; return never, or raise."""
        apart = self._clock.wall() - self._clock.passed()
        while True:
            await asyncio.sleep(self._look)
            jump = self._clock.wall() - self._clock.passed() - apart
            if abs(jump) > JUMP and not self._program.interactive:
                self._report(
                    Notice(program=self._program.name, event="clock-jumped", text=f"{round(jump)} s")
                )
                raise _Restart("the clock jumped")
            await self._program.healthy()


async def _ready(program: Program, stop: asyncio.Event) -> bool:
    """Wait until a program can start; tell whether it may."""
    ready, told = asyncio.ensure_future(program.ready()), asyncio.ensure_future(stop.wait())
    await asyncio.wait([ready, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not ready.done():
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        return False
    ready.result()
    return not stop.is_set()


async def _exit(process: asyncio.subprocess.Process) -> None:
    # Process.wait() also waits for whoever else holds the output open.
    while process.returncode is None:
        await asyncio.sleep(_POLL)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(_exit(process), PATIENCE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await _exit(process)


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
