"""A federation's chain as the other rooms ask it: plain questions, plain answers, from its logs.

The contract keeps one digest per round; what a round committed is in the events.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from contracts.bindings.federation import (
    CommitsClosed,
    EpochOpened,
    Federation,
    RevealForced,
    RevealsClosed,
    RoundOpened,
    RoundRecorded,
    ShardDrawn,
)
from contracts.bindings.structs import RoundWords
from federation.errors import ChainError
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.bindings.structs import EpochTerms
    from contracts.chain import Log

_ZERO: Final = Hash32(bytes(32))
NO_WORDS: Final = RoundWords(
    base_hash=_ZERO,
    commit_root=_ZERO,
    reveal_root=_ZERO,
    shard=0,
    model_hash=_ZERO,
    events_root=_ZERO,
    trace_root=_ZERO,
    receipt_hash=_ZERO,
)
"""Of a round that has not committed anything, and of a settlement, which is nobody's round."""


@dataclass(slots=True)
class _Read:
    """What was read so far, and up to where; a reorganised chain is read again from the beginning."""

    next_block: int = 0
    last_hash: Hash32 = _ZERO
    terms: dict[int, EpochTerms] = field(default_factory=dict)
    words: dict[tuple[int, int], RoundWords] = field(default_factory=dict)
    opened: dict[tuple[int, int], int] = field(default_factory=dict)
    forced: dict[tuple[int, int], list[RevealForced]] = field(default_factory=dict)


class FederationView:
    """Answers members (base, commit root), providers (draw, end of rounds) and whoever disputes."""

    def __init__(self, federation: Federation) -> None:
        self._federation, self._read = federation, _Read()

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        """Return the base model that ``openRound`` recorded; zero before."""
        return self.words(epoch, round_).base_hash

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        """Return the root that ``closeCommits`` recorded; zero before."""
        return self.words(epoch, round_).commit_root

    def opened_at(self, epoch: int, round_: int) -> int:
        """Return the Unix seconds of the block that opened a round; by it capabilities are judged.

        Raises:
            ChainError: The round was never opened.
        """
        self._catch_up()
        if (epoch, round_) not in self._read.opened:
            raise ChainError(f"round {round_} of epoch {epoch} was never opened")
        return self._federation.reader.block_time(self._read.opened[epoch, round_])

    def drawn_shard(self, epoch: int, round_: int) -> int:
        """Return the shard drawn for a round; 0 before the draw."""
        return self.words(epoch, round_).shard

    def rounds_over(self, epoch: int) -> bool:
        """Tell whether every round of an epoch is recorded."""
        if self._federation.epoch() != epoch:
            return self._federation.epoch() > epoch
        return any(self.words(epoch, self.terms(epoch).rounds).model_hash)

    def words(self, epoch: int, round_: int) -> RoundWords:
        """Return what a round has committed so far; zero where a phase has not been reached."""
        self._catch_up()
        return self._read.words.get((epoch, round_), NO_WORDS)

    def forced(self, epoch: int, round_: int) -> tuple[RevealForced, ...]:
        """Return the deltas that members revealed on chain in a round; final once its shard is drawn."""
        self._catch_up()
        return tuple(self._read.forced.get((epoch, round_), ()))

    def terms(self, epoch: int) -> EpochTerms:
        """Return what an epoch promised.

        Raises:
            ChainError: It was never opened.
        """
        self._catch_up()
        if epoch not in self._read.terms:
            raise ChainError(f"epoch {epoch} was never opened")
        return self._read.terms[epoch]

    def _catch_up(self) -> None:
        chain, read = self._federation.reader, self._read
        head = chain.block_number
        if read.next_block and (
            head < read.next_block - 1 or chain.block_hash(read.next_block - 1) != read.last_hash
        ):
            read = self._read = _Read()
        if head < read.next_block:
            return
        last_hash = chain.block_hash(head)
        self._take(log for log in self._federation.logs(read.next_block) if log.block_number <= head)
        read.next_block, read.last_hash = head + 1, last_hash

    def _take(self, logs: Iterable[Log]) -> None:
        terms, words, found = self._read.terms, self._read.words, list(logs)
        for opening in EpochOpened.decode_logs(found):
            terms[opening.epoch] = opening.terms
        for opened in RoundOpened.decode_logs(found):
            words[opened.epoch, opened.round_] = replace(NO_WORDS, base_hash=opened.base_hash)
            self._read.opened[opened.epoch, opened.round_] = opened.log.block_number
        for commits in CommitsClosed.decode_logs(found):
            at = commits.epoch, commits.round_
            words[at] = replace(words.get(at, NO_WORDS), commit_root=commits.commit_root)
        for reveals in RevealsClosed.decode_logs(found):
            at = reveals.epoch, reveals.round_
            words[at] = replace(words.get(at, NO_WORDS), reveal_root=reveals.reveal_root)
        for reveal in RevealForced.decode_logs(found):
            self._read.forced.setdefault((reveal.epoch, reveal.round_), []).append(reveal)
        for drawn in ShardDrawn.decode_logs(found):
            at = drawn.epoch, drawn.round_
            words[at] = replace(words.get(at, NO_WORDS), shard=drawn.shard)
        for recorded in RoundRecorded.decode_logs(found):
            at = recorded.epoch, recorded.round_
            words[at] = replace(
                words.get(at, NO_WORDS),
                model_hash=recorded.model_hash,
                events_root=recorded.events_root,
                trace_root=recorded.trace_root,
                receipt_hash=recorded.receipt_hash,
            )
