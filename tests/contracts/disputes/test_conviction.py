"""A lying aggregator, a lying challenger and an accused provider before a real federation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from aggregator.challenge.examples import open_part
from aggregator.challenge.openings import Validation
from aggregator.challenge.points import weight
from aggregator.challenge.witness import Case, Dispute
from contracts import abi
from contracts.accounts import Account
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.blockhash_randomness import BlockhashRandomness
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.errors import NoFault, NotAnnounced, NotJudge, RoundNotRecorded, WrongWords
from contracts.bindings.example_disputes import ExampleDisputes
from contracts.bindings.federation import Federation
from contracts.bindings.moot_token import MootToken
from contracts.bindings.point_disputes import PointDisputes
from contracts.bindings.reward_pool import RewardPool
from contracts.bindings.structs import Config, Context, EpochTerms, Phase, RoundWords
from federation.hashing import Domain, keccak256, sha256
from federation.trace import Op, Trace
from tests.rounds import PROVIDERS, PlayedEpoch, played

from .court import TIME, changed, digest_of, lie, refused, terms_of, words_of

BOND = 1000


def key(name: str) -> Account:
    return Account(keccak256(f"key of {name}".encode()))


COMMUNITY, AGGREGATOR, CHALLENGER, THIEF = (
    key(n) for n in ("community", "aggregator", "challenger", "thief")
)
HOLDERS = [key(f"provider {p}") for p in range(PROVIDERS)]


def consent(holder: Account, federation: Federation, terms: EpochTerms) -> bytes:
    """A provider's signature under the first epoch's terms."""
    domain = {
        "name": "Folkmoot Federation",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": federation.address,
    }
    fields = [{"name": "epoch", "type": "uint64"}, {"name": "termsHash", "type": "bytes32"}]
    message = {"epoch": 1, "termsHash": keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()]))}
    return holder.sign_typed_data(domain, {"Consent": fields}, message)


@dataclass
class Stage:
    """A federation with its judges, in the first round of an epoch."""

    chain: EmbeddedChain
    federation: Federation
    token: MootToken
    judges: dict[str, str]
    epoch: PlayedEpoch
    terms: EpochTerms

    @classmethod
    def build(cls) -> Stage:
        chain = EmbeddedChain(TIME, [a.address for a in (COMMUNITY, AGGREGATOR, CHALLENGER, THIEF, *HOLDERS)])
        token = MootToken.deploy(chain, COMMUNITY)
        judges = {j.ARTIFACT: j.deploy(chain, COMMUNITY).address for j in (PointDisputes, ExampleDisputes)}
        config = Config(
            manifest_hash=sha256(b"manifest"),
            aggregator=AGGREGATOR.address,
            token=token.address,
            randomness=BlockhashRandomness.deploy(chain, COMMUNITY).address,
            draw_delay=1,
            phase_duration=86400,
            settle_duration=86400,
            challenge_window=86400,
            answer_window=3600,
            aggregator_bond=BOND,
            provider_bond=BOND,
            challenger_bond=1,
            validator_bond=1,
            quorum=0,
            validators=(),
            judges=tuple(judges.values()),
        )
        federation = Federation.deploy(chain, COMMUNITY, config)
        epoch = played(domain=Domain(chain_id=chain.chain_id, federation=federation.address, epoch=1))
        tips = tuple(keccak256(sha256(f"tip {p}".encode())) for p in range(PROVIDERS))
        terms = replace(terms_of(epoch), provider_tips=tips, providers=tuple(h.address for h in HOLDERS))
        token.mint(COMMUNITY, COMMUNITY.address, terms.funds + 10 * BOND)
        token.approve(COMMUNITY, federation.pool(), terms.funds)
        RewardPool(chain, federation.pool()).fund(COMMUNITY, terms.funds)
        vault = BondVault(chain, federation.vault())
        for party in (AGGREGATOR, *HOLDERS):
            token.approve(COMMUNITY, vault.address, BOND)
            vault.deposit(COMMUNITY, party.address, BOND)
        federation.open_epoch(AGGREGATOR, terms)
        for p, holder in enumerate(HOLDERS):
            federation.consent(COMMUNITY, p, terms, consent(holder, federation, terms))
        return cls(chain, federation, token, judges, epoch, terms)

    def draw(self) -> RoundWords:
        """Play the round up to the draw; return its words, those of the record as an honest one has them."""
        words = words_of(self.epoch, self.epoch.rounds[0])
        self.federation.open_round(AGGREGATOR, words.base_hash)
        self.federation.close_commits(AGGREGATOR, words.commit_root)
        self.federation.close_reveals(AGGREGATOR, words.reveal_root)
        self.chain.mine(2)
        self.federation.draw_shard(THIEF, [sha256(f"tip {p}".encode()) for p in range(PROVIDERS)])
        shard = next(
            s
            for s in range(1, self.terms.shards + 1)
            if self.federation.round_digest(1, 1) == digest_of(replace(words, shard=s), recorded=False)
        )
        return replace(words, shard=shard)

    def record(self, trace: Trace, more: dict) -> Case:
        """Record the first round with a trace."""
        honest = self.epoch.rounds[0].trace
        words = replace(self.draw(), trace_root=trace.root(self.epoch.domain, 1))
        self.federation.record_round(
            AGGREGATOR,
            model_hash=words.model_hash,
            events_root=words.events_root,
            trace_root=words.trace_root,
            receipt_hash=words.receipt_hash,
        )
        return Case(
            domain=self.epoch.domain,
            terms=self.terms,
            round=1,
            words=words,
            trace=trace,
            vectors={**honest.vectors, **more},
        )

    def send(self, dispute: Dispute, who: Account = CHALLENGER) -> None:
        dispute.send(self.chain, who, self.judges[dispute.judge])

    def bond_of(self, who: Account) -> int:
        return BondVault(self.chain, self.federation.vault()).bond_of(who.address)


@pytest.fixture
def stage() -> Stage:
    return Stage.build()


def false_trace(stage: Stage) -> tuple[Trace, dict]:
    more: dict = {}
    honest = stage.epoch.rounds[0].trace
    vector = changed(honest.opened(Op.POINT, 257, 0, "weights"), 5, 1)
    return lie(honest, Op.POINT, 257, 0, "weights", vector, more), more


def test_lying_aggregator_loses_its_bond_to_whoever_announced_the_proof(stage: Stage) -> None:
    case = stage.record(*false_trace(stage))
    dispute = weight(case, 257, 5)
    with refused(NotAnnounced):
        stage.send(dispute)
    stage.federation.announce(CHALLENGER, dispute.commitment(CHALLENGER.address))
    stage.chain.mine()
    with refused(NotAnnounced):  # who copies the proof cannot use it
        stage.send(dispute, THIEF)
    stage.send(dispute)
    assert stage.federation.recorded() == 0
    assert stage.federation.phase() is Phase.SETTLE
    assert stage.bond_of(AGGREGATOR) == 0
    assert stage.token.balance_of(CHALLENGER.address) == BOND // 2
    with refused(RoundNotRecorded):
        stage.send(dispute)


def test_lying_challenger_proves_nothing_when_the_round_is_honest(stage: Stage) -> None:
    case = stage.record(stage.epoch.rounds[0].trace, {})
    for index in (0, 5):
        dispute = weight(case, 257, index)
        stage.federation.announce(CHALLENGER, dispute.commitment(CHALLENGER.address))
        stage.chain.mine()
        with refused(NoFault):
            stage.send(dispute)
    assert stage.federation.recorded() == 1
    assert stage.bond_of(AGGREGATOR) == BOND


def test_nobody_but_a_judge_convicts(stage: Stage) -> None:
    case = stage.record(*false_trace(stage))
    dispute = weight(case, 257, 5)
    with refused(NotJudge):
        dispute.send(stage.chain, CHALLENGER, PointDisputes.deploy(stage.chain, THIEF).address)


def test_accused_provider_is_cleared_when_it_opens_its_part(stage: Stage) -> None:
    words, e = stage.draw(), stage.epoch
    validation = Validation(
        domain=e.domain, providers=PROVIDERS, index=e.index, parts=e.parts, mean=e.mean_blob
    )
    stage.federation.accuse(AGGREGATOR, 1, stage.terms)
    assert stage.federation.accused() == 1
    context = Context(federation=stage.federation.address, terms=stage.terms, round_=1, words=words)
    part, entry = e.parts[words.shard, 1].to_bytes(), validation.entry(words.shard, 1)
    with refused(WrongWords):
        stage.send(open_part(replace(context, words=replace(words, shard=words.shard + 1)), 1, part, entry))
    stage.send(open_part(context, 1, part, entry), HOLDERS[1])
    assert stage.federation.accused() == 2**32 - 1
    assert stage.federation.phase() is Phase.RECORD
    assert stage.bond_of(HOLDERS[1]) == BOND
