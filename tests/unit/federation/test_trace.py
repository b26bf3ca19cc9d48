"""The trace of a round: what its records state, its bytes and its root."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from federation.delta import delta_hash
from federation.errors import ConfigError, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import keccak256, purpose
from federation.merkle import leaf_hash, root_from_proof
from federation.models.linear import INTERCEPT_BOUND, ONE, log_loss, model_hash
from federation.rounds import Status
from federation.trace import STATUS_CODES, Op, Record, Trace, chunk_hashes, chunks, round_trace, vector_root
from tests.rounds import DOMAIN, PlayedRound, played

EPOCH = played()
ROUNDS = EPOCH.rounds
EVERY_ROUND = pytest.mark.parametrize("r", [*ROUNDS, *played(1).rounds], ids=lambda r: f"round {r.number}")


def opened(r: PlayedRound, op: Op, i: int, j: int, name: str) -> Ints:
    return np.frombuffer(r.trace.opened(op, i, j, name), dtype="<i8")


def rebuilt(r: PlayedRound, **changes) -> Trace:
    given = {"rules": EPOCH.rules, "known": r.known, "shard": r.shard, "deltas": r.deltas} | changes
    return round_trace(r.state, r.base, r.outcome, **given)


def test_epoch_has_every_kind_of_round_when_it_is_played():
    assert {r.outcome.eta for r in ROUNDS} == {0, 1, 4}
    assert len({r.base.beta_tenths for r in ROUNDS}) > 1
    assert {m.status for r in ROUNDS for m in r.outcome.members} == set(Status)
    assert [r.outcome.path is None for r in ROUNDS].count(True) == 1
    assert {r.outcome.improvement > 0 for r in ROUNDS} == {True, False}
    assert any(r.shard.shard != r.number for r in ROUNDS)
    assert {abs(f.intercept) for r in played(1).rounds for f in r.outcome.search} & {INTERCEPT_BOUND} == set()
    paths = [r.outcome.path.before.intercept for r in played(1).rounds if r.outcome.path]
    assert -INTERCEPT_BOUND in paths


@EVERY_ROUND
def test_keys_are_those_of_the_round_when_it_is_traced(r):
    keys = [record.key for record in r.trace.records]
    assert len(set(keys)) == len(keys)
    n, scored = len(r.outcome.members), bool(r.deltas)
    betas = len(EPOCH.rules.betas_tenths) if r.state.steps else 1
    searched = [*range(betas), *(range(256, 256 + len(EPOCH.rules.etas)) if scored else ())]
    path = range(512, 518) if scored else range(0)
    expected = {
        *((op, 0, 0) for op in (Op.ENTRY, Op.MEAN, Op.CHOICE, Op.IMPROVEMENT, Op.EXIT)),
        *((Op.EXAMPLES, 0, q) for q in range(r.number + 1)),
        *((Op.POINT, p, 0) for p in (*searched, *path)),
        *((Op.SUMS, p, q) for p in searched for q in range(r.number)),
        *((Op.SUMS, p, r.number) for p in path),
        *((Op.MEMBER, i, 0) for i in range(n)),
    }
    if scored:
        expected |= {(op, k, 0) for op in (Op.NODE, Op.DIRECTION) for k in range(4)}
        expected |= {(op, 0, 0) for op in (Op.GRADIENT, Op.SYSTEM, Op.PROJECTED)}
    assert set(keys) == expected
    assert all(len(record.values) == record.op.arity for record in r.trace.records)


@EVERY_ROUND
def test_every_vector_opens_when_its_record_commits_to_it(r):
    names = {
        Op.ENTRY: ("initial", "weights", "move", "last step", "step before"),
        Op.EXAMPLES: ("labels", "scales"),
        Op.POINT: ("weights",),
        Op.SUMS: ("logits",),
        Op.NODE: ("coefficients",),
        Op.GRADIENT: ("averaged", "gradient"),
        Op.DIRECTION: ("direction",),
        Op.PROJECTED: ("projected",),
        Op.MEMBER: ("partial sum",),
        Op.EXIT: ("weights", "move", "last step", "step before"),
    }
    committed = set()
    for record in r.trace.records:
        for name in names.get(record.op, ()):
            data = r.trace.opened(*record.key, name)
            assert vector_root(data) == record.value(name).to_bytes(32, "big", signed=True)
            committed.add(vector_root(data))
    assert committed == set(r.trace.vectors)


@EVERY_ROUND
def test_points_are_the_rounds_models_when_opened(r):
    choice = r.trace.find(Op.CHOICE)
    chosen = r.trace.find(Op.POINT, choice.value("momentum"))
    weights = opened(r, *chosen.key, "weights")
    assert model_hash(weights, chosen.value("intercept")) == r.base.hash
    assert EPOCH.rules.betas_tenths[choice.value("momentum")] == r.base.beta_tenths
    if not r.deltas:
        assert choice.values[1:] == (-1, -1)
        return
    etas = EPOCH.rules.etas
    assert (etas[choice.value("step")], etas[choice.value("scored step")]) == (
        r.outcome.eta,
        r.outcome.scored_eta,
    )
    assert choice.value("scored step") == max(choice.value("step"), 1)
    end = r.trace.find(Op.POINT, 517).value("weights")
    assert end == r.trace.find(Op.POINT, 256 + choice.value("scored step")).value("weights")
    assert r.trace.find(Op.POINT, 512).value("weights") == chosen.value("weights")
    exit_ = r.trace.find(Op.EXIT).value("weights")
    assert (exit_ == end) == (r.outcome.eta > 0)


@EVERY_ROUND
def test_sums_decide_intercept_and_loss_when_they_are_complete(r):
    for record in (x for x in r.trace.records if x.op is Op.POINT):
        last = r.number if record.i >= 512 else r.number - 1
        sums, c = r.trace.find(Op.SUMS, record.i, last), record.value("intercept")
        if c == -INTERCEPT_BOUND:
            assert sums.value("excess") > 0
        else:
            assert sums.value("excess") <= 0 < sums.value("excess above")
    losses = [
        r.trace.find(Op.SUMS, p, r.number - 1).value("loss") for p in (*range(len(r.base.losses)), *_steps(r))
    ]
    assert losses == [*r.base.losses, *r.outcome.step_losses]
    if r.outcome.path:
        before, after = (r.trace.find(Op.SUMS, p, r.number).value("loss") for p in (512, 517))
        assert (before, after) == (r.outcome.path.loss_before, r.outcome.path.loss_after)
        gain = (before - after) // (len(r.shard.design) << 8)
        assert r.trace.find(Op.IMPROVEMENT).values == (gain, r.outcome.improvement)


def _steps(r: PlayedRound) -> list[int]:
    return [256 + k for k in range(len(r.outcome.step_losses))]


def test_sums_are_cumulative_when_there_are_several_positions():
    r = ROUNDS[2]
    assert len(r.known) == 3
    weights = opened(r, Op.POINT, 1, 0, "weights").astype(np.int64)
    sums = [r.trace.find(Op.SUMS, 1, q) for q in range(3)]
    for q, position in enumerate(r.known):
        assert opened(r, Op.SUMS, 1, q, "logits").tolist() == position.design.logits(weights).tolist()
        labels = int(position.design.labels.sum())
        part = sums[q].value("excess") - (sums[q - 1].value("excess") if q else 0)
        assert -labels * ONE <= part <= (len(position.design) - labels) * ONE
    assert log_loss(r.known[0].design, weights) <= sums[0].value("loss") < sums[1].value("loss")


@EVERY_ROUND
def test_members_carry_their_receipt_and_history_when_traced(r):
    partial = np.zeros(EPOCH.size.dim, dtype=np.int64)
    for i, m in enumerate(r.outcome.members):
        record = r.trace.find(Op.MEMBER, i)
        digest = 0
        if m.did in r.deltas:
            partial += r.deltas[m.did]
            digest = int.from_bytes(delta_hash(r.deltas[m.did]), "big", signed=True)
        assert opened(r, *record.key, "partial sum").tolist() == partial.tolist()
        assert (record.value("status"), record.value("delta")) == (STATUS_CODES[m.status], digest)
        assert record.values[3:7] == (m.product, m.score, m.counted, m.credit)
        assert record.value("credit after") == record.value("credit before") + m.credit
        after = r.outcome.state
        assert record.values[8:] == (
            after.credits[m.did],
            m.did in r.state.suspended,
            m.did in after.suspended,
        )


def test_entry_is_the_round_befores_exit_when_rounds_follow_each_other():
    for before, after in itertools.pairwise(ROUNDS):
        entry, exit_ = after.trace.find(Op.ENTRY), before.trace.find(Op.EXIT)
        assert entry.values[1:] == exit_.values
        for i in range(len(EPOCH.entries)):
            old, new = before.trace.find(Op.MEMBER, i), after.trace.find(Op.MEMBER, i)
            assert new.value("credit before") == old.value("credit after")
            assert new.value("suspended before") == old.value("suspended after")
    first = ROUNDS[0].trace.find(Op.ENTRY)
    zero = vector_root(np.zeros(EPOCH.size.dim, dtype=np.int64))
    assert {v.to_bytes(32, "big", signed=True) for v in first.values[2:5]} == {zero}
    assert first.values[0] == first.values[1]
    assert first.values[5:] == (0, 0)


def test_trace_is_refused_when_its_positions_are_not_the_searched_ones():
    r = ROUNDS[1]
    for known in (r.known[:1], (*r.known, r.shard), (r.known[0], r.known[0])):
        with pytest.raises(ConfigError, match="positions"):
            rebuilt(r, known=known)
    assert rebuilt(r) == r.trace


# Vectors


@pytest.mark.parametrize(("entries", "sizes"), [(0, []), (1, [8]), (512, [4096]), (513, [4096, 8])])
def test_vector_root_is_the_hash_of_chunk_hashes_when_it_is_cut(entries, sizes):
    vector = np.arange(entries) - 3
    data = vector.astype("<i8").tobytes()
    assert [len(c) for c in chunks(data)] == sizes
    assert b"".join(chunks(data)) == data
    expected = keccak256(b"".join(keccak256(data[k : k + 4096]) for k in range(0, len(data), 4096)))
    assert vector_root(vector) == vector_root(data) == keccak256(b"".join(chunk_hashes(data))) == expected


def test_vector_root_changes_when_one_entry_does():
    v = np.arange(600)
    roots = {vector_root(v + (np.arange(600) == k)) for k in (0, 511, 512, 599)}
    assert len(roots | {vector_root(v), vector_root(v[:-1]), vector_root(v[:512])}) == 7


# Bytes and root


def test_record_has_canonical_bytes_when_its_values_are_negative():
    record = Record(Op.IMPROVEMENT, 1, 2, (-3, 1))
    assert record.to_bytes() == b"\x0d\1\0\0\0\2\0\0\0" + b"\xff" * 31 + b"\xfd" + bytes(31) + b"\1"


@EVERY_ROUND
def test_trace_is_the_same_when_its_bytes_are_parsed(r):
    assert Trace.parse(r.trace.to_bytes()) == r.trace
    assert Trace.parse(r.trace.to_bytes()).root(DOMAIN, r.number) == r.trace.root(DOMAIN, r.number)


@pytest.mark.parametrize(
    "data", [b"", b"FMT1", b"FMT2\0" + bytes(40), b"FMT2\x11" + bytes(40), b"FMT2\2" + bytes(39)]
)
def test_bytes_are_refused_when_they_are_no_trace(data):
    with pytest.raises(VerificationFailed, match="trace"):
        Trace.parse(data)


def test_leaf_is_abi_packed_words_when_hashed():
    trace = Trace((Record(Op.IMPROVEMENT, 0, 0, (-5, 7)),))
    leaf = leaf_hash(purpose("trace"), DOMAIN.digest("trace", 3), 13, 0, 0, -5, 7)
    assert trace.root(DOMAIN, 3) == leaf


def test_every_record_proves_when_its_proof_is_followed():
    r = ROUNDS[0]
    tag, root = DOMAIN.digest("trace", 1), r.trace.root(DOMAIN, 1)
    for record in r.trace.records:
        leaf = leaf_hash(purpose("trace"), tag, record.op, record.i, record.j, *record.values)
        assert root_from_proof(leaf, r.trace.proof(DOMAIN, 1, *record.key)) == root


def test_root_changes_when_any_part_of_a_record_does():
    records = ROUNDS[0].trace.records[:7]
    roots = {Trace(records).root(DOMAIN, 1), Trace(records[::-1]).root(DOMAIN, 1)}
    changes = 0
    for k, record in enumerate(records):
        others = [{"op": Op.ROW}, {"i": 77}, {"j": 77}]
        for place, value in enumerate(record.values):
            others.append({"values": (*record.values[:place], value ^ 1, *record.values[place + 1 :])})
        for change in others:
            roots.add(Trace((*records[:k], replace(record, **change), *records[k + 1 :])).root(DOMAIN, 1))
        changes += len(others)
    assert len(roots) == 2 + changes


def test_root_changes_when_it_is_for_another_place_or_round():
    short = Trace(ROUNDS[0].trace.records[:3])
    others = [
        short.root(DOMAIN, 2),
        short.root(replace(DOMAIN, chain_id=1), 1),
        short.root(replace(DOMAIN, epoch=9), 1),
        short.root(replace(DOMAIN, federation="0x" + "cd" * 20), 1),
    ]
    assert len({short.root(DOMAIN, 1), *others}) == 5


def test_nothing_is_found_when_a_record_or_its_vector_is_not_there():
    trace = ROUNDS[0].trace
    assert (Op.POINT, 0, 0) in trace
    assert (Op.POINT, 5, 0) not in trace
    for call in (lambda: trace.find(Op.POINT, 5), lambda: trace.proof(DOMAIN, 1, Op.POINT, 5)):
        with pytest.raises(VerificationFailed, match=r"has no point\[5,0\]"):
            call()
    with pytest.raises(VerificationFailed, match="nothing opens"):
        Trace(trace.records).opened(Op.POINT, 0, 0, "weights")
