"""A thread that looks how things stand, so that whoever asks is answered at once, chain or no chain."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from contracts.bindings.structs import Phase
from federation.errors import FolkmootError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from aggregator.operator.health import Health, Standing
    from contracts.bindings.federation import Federation

EVERY: Final = 15.0
"""Seconds between two looks."""


class Probe:
    """Looks at the chain through a connection of its own; a context manager, because of its thread."""

    def __init__(
        self,
        standing: Standing,
        bind: Callable[[], Federation],
        looks: Callable[[Health], Health],
        *,
        every: float = EVERY,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Set up; nothing is looked at yet.

        Args:
            standing: Where the result goes.
            bind: Connects to the contract; called until it once succeeds.
            looks: Adds what this process knows itself; must not wait.
            every: Seconds between two looks.
            now: Unix seconds.
        """
        self._standing, self._bind, self._looks = standing, bind, looks
        self._every, self._now = every, now
        self._federation: Federation | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(timeout=self._every)

    def look(self) -> None:
        """Look once."""
        try:
            if self._federation is None:
                self._federation = self._bind()
            federation = self._federation
            phase = federation.phase()
            deadline = 0.0 if phase is Phase.CLOSED else float(federation.deadline())
            epoch, round_, looked = federation.epoch(), federation.round_(), self._now()
        except FolkmootError:
            self._standing.change(lambda health: self._looks(replace(health, chain=False)))
            return
        self._standing.change(
            lambda health: self._looks(
                replace(
                    health,
                    chain=True,
                    looked=looked,
                    epoch=epoch,
                    round=round_,
                    phase=phase.name.lower(),
                    deadline=deadline,
                )
            )
        )

    def _work(self) -> None:
        while True:
            self.look()
            if self._end.wait(self._every):
                return
