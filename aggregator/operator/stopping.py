"""SIGTERM and SIGINT end an aggregator in good order: after the present step, or soon if that takes long.

Whatever is cut short is taken up again from the journal: being killed at any moment loses nothing, so
the grace is a courtesy to whoever waits for an answer.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

GRACE: Final = 20.0
"""Seconds for the present step."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stop(BaseException):
    """The operator wants the process to end; nothing on the way out may take it for an error."""


class Stopper:
    """Listens for signals while it is open; for the main thread."""

    def __init__(self, *, grace: float = GRACE) -> None:
        """Set up.

        Args:
            grace: Seconds from the first signal until the present step is cut short.
        """
        self._grace, self._asked = grace, threading.Event()
        self._first = 0
        self._before: dict[int, signal._HANDLER] = {}

    @property
    def interrupted(self) -> bool:
        """Whether it was SIGINT that came first."""
        return self._first == signal.SIGINT

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Go on, unless a signal has come.

        Raises:
            Stop: One has.
        """
        if self._asked.is_set():
            signal.setitimer(signal.ITIMER_REAL, 0)  # what is on its way out is not cut short
            raise Stop

    def wait(self, seconds: float) -> None:
        """Wait, unless a signal comes.

        Raises:
            Stop: One has come.
        """
        self._asked.wait(seconds)
        self.check()

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise Stop  # asked twice: at once
        self._first = number
        self._asked.set()
        signal.setitimer(signal.ITIMER_REAL, self._grace)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        raise Stop
