"""Recomputing rounds side by side: each from the state that was published before it.

The states are forecasts (``aggregator.forecast``), and nothing rests on them. A round that a worker
recomputed counts where the state that it was handed is, when its turn comes, the one that all rounds
before it give; any other, and any that did not recompute, is recomputed here. So the verdict is the one
that one round after the other gives, and so is the first fault.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aggregator.crew import Crew, crew
from aggregator.forecast import published_state
from aggregator.public import PublicReader
from aggregator.verified_rounds import RoundReplay
from federation.aggregation.adam import Adam
from federation.aggregation.momentum import Momentum
from federation.errors import FolkmootError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from aggregator.crew import Found
    from aggregator.recompute import PlayedRound
    from aggregator.statements import Statements
    from aggregator.verified_epoch import VerifiedEpoch
    from federation.evaluation import Start
    from federation.rounds import EpochState
    from federation.trace import Position


@contextmanager
def replaying(epoch: VerifiedEpoch, *, jobs: int, upto: int | None = None) -> Iterator[RoundReplay]:
    """Hold a replay of an epoch's rounds.

    Args:
        epoch: The epoch.
        jobs: How many rounds are recomputed at a time.
        upto: The last round that will be asked for; the last recorded one if None.
    """
    last = epoch.past.recorded if upto is None else upto
    # What these keep from round to round is not published, so no round's start can be read before its turn.
    keeping = isinstance(epoch.manifest.rules.strategy, Momentum | Adam)
    if min(jobs, last) < 2 or keeping:
        yield RoundReplay(epoch)
        return
    with crew(epoch, min(jobs, last)) as workers:
        yield RoundsAhead(epoch, workers, most=2 * jobs, last=last)


class _Task(NamedTuple):
    """A round that was handed out."""

    start: Start
    future: Future[Found | None]

    def fits(self, start: Start) -> bool:
        """Tell whether it was handed out from the right state and shards."""
        mine, right = ([position.shard for position in s.known] for s in (self.start, start))
        return mine == right and _same(_values(self.start.state), _values(start.state))


def _values(state: EpochState) -> tuple[object, ...]:
    return tuple(getattr(state, field.name) for field in fields(state))


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


class RoundsAhead(RoundReplay):
    """A replay whose rounds are recomputed by workers, ahead of their turn.

    Of a recomputed round it returns what ``PlayedRound.light`` leaves.
    """

    def __init__(self, epoch: VerifiedEpoch, workers: Crew, *, most: int, last: int) -> None:
        """Begin.

        Args:
            epoch: The epoch.
            workers: Who recomputes.
            most: Rounds that are handed out at a time; what a free worker takes up next among them.
            last: The last round that will be asked for.
        """
        super().__init__(epoch)
        self._workers, self._most, self._last = workers, most, last
        self._tasks: dict[int, _Task] = {}
        self._ahead: dict[int, Statements] = {}
        self._next: Start | None = None

    def skip(self, round_: int) -> Position:
        """Take note of a round that was verified before, and return its shard."""
        said = self._ahead.pop(round_, None)
        return super().skip(round_) if said is None else self.drawn(said.words, round_)

    def read(self, round_: int) -> Statements:
        """Return what a round's events say, checked now or ahead of its turn."""
        return self._ahead.pop(round_, None) or super().read(round_)

    def recompute(self, start: Start, statements: Statements) -> PlayedRound:
        """Return a round that a worker recomputed from this very state, or recompute it here."""
        if start.state.memory:
            # What a strategy remembers is not published: no state can be foretold.
            return super().recompute(start, statements)
        task = self._tasks.pop(start.state.round, None)
        if task is None or not task.fits(start):
            task = self._begin(start, statements)
        self._fill()
        found = self._workers.result(task.future)
        if found is None:
            return super().recompute(start, statements)
        if isinstance(self._epoch.public, PublicReader):
            self._epoch.public.count(found.used)
        return found.played

    def _begin(self, start: Start, statements: Statements) -> _Task:
        """Hand out a round from a state that is known to be right, and forget all that was foretold."""
        for task in self._tasks.values():
            task.future.cancel()
        self._tasks.clear()
        begun = _Task(start, self._workers.hand_out(start, statements))
        self._next = self._foretold(start, statements)
        return begun

    def _fill(self) -> None:
        """Hand out rounds ahead of their turn, as many as may be and can be foretold."""
        while self._next is not None and len(self._tasks) < self._most:
            start, round_ = self._next, self._next.state.round
            said = self._read_ahead(round_) if round_ <= self._last else None
            if said is None:
                self._next = None
                return
            self._tasks[round_] = _Task(start, self._workers.hand_out(start, said))
            self._next = self._foretold(start, said)

    def _read_ahead(self, round_: int) -> Statements | None:
        """Return what a round's events say; None where they are wrong, which is told at the round's turn."""
        before = self._authority
        try:
            said = self._ahead.get(round_) or super().read(round_)
        except FolkmootError:
            self._authority = before
            return None
        self._ahead[round_] = said
        return said

    def _foretold(self, start: Start, said: Statements) -> Start | None:
        """Return what the next round starts from, if what was published of this one is right."""
        try:
            state = published_state(self._epoch, start.state, said)
            return self.onward(start, state, self.drawn(said.words, start.state.round))
        except (FolkmootError, ValueError):
            return None
