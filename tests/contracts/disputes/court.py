"""A played epoch before its judges: an embedded chain, a federation set at will, lies of any kind."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from aggregator.challenge.openings import Validation
from aggregator.challenge.witness import Case, Dispute
from contracts import abi
from contracts.accounts import Account
from contracts.artifact import load_artifact
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.errors import NoFault
from contracts.bindings.structs import EpochTerms, RoundWords
from contracts.build import TEST_ARTIFACTS
from contracts.chain import Receipt, Transaction
from federation.fixedpoint import Ints
from federation.hashing import Domain, abi_words, keccak256, sha256
from federation.trace import Op, Record, Trace, vector_root
from federation.trace.vectors import hash_value, vector_bytes
from federation.types import Hash32
from tests.rounds import PROVIDERS, SMALL, PlayedEpoch, PlayedRound, Size, played

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from federation.types import Address

TIME = 1_700_000_000
CLERK = Account(keccak256(b"key of the clerk"))
CHALLENGER = Account(keccak256(b"key of the challenger"))
CONVICTED = abi.topic("Convicted(uint32,address,bytes32)")


def terms_of(epoch: PlayedEpoch) -> EpochTerms:
    """What the epoch promised."""
    terms = epoch.rules.terms
    return EpochTerms(
        validation_root=epoch.index.root,
        mean_hash=sha256(epoch.mean_blob),
        public_hash=sha256(b"public"),
        roster_hash=sha256(b"roster"),
        roster_root=epoch.roster.root,
        dim=epoch.size.dim,
        members=len(epoch.entries),
        quota_total=epoch.quota_total,
        shards=epoch.size.rounds + 1,
        rounds=epoch.size.rounds,
        bounty=terms.bounty,
        funds=terms.funds,
        clip_milli=terms.clip_milli,
        suspension_milli=terms.suspension_milli,
        suspension_from=terms.suspension_from,
        etas=epoch.rules.etas,
        betas_tenths=epoch.rules.betas_tenths,
        provider_tips=tuple(sha256(f"tip {p}".encode()) for p in range(PROVIDERS)),
        providers=tuple(abi.to_address(sha256(f"provider {p}".encode())[:20]) for p in range(PROVIDERS)),
    )


def words_of(epoch: PlayedEpoch, round_: PlayedRound) -> RoundWords:
    """What an honest round committed."""
    return RoundWords(
        base_hash=sha256(round_.base_blob),
        commit_root=round_.commits.root,
        reveal_root=round_.reveals.root,
        shard=round_.shard.shard,
        model_hash=sha256(round_.model),
        events_root=sha256(b"events"),
        trace_root=round_.trace.root(epoch.domain, round_.number),
        receipt_hash=sha256(b"receipt"),
    )


def digest_of(words: RoundWords, *, recorded: bool = True) -> Hash32:
    """The digest that a federation stores of a round."""
    digest = keccak256(words.base_hash)
    for word in (words.commit_root, words.reveal_root, words.shard):
        digest = keccak256(abi_words(digest, word))
    if not recorded:
        return digest
    return keccak256(
        abi_words(digest, words.model_hash, words.events_root, words.trace_root, words.receipt_hash)
    )


def lie(
    trace: Trace, op: Op, i: int, j: int, name: str, value: int | Ints, vectors: dict[Hash32, bytes]
) -> Trace:
    """A trace with another value of one field; a vector's bytes are added to ``vectors``."""
    if not isinstance(value, int):
        data = vector_bytes(value)
        vectors[vector_root(data)] = data
        value = hash_value(vector_root(data))
    records = list(trace.records)
    place = next(k for k, r in enumerate(records) if r.key == (op, i, j))
    values = list(records[place].values)
    assert values[op.fields.index(name)] != value, "not a lie"
    values[op.fields.index(name)] = value
    records[place] = Record(op, i, j, tuple(values))
    return Trace(tuple(records))


@dataclass
class Court:
    chain: EmbeddedChain
    mock: Address
    epoch: PlayedEpoch
    judges: dict[str, Address] = field(default_factory=dict)
    words: dict[int, RoundWords] = field(default_factory=dict)
    gas: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, *judges: type, seed: int = 2, size: Size = SMALL) -> Court:
        """A chain with these judges, and a federation in which the epoch's rounds are recorded honestly."""
        chain = EmbeddedChain(TIME, [CLERK.address, CHALLENGER.address])
        code = load_artifact("MockFederation", TEST_ARTIFACTS).bytecode
        mock = chain.send(Transaction(to=None, data=code), CLERK).contract_address
        domain = Domain(chain_id=chain.chain_id, federation=mock, epoch=1)
        court = cls(chain, mock, played(seed, size, domain=domain))
        court.judges = {j.ARTIFACT: j.deploy(chain, CLERK).address for j in judges}
        terms = court.terms
        encoded = abi.encode([terms.ABI], [terms.to_abi()])
        court.set("setEpoch(uint64,bytes32)", 1, keccak256(encoded))
        court.set("setRound(uint32,uint32)", len(court.epoch.rounds), len(court.epoch.rounds))
        for round_ in court.epoch.rounds:
            court.record(words_of(court.epoch, round_), round_.number)
        return court

    @property
    def terms(self) -> EpochTerms:
        return terms_of(self.epoch)

    @property
    def validation(self) -> Validation:
        e = self.epoch
        return Validation(
            domain=e.domain, providers=PROVIDERS, index=e.index, parts=e.parts, mean=e.mean_blob
        )

    def set(self, signature: str, *values: object) -> Receipt:
        data = abi.selector(signature) + abi.encode(abi.parameter_types(signature), values)
        return self.chain.send(Transaction(to=self.mock, data=data), CLERK)

    def record(self, words: RoundWords, round_: int, *, recorded: bool = True) -> None:
        """Have the federation store these words."""
        if self.words.get(round_) != words or not recorded:
            self.set("setDigest(uint32,bytes32)", round_, digest_of(words, recorded=recorded))
            self.words[round_] = words

    def honest(self, round_: int) -> Case:
        """The round as it should have been recorded."""
        return self.case(round_, self.epoch.rounds[round_ - 1].trace)

    def case(
        self, round_: int, trace: Trace, more: Mapping[Hash32, bytes] | None = None, **words: object
    ) -> Case:
        """The round recorded with a trace; ``more`` are vectors of the liar."""
        line = self.epoch.rounds[round_ - 1]
        root = trace.root(self.epoch.domain, round_)
        changed = replace(words_of(self.epoch, line), **({"trace_root": root} | words))
        self.record(changed, round_)
        return Case(
            domain=self.epoch.domain,
            terms=self.terms,
            round=round_,
            words=changed,
            trace=trace,
            vectors={**line.trace.vectors, **(more or {})},
        )

    def lying(self, round_: int, *lies: tuple[Op, int, int, str, int | Ints]) -> Case:
        """The round recorded with other values of some fields."""
        trace, more = self.epoch.rounds[round_ - 1].trace, {}
        for op, i, j, name, value in lies:
            trace = lie(trace, op, i, j, name, value, more)
        return self.case(round_, trace, more)

    def send(self, dispute: Dispute) -> Receipt:
        return dispute.send(self.chain, CHALLENGER, self.judges[dispute.judge])

    def convicts(self, dispute: Dispute, round_: int) -> int:
        """The dispute convicts the round in its sender's name; return its gas."""
        receipt = self.send(dispute)
        (log,) = [log for log in receipt.logs if log.address == self.mock]
        assert log.topics[0] == CONVICTED
        assert log.data == abi_words(round_, CHALLENGER.address, dispute.hash)
        return receipt.gas_used

    def acquits(self, dispute: Dispute) -> None:
        """The step is right."""
        with pytest.raises(NoFault):
            self.send(dispute)


@contextmanager
def refused(error: type[Exception]) -> Iterator[None]:
    """The call proves nothing."""
    with pytest.raises(error):
        yield


def ints(data: bytes) -> Ints:
    """The entries of a vector's bytes."""
    import numpy as np

    return np.frombuffer(data, dtype="<i8").astype(np.int64)


def changed(case_vectors: bytes, index: int, by: int) -> Ints:
    """A vector with one other entry."""
    vector = ints(case_vectors).copy()
    vector[index] += by
    return vector
