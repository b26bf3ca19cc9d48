"""A secure round is verified from its transcript; whatever of it is not what members signed is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.errors import VerificationFailed
from federation.evaluation import LinearEvaluation, Received
from federation.hashing import sha256
from federation.rounds import Status
from federation.secagg.stages import Stage
from federation.trace import Position
from federation.types import Hash32, Wei
from tests.agreed import DIM
from tests.unit.aggregator._secure import (
    DESIGNS,
    MEMBERS,
    QUOTAS,
    Record,
    recorded,
    with_own_keys,
)


@pytest.fixture(autouse=True)
def _own_keys(monkeypatch):
    with_own_keys(monkeypatch)


def statuses(played):
    return {m.did: m.status for m in played.outcome.members}


def refused(record: Record) -> tuple[str, str]:
    with pytest.raises(VerificationFailed) as info:
        record.verify()
    return info.value.subject, info.value.message


def test_honest_round_is_verified_and_pays_what_central_mode_would_when_all_answer():
    record = recorded()
    played = record.verify()
    assert set(statuses(played).values()) == {Status.ACCEPTED}
    evaluation, start = LinearEvaluation(DIM), record.start
    received = Received(
        deltas=record.attempt.deltas,
        absent={},
        norm_bound=record.manifest.norm_bound(QUOTAS),
        seed=sha256(b"seed"),
    )
    central, _ = evaluation.close(
        start, evaluation.open(start), received, Position(shard=1, design=DESIGNS[1])
    )
    assert played.outcome.members == central.members
    assert played.outcome.improvement > 0
    assert played.committed == set(MEMBERS)
