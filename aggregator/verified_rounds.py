"""Recomputing every round of a verified epoch with the kernel: base, scores, credits, trace, model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aggregator.delegation import (
    authority_at,
    require_authority,
    speaker,
    with_revocations,
)
from aggregator.events import events_root
from aggregator.public import BLOCKS
from aggregator.recompute import PlayedRound, Recomputation
from aggregator.statements import Statements, checked_lists, lines_of
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_secure import facts_of, transcript_of
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.delegated import DigestVerifier
from ceramic_bridge.events import InitPayload, SignedEvent
from contracts.bindings.structs import RoundWords
from federation.cohort import enough
from federation.errors import IdentityError, VerificationFailed
from federation.evaluation import Start
from federation.membertree import MemberTree
from federation.payloads import Contribution
from federation.rounds import EpochState
from federation.trace import Position
from federation.types import Did, Hash32


class RoundReplay(Recomputation):
    """Recomputes the rounds of a verified epoch, one after the other; it holds one at a time.

    Attributes:
        statements: What the events of rounds say, as far as they have been read.
    """

    def __init__(self, epoch: VerifiedEpoch) -> None:
        super().__init__(epoch)
        self._epoch, self._view = epoch, epoch.view
        self._authority = authority_at(0)
        self.statements: dict[int, Statements] = {}

    def require_all_recorded(self) -> None:
        """Refuse an epoch of which not every round stands: a run's has ended in full.

        Raises:
            VerificationFailed: One is missing.
        """
        if self._epoch.past.recorded != self._epoch.manifest.rounds:
            raise VerificationFailed(BLOCKS, "not every round of the epoch is recorded and stands")

    def first(self) -> Start:
        """Return what the first round starts from."""
        initial, quotas = self._epoch.evaluation.initial(), self._epoch.roster.quotas
        state = EpochState.first(initial=initial, quotas=quotas)
        known = (Position(shard=0, design=self._epoch.shards[0]),)
        return Start(state=state, rules=self._epoch.manifest.rules, known=known)

    def play(self) -> Iterator[PlayedRound]:
        """Recompute the recorded rounds in order.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        start = self.first()
        for round_ in range(1, self._epoch.past.recorded + 1):
            statements = self.read(round_)
            played = self.recompute(start, statements)
            self._epoch.progress(f"round {round_}: scores, credits and trace recomputed")
            yield played
            drawn = Position(shard=played.number, design=played.shard)
            start = self.onward(start, played.outcome.state, drawn)

    def onward(self, start: Start, state: EpochState, drawn: Position) -> Start:
        """Return what the next round starts from, given the state and the shard of the one before."""
        return replace(start, state=state, known=(*start.known, drawn))

    def skip(self, round_: int) -> Position:
        """Take note of a round that was verified before, and return its shard."""
        self._judge_from(round_)
        return self.drawn(self._view.words(self._epoch.domain.epoch, round_), round_)

    def read(self, round_: int) -> Statements:
        """Check what a round's events say; rounds are read in order, for revocations count from theirs on.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        words, subject = self._view.words(self._epoch.domain.epoch, round_), f"round {round_}"
        if events_root(self._epoch.events.groups[str(round_)]) != words.events_root:
            raise VerificationFailed(subject, "its events are not those that the chain recorded")
        self._judge_from(round_)
        commitments = self._commitments(round_, words)
        receipt_event, receipt = self._receipt(round_)
        if Hash32(receipt_event.payload_cid.digest) != words.receipt_hash:
            raise VerificationFailed(subject, "the receipt is not the one that the chain recorded")
        lists = checked_lists(receipt.content, self._epoch.public.blob)
        place = self._place(round_)
        transcript, secure = transcript_of(place, lists), None
        if transcript is not None:
            model = self._epoch.events.models["contribution"]
            signed = DigestVerifier(model=model, authority=self._authority)
            secure = facts_of(place, transcript, self._view, signed)
        number = self._epoch.domain.epoch
        asks = self._epoch.manifest.cohort is not None
        self.statements[round_] = Statements(
            words=words,
            seed=self._view.draw_seed(number, round_),
            beacon=self._view.beacon(number, round_) if asks else None,
            revealed=self._view.forced(number, round_),
            receipt=receipt,
            lists=lists,
            lines=lines_of(lists, self._epoch.roster),
            commitments=commitments,
            secure=secure,
        )
        return self.statements[round_]

    def _judge_from(self, round_: int) -> None:
        """Judge capabilities as of a round's opening, by the revocations recorded until then."""
        opened = authority_at(self._view.opened_at(self._epoch.domain.epoch, round_))
        revoking = [event for event in self._epoch.events.groups[str(round_)] if is_revocation(event)]
        authority = replace(opened, revocations=self._authority.revocations)
        try:
            self._authority = with_revocations(authority, revoking)
        except IdentityError as error:
            raise VerificationFailed(f"round {round_}", error.message) from error

    def _commitments(self, round_: int, on_chain: RoundWords) -> dict[Did, Hash32]:
        found: dict[Did, Hash32] = {}
        for event, payload in self._epoch.events.of_kind(str(round_), "contribution"):
            statement = Contribution.parse(payload.content, self._epoch.domain, round_)
            did = speaker(event)
            unknown = did not in self._epoch.roster.quotas or did in found
            if unknown or statement.base_hash != on_chain.base_hash:
                raise VerificationFailed(f"event {event.cid}", f"is no contribution to round {round_}")
            try:
                require_authority(event, self._authority)
            except IdentityError as error:
                raise VerificationFailed(f"event {event.cid}", error.message) from error
            found[did] = statement.commitment
        if MemberTree.build(found).root != on_chain.commit_root:
            raise VerificationFailed(f"round {round_}", "the commit root does not hold its contributions")
        rule = self._epoch.manifest.cohort
        if rule and found and not enough(len(found), rule.minimum):
            raise VerificationFailed(f"round {round_}", f"went on with {len(found)} commitments, too few")
        return found

    def _receipt(self, round_: int) -> tuple[SignedEvent, InitPayload]:
        receipts = self._epoch.events.of_kind(str(round_), "round-receipt")
        if len(receipts) != 1 or speaker(receipts[0][0]) != self._epoch.manifest.parties.aggregator:
            raise VerificationFailed(f"round {round_}", "has no single receipt signed by the aggregator")
        return receipts[0]
