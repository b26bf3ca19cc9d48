"""The first wrong value of a published trace: all it follows from is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.errors import VerificationFailed
from federation.models.linear import INTERCEPT_BOUND, Design, Fit
from federation.rounds import Rules, Status, close_round, open_round
from federation.trace import Op, Position, Trace, first_difference, require_equal, round_trace
from federation.trace.points import point_records
from federation.trace.vectors import Vectors
from tests.rounds import PlayedRound, altered, played

EPOCH = played()
ROUND = EPOCH.rounds[2]
TRACE = ROUND.trace


def named(trace: Trace, expected: Trace = TRACE) -> tuple[Op, int, int, str]:
    found = first_difference(expected, trace)
    assert found is not None
    return (*found.key, found.field)


def relived(*, rules: Rules = EPOCH.rules, r: PlayedRound = ROUND, **changes) -> Trace:
    """The trace of whoever plays the round honestly, but on something else."""
    known, shard = changes.get("known", r.known), changes.get("shard", r.shard)
    state, deltas = changes.get("state", r.state), changes.get("deltas", r.deltas)
    joined = Design.concat([p.design for p in known])
    base = open_round(state, rules, joined)
    absent = {m.did: (m.status, m.reason) for m in r.outcome.members if m.status is not Status.ACCEPTED}
    outcome = close_round(
        state,
        base,
        rules,
        deltas=deltas,
        absent=absent,
        known=joined,
        shard=shard.design,
        norm_bound=max(e.cap for e in EPOCH.entries),
    )
    return round_trace(state, base, outcome, rules=rules, known=known, shard=shard, deltas=deltas)


def test_nothing_is_named_when_the_traces_are_equal():
    assert relived() == TRACE
    assert first_difference(TRACE, Trace.parse(TRACE.to_bytes())) is None
    require_equal(TRACE, TRACE.to_bytes())


def test_each_value_is_named_when_it_alone_is_wrong():
    for record in TRACE.records:
        for place, name in enumerate(record.op.fields):
            if (record.op, name) == (Op.POINT, "intercept"):
                continue
            key = (*record.key, name)
            found = first_difference(TRACE, altered(TRACE, {key: record.values[place] + 1}))
            assert (*found.key, found.field) == key
            assert (found.expected, found.found.values[place]) == (record, record.values[place] + 1)


def test_sums_are_named_when_the_intercept_is_wrong_and_they_are_not_its_own():
    for point, position in ((0, 0), (256, 0), (514, 3)):
        c = TRACE.find(Op.POINT, point).value("intercept")
        lie = altered(TRACE, {(Op.POINT, point, 0, "intercept"): c + 1000})
        assert named(lie)[:3] == (Op.SUMS, point, position)


@pytest.mark.parametrize(("point", "first"), [(1, 0), (257, 0), (515, 3)])
def test_intercept_is_named_when_it_is_wrong_and_the_sums_are_its_own(point, first):
    weights = np.frombuffer(TRACE.opened(Op.POINT, point, 0, "weights"), dtype="<i8").astype(np.int64)
    positions = [ROUND.shard] if point >= 512 else list(ROUND.known)
    c = TRACE.find(Op.POINT, point).value("intercept") + 3
    design = Design.concat([p.design for p in positions])
    fit = replace(Fit.of(design, weights), intercept=c)
    sizes = [len(p.design) for p in positions]
    lie = point_records(point, fit, EPOCH.mean, Vectors(), first=first, sizes=sizes)
    changes = {
        (*record.key, name): value
        for record in lie
        for name, value in zip(record.op.fields, record.values, strict=True)
    }
    # Whatever follows from the lie is wrong too, and is not named.
    changes |= {
        (Op.MEMBER, 0, 0, "credit"): 1,
        (Op.EXIT, 0, 0, "weights"): 1,
        (Op.NODE, 3, 0, "residual sum"): 1,
    }
    assert named(altered(TRACE, changes)) == (Op.POINT, point, 0, "intercept")
    last = (Op.SUMS, point, first + len(sizes) - 1, "excess")
    assert named(altered(TRACE, changes | {last: changes[last] + 1})) == last


def test_intercept_is_named_when_it_is_out_of_its_bounds():
    for c in (INTERCEPT_BOUND + 1, -INTERCEPT_BOUND - 1, 1 << 200):
        lie = altered(TRACE, {(Op.POINT, 0, 0, "intercept"): c})
        assert named(lie) == (Op.POINT, 0, 0, "intercept")


def _with_label(position: Position) -> Position:
    examples = position.design.examples
    labels = examples.labels.copy()
    labels[0] ^= 1
    design = replace(position.design, examples=replace(examples, labels=labels))
    return Position(shard=position.shard, design=design)


def test_label_is_named_when_everything_was_computed_with_another():
    known = (ROUND.known[0], _with_label(ROUND.known[1]), ROUND.known[2])
    assert named(relived(known=known)) == (Op.EXAMPLES, 0, 1, "labels")
    assert named(relived(shard=_with_label(ROUND.shard))) == (Op.EXAMPLES, 0, 3, "labels")


def test_scale_is_named_when_everything_was_computed_with_another():
    scale = ROUND.shard.design.scale.copy()
    scale[3] += 1
    shard = Position(shard=ROUND.shard.shard, design=replace(ROUND.shard.design, scale=scale))
    assert named(relived(shard=shard)) == (Op.EXAMPLES, 0, 3, "scales")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda s: {"weights": s.weights + 1}, "weights"),
        (lambda s: {"initial": s.initial + 1}, "initial"),
        (lambda s: {"move": s.move + 1}, "move"),
        (lambda s: {"steps": s.steps[:1]}, "step before"),
        (lambda s: {"moved": s.moved + 1}, "moved"),
    ],
)
def test_inheritance_is_named_when_everything_was_computed_from_another(change, field):
    state = replace(ROUND.state, **change(ROUND.state))
    assert named(relived(state=state)) == (Op.ENTRY, 0, 0, field)


def test_history_is_named_when_a_member_brought_another_credit():
    did = EPOCH.entries[2].did
    state = replace(ROUND.state, credits={**ROUND.state.credits, did: ROUND.state.credits[did] + 1})
    assert named(relived(state=state)) == (Op.MEMBER, 2, 0, "credit before")


def test_delta_is_named_when_everything_was_computed_with_another():
    did = EPOCH.entries[3].did
    assert named(relived(deltas={**ROUND.deltas, did: ROUND.deltas[did] + 1})) == (Op.MEMBER, 3, 0, "delta")
    fewer = {d: v for d, v in ROUND.deltas.items() if d != did}
    assert named(relived(deltas=fewer)) == (Op.MEMBER, 3, 0, "status")


def test_choice_is_named_when_another_candidate_was_taken():
    base = ROUND.base
    k = next(k for k, fit in enumerate(base.search) if not np.array_equal(fit.weights, base.weights))
    fit = base.search[k]
    lie = replace(base, weights=fit.weights, intercept=fit.intercept, beta_tenths=EPOCH.rules.betas_tenths[k])
    joined = Design.concat([p.design for p in ROUND.known])
    absent = {m.did: (m.status, m.reason) for m in ROUND.outcome.members if m.did not in ROUND.deltas}
    outcome = close_round(
        ROUND.state,
        lie,
        EPOCH.rules,
        deltas=ROUND.deltas,
        absent=absent,
        known=joined,
        shard=ROUND.shard.design,
        norm_bound=1 << 26,
    )
    trace = round_trace(
        ROUND.state,
        lie,
        outcome,
        rules=EPOCH.rules,
        known=ROUND.known,
        shard=ROUND.shard,
        deltas=ROUND.deltas,
    )
    assert named(trace) == (Op.CHOICE, 0, 0, "momentum")


def test_score_is_named_when_only_the_terms_were_others():
    terms = replace(EPOCH.rules.terms, clip_milli=1)
    assert named(relived(rules=replace(EPOCH.rules, terms=terms)))[3] == "counted"
    terms = replace(EPOCH.rules.terms, bounty=EPOCH.rules.terms.bounty * 2)
    assert named(relived(rules=replace(EPOCH.rules, terms=terms)))[3] == "credit"


def test_record_is_named_when_it_is_missing_double_or_one_too_many():
    records = TRACE.records
    k = next(k for k, r in enumerate(records) if r.op is Op.PROJECTED)
    missing = first_difference(TRACE, Trace((*records[:k], *records[k + 1 :])))
    assert (missing.key, missing.found, missing.reason) == ((Op.PROJECTED, 0, 0), None, "is missing")
    false = replace(records[k], values=(1,))
    for double in (records[k], false):
        twice = first_difference(TRACE, Trace((*records, double)))
        assert (twice.key, twice.reason, twice.found) == ((Op.PROJECTED, 0, 0), "is there twice", double)
    more = first_difference(TRACE, Trace((*records, replace(records[k], i=9))))
    assert (more.key, more.expected, more.reason) == ((Op.PROJECTED, 9, 0), None, "should not be there")
    swapped = first_difference(TRACE, Trace((records[1], records[0], *records[2:])))
    assert swapped.reason == "stands where entry[0,0] should"
    lost = altered(TRACE, {(Op.POINT, 0, 0, "intercept"): 5})
    lost = Trace(tuple(r for r in lost.records if r.key != (Op.SUMS, 0, 2)))
    assert named(lost)[0] is Op.SUMS


def test_published_trace_is_refused_when_it_differs():
    lie = altered(TRACE, {(Op.MEMBER, 3, 0, "product"): 7})
    right = TRACE.find(Op.MEMBER, 3).value("product")
    with pytest.raises(VerificationFailed, match=rf"member\[3,0\] product should be {right}, not 7"):
        require_equal(TRACE, lie.to_bytes())


@pytest.mark.parametrize("change", ["longer", "shorter", "magic", "empty"])
def test_published_trace_is_refused_when_its_frame_differs(change):
    data = TRACE.to_bytes()
    found = {"longer": data + b"\0", "shorter": data[:-1], "magic": b"FMT1" + data[4:], "empty": b""}[change]
    with pytest.raises(VerificationFailed, match="trace"):
        require_equal(TRACE, found)
