"""What a proof is made of, before any chain sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.challenge.openings import Validation
from aggregator.challenge.points import weight
from aggregator.challenge.witness import Case, chunk_of
from federation.errors import VerificationFailed
from federation.hashing import abi_words, keccak256
from federation.trace import Op, vector_root
from tests.rounds import PROVIDERS, PlayedEpoch, played

from .court import CHALLENGER, terms_of, words_of


@pytest.fixture(scope="module")
def epoch() -> PlayedEpoch:
    return played()


@pytest.fixture(scope="module")
def case(epoch: PlayedEpoch) -> Case:
    line = epoch.rounds[1]
    return Case(
        domain=epoch.domain,
        terms=terms_of(epoch),
        round=2,
        words=words_of(epoch, line),
        trace=line.trace,
        vectors=line.trace.vectors,
    )


def test_commitment_binds_the_proof_to_its_sender(case: Case) -> None:
    dispute = weight(case, 0, 3)
    assert dispute.judge == "PointDisputes"
    assert dispute.commitment(CHALLENGER.address) == keccak256(
        abi_words(CHALLENGER.address, keccak256(dispute.data))
    )
    assert dispute.data == weight(case, 0, 3).data != weight(case, 0, 4).data


def test_record_is_refused_when_the_trace_has_none(case: Case) -> None:
    with pytest.raises(VerificationFailed):
        case.record(Op.POINT, 99)


def test_vector_is_refused_when_nobody_published_it(case: Case) -> None:
    withheld = replace(case, vectors={})
    with pytest.raises(VerificationFailed, match=r"point\[0,0\] weights"):
        weight(withheld, 0, 3)


def test_chunk_opens_its_vector_when_there_are_several() -> None:
    data = b"".join(k.to_bytes(8, "little") for k in range(1100))
    for index, size in ((0, 4096), (511, 4096), (512, 4096), (1024, 608), (1099, 608)):
        chunk = chunk_of(data, index)
        assert keccak256(b"".join(chunk.hashes)) == vector_root(data)
        assert chunk.hashes[index // 512] == keccak256(chunk.data)
        assert len(chunk.data) == size
        at = 8 * (index % 512)
        assert chunk.data[at : at + 8] == index.to_bytes(8, "little")


def test_example_is_refused_when_its_shard_is_shorter(epoch: PlayedEpoch) -> None:
    validation = Validation(
        domain=epoch.domain, providers=PROVIDERS, index=epoch.index, parts=epoch.parts, mean=epoch.mean_blob
    )
    last = validation.opening(1, epoch.size.shard - 1)
    assert len(last.entries) == PROVIDERS
    with pytest.raises(VerificationFailed, match="has no example"):
        validation.opening(1, epoch.size.shard)
