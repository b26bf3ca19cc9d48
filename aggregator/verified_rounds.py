"""Recomputing every round of a verified epoch with the kernel: base, scores, credits, trace, model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from aggregator.delegation import (
    authority_at,
    require_authority,
    speaker,
    with_revocations,
)
from aggregator.events import events_root
from aggregator.public import BLOCKS
from aggregator.sources import Unpublished
from aggregator.statements import Statements, absent_of, checked_lists, lines_of
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_secure import Place, facts_of, secure_round, transcript_of
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.did import verify
from ceramic_bridge.events import InitPayload, SignedEvent
from contracts.bindings.structs import RoundWords
from federation.cohort import cohort, enough
from federation.delta import parse_delta, within_cap
from federation.errors import IdentityError, VerificationFailed
from federation.evaluation import Received, Start
from federation.fixedpoint import Ints
from federation.hashing import commitment, did_hash, sha256
from federation.membertree import MemberTree
from federation.models.linear import Design
from federation.payloads import Contribution, Receipt
from federation.rounds import Base, EpochState, RoundOutcome, Status
from federation.trace import Position, Trace, require_equal, vector_hash
from federation.types import Did, Hash32

Reveals: TypeAlias = "dict[Did, tuple[Hash32, Hash32]]"
"""SHA-256 of every accepted delta, and the salt that opens its commitment."""


class Reclosed(NamedTuple):
    """A round as it has to be, its trace with it, and that trace as it was published."""

    outcome: RoundOutcome
    trace: Trace
    published: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedRound:
    """One recomputed round: what was sent out, decided and drawn, and who committed.

    Attributes:
        start: What it started from.
        base: What it sent out.
        outcome: What it decided.
        trace: Every step of its scores.
        shard: The drawn shard.
        number: Its number.
        model_hash: The model that it released.
        committed: Members that committed to a delta.
    """

    start: Start
    base: Base
    outcome: RoundOutcome
    trace: Trace
    shard: Design
    number: int
    model_hash: Hash32
    committed: frozenset[Did]


class RoundReplay:
    """Recomputes the rounds of a verified epoch, one after the other; it holds one at a time.

    Attributes:
        statements: What the events of rounds say, as far as they have been read.
    """

    def __init__(self, epoch: VerifiedEpoch) -> None:
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
        transcript = transcript_of(place, lists)
        self.statements[round_] = Statements(
            words=words,
            receipt=receipt,
            lists=lists,
            lines=lines_of(lists, self._epoch.roster),
            commitments=commitments,
            secure=None if transcript is None else facts_of(place, transcript, self._view, verify),
        )
        return self.statements[round_]

    def received(self, start: Start, statements: Statements) -> tuple[Received, Reveals]:
        """Return what a round received, after checking every delta against its commitment and cap.

        Raises:
            VerificationFailed: One should not have been accepted, or should have been.
        """
        state, words, forced = start.state, statements.words, statements.forced
        lines, commitments = statements.lines, statements.commitments
        asked = self._asked(state)
        bound = self._epoch.manifest.norm_bound(self._epoch.roster.quotas)
        seed = self._view.draw_seed(self._epoch.domain.epoch, state.round)
        if statements.secure is not None:
            found = secure_round(self._place(state.round), statements, asked, state.suspended)
            received = Received(
                deltas={}, absent=found.absent, norm_bound=bound, seed=seed, summed=found.summed
            )
            return received, found.reveals
        self._require_asked(state, statements, asked)
        deltas, reveals = self._deltas(state.round, commitments, lines, words, forced=forced)
        self._check_forced(state, deltas, reveals, forced)
        absent = absent_of(lines, state, commitments, statements.lists)
        return Received(deltas=deltas, absent=absent, norm_bound=bound, seed=seed), reveals

    def drawn(self, words: RoundWords, round_: int) -> Position:
        """Return the shard that was drawn for a round.

        Raises:
            Unpublished: It is still sealed.
        """
        if words.shard not in self._epoch.shards:
            raise Unpublished(f"round {round_}", f"its shard {words.shard} is not public yet")
        return Position(shard=words.shard, design=self._epoch.shards[words.shard])

    def reopened(self, start: Start, words: RoundWords) -> Base:
        """Return the base that a round sent out, recomputed.

        Raises:
            VerificationFailed: The rules give another one.
        """
        subject = f"round {start.state.round}"
        return self._epoch.evaluation.reopen(
            start, self._epoch.public.blob(words.base_hash, f"{subject}'s base model")
        )

    def reclosed(self, start: Start, base: Base, received: Received, statements: Statements) -> Reclosed:
        """Return a round as it has to be, and its trace as it was published, not compared yet."""
        round_ = start.state.round
        shard = self.drawn(statements.words, round_)
        published = self._epoch.public.blob(statements.trace_hash, f"round {round_}'s trace")
        outcome, trace = self._epoch.evaluation.reclose(start, base, received, shard, published)
        return Reclosed(outcome, trace, published)

    def recompute(self, start: Start, statements: Statements) -> PlayedRound:
        """Recompute a round and compare everything that was recorded of it.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        evaluation, words, subject = self._epoch.evaluation, statements.words, f"round {start.state.round}"
        base = self.reopened(start, words)
        received, reveals = self.received(start, statements)
        outcome, trace, published = self.reclosed(start, base, received, statements)
        require_equal(trace, published)
        shard = self.drawn(words, start.state.round)
        model = self._epoch.public.blob(words.model_hash, f"{subject}'s model")
        released = sha256(evaluation.rereleased(outcome.state, [*start.known, shard], model))
        self._check_record(base, outcome, trace, released, statements, reveals)
        return PlayedRound(
            start=start,
            base=base,
            outcome=outcome,
            trace=trace,
            shard=shard.design,
            number=words.shard,
            model_hash=words.model_hash,
            committed=frozenset(statements.commitments),
        )

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

    def _asked(self, state: EpochState) -> frozenset[Did]:
        """Return whom a round asked: without a rule for cohorts everybody who is not suspended."""
        epoch, rule = self._epoch, self._epoch.manifest.cohort
        members = epoch.roster.quotas.keys() - state.suspended
        if rule is None:
            return frozenset(members)
        beacon = self._view.beacon(epoch.domain.epoch, state.round)
        return frozenset(
            cohort(members, size=rule.size, domain=epoch.domain, round_=state.round, beacon=beacon)
        )

    def _require_asked(self, state: EpochState, statements: Statements, asked: frozenset[Did]) -> None:
        """Refuse a commitment of somebody whom a round did not ask.

        Without a rule for cohorts a suspended member's commitment does not count, and is no fault.
        """
        if self._epoch.manifest.cohort is None:
            return
        for did in sorted(statements.commitments.keys() - asked):
            raise VerificationFailed(f"round {state.round}", f"{did} committed and was not asked")

    def _place(self, round_: int) -> Place:
        epoch = self._epoch
        return Place(
            manifest=epoch.manifest,
            quotas=epoch.roster.quotas,
            domain=epoch.domain,
            round=round_,
            blob=epoch.public.blob,
        )

    def _receipt(self, round_: int) -> tuple[SignedEvent, InitPayload]:
        receipts = self._epoch.events.of_kind(str(round_), "round-receipt")
        if len(receipts) != 1 or speaker(receipts[0][0]) != self._epoch.manifest.parties.aggregator:
            raise VerificationFailed(f"round {round_}", "has no single receipt signed by the aggregator")
        return receipts[0]

    def _cap(self, did: Did) -> int:
        return self._epoch.manifest.cap(self._epoch.roster.quotas[did])

    def _deltas(
        self,
        round_: int,
        commitments: Mapping[Did, Hash32],
        lines: Mapping[Did, Mapping[str, str]],
        on_chain: RoundWords,
        *,
        forced: frozenset[Did],
    ) -> tuple[dict[Did, Ints], Reveals]:
        deltas: dict[Did, Ints] = {}
        reveals: Reveals = {}
        for did, line in lines.items():
            if line["status"] != Status.ACCEPTED:
                continue
            digest, salt = Hash32(bytes.fromhex(line["delta"])), Hash32(bytes.fromhex(line["salt"]))
            opened = commitment(
                self._epoch.domain,
                round_,
                did=did,
                base_hash=on_chain.base_hash,
                delta_sha256=digest,
                salt=salt,
            )
            if commitments.get(did) != opened:
                raise VerificationFailed(f"round {round_}", f"{did}'s delta does not open its commitment")
            deltas[did] = parse_delta(self._epoch.public.blob(digest, f"{did}'s delta of round {round_}"))
            reveals[did] = (digest, salt)
            if len(deltas[did]) != self._epoch.dim or not within_cap(deltas[did], self._cap(did)):
                raise VerificationFailed(f"round {round_}", f"{did}'s delta should have been rejected")
        if (
            MemberTree.build({did: digest for did, (digest, _) in reveals.items() if did not in forced}).root
            != on_chain.reveal_root
        ):
            raise VerificationFailed(f"round {round_}", "the reveal root does not hold the accepted deltas")
        return deltas, reveals

    def _check_forced(
        self,
        state: EpochState,
        deltas: Mapping[Did, Ints],
        reveals: Reveals,
        forced: frozenset[Did],
    ) -> None:
        """Check that every usable delta that came by the chain was accepted, and who came by it alone."""
        epoch, subject = self._epoch, f"round {state.round}"
        names, seen = {did_hash(did): did for did in epoch.roster.quotas}, set()
        for event in self._view.forced(epoch.domain.epoch, state.round):
            did = names.get(event.did_hash)
            if did is None or did in state.suspended:
                continue
            usable = within_cap(parse_delta(event.delta), self._cap(did))
            if usable != (did in deltas) or (usable and reveals[did] != (event.delta_sha256, event.salt)):
                raise VerificationFailed(subject, f"{did} revealed its delta on chain, and it did not count")
            seen.add(did)
        if forced - seen:
            raise VerificationFailed(subject, f"{min(forced - seen)} revealed nothing on chain")

    def _check_record(  # noqa: PLR0917 - the pieces of one record
        self,
        base: Base,
        outcome: RoundOutcome,
        trace: Trace,
        released: Hash32,
        statements: Statements,
        reveals: Reveals,
    ) -> None:
        subject, on_chain, receipt = f"round {outcome.round}", statements.words, statements.receipt
        if trace.root(self._epoch.domain, outcome.round) != on_chain.trace_root:
            raise VerificationFailed(subject, "the trace root on chain is not that of the recomputed trace")
        if released != on_chain.model_hash:
            raise VerificationFailed(subject, "the new model is not the recomputed one")
        expected = Receipt(
            domain=self._epoch.domain,
            base_hash=base.hash,
            model_hash=released,
            delta_hash=vector_hash(outcome.aggregate),
            trace_hash=statements.trace_hash,
            shard=on_chain.shard,
            trace_root=on_chain.trace_root,
            outcome=outcome,
            reveals=reveals,
            forced=statements.forced,
            transcript=statements.secure.transcript if statements.secure else None,
        ).content()
        for key in sorted(expected.keys() | receipt.content.keys()):
            value, found = expected.get(key), receipt.content.get(key)
            if (list(value) if isinstance(value, tuple) else value) != found:
                raise VerificationFailed(subject, f"the receipt's {key} is not the recomputed one")
