"""Recomputing every round of a verified epoch with the kernel: base, scores, credits, trace, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aggregator.delegation import (
    authority_at,
    require_authority,
    speaker,
    with_revocations,
)
from aggregator.events import events_root
from aggregator.public import BLOCKS
from aggregator.verified_epoch import VerifiedEpoch
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.events import InitPayload, SignedEvent
from contracts.bindings.structs import RoundWords
from contracts.view import FederationView
from federation.cohort import cohort, enough
from federation.delta import parse_delta, within_cap
from federation.errors import IdentityError, VerificationFailed
from federation.evaluation import Received, Start
from federation.fixedpoint import Ints
from federation.hashing import commitment, did_hash, sha256
from federation.membertree import MemberTree
from federation.models.linear import Design
from federation.payloads import Contribution, Receipt
from federation.roster import Roster
from federation.rounds import Base, EpochState, RoundOutcome, Status
from federation.trace import Position, Trace, require_equal, vector_hash
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedRound:
    """One recomputed round: what was sent out, decided and drawn, and who committed."""

    base: Base
    outcome: RoundOutcome
    shard: Design
    number: int
    model_hash: Hash32
    committed: frozenset[Did]


class RoundReplay:
    """Recomputes the rounds of a verified epoch."""

    def __init__(self, epoch: VerifiedEpoch) -> None:
        self._epoch, self._view = epoch, FederationView(epoch.deployment.federation)
        self._authority = authority_at(0)

    def _rounds_on_chain(self) -> list[RoundWords]:
        epoch = self._epoch
        if epoch.deployment.federation.recorded() != epoch.manifest.rounds:
            raise VerificationFailed(BLOCKS, "not every round of the epoch is recorded and stands")
        return [self._view.words(epoch.domain.epoch, r + 1) for r in range(epoch.manifest.rounds)]

    def play(self) -> list[PlayedRound]:
        """Recompute all rounds, in order.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        initial, quotas = self._epoch.evaluation.initial(), self._epoch.roster.quotas
        state = EpochState.first(initial=initial, quotas=quotas)
        known, played = [Position(shard=0, design=self._epoch.shards[0])], []
        for on_chain in self._rounds_on_chain():
            result = self._play_round(state, known, on_chain)
            played.append(result)
            state = result.outcome.state
            known.append(Position(shard=result.number, design=result.shard))
            self._epoch.progress(f"round {result.outcome.round}: scores, credits and trace recomputed")
        return played

    def _play_round(self, state: EpochState, known: Sequence[Position], on_chain: RoundWords) -> PlayedRound:
        round_, evaluation = state.round, self._epoch.evaluation
        subject = f"round {round_}"
        start = Start(state=state, rules=self._epoch.manifest.rules, known=tuple(known))
        base = evaluation.reopen(
            start, self._epoch.public.blob(on_chain.base_hash, f"{subject}'s base model")
        )
        if events_root(self._epoch.by_round[str(round_)]) != on_chain.events_root:
            raise VerificationFailed(subject, "its events are not those that the chain recorded")
        self._judge_from(round_)
        commitments = self._commitments(state, base, on_chain)
        receipt_event, receipt = self._receipt(round_)
        if Hash32(receipt_event.payload_cid.digest) != on_chain.receipt_hash:
            raise VerificationFailed(subject, "the receipt is not the one that the chain recorded")
        lines = _lines(receipt.content, self._epoch.roster)
        forced = frozenset(Did(str(did)) for did in _listed(receipt.content, "forced"))
        deltas, reveals = self._deltas(round_, base, commitments, lines, on_chain, forced=forced)
        self._check_forced(state, deltas, reveals, forced)
        absent = _absent(lines, state, commitments, receipt.content)
        shard = Position(shard=on_chain.shard, design=self._epoch.shards[on_chain.shard])
        received = Received(
            deltas=deltas,
            absent=absent,
            norm_bound=self._epoch.manifest.norm_bound(self._epoch.roster.quotas),
        )
        published = self._epoch.public.blob(
            Hash32(bytes.fromhex(str(receipt.content["trace"]))), f"{subject}'s trace"
        )
        outcome, trace = evaluation.reclose(start, base, received, shard, published)
        require_equal(trace, published)
        model = self._epoch.public.blob(on_chain.model_hash, f"{subject}'s model")
        released = sha256(evaluation.rereleased(outcome.state, [*known, shard], model))
        self._check_record(base, outcome, trace, released, receipt, on_chain, reveals, forced)
        return PlayedRound(
            base=base,
            outcome=outcome,
            shard=shard.design,
            number=on_chain.shard,
            model_hash=on_chain.model_hash,
            committed=frozenset(commitments),
        )

    def _judge_from(self, round_: int) -> None:
        """Judge capabilities as of a round's opening, by the revocations recorded until then."""
        opened = authority_at(self._view.opened_at(self._epoch.domain.epoch, round_))
        revoking = [event for event in self._epoch.by_round[str(round_)] if is_revocation(event)]
        authority = replace(opened, revocations=self._authority.revocations)
        try:
            self._authority = with_revocations(authority, revoking)
        except IdentityError as error:
            raise VerificationFailed(f"round {round_}", error.message) from error

    def _commitments(self, state: EpochState, base: Base, on_chain: RoundWords) -> dict[Did, Hash32]:
        round_, found = state.round, dict[Did, Hash32]()
        asked = self._asked(state)
        for event, payload in self._epoch.of_kind(str(round_), "contribution"):
            statement = Contribution.parse(payload.content, self._epoch.domain, round_)
            did = speaker(event)
            unknown = did not in asked or did in found
            if unknown or statement.base_hash != base.hash:
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
        """Return who may commit: the round's cohort, or everybody."""
        epoch, rule = self._epoch, self._epoch.manifest.cohort
        if rule is None:
            return frozenset(epoch.roster.quotas)
        members = epoch.roster.quotas.keys() - state.suspended
        beacon = self._view.beacon(epoch.domain.epoch, state.round)
        return cohort(members, size=rule.size, domain=epoch.domain, round_=state.round, beacon=beacon)

    def _receipt(self, round_: int) -> tuple[SignedEvent, InitPayload]:
        receipts = self._epoch.of_kind(str(round_), "round-receipt")
        if len(receipts) != 1 or speaker(receipts[0][0]) != self._epoch.manifest.parties.aggregator:
            raise VerificationFailed(f"round {round_}", "has no single receipt signed by the aggregator")
        return receipts[0]

    def _cap(self, did: Did) -> int:
        return self._epoch.manifest.cap(self._epoch.roster.quotas[did])

    def _deltas(
        self,
        round_: int,
        base: Base,
        commitments: Mapping[Did, Hash32],
        lines: Mapping[Did, Mapping[str, str]],
        on_chain: RoundWords,
        *,
        forced: frozenset[Did],
    ) -> tuple[dict[Did, Ints], dict[Did, tuple[Hash32, Hash32]]]:
        deltas: dict[Did, Ints] = {}
        reveals: dict[Did, tuple[Hash32, Hash32]] = {}
        for did, line in lines.items():
            if line["status"] != Status.ACCEPTED:
                continue
            digest, salt = Hash32(bytes.fromhex(line["delta"])), Hash32(bytes.fromhex(line["salt"]))
            opened = commitment(
                self._epoch.domain, round_, did=did, base_hash=base.hash, delta_sha256=digest, salt=salt
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
        reveals: Mapping[Did, tuple[Hash32, Hash32]],
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
        receipt: InitPayload,
        on_chain: RoundWords,
        reveals: Mapping[Did, tuple[Hash32, Hash32]],
        forced: frozenset[Did],
    ) -> None:
        subject = f"round {outcome.round}"
        if trace.root(self._epoch.domain, outcome.round) != on_chain.trace_root:
            raise VerificationFailed(subject, "the trace root on chain is not that of the recomputed trace")
        if released != on_chain.model_hash:
            raise VerificationFailed(subject, "the new model is not the recomputed one")
        expected = Receipt(
            domain=self._epoch.domain,
            base_hash=base.hash,
            model_hash=released,
            delta_hash=vector_hash(outcome.aggregate),
            trace_hash=Hash32(bytes.fromhex(str(receipt.content["trace"]))),
            shard=on_chain.shard,
            trace_root=on_chain.trace_root,
            outcome=outcome,
            reveals=reveals,
            forced=forced,
        ).content()
        for key, value in expected.items():
            found = receipt.content.get(key)
            if (list(value) if isinstance(value, tuple) else value) != found:
                raise VerificationFailed(subject, f"the receipt's {key} is not the recomputed one")


def _listed(content: Mapping[str, object], key: str) -> list[object]:
    found = content[key]
    assert isinstance(found, list)
    return found


def _lines(content: Mapping[str, object], roster: Roster) -> dict[Did, Mapping[str, str]]:
    """Return the receipt's line of every member; the bridge has checked their form."""
    credits = _listed(content, "credits")
    lines: dict[Did, Mapping[str, str]] = {
        Did(line["did"]): line for line in credits if isinstance(line, dict)
    }
    if lines.keys() != roster.quotas.keys() or len(lines) != len(credits):
        raise VerificationFailed("receipt", "does not have one line for every admitted member")
    return lines


def _absent(
    lines: Mapping[Did, Mapping[str, str]],
    state: EpochState,
    commitments: Mapping[Did, Hash32],
    content: Mapping[str, object],
) -> dict[Did, tuple[Status, str]]:
    """Return status and reason of every member without an accepted delta.

    Why a delta was refused before it was published is the aggregator's word; that a suspended or
    silent member is one is checked.
    """
    reasons = {Did(r["did"]): str(r["reason"]) for r in _listed(content, "rejections") if isinstance(r, dict)}
    absent: dict[Did, tuple[Status, str]] = {}
    for did, line in lines.items():
        try:
            status = Status(line["status"])
        except ValueError as error:
            raise VerificationFailed("receipt", f"{line['status']!r} is no status") from error
        wrong = (
            (status is Status.SUSPENDED) != (did in state.suspended)
            or (status is Status.SILENT and did not in commitments)
            or (status is Status.ABSENT and did in commitments)
            or (status is Status.REJECTED) != (did in reasons)
        )
        if wrong:
            raise VerificationFailed(f"round {state.round}", f"{did} cannot be {status} there")
        if status is not Status.ACCEPTED:
            absent[did] = (status, reasons.get(did, ""))
    return absent
