"""Epoch after epoch, for as long as there are rosters; whatever can pass is waited for."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from aggregator.happenings import Happening, Wanted
from ceramic_bridge.errors import StoreError
from contracts.bindings.structs import Phase
from federation.errors import ChainError, ConfigError, FolkmootError, PeerError, TooFewParticipants

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.happenings import Watcher
    from aggregator.journal import Memory
    from aggregator.operator.control import FileControl
    from contracts.bindings.federation import Federation

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
POLL: Final = 10.0
"""Seconds between two looks for a roster, or for the end of a pause."""

ENDED: Final = "operator/ended"
"""The journal's step that says that an epoch is over and nothing is left to do for it."""

PASSING: Final = (ChainError, PeerError, StoreError, TooFewParticipants, OSError)
"""What may be better by itself, or once somebody has funded a pool, freed a disk or started a node."""


class Waiting(Protocol):
    """Waits, and tells whether to end."""

    def wait(self, seconds: float) -> None:
        """Wait; raises when the process is to end."""
        ...

    def check(self) -> None:
        """Return; raises when the process is to end."""
        ...


class EpochControl:
    """A ``Control`` of one epoch: a cancellation of another one is none of it."""

    def __init__(self, control: FileControl, epoch: int, waiting: Waiting) -> None:
        """Name the file, the epoch, and who knows whether to end."""
        self._control, self._epoch, self._waiting = control, epoch, waiting

    def wanted(self) -> Wanted:
        """Return what is wanted of this epoch; ends the process in good order if that is wanted."""
        self._waiting.check()
        wanted = self._control.wanted()
        if wanted is Wanted.CANCEL and self._control.cancelled != self._epoch:
            return Wanted.RUN
        return wanted


class PromptClock:
    """This machine's clock, whose sleep ends when the process is to end."""

    def __init__(self, waiting: Waiting) -> None:
        """Name who waits."""
        self._waiting = waiting

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; raises when the process is to end."""
        self._waiting.wait(seconds)


class Runner:
    """Runs epochs."""

    def __init__(
        self,
        federation: Federation,
        *,
        journal: Memory,
        control: FileControl,
        run_epoch: Callable[[int, EpochControl], bool],
        watch: Watcher,
        waiting: Waiting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up.

        Args:
            federation: The contract.
            journal: Remembers which epochs are over.
            control: What the operator wants.
            run_epoch: Runs one epoch to its end, from wherever it stands; False if there is no roster for it.
            watch: Is told what is waited for.
            waiting: Waits.
            clock: Seconds that pass.
        """
        self._federation, self._journal, self._control = federation, journal, control
        self._run_epoch, self._watch, self._waiting, self._clock = run_epoch, watch, waiting, clock
        self._said: tuple[str, int] | None = None

    def run(self, epochs: int | None) -> None:
        """Run epochs until told to end.

        Args:
            epochs: How many to end; None goes on for ever.

        Raises:
            FolkmootError: Something is wrong that does not pass by itself.
        """
        done = 0
        while epochs is None or done < epochs:
            number = self._patiently(self._next)
            if self._held(number):
                continue
            control = EpochControl(self._control, number, self._waiting)
            ran = self._patiently(partial(self._run_epoch, number, control))
            if not ran and not self._patiently(partial(self._is_over, number)):
                self._say_once("waiting-for-roster", number)
                self._waiting.wait(POLL)
                continue
            self._journal.record(number, 0, ENDED, b"")
            done += ran

    def _next(self) -> int:
        """Return the epoch to run: one that is not over, or the one to open."""
        number = self._federation.epoch()
        closed = self._federation.phase() is Phase.CLOSED
        over = not number or self._journal.recall(number, 0, ENDED) is not None
        return number + 1 if closed and over else number

    def _is_over(self, number: int) -> bool:
        """Tell whether an epoch of which nothing is known here, not even its roster, is over on chain."""
        return self._federation.epoch() >= number and self._federation.phase() is Phase.CLOSED

    def _held(self, number: int) -> bool:
        """Wait a while if the next epoch must not open now."""
        if self._control.wanted() is Wanted.CANCEL and self._control.cancelled < number:
            self._control.want(Wanted.PAUSE)
        paused = self._control.wanted() is Wanted.PAUSE
        if paused and number > self._patiently(self._federation.epoch):
            self._say_once("paused", number)
            self._waiting.wait(POLL)
            return True
        return False

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, watch=self._watch, waiting=self._waiting, clock=self._clock)

    def _say_once(self, kind: str, epoch: int) -> None:
        if self._said != (kind, epoch):
            self._said = kind, epoch
            self._watch(Happening(kind=kind, epoch=epoch))


def patiently(
    act: Callable[[], T],
    *,
    watch: Watcher,
    waiting: Waiting,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Do something until it succeeds, and say what is waited for meanwhile.

    Args:
        act: What to do; may be begun again at any time.
        watch: Is told what went wrong, and when it is tried again.
        waiting: Waits.
        clock: Seconds that pass.

    Raises:
        FolkmootError: Something is wrong that does not pass by itself.
    """
    pause = FIRST_PAUSE
    while True:
        waiting.check()
        began = clock()
        try:
            return act()
        except (FolkmootError, OSError) as error:
            if not passes(error):
                raise
            if clock() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE  # it got somewhere meanwhile
            facts: dict[str, str | int | float | bool] = {
                "what": getattr(error, "code", "system"),
                "reason": error.message if isinstance(error, FolkmootError) else str(error),
                "again_in": pause,
            }
            if isinstance(error, FolkmootError) and error.hint:
                facts["hint"] = error.hint
            watch(Happening(kind="waiting", facts=facts))
        waiting.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def passes(error: BaseException) -> bool:
    """Tell whether an error may be gone by itself: the network's, a provider's, a full disk's."""
    full = isinstance(error.__cause__, (OSError, sqlite3.OperationalError))
    return isinstance(error, PASSING) or (isinstance(error, ConfigError) and full)
