"""Worker processes that recompute rounds, each from a state that it is handed.

They come from a server process that has imported what they need and done nothing else, so that none
is a copy of a process with threads, and each starts at once.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import forkserver
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from aggregator.public import PublicReader
from aggregator.recompute import PlayedRound, Recomputation
from federation.errors import FolkmootError
from federation.evaluation import Evaluation, Start, evaluation_of
from federation.trace import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from aggregator.recompute import Around
    from aggregator.sources import Material
    from aggregator.statements import Statements
    from federation.hashing import Domain
    from federation.manifest import Manifest
    from federation.models.linear import Design
    from federation.roster import Roster
    from federation.rounds import EpochState

_START: Final = "forkserver"


class WorkerDied(FolkmootError):
    """A worker process ended by itself: the system took it, most often for want of memory."""

    code: ClassVar[str] = "worker-died"
    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcel:
    """What stands around an epoch's rounds (``Around``), as it is sent to a worker.

    Attributes:
        domain: Chain, federation and epoch.
        manifest: The rules.
        roster: The admitted members.
        dim: Number of weights.
        shards: The examples of every public shard; 0 is the public portion.
        public: Where the files are.
    """

    domain: Domain
    manifest: Manifest
    roster: Roster
    dim: int
    shards: Mapping[int, Design]
    public: Material

    @cached_property
    def evaluation(self) -> Evaluation:
        """How the model is opened, scored and released; a network is built where it is used."""
        return evaluation_of(self.manifest)

    @classmethod
    def of(cls, around: Around) -> Parcel:
        """Pack."""
        return cls(
            domain=around.domain,
            manifest=around.manifest,
            roster=around.roster,
            dim=around.dim,
            shards=around.shards,
            public=around.public,
        )


class Found(NamedTuple):
    """A round that recomputes, and the files of a run's directory that it took."""

    played: PlayedRound
    used: frozenset[str]


class Crew:
    """Some workers, for the rounds of one epoch."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def hand_out(self, start: Start, said: Statements) -> Future[Found | None]:
        """Let the next free worker recompute a round.

        Raises:
            WorkerDied: There are no workers any more.
        """
        known = tuple(position.shard for position in start.known)
        try:
            return self._pool.submit(_recomputed, start.state, known, said)
        except (BrokenExecutor, OSError) as error:
            raise _died() from error

    @staticmethod
    def result(task: Future[Found | None]) -> Found | None:
        """Wait for a round; None where it does not recompute, for whatever reason.

        Raises:
            WorkerDied: A worker ended before it was done.
        """
        try:
            return task.result()
        except BrokenExecutor as error:
            raise _died() from error


def prepare(jobs: int) -> None:
    """Begin to import what workers need, in a process of its own, while there is something else to do."""
    if jobs > 1:
        multiprocessing.get_context(_START).set_forkserver_preload([__name__])
        forkserver.ensure_running()


@contextmanager
def crew(around: Around, jobs: int) -> Iterator[Crew]:
    """Hold workers; on leaving, they end with the rounds that they have begun."""
    context = multiprocessing.get_context(_START)
    pool = ProcessPoolExecutor(jobs, context, initializer=_settle, initargs=(Parcel.of(around),))
    try:
        yield Crew(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _died() -> WorkerDied:
    return WorkerDied(
        "a worker process ended before its round was done",
        hint="each takes the memory of a verification of its own: use fewer --jobs",
    )


class _Desk:
    """Where a worker works."""

    def __init__(self, parcel: Parcel) -> None:
        self._around = parcel
        self._recomputation = Recomputation(parcel)

    def recomputed(self, state: EpochState, known: tuple[int, ...], said: Statements) -> Found | None:
        around = self._around
        positions = tuple(Position(shard=shard, design=around.shards[shard]) for shard in known)
        start = Start(state=state, rules=around.manifest.rules, known=positions)
        try:
            played = self._recomputation.recompute(start, said)
        except Exception:  # noqa: BLE001 - what is wrong, the caller finds by itself, when its turn comes
            return None
        public = around.public
        used = public.counted() if isinstance(public, PublicReader) else frozenset[str]()
        return Found(played.light(), used)


_desks: list[_Desk] = []


def _settle(parcel: Parcel) -> None:
    # An interrupt goes to every process of the terminal; who started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _desks.append(_Desk(parcel))


def _recomputed(state: EpochState, known: tuple[int, ...], said: Statements) -> Found | None:
    return _desks[0].recomputed(state, known, said)
