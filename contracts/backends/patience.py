"""How long to wait for a network, and the clock that measures it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from federation.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock(Protocol):
    """Unix time, and a way to wait for it."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a network.

    Attributes:
        confirmations: Blocks that must hold or follow a transaction, its own included.
        timeout: Seconds until a transaction or a block counts as overdue.
        poll: Most seconds between two looks.
        page: Most blocks asked for in one request for logs.
        bump_after: Seconds after which a transaction that no block holds is replaced by a dearer one.
    """

    confirmations: int = 1
    timeout: float = 300
    poll: float = 1
    page: int = 2000
    bump_after: float = 60

    def looks(self, clock: Clock, what: str) -> Iterator[None]:
        """Look now and then, until it is too late.

        Raises:
            ChainError: It is.
        """
        deadline, pause = clock.now() + self.timeout, 0.001
        while True:
            yield
            if clock.now() >= deadline:
                raise ChainError(
                    f"{what} is overdue after {self.timeout:.0f} seconds",
                    hint="it may still come: look again before you send anything twice",
                )
            clock.sleep(pause)
            pause = min(pause * 2, self.poll)
