"""Recomputing one round with the kernel: base, scores, credits, trace and model, each compared.

Needs no chain and no events: what they say of a round is in its ``Statements``. So a round can be
recomputed wherever its files can be read, in another process too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

from aggregator.sources import Material, Unpublished, fetching
from aggregator.statements import Statements, absent_of
from aggregator.verified_secure import Place, secure_round
from contracts.bindings.structs import RoundWords
from federation.cohort import cohort
from federation.delta import parse_delta, within_cap
from federation.errors import VerificationFailed
from federation.evaluation import Evaluation, Received, Start
from federation.fixedpoint import Ints
from federation.hashing import Domain, commitment, did_hash, sha256
from federation.manifest import Manifest
from federation.membertree import MemberTree
from federation.models.linear import Design
from federation.payloads import Receipt
from federation.roster import Roster
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

    def light(self) -> PlayedRound:
        """Return it without what only a dispute or an explanation asks for: small enough to be sent."""
        outcome = replace(self.outcome, search=(), path=None, projection=None, parts={}, carried=None)
        start, base = replace(self.start, known=()), replace(self.base, search=())
        return replace(self, start=start, base=base, outcome=outcome, trace=Trace(()))


class Around(Protocol):
    """What stands around the rounds of an epoch and does not change with them; all of it checked."""

    @property
    def domain(self) -> Domain:
        """Chain, federation and epoch."""
        ...

    @property
    def manifest(self) -> Manifest:
        """The rules."""
        ...

    @property
    def roster(self) -> Roster:
        """The admitted members."""
        ...

    @property
    def dim(self) -> int:
        """Number of weights."""
        ...

    @property
    def shards(self) -> Mapping[int, Design]:
        """The examples of every public shard; 0 is the public portion."""
        ...

    @property
    def evaluation(self) -> Evaluation:
        """How the model is opened, scored and released."""
        ...

    @property
    def public(self) -> Material:
        """Where the files are."""
        ...


class Recomputation:
    """Recomputes rounds of an epoch, each from the state that it is given."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def received(self, start: Start, statements: Statements) -> tuple[Received, Reveals]:
        """Return what a round received, after checking every delta against its commitment and cap.

        Raises:
            VerificationFailed: One should not have been accepted, or should have been.
        """
        state, words, forced = start.state, statements.words, statements.forced
        lines, commitments = statements.lines, statements.commitments
        asked = self._asked(state, statements)
        bound = self._around.manifest.norm_bound(self._around.roster.quotas)
        if statements.secure is not None:
            found = secure_round(self._place(state.round), statements, asked, state.suspended)
            received = Received(
                deltas={}, absent=found.absent, norm_bound=bound, seed=statements.seed, summed=found.summed
            )
            return received, found.reveals
        self._require_asked(state, statements, asked)
        deltas, reveals = self._deltas(state.round, commitments, lines, words, forced=forced)
        self._check_forced(state, deltas, reveals, statements)
        absent = absent_of(lines, state, commitments, statements.lists)
        return Received(deltas=deltas, absent=absent, norm_bound=bound, seed=statements.seed), reveals

    def drawn(self, words: RoundWords, round_: int) -> Position:
        """Return the shard that was drawn for a round.

        Raises:
            Unpublished: It is still sealed.
        """
        if words.shard not in self._around.shards:
            raise Unpublished(f"round {round_}", f"its shard {words.shard} is not public yet")
        return Position(shard=words.shard, design=self._around.shards[words.shard])

    def reopened(self, start: Start, words: RoundWords) -> Base:
        """Return the base that a round sent out, recomputed.

        Raises:
            VerificationFailed: The rules give another one.
        """
        subject = f"round {start.state.round}"
        return self._around.evaluation.reopen(
            start, self._around.public.blob(words.base_hash, f"{subject}'s base model")
        )

    def reclosed(self, start: Start, base: Base, received: Received, statements: Statements) -> Reclosed:
        """Return a round as it has to be, and its trace as it was published, not compared yet."""
        round_ = start.state.round
        shard = self.drawn(statements.words, round_)
        published = self._around.public.blob(statements.trace_hash, f"round {round_}'s trace")
        outcome, trace = self._around.evaluation.reclose(start, base, received, shard, published)
        return Reclosed(outcome, trace, published)

    def recompute(self, start: Start, statements: Statements) -> PlayedRound:
        """Recompute a round and compare everything that was recorded of it.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        evaluation, words, subject = self._around.evaluation, statements.words, f"round {start.state.round}"
        base = self.reopened(start, words)
        received, reveals = self.received(start, statements)
        outcome, trace, published = self.reclosed(start, base, received, statements)
        require_equal(trace, published)
        shard = self.drawn(words, start.state.round)
        model = self._around.public.blob(words.model_hash, f"{subject}'s model")
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

    def _asked(self, state: EpochState, statements: Statements) -> frozenset[Did]:
        """Return whom a round asked: without a rule for cohorts everybody who is not suspended."""
        around, rule = self._around, self._around.manifest.cohort
        members = around.roster.quotas.keys() - state.suspended
        if rule is None:
            return frozenset(members)
        assert statements.beacon is not None
        return frozenset(
            cohort(
                members, size=rule.size, domain=around.domain, round_=state.round, beacon=statements.beacon
            )
        )

    def _require_asked(self, state: EpochState, statements: Statements, asked: frozenset[Did]) -> None:
        """Refuse a commitment of somebody whom a round did not ask.

        Without a rule for cohorts a suspended member's commitment does not count, and is no fault.
        """
        if self._around.manifest.cohort is None:
            return
        for did in sorted(statements.commitments.keys() - asked):
            raise VerificationFailed(f"round {state.round}", f"{did} committed and was not asked")

    def _place(self, round_: int) -> Place:
        around = self._around
        return Place(
            manifest=around.manifest,
            quotas=around.roster.quotas,
            domain=around.domain,
            round=round_,
            public=around.public,
        )

    def _cap(self, did: Did) -> int:
        return self._around.manifest.cap(self._around.roster.quotas[did])

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
        reveals: Reveals = {
            did: (Hash32(bytes.fromhex(line["delta"])), Hash32(bytes.fromhex(line["salt"])))
            for did, line in lines.items()
            if line["status"] == Status.ACCEPTED
        }
        wanted = [(digest, f"{did}'s delta of round {round_}") for did, (digest, _) in reveals.items()]
        with fetching(self._around.public, wanted) as blobs:
            for (did, (digest, salt)), blob in zip(reveals.items(), blobs, strict=True):
                opened = commitment(
                    self._around.domain,
                    round_,
                    did=did,
                    base_hash=on_chain.base_hash,
                    delta_sha256=digest,
                    salt=salt,
                )
                if commitments.get(did) != opened:
                    raise VerificationFailed(f"round {round_}", f"{did}'s delta does not open its commitment")
                deltas[did] = parse_delta(blob())
                if len(deltas[did]) != self._around.dim or not within_cap(deltas[did], self._cap(did)):
                    raise VerificationFailed(f"round {round_}", f"{did}'s delta should have been rejected")
        if (
            MemberTree.build({did: digest for did, (digest, _) in reveals.items() if did not in forced}).root
            != on_chain.reveal_root
        ):
            raise VerificationFailed(f"round {round_}", "the reveal root does not hold the accepted deltas")
        return deltas, reveals

    def _check_forced(
        self, state: EpochState, deltas: Mapping[Did, Ints], reveals: Reveals, statements: Statements
    ) -> None:
        """Check that every usable delta that came by the chain was accepted, and who came by it alone."""
        subject = f"round {state.round}"
        names, seen = {did_hash(did): did for did in self._around.roster.quotas}, set()
        for event in statements.revealed:
            did = names.get(event.did_hash)
            if did is None or did in state.suspended:
                continue
            usable = within_cap(parse_delta(event.delta), self._cap(did))
            if usable != (did in deltas) or (usable and reveals[did] != (event.delta_sha256, event.salt)):
                raise VerificationFailed(subject, f"{did} revealed its delta on chain, and it did not count")
            seen.add(did)
        if unseen := statements.forced - seen:
            raise VerificationFailed(subject, f"{min(unseen)} revealed nothing on chain")

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
        if trace.root(self._around.domain, outcome.round) != on_chain.trace_root:
            raise VerificationFailed(subject, "the trace root on chain is not that of the recomputed trace")
        if released != on_chain.model_hash:
            raise VerificationFailed(subject, "the new model is not the recomputed one")
        expected = Receipt(
            domain=self._around.domain,
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
