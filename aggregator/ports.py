"""What a round driver works with, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aggregator.provider import ProviderPort
from aggregator.public import PublicDirectory
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent
from contracts.bindings.federation import Federation
from contracts.chain import Chain, Signer
from federation.contribution import SCORE_BITS
from federation.errors import ChainError
from federation.fixedpoint import Ints
from federation.models.linear import Design
from federation.rounds import Base, RoundOutcome, Status
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from flwr.serverapp import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the driver works with; every one can be replaced.

    Attributes:
        grid: Carries messages.
        nodes: Flower node of each member.
        chain: Carries transactions.
        federation: The contract, bound to that chain.
        sender: Signs transactions as the aggregator.
        identity: Signs events as the aggregator.
        providers: Open shards, in the manifest's order.
        log: Takes events.
        public: Takes blobs.
        timeout: Seconds to wait for members in each phase.
        published: Where blobs go once everybody may see them, if ``public`` is but a staging directory.
        history: Gives the log's events, to rebuild a lost journal from.
    """

    grid: Grid
    nodes: Mapping[Did, int]
    chain: Chain
    federation: Federation
    sender: Signer
    identity: Identity
    providers: Sequence[ProviderPort]
    log: EventSink
    public: PublicDirectory
    timeout: float = 600.0
    published: PublicDirectory | None = None
    history: Callable[[], Iterable[SignedEvent]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundReport:
    """A finished round, for whoever watches.

    Attributes:
        base: What was sent out.
        outcome: What was decided.
        shard: The drawn shard's number.
        shard_design: Its examples.
        committed: Members that committed to a delta.
        model: The new model's weights.
        model_hash: Its hash.
        public: SHA-256 of what everybody may see at once: both models, and what the receipt names.
    """

    base: Base
    outcome: RoundOutcome
    shard: int
    shard_design: Design
    committed: frozenset[Did]
    model: Ints
    model_hash: Hash32
    public: frozenset[Hash32]

    def facts(self) -> dict[str, str | int | float]:
        """Return what there is to tell of it: counts by status, G and credits in wei, the model's hash."""
        members = self.outcome.members
        counts = {str(status): sum(m.status is status for m in members) for status in Status}
        return {
            **counts,
            "shard": self.shard,
            "eta": self.outcome.eta,
            "gain": self.outcome.gain / (1 << SCORE_BITS),
            "credited_wei": str(sum(max(0, m.credit) for m in members)),
            "model": self.model_hash.hex(),
        }


class AnotherRound(ChainError):
    """The round on chain is not the one that this aggregator runs."""

    code = "another-round"


class EventSink(Protocol):
    """Takes signed events; one that it has is taken again without harm."""

    def append(self, event: SignedEvent) -> None:
        """Keep an event."""
        ...


class Observer(Protocol):
    """Watches rounds as they end."""

    def __call__(self, report: RoundReport, /) -> None:
        """Take one finished round."""
        ...
