"""How an epoch stands, by the confirmed part of the chain alone: what a provider acts on.

A block may vanish in a reorganisation, and what was opened because of it cannot be taken back. So a
provider reads the federation's events only to ``depth`` blocks below the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts import abi
from contracts.bindings.federation import (
    Cancelled,
    DrawRetargeted,
    EpochOpened,
    Federation,
    Finalized,
    Lapsed,
    PreimageShown,
    RevealsClosed,
    RoundRecorded,
    ShardDrawn,
)
from contracts.bindings.structs import EpochTerms
from contracts.chain import Log
from federation.types import Hash32

_KINDS: Final = (
    Cancelled,
    DrawRetargeted,
    EpochOpened,
    Finalized,
    Lapsed,
    PreimageShown,
    RevealsClosed,
    RoundRecorded,
    ShardDrawn,
)
_EMPTY: Final = Hash32(bytes(32))


@dataclass(slots=True, kw_only=True)
class Round:
    """What a round has come to.

    Attributes:
        target: The block whose hash its draw needs.
        deadline: Unix seconds until which it can be drawn.
        shown: Providers whose preimage somebody showed on chain.
        shard: The drawn shard; 0 before the draw.
        preimages: The preimages of the draw, in provider order.
    """

    target: int
    deadline: int
    shown: set[int] = field(default_factory=set)
    shard: int = 0
    preimages: tuple[Hash32, ...] = ()


@dataclass(slots=True, kw_only=True)
class Epoch:
    """What an epoch has come to.

    Attributes:
        terms: What it promised.
        rounds: Its rounds whose reveals are closed.
        recorded: How many rounds are recorded.
        ended: No further round will be drawn: all are recorded, or it was cancelled or has lapsed.
    """

    terms: EpochTerms
    rounds: dict[int, Round] = field(default_factory=dict)
    recorded: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """All epochs, to a block; a ``DrawReader``.

    Attributes:
        block: The last block that counts.
        epochs: By number.
    """

    block: int
    epochs: dict[int, Epoch]

    def drawn_shard(self, epoch: int, round_: int) -> int:
        """Return the shard drawn for a round; 0 before the draw."""
        found = self.epochs.get(epoch)
        return found.rounds[round_].shard if found and round_ in found.rounds else 0

    def rounds_over(self, epoch: int) -> bool:
        """Tell whether no round of an epoch can come any more."""
        return epoch in self.epochs and self.epochs[epoch].ended


def standing(block: int, logs: Sequence[Log]) -> Standing:
    """Fold a federation's events, in chain order."""
    epochs: dict[int, Epoch] = {}
    events = sorted(
        (event for kind in _KINDS for event in kind.decode_logs(logs)),
        key=lambda event: (event.log.block_number, event.log.index),
    )
    for event in events:
        match event:
            case EpochOpened():
                epochs[event.epoch] = Epoch(terms=event.terms)
            case RevealsClosed():
                made = Round(target=event.draw_target, deadline=event.deadline)
                epochs[event.epoch].rounds[event.round_] = made
            case DrawRetargeted():
                epochs[event.epoch].rounds[event.round_].target = event.draw_target
            case PreimageShown():
                epochs[event.epoch].rounds[event.round_].shown.add(event.provider)
            case ShardDrawn():
                drawn = epochs[event.epoch].rounds[event.round_]
                drawn.shard, drawn.preimages = event.shard, event.preimages
            case RoundRecorded():
                epochs[event.epoch].recorded = event.round_
                epochs[event.epoch].ended = event.round_ == epochs[event.epoch].terms.rounds
            case Cancelled() | Lapsed() | Finalized():
                epochs[event.epoch].ended = True
    return Standing(block, epochs)


class Tape:
    """A federation's confirmed events, read on from where they were read last."""

    def __init__(self, federation: Federation, depth: int) -> None:
        """Name the contract; nothing is read yet.

        Args:
            federation: The contract.
            depth: Blocks that must hold or follow an event, its own included; at least 1.
        """
        self._federation, self._depth = federation, depth
        self._topics = {abi.topic(kind.SIGNATURE) for kind in _KINDS}
        self._logs: list[Log] = []
        self._block, self._hash = -1, _EMPTY

    def read(self) -> Standing:
        """Return how everything stands now.

        Raises:
            ChainError: The node cannot be reached, or does not hold still.
        """
        chain = self._federation.reader
        block = max(0, chain.block_number - self._depth + 1)
        if self._block >= 0 and (block < self._block or chain.block_hash(self._block) != self._hash):
            self._logs, self._block = [], -1
        if block > self._block:
            last = chain.block_hash(block)
            found = self._federation.logs(self._block + 1)
            self._logs += [
                log for log in found if log.block_number <= block and log.topics[0] in self._topics
            ]
            self._block, self._hash = block, last
        return standing(self._block, self._logs)
