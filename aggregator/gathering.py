"""How a round gathers what its members learnt: their deltas one by one, or a sum that nobody takes apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from federation.rounds import Status
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from aggregator.admission import Committed
    from aggregator.collect import Answers
    from aggregator.epoch import OpenEpoch
    from aggregator.journal import Memory
    from aggregator.ports import Ports
    from ceramic_bridge.authority import Authority
    from contracts.view import FederationView
    from federation.evaluation import Received
    from federation.rounds import Base, RoundOutcome

Absent = dict[Did, tuple[Status, str]]
"""Status and reason of members whose delta does not count."""

Tell = Callable[..., None]
"""Takes a happening's kind and its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a round is run.

    Attributes:
        ports: What to work with.
        epoch: The open epoch.
        view: What the chain recorded.
        memory: What was decided before, and takes what is decided.
        round: The round.
        parts: SHA-256 of the parts of the shards drawn so far, by round.
        tell: Is told what happens.
    """

    ports: Ports
    epoch: OpenEpoch
    view: FederationView
    memory: Memory
    round: int
    parts: Mapping[int, Sequence[Hash32]]
    tell: Tell


class Revealed(NamedTuple):
    """What closes the reveal phase.

    Attributes:
        root: For the chain.
        found: Whose deltas are under it.
        absent: What became of others, as far as that is settled.
    """

    root: Hash32
    found: Collection[Did]
    absent: Absent


class Gathered(NamedTuple):
    """What a scored round tells of how it came about.

    Attributes:
        reveals: Of every accepted delta the hash, and the salt that opens its commitment.
        forced: Members whose accepted delta came by the chain alone.
        blobs: SHA-256 of what it adds to the public directory.
        at_once: Of them what everybody may see before the epoch ends.
        transcript: SHA-256 of all that a secure round received.
    """

    reveals: Mapping[Did, tuple[Hash32, Hash32]]
    forced: Collection[Did] = ()
    blobs: frozenset[Hash32] = frozenset()
    at_once: frozenset[Hash32] = frozenset()
    transcript: Hash32 | None = None


class Gathering(Protocol):
    """One round's; its methods are called once each, in this order."""

    def commits(self, base: Base, asked: Sequence[Did], authority: Authority) -> Answers[Committed]:
        """Return the commitments that go under the commit root."""
        ...

    def reveals(self, base: Base, committed: Mapping[Did, Committed]) -> Revealed:
        """Return what goes under the reveal root; the commit root is on chain."""
        ...

    def before_draw(self, revealed: Revealed) -> None:
        """Do what has to be done while nobody knows the shard; the reveal root is on chain."""
        ...

    def received(self, absent: Absent) -> Received:
        """Return what is scored.

        Args:
            absent: What became of members so far; takes what is settled now.
        """
        ...

    def gathered(self, outcome: RoundOutcome) -> Gathered:
        """Return what is told of a round that was scored."""
        ...


def gathering_of(stand: Stand) -> Gathering:
    """Return how the manifest has deltas gathered."""
    if stand.epoch.manifest.secure is None:
        from aggregator.central import CentralGathering

        return CentralGathering(stand)
    from aggregator.secure.gathering import SecureGathering

    return SecureGathering(stand)
