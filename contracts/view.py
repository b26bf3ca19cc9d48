"""A federation's chain as the other rooms ask it: plain questions, plain answers, from its logs.

The contract keeps one digest per round; what a round committed is in the events.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from contracts.bindings.federation import (
    Announced,
    Cancelled,
    CommitsClosed,
    DrawRetargeted,
    EpochOpened,
    EpochRevealed,
    Federation,
    Finalized,
    Lapsed,
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
    from collections.abc import Iterable, Sequence

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


class End(StrEnum):
    """How the rounds of an epoch ended."""

    REVEALED = "revealed"
    """All were recorded, and the validation set was revealed."""
    CANCELLED = "cancelled"
    """The aggregator ended them early."""
    LAPSED = "lapsed"
    """Somebody missed a deadline."""


@dataclass(slots=True)
class _Read:
    """What was read so far, and up to where; a reorganised chain is read again from the beginning."""

    next_block: int = 0
    last_hash: Hash32 = _ZERO
    terms: dict[int, EpochTerms] = field(default_factory=dict)
    words: dict[tuple[int, int], RoundWords] = field(default_factory=dict)
    opened: dict[tuple[int, int], int] = field(default_factory=dict)
    closed: dict[tuple[int, int], int] = field(default_factory=dict)
    targets: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    drawn: dict[tuple[int, int], ShardDrawn] = field(default_factory=dict)
    announced: dict[Hash32, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    ends: dict[int, End] = field(default_factory=dict)
    tables: dict[int, Hash32] = field(default_factory=dict)
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

    def commits_closed_in(self, epoch: int, round_: int) -> int:
        """Return the number of the block that closed a round's commitments; 0 before."""
        self._catch_up()
        return self._read.closed.get((epoch, round_), 0)

    def drawn_in(self, epoch: int, round_: int) -> int:
        """Return the number of the block in which a round's shard was drawn; 0 before."""
        self._catch_up()
        drawn = self._read.drawn.get((epoch, round_))
        return drawn.log.block_number if drawn else 0

    def announced(self, word: Hash32) -> int:
        """Return the number of the block in which a word was announced first; 0 if it was not."""
        block = self._federation.announced(word)
        return block if block <= self._federation.reader.settled else 0

    def draw_target(self, epoch: int, round_: int) -> int:
        """Return the block whose hash drew a round's shard; 0 before the draw.

        Until it was there nobody knew the shard, not even who had every provider's preimage.
        """
        self._catch_up()
        drawn = self._read.drawn.get((epoch, round_))
        return self._read.targets[epoch, round_][-1] if drawn else 0

    def put_offs(self, epoch: int, round_: int) -> int:
        """Return how often a round's draw has been put off."""
        self._catch_up()
        return max(0, len(self._read.targets.get((epoch, round_), ())) - 1)

    def announced_during(self, epoch: int, round_: int) -> dict[Hash32, int]:
        """Return the words announced from a round's opening on, until its draw's target, by block."""
        opened, target = self._opened_in(epoch, round_), self.draw_target(epoch, round_)
        return {word: block for word, block in self._read.announced.items() if opened <= block <= target}

    def _opened_in(self, epoch: int, round_: int) -> int:
        self._catch_up()
        return self._read.opened.get((epoch, round_), 0)

    def hash_of(self, block: int) -> Hash32:
        """Return the hash of a block: randomness that nobody knew before.

        Raises:
            ChainError: It is not there, or not settled yet.
        """
        if block > self._federation.reader.settled:
            raise ChainError(f"block {block} is not there yet")
        return self._federation.reader.block_hash(block)

    def drawn_shard(self, epoch: int, round_: int) -> int:
        """Return the shard drawn for a round; 0 before the draw."""
        return self.words(epoch, round_).shard

    def draw_seed(self, epoch: int, round_: int) -> Hash32:
        """Return the seed of a round's draw.

        Raises:
            ChainError: The round has drawn no shard.
        """
        self._catch_up()
        return self._drawn(epoch, round_).seed

    def rounds_over(self, epoch: int) -> bool:
        """Tell whether every round of an epoch is recorded, or the epoch ended before."""
        if self._federation.epoch() != epoch:
            return self._federation.epoch() > epoch
        return self.end(epoch) is not None or any(self.words(epoch, self.terms(epoch).rounds).model_hash)

    def end(self, epoch: int) -> End | None:
        """Return how an epoch's rounds ended; None while they go on."""
        self._catch_up()
        return self._read.ends.get(epoch)

    def finalized(self, epoch: int) -> Hash32 | None:
        """Return the root of the payout table by which an epoch was finalized; None if it was not."""
        self._catch_up()
        return self._read.tables.get(epoch)

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

    def beacon(self, epoch: int, round_: int) -> Hash32:
        """Return what nobody could choose before a round opened: by it the round's cohort is drawn.

        The seed of the last round's draw; before the first, the hash of the block that opened the epoch.

        Raises:
            ChainError: The round cannot have been opened yet.
        """
        self._catch_up()
        if round_ == 1 and epoch in self._read.epochs:
            return self._federation.reader.block_hash(self._read.epochs[epoch])
        return self.draw_seed(epoch, round_ - 1)

    def preimages(self, epoch: int, round_: int) -> tuple[Hash32, ...]:
        """Return what the providers uncovered for a round's draw: the tips of the next round's.

        Raises:
            ChainError: The round has drawn no shard.
        """
        self._catch_up()
        return self._drawn(epoch, round_).preimages

    def opened_in(self, epoch: int) -> int:
        """Return the number of the block that opened an epoch.

        Raises:
            ChainError: It was never opened.
        """
        self.terms(epoch)
        return self._read.epochs[epoch]

    def _drawn(self, epoch: int, round_: int) -> ShardDrawn:
        if (epoch, round_) not in self._read.drawn:
            raise ChainError(f"round {round_} of epoch {epoch} has drawn no shard")
        return self._read.drawn[epoch, round_]

    def _catch_up(self) -> None:
        chain, read = self._federation.reader, self._read
        head = chain.settled
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
            self._read.epochs[opening.epoch] = opening.log.block_number
        for opened in RoundOpened.decode_logs(found):
            words[opened.epoch, opened.round_] = replace(NO_WORDS, base_hash=opened.base_hash)
            self._read.opened[opened.epoch, opened.round_] = opened.log.block_number
        for announced in Announced.decode_logs(found):
            self._read.announced.setdefault(announced.commitment, announced.log.block_number)
        for commits in CommitsClosed.decode_logs(found):
            at = commits.epoch, commits.round_
            words[at] = replace(words.get(at, NO_WORDS), commit_root=commits.commit_root)
            self._read.closed[at] = commits.log.block_number
        for reveals in RevealsClosed.decode_logs(found):
            at = reveals.epoch, reveals.round_
            words[at] = replace(words.get(at, NO_WORDS), reveal_root=reveals.reveal_root)
            self._read.targets[at] = [reveals.draw_target]
        for again in DrawRetargeted.decode_logs(found):
            self._read.targets.setdefault((again.epoch, again.round_), []).append(again.draw_target)
        for reveal in RevealForced.decode_logs(found):
            self._read.forced.setdefault((reveal.epoch, reveal.round_), []).append(reveal)
        for drawn in ShardDrawn.decode_logs(found):
            at = drawn.epoch, drawn.round_
            words[at] = replace(words.get(at, NO_WORDS), shard=drawn.shard)
            self._read.drawn[at] = drawn
        for recorded in RoundRecorded.decode_logs(found):
            at = recorded.epoch, recorded.round_
            words[at] = replace(
                words.get(at, NO_WORDS),
                model_hash=recorded.model_hash,
                events_root=recorded.events_root,
                trace_root=recorded.trace_root,
                receipt_hash=recorded.receipt_hash,
            )
        self._take_ends(found)

    def _take_ends(self, found: Sequence[Log]) -> None:
        for end, kind in ((End.REVEALED, EpochRevealed), (End.CANCELLED, Cancelled), (End.LAPSED, Lapsed)):
            for ended in kind.decode_logs(found):
                # An epoch whose rounds are over can still lapse; how they ended stays.
                self._read.ends.setdefault(ended.epoch, end)
        for final in Finalized.decode_logs(found):
            self._read.tables[final.epoch] = final.payout_root
