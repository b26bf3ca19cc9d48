"""A proposal before its judges: an embedded chain, a federation that proposes at will, a bond's token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from aggregator.challenge.settlement import SettlementCase
from aggregator.challenge.witness import Case, Dispute
from contracts import abi
from contracts.artifact import load_artifact
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.errors import NoFault
from contracts.bindings.moot_token import MootToken
from contracts.bindings.structs import Config, EpochTerms, Phase, Proposal
from contracts.build import TEST_ARTIFACTS
from contracts.chain import Receipt, Transaction
from federation.hashing import Domain, keccak256
from federation.reward import PayoutTable
from federation.trace import Trace
from federation.types import Address, Hash32
from tests.rounds import SMALL, Size, played

from .court import CHALLENGER, CLERK, TIME, Court

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 3600
ANSWER = 600
BOND = 10**18
CONVICTED_PROPOSAL = abi.topic("ProposalConvicted(address,address)")
NOWHERE = PayoutTable(0, Address("0x" + "00" * 20), ())


@dataclass
class Bench(Court):
    """A court whose federation has proposed a payout table."""

    token: MootToken | None = None
    end: int = 0
    proposer: Address = CLERK.address
    gas_used: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, *judges: type, seed: int = 2, size: Size = SMALL, quorum: int = 0, validators=()) -> Bench:
        chain = EmbeddedChain(TIME, [CLERK.address, CHALLENGER.address])
        token = MootToken.deploy(chain, CLERK)
        code = load_artifact("MockProposal", TEST_ARTIFACTS).bytecode
        mock = chain.send(Transaction(to=None, data=code), CLERK).contract_address
        domain = Domain(chain_id=chain.chain_id, federation=mock, epoch=1)
        bench = cls(chain, mock, played(seed, size, domain=domain), token=token)
        bench.promise(bench.terms)
        bench.set("setRound(uint32,uint32)", len(bench.epoch.rounds), len(bench.epoch.rounds))
        for round_ in bench.epoch.rounds:
            bench.honest(round_.number)
        config = Config(
            manifest_hash=Hash32(bytes(32)),
            aggregator=CLERK.address,
            token=token.address,
            randomness=mock,
            draw_delay=2,
            phase_duration=WINDOW,
            settle_duration=WINDOW,
            challenge_window=WINDOW,
            answer_window=ANSWER,
            aggregator_bond=10 * BOND,
            provider_bond=BOND,
            challenger_bond=BOND,
            validator_bond=BOND,
            quorum=quorum,
            validators=tuple(validators),
            judges=(),
        )
        bench.set(f"setConfig({Config.ABI})", config.to_abi())
        token.mint(CLERK, CHALLENGER.address, 1000 * BOND)
        for judge in judges:
            bench.judge(judge.deploy(chain, CLERK))
        return bench

    def promise(self, terms: EpochTerms) -> None:
        """Have the federation stand by these terms."""
        self.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([terms.ABI], [terms.to_abi()])))

    def judge(self, contract) -> None:
        """Name a judge, and let the challenger pay it bonds."""
        self.judges[contract.ARTIFACT] = contract.address
        self.token.approve(CHALLENGER, contract.address, 1000 * BOND)

    def propose(
        self,
        *,
        rounds: int | None = None,
        forfeited: int = 0,
        before: Mapping[Address, int] | None = None,
        trace: Trace | None = None,
        amounts: Mapping[Address, int] | None = None,
        total: int | None = None,
        proposer: Address = CLERK.address,
    ) -> SettlementCase:
        """Propose what the epoch pays, honestly but for what is given."""
        honest = self.epoch.settle(rounds=rounds, forfeited=forfeited, previous=before)
        chain_id = self.chain.chain_id
        table = PayoutTable.build(chain_id, self.mock, honest.amounts if amounts is None else amounts)
        case = SettlementCase(
            domain=self.epoch.domain,
            terms=self.terms,
            entries=self.epoch.entries,
            trace=trace or honest.trace,
            table=table,
            before=PayoutTable.build(chain_id, self.mock, before or {}),
            forfeited=forfeited,
            total=honest.total if total is None else total,
        )
        self.proposer = proposer
        self.stand(case, len(self.epoch.rounds) if rounds is None else rounds)
        return case

    def stand(self, case: SettlementCase, rounds: int) -> None:
        """Have the federation stand in its challenge window with a proposal."""
        self.chain.mine()  # time that was let pass counts from the next block on
        self.end = self.chain.timestamp + WINDOW
        proposal = Proposal(
            proposer=self.proposer,
            payout_root=case.table.tree().root,
            total=case.total,
            settlement_root=case.trace.root(case.domain, 0),
            rounds=rounds,
            forfeited=case.forfeited,
            challenge_end=self.end,
        )
        self.set(f"setProposal({Proposal.ABI})", proposal.to_abi())
        self.set("setRoot(bytes32)", case.before.tree().root if case.before.rows else bytes(32))

    def phase(self, phase: Phase) -> None:
        self.set("setPhase(uint8)", int(phase))

    def announce(self, dispute: Dispute) -> None:
        self.set("announce(bytes32)", dispute.commitment(CHALLENGER.address))

    def convicts_proposal(self, dispute: Dispute) -> int:
        """The dispute convicts the proposal in its sender's name; return its gas."""
        self.announce(dispute)
        receipt = self.send(dispute)
        (log,) = [log for log in receipt.logs if log.address == self.mock]
        assert log.topics[0] == CONVICTED_PROPOSAL
        self.phase(Phase.PROPOSED)
        return receipt.gas_used

    def acquits(self, dispute: Dispute) -> None:
        with pytest.raises(NoFault):
            self.send(dispute)

    def verdict(self, dispute: Dispute) -> bool:
        """Whether the dispute would convict; nothing is recorded if it is refused."""
        self.announce(dispute)
        try:
            self.send(dispute)
        except NoFault:
            return False
        self.phase(Phase.PROPOSED)
        return True

    def last_round(self, rounds: int | None = None) -> Case | None:
        number = len(self.epoch.rounds) if rounds is None else rounds
        return self.honest(number) if number else None


def altered(trace: Trace, op: int, i: int, name: str, value: int) -> Trace:
    """A settlement with one other value."""
    records = list(trace.records)
    place = next(k for k, r in enumerate(records) if r.key == (op, i, 0))
    values = list(records[place].values)
    assert values[records[place].op.fields.index(name)] != value, "not a lie"
    values[records[place].op.fields.index(name)] = value
    records[place] = replace(records[place], values=tuple(values))
    return Trace(tuple(records))


def sent(bench: Bench, name: str, receipt: Receipt) -> Receipt:
    """Remember what a call cost."""
    bench.gas_used[name] = max(bench.gas_used.get(name, 0), receipt.gas_used)
    return receipt
