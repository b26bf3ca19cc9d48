"""A lying aggregator on a real run at 4,096 weights: every value of every op, found and proven on chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from contracts.bindings.errors import NoFault, NotAnnounced, NotRevealed, WrongWords
from examples.spam_detection.settings import Settings
from federation.delta import delta_bytes
from federation.errors import VerificationFailed
from federation.fixedpoint import Ints
from federation.rounds import Status
from federation.trace import STATUS_CODES, Op, Record, Trace
from federation.trace.points import PATH_POINTS, STEP_POINTS, running_sums
from tests.e2e.trial import Trial, tell
from tests.world import scratch

MOST_GAS = 6_000_000
ROUND_OPS = [op for op in Op if op < Op.PAYMENT]
REFUSALS = {
    # A candidate beyond the grid, claimed to be the better one, has no record to show;
    # a member claimed to be accepted that never revealed has no leaf.
    Op.CHOICE: (NoFault, VerificationFailed),
    Op.MEMBER: (NoFault, NotRevealed),
}


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial.prepare(Settings(members=5, rounds=3, seed=0, out=scratch() / "trial"))


@pytest.fixture(scope="module")
def corpus_trial() -> Trial:
    """The demo's own mails, members and cheats; shards of a hundred examples."""
    from examples.spam_detection.corpus import load_corpus

    mails = load_corpus(lambda _: None)
    return Trial.prepare(Settings(rounds=5, seed=0, out=scratch() / "corpus"), mails)


@contextmanager
def recorded(trial: Trial, trace: Trace) -> Iterator[None]:
    """The last round recorded with a trace, for a while."""
    before = trial.run.chain.snapshot()
    try:
        trial.record(trace)
        yield
    finally:
        trial.run.chain.revert(before)


def chosen(trace: Trace, op: Op) -> list[Record]:
    """One record of an op; of points one of each kind; of members one of each status."""
    found = defaultdict(list)
    for record in trace.records:
        if record.op is op:
            kind = (record.i >= STEP_POINTS) + (record.i >= PATH_POINTS) if op in {Op.POINT, Op.SUMS} else 0
            found[record.values[0] if op is Op.MEMBER else kind].append(record)
    return [records[-1] for records in found.values()]


def convict_every_value(trial: Trial, op: Op) -> int:
    most = 0
    for record in chosen(trial.honest, op):
        for field in op.fields:
            lying, more = tell(trial.honest, op, record.i, record.j, field)
            with recorded(trial, lying):
                receipt = trial.convicted(trial.find(lying, more))
            most = max(most, receipt.gas_used)
    return most


@pytest.mark.parametrize("op", ROUND_OPS, ids=lambda op: op.name.lower())
def test_aggregator_loses_its_bond_when_it_records_a_lie(trial: Trial, op: Op):
    assert 0 < convict_every_value(trial, op) <= MOST_GAS


@pytest.mark.slow
def test_disputes_stay_affordable_when_a_shard_has_a_hundred_examples(corpus_trial: Trial):
    trace = corpus_trial.honest
    assert trace.find(Op.EXAMPLES, 0, corpus_trial.round).value("size") >= 100
    for op in ROUND_OPS:
        most = convict_every_value(corpus_trial, op)
        print(f"{op.name:<12}{most:>10,}")
        assert 0 < most <= MOST_GAS


@pytest.mark.parametrize("op", ROUND_OPS, ids=lambda op: op.name.lower())
def test_challenger_gains_nothing_when_it_calls_a_right_value_wrong(trial: Trial, op: Op):
    with recorded(trial, trial.honest):
        for record in chosen(trial.honest, op):
            for field in op.fields:
                lie, more = tell(trial.honest, op, record.i, record.j, field)
                with pytest.raises(REFUSALS.get(op, NoFault)):
                    trial.send(trial.accuse_honest(lie, more))


def test_aggregator_loses_its_bond_when_a_wrong_intercept_has_sums_of_its_own(trial: Trial):
    r, honest = trial.round, trial.honest
    point = honest.find(Op.POINT, PATH_POINTS)
    wrong = point.value("intercept") + 1
    z, y = (
        np.frombuffer(honest.opened(*key), dtype="<i8").astype(np.int64)
        for key in ((Op.SUMS, PATH_POINTS, r, "logits"), (Op.EXAMPLES, 0, r, "labels"))
    )
    sums = [int(total[-1]) for total in running_sums(z, y, wrong, brier=True)]
    changed = {
        point.key: replace(point, values=(*point.values[:2], wrong)),
        (Op.SUMS, PATH_POINTS, r): Record(
            Op.SUMS, PATH_POINTS, r, (honest.find(Op.SUMS, PATH_POINTS, r).values[0], *sums)
        ),
    }
    lying = Trace(tuple(changed.get(record.key, record) for record in honest.records))
    with recorded(trial, lying):
        trial.convicted(trial.find(lying, {}))


def test_aggregator_loses_its_bond_when_a_committed_member_is_called_absent(trial: Trial):
    admitted = trial.run.epoch.admitted
    spared = next(
        record
        for record in trial.honest.records
        if record.op is Op.MEMBER
        and record.value("status") == STATUS_CODES[Status.REJECTED]
        and admitted[record.i].did in trial.commitments
    )
    absent = replace(spared, values=(STATUS_CODES[Status.ABSENT], *spared.values[1:]))
    lying = Trace(tuple(absent if record is spared else record for record in trial.honest.records))
    with recorded(trial, lying):
        trial.convicted(trial.find(lying, {}))


def test_aggregator_loses_its_bond_when_a_record_stands_twice(trial: Trial):
    first = trial.honest.find(Op.IMPROVEMENT)
    lying = Trace((*trial.honest.records, replace(first, values=(first.values[0] + 1, first.values[1]))))
    with recorded(trial, lying):
        trial.convicted(trial.find(lying, {}))


def test_proof_is_refused_when_another_sends_it_or_nobody_announced_it(trial: Trial):
    lying, more = tell(trial.honest, Op.IMPROVEMENT, 0, 0, "gain")
    chain = trial.run.chain
    with recorded(trial, lying):
        proof = trial.find(lying, more)
        judge = trial.judge(proof.judge)
        with pytest.raises(NotAnnounced):
            proof.send(chain, trial.challenger, judge)
        trial.federation.announce(trial.challenger, proof.commitment(trial.challenger.address))
        with pytest.raises(NotAnnounced):
            proof.send(chain, trial.run.community, judge)
        trial.convicted(proof)


def test_proof_is_refused_when_it_is_about_another_trace(trial: Trial):
    lying, more = tell(trial.honest, Op.IMPROVEMENT, 0, 0, "gain")
    with recorded(trial, lying):
        proof = trial.find(lying, more)
    with recorded(trial, trial.honest), pytest.raises(WrongWords):
        trial.send(proof)


def test_deltas_are_those_of_the_members_when_a_trial_is_prepared(trial: Trial):
    accepted = [r for r in trial.honest.records if r.op is Op.MEMBER and r.value("status") == 1]
    dim = trial.run.manifest.model.dim
    assert {len(data) for data in trial.deltas.values()} == {8 + 8 * dim} == {len(delta_bytes(zeros(dim)))}
    assert len(trial.deltas) == len({r.value("delta") for r in accepted})


def zeros(dim: int) -> Ints:
    return np.zeros(dim, dtype=np.int64)
