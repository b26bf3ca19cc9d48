"""The trace: every step of a score under one root, and the first wrong one named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.errors import VerificationFailed
from federation.rounds import Status
from federation.trace import Op, Record, Trace, first_difference, vector_hash
from tests.unit.federation._world import DOMAIN, make_world, play

WORLD = make_world(1, dim=30, members=3, shard=8, shards=2)
(BASE, OUTCOME), *_ = play(WORLD)
TRACE = Trace.of(BASE, OUTCOME)


def test_trace_holds_each_step_when_a_round_was_scored():
    found = {(r.op, r.i, r.j): r.value for r in TRACE.records}
    assert len(found) == len(TRACE.records)
    assert found[Op.BASE, 0, 0] == int.from_bytes(BASE.hash, "big")
    assert found[Op.STEP, 0, 0] == int.from_bytes(vector_hash(OUTCOME.step), "big")
    assert found[Op.GRADIENT, 0, 0] == int.from_bytes(vector_hash(OUTCOME.path.gradient), "big")
    assert found[Op.PROJECTED, 0, 0] == int.from_bytes(vector_hash(OUTCOME.projected), "big")
    assert (found[Op.ETA, 0, 0], found[Op.ETA, 0, 1]) == (OUTCOME.eta, OUTCOME.scored_eta)
    assert found[Op.IMPROVEMENT, 0, 0] == OUTCOME.improvement
    for i, m in enumerate(OUTCOME.members):
        values = [found[op, i, 0] for op in (Op.PRODUCT, Op.SCORE, Op.COUNTED, Op.CREDIT)]
        assert values == [m.product, m.score, m.counted, m.credit]
    for i, node in enumerate(OUTCOME.path.nodes):
        assert [found[Op.LOGIT, i, j] for j in range(8)] == node.logits.tolist()
        assert [found[Op.COEFFICIENT, i, j] for j in range(8)] == node.coefficients.tolist()
        assert found[Op.INTERCEPT, i, 0] == node.intercept
    assert {r.op for r in TRACE.records} == set(Op)


def test_trace_states_only_what_happened_when_nobody_sent_a_delta():
    senders = dict.fromkeys(WORLD.members, lambda _: (Status.REJECTED, "late"))
    (base, outcome), *_ = play(WORLD, senders=senders)
    ops = {r.op for r in Trace.of(base, outcome).records}
    assert ops == {
        Op.BASE,
        Op.MOMENTUM_LOSS,
        Op.MOMENTUM,
        Op.ETA,
        Op.IMPROVEMENT,
        Op.PRODUCT,
        Op.SCORE,
        Op.COUNTED,
        Op.CREDIT,
    }


def test_record_is_41_bytes_when_its_value_is_negative():
    assert Record(Op.SCORE, 1, 2, -3).to_bytes() == (b"\x11\x01\0\0\0\x02\0\0\0" + b"\xff" * 31 + b"\xfd")


def test_vector_hash_changes_when_a_weight_does():
    assert vector_hash(np.array([1, 2])) != vector_hash(np.array([1, 3]))


def test_root_changes_when_any_record_does():
    records = TRACE.records[:7]
    roots = {Trace(records).root(DOMAIN, 1), Trace(records[::-1]).root(DOMAIN, 1)}
    for k, record in enumerate(records):
        for change in ({"op": Op.LOSS}, {"i": 77}, {"j": 77}, {"value": record.value - 1}):
            roots.add(Trace((*records[:k], replace(record, **change), *records[k + 1 :])).root(DOMAIN, 1))
    assert len(roots) == 2 + 4 * 7


def test_root_changes_when_it_is_for_another_place_or_round():
    short = Trace(TRACE.records[:3])
    others = [
        short.root(DOMAIN, 2),
        short.root(replace(DOMAIN, chain_id=1), 1),
        short.root(replace(DOMAIN, epoch=9), 1),
        short.root(replace(DOMAIN, federation="0x" + "cd" * 20), 1),
    ]
    assert len({short.root(DOMAIN, 1), *others}) == 5


def test_published_trace_is_accepted_when_it_is_the_recomputed_one():
    first_difference(TRACE, TRACE.to_bytes())


@pytest.mark.parametrize("k", [0, 5, len(TRACE.records) - 1])
def test_first_wrong_step_is_named_when_a_byte_differs(k):
    data = bytearray(TRACE.to_bytes())
    data[4 + 41 * k + 40] ^= 1
    data[-1] ^= 128
    record = TRACE.records[k]
    with pytest.raises(VerificationFailed) as caught:
        first_difference(TRACE, bytes(data))
    named = f"record {k} should be {record.op.name.lower()}[{record.i},{record.j}] = {record.value}"
    assert named in caught.value.message


@pytest.mark.parametrize("change", ["longer", "shorter", "magic", "empty"])
def test_published_trace_is_refused_when_its_frame_differs(change):
    data = TRACE.to_bytes()
    found = {"longer": data + b"\0", "shorter": data[:-1], "magic": b"FMT2" + data[4:], "empty": b""}[change]
    with pytest.raises(VerificationFailed, match="trace"):
        first_difference(TRACE, found)
