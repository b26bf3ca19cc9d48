"""From public material to the first fault that a contract can judge, and the call that shows it.

The recomputation is the verifier's. What it finds wrong is turned into a call to the right judge; where
the proof needs something that nobody published, into a demand for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from aggregator.challenge.openings import Validation
from aggregator.challenge.prosecute import Evidence, prosecute
from aggregator.challenge.settlement import SettlementCase, all_disputes
from aggregator.challenge.state import base as base_dispute
from aggregator.challenge.state import model as model_dispute
from aggregator.challenge.witness import Case, Dispute
from aggregator.recompute import Reveals
from aggregator.settlement import SETTLEMENT_ROUND
from aggregator.sources import Unpublished
from aggregator.statements import Statements
from aggregator.verified_rounds import RoundReplay
from contracts import abi
from contracts.bindings.data_demands import Answered, DataDemands
from contracts.bindings.errors import NoFault
from contracts.bindings.federation import Proposed
from contracts.deploy import named_judges
from contracts.payouts import MAGIC as TABLE_MAGIC
from contracts.payouts import parse_table
from federation.delta import delta_bytes
from federation.errors import FolkmootError, Reverted, VerificationFailed
from federation.evaluation import Received, Start
from federation.hashing import sha256
from federation.membertree import MemberTree
from federation.models.linear import model_bytes
from federation.reward import PayoutTable
from federation.trace import Difference, Op, Settlement, Trace, first_difference, settlement_trace
from federation.types import Address, Did, Hash32, Wei

if TYPE_CHECKING:
    from aggregator.verified_epoch import VerifiedEpoch
    from contracts.chain import Reader

_TRACE_MAGIC: Final = b"FMT2"
_ANSWER: Final = "answerVector(uint256,bytes32,uint256,bytes32[],bytes)"


class Tables(Protocol):
    """Where blobs can be looked for by how they begin."""

    def tables(self, magic: bytes, /) -> Iterator[bytes]:
        """Yield every blob that begins like this."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault, or a question to which only a fault has no answer.

    Attributes:
        epoch: The epoch.
        round: The round; 0 for the payout table.
        reason: What is wrong, in words.
        call: The call that shows it, to the judge that it names.
        demand: Whether the call asks for withheld data instead, against a bond.
    """

    epoch: int
    round: int
    reason: str
    call: Dispute
    demand: bool = False


class Finder:
    """Looks for the first fault of an epoch whose terms, events and validation set are verified."""

    def __init__(self, epoch: VerifiedEpoch, previous: Mapping[Address, Wei], tables: Tables) -> None:
        self._epoch, self._previous, self._tables = epoch, previous, tables
        self._replay = RoundReplay(epoch)
        self._vectors: dict[Hash32, bytes] = {}
        self._cases: dict[int, Case] = {}
        self._judges = named_judges(epoch.ground.deployment.federation.judges())
        parts = epoch.parts
        self._validation = Validation(
            domain=epoch.domain,
            providers=len(epoch.manifest.providers),
            index=epoch.index,
            parts=parts,
            mean=epoch.mean_blob,
        )

    def find(self) -> Finding | None:
        """Return the first fault, by round; then that of the payout table; None if all is right.

        Raises:
            VerificationFailed: Something is wrong that no contract can judge.
            Unpublished: Something is not public yet, before which nothing can be said.
        """
        if not self._epoch.manifest.provable:
            raise VerificationFailed(
                f"epoch {self._epoch.domain.epoch}",
                "no contract can compute its scores",
                hint="call for a quorum: see docs/disputes.md",
            )
        if DataDemands.ARTIFACT in self._judges:
            chain, judge = self._epoch.ground.chain, self._judges[DataDemands.ARTIFACT]
            self._vectors.update(answered_vectors(chain, judge))
        start = self._replay.first()
        credits: Mapping[Did, int] = {}
        for round_ in range(1, self._epoch.past.recorded + 1):
            statements = self._replay.read(round_)
            found = self._in_round(start, statements)
            if isinstance(found, Finding):
                return found
            self._epoch.progress(f"round {round_}: nothing to dispute")
            start = found
            credits = start.state.credits
        return self._in_settlement(credits)

    def _in_round(self, start: Start, statements: Statements) -> Finding | Start:
        """Return a round's first fault, or what the next one starts from."""
        round_, evaluation, words = start.state.round, self._epoch.evaluation, statements.words
        base = evaluation.open(start)
        received, reveals = self._replay.received(start, statements)
        right, expected, published = self._replay.reclosed(start, base, received, statements)
        self._vectors.update(expected.vectors)
        trace = Trace.parse(published)
        if trace.root(self._epoch.domain, round_) != words.trace_root:
            raise Unpublished(
                f"round {round_}",
                "the trace that was published is not the recorded one",
                hint="its records can be demanded: see docs/disputes.md",
            )
        case = self._cases[round_] = self._case(round_, statements, trace)
        difference = first_difference(expected, trace)
        if difference is not None:
            evidence = self._evidence(case, expected, statements, received, reveals)
            return self._finding(evidence, difference)
        shown = model_bytes(base.weights, base.intercept)
        if sha256(shown) != words.base_hash:
            return self._said(round_, "the base that was sent out is another", base_dispute(case))
        drawn = self._replay.drawn(words, round_)
        released = evaluation.released(right.state, [*start.known, drawn])
        if sha256(released) != words.model_hash:
            model = self._epoch.public.blob(words.model_hash, f"round {round_}'s model")
            return self._said(round_, "the released model is another", model_dispute(case, model))
        return self._replay.onward(start, right.state, drawn)

    def _said(self, round_: int, reason: str, call: Dispute) -> Finding:
        return Finding(epoch=self._epoch.domain.epoch, round=round_, reason=reason, call=call)

    def _case(self, round_: int, statements: Statements, trace: Trace) -> Case:
        return Case(
            domain=self._epoch.domain,
            terms=self._epoch.terms,
            round=round_,
            words=statements.words,
            trace=trace,
            vectors=self._vectors,
        )

    def _evidence(
        self,
        case: Case,
        expected: Trace,
        statements: Statements,
        received: Received,
        reveals: Reveals,
    ) -> Evidence:
        number, view = self._epoch.domain.epoch, self._epoch.view
        shown = {did: digest for did, (digest, _) in reveals.items() if did not in statements.forced}
        return Evidence(
            case=case,
            expected=expected,
            before=self._cases.get(case.round - 1),
            words={k: view.words(number, k) for k in range(1, case.round + 1)},
            validation=self._validation,
            admitted=self._epoch.admitted,
            commitments=statements.commitments,
            reveals=MemberTree.build(shown),
            deltas={reveals[did][0]: delta_bytes(delta) for did, delta in received.deltas.items()},
        )

    def _finding(self, evidence: Evidence, difference: Difference) -> Finding:
        case, key = evidence.case, difference.key
        reason = f"{key} {difference.field}".rstrip() + f" {difference.reason}"
        try:
            return self._said(case.round, reason, prosecute(evidence, difference))
        except VerificationFailed as error:
            call = self._demand(case, difference)
            if call is None:
                raise
            reason = f"{reason}; but {error.message}"
            epoch = self._epoch.domain.epoch
            return Finding(epoch=epoch, round=case.round, reason=reason, call=call, demand=True)

    def _demand(self, case: Case, difference: Difference) -> Dispute | None:
        """Return the demand for what a proof lacks: the record, or the bytes behind its commitment."""
        key, field = difference.key, difference.field
        if difference.found is None:
            return Dispute.draft(
                DataDemands,
                lambda judge, sender: judge.demand_record(
                    sender, context=case.context, op=key.op, i=key.i, j=key.j
                ),
            )
        if not field:
            return None
        return Dispute.draft(
            DataDemands,
            lambda judge, sender: judge.demand_vector(
                sender,
                context=case.context,
                record=case.record(*key),
                which=key.op.fields.index(field),
                page=0,
            ),
        )

    def _in_settlement(self, credits: Mapping[Did, int]) -> Finding | None:
        proposal = self._epoch.past.proposal
        if proposal is None or self._epoch.past.finalized is not None:
            return None
        right = settlement_trace(
            self._epoch.admitted,
            credits=credits,
            funds=self._epoch.terms.funds,
            forfeited=proposal.forfeited,
            previous=self._previous,
        )
        if self._is_right(right, proposal):
            return None
        case = self._settlement_case(proposal)
        last = self._cases.get(self._epoch.past.recorded)
        for call in all_disputes(case, last):
            if self._would_convict(call):
                return self._said(0, "the proposed payout table does not follow from the rounds", call)
        raise VerificationFailed("payout table", "it is wrong, but no single step of it is")

    def _is_right(self, settlement: Settlement, proposal: Proposed) -> bool:
        table = self._table(settlement)
        root = settlement.trace.root(self._epoch.domain, SETTLEMENT_ROUND)
        found = (proposal.payout_root, proposal.total, proposal.settlement_root)
        return found == (table.tree().root, table.total, root)

    def _table(self, settlement: Settlement) -> PayoutTable:
        return settlement.table(self._epoch.domain.chain_id, self._epoch.ground.deployment.pool.address)

    def _settlement_case(self, proposal: Proposed) -> SettlementCase:
        domain, pool = self._epoch.domain, self._epoch.ground.deployment.pool.address
        trace = next((t for t in self._traces() if t.root(domain, 0) == proposal.settlement_root), None)
        table = next((t for t in self._payouts() if t.tree().root == proposal.payout_root), None)
        if trace is None or table is None:
            raise Unpublished(
                "settlement", "was not published", hint="its records can be demanded: see docs/disputes.md"
            )
        return SettlementCase(
            domain=domain,
            terms=self._epoch.terms,
            entries=self._epoch.admitted,
            trace=trace,
            table=table,
            before=PayoutTable.build(domain.chain_id, pool, dict(self._previous)),
            forfeited=proposal.forfeited,
            total=proposal.total,
        )

    def _traces(self) -> Iterator[Trace]:
        for raw in self._tables.tables(_TRACE_MAGIC):
            try:
                trace = Trace.parse(raw)
            except FolkmootError:
                continue
            if trace.records and trace.records[0].op in {Op.PAYMENT, Op.ROW}:
                yield trace

    def _payouts(self) -> Iterator[PayoutTable]:
        pool = self._epoch.ground.deployment.pool.address
        for raw in self._tables.tables(TABLE_MAGIC):
            try:
                yield parse_table(raw, self._epoch.domain.chain_id, pool)
            except FolkmootError:
                continue

    def _would_convict(self, call: Dispute) -> bool:
        """Ask the judge without sending: whatever it refuses but for want of a fault, it would not acquit."""
        try:
            self._epoch.ground.chain.call(self._judges[call.judge], call.data)
        except NoFault:
            return False
        except Reverted:
            return True
        return True


def answered_vectors(chain: Reader, judge: Address) -> dict[Hash32, bytes]:
    """Return the vectors that answers to demands have made public, by their commitment.

    Only those are whole whose pages were all asked for.
    """
    pages: dict[Hash32, dict[int, bytes]] = {}
    whole: dict[Hash32, int] = {}
    selector = abi.selector(_ANSWER)
    for answered in Answered.decode_logs(chain.logs(judge)):
        sent = chain.transaction(answered.log.transaction_hash)
        if sent is None or sent.data[:4] != selector:
            continue
        values: tuple[Any, ...] = abi.decode(abi.parameter_types(_ANSWER), sent.data[4:])
        _, commitment, page, hashes, data = values
        pages.setdefault(Hash32(commitment), {})[page] = data
        whole[Hash32(commitment)] = -(-len(hashes) // 8)
    return {
        commitment: b"".join(found[page] for page in sorted(found))
        for commitment, found in pages.items()
        if len(found) == whole[commitment]
    }
