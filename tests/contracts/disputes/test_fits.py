"""Sums over examples, intercepts, and what the line searches chose."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.challenge.fits import accepted, choice_range, intercept, minimum, sums
from aggregator.challenge.witness import Case, Dispute
from contracts.bindings.errors import InvalidRecord
from contracts.bindings.fit_disputes import FitDisputes
from federation.models.linear import INTERCEPT_BOUND
from federation.trace import Op, Record, Trace
from federation.trace.points import on_path, running_sums

from .court import Court, ints, refused

STEP, PATH = 256, 512


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(FitDisputes)


@pytest.fixture(scope="module")
def one_class() -> Court:
    """An epoch with a shard of one class, where intercepts end at their bound."""
    return Court.open(FitDisputes, seed=1)


def sum_keys(court: Court, round_: int) -> list[tuple[int, int]]:
    return [(r.i, r.j) for r in court.epoch.rounds[round_ - 1].trace.records if r.op is Op.SUMS]


@pytest.mark.parametrize("round_", [1, 2, 3])
def test_sums_are_judged_at_every_position(court: Court, round_: int) -> None:
    rng = np.random.default_rng(round_)
    for point, position in sum_keys(court, round_):
        case = court.honest(round_)
        court.acquits(sums(case, point, position))
        name = str(rng.choice(["excess", "excess above", "loss"]))
        value = case.value(Op.SUMS, point, position, name) + int(rng.choice([-1, 1, 2**60]))
        court.convicts(
            sums(court.lying(round_, (Op.SUMS, point, position, name, value)), point, position), round_
        )


def test_sums_convict_only_where_the_running_sum_breaks(court: Court) -> None:
    honest = court.epoch.rounds[2].trace
    value = honest.find(Op.SUMS, 0, 0).value("loss") + 7
    case = court.lying(3, (Op.SUMS, 0, 0, "loss", value))
    court.convicts(sums(case, 0, 0), 3)
    court.convicts(sums(case, 0, 1), 3)
    court.acquits(sums(case, 0, 2))


@pytest.mark.parametrize("value", [2**255 - 1, -(2**255), 2**255 - (1 << 24), 2**63])
def test_sums_answer_when_the_intercept_is_beyond_all_bounds(court: Court, value: int) -> None:
    case = court.lying(1, (Op.POINT, 0, 0, "intercept", value))
    court.convicts(sums(case, 0, 0), 1)
    court.convicts(intercept(case, 0), 1)


def with_intercept(court: Court, round_: int, point: int, wrong: int) -> Case:
    """A lie about an intercept whose sums follow from it."""
    trace = court.epoch.rounds[round_ - 1].trace
    lies = [(Op.POINT, point, 0, "intercept", wrong)]
    totals = [0, 0, 0]
    for p, q in sum_keys(court, round_):
        if p == point:
            z, y = (
                ints(trace.opened(Op.SUMS, p, q, "logits")),
                ints(trace.opened(Op.EXAMPLES, 0, q, "labels")),
            )
            parts = running_sums(z, y, wrong, brier=on_path(p))
            totals = [total + int(part[-1]) for total, part in zip(totals, parts, strict=True)]
            named = zip(("excess", "excess above", "loss"), totals, strict=True)
            right = trace.find(Op.SUMS, p, q)
            lies += [(Op.SUMS, p, q, name, total) for name, total in named if total != right.value(name)]
    return court.lying(round_, *lies)


@pytest.mark.parametrize("round_", [1, 3])
def test_intercepts_are_judged_with_honest_sums(court: Court, round_: int) -> None:
    """A liar's sums follow from its intercept, and give it away."""
    trace = court.epoch.rounds[round_ - 1].trace
    for point in sorted({p for p, _ in sum_keys(court, round_)}):
        court.acquits(intercept(court.honest(round_), point))
        for by in (-1, 1, 1 << 20, 40 << 24):
            case = with_intercept(court, round_, point, trace.find(Op.POINT, point).value("intercept") + by)
            court.acquits(sums(case, point, round_ if on_path(point) else round_ - 1))
            court.convicts(intercept(case, point), round_)


def test_tables_agree_when_logits_are_any(court: Court) -> None:
    """Sums of made-up logits, at and around every kind of edge of the tables."""
    rng = np.random.default_rng(7)
    step, end = 1 << 17, 16 << 24
    edges = [s * (k + by) for k in (0, step, 5 * step, end - step, end) for by in (-1, 0, 1) for s in (1, -1)]
    inside, near = rng.integers(-end, end, 42).tolist(), rng.integers(-step, step, 60).tolist()
    values = [*edges, 2**62, -(2**62), *inside, *near]
    trace = court.epoch.rounds[0].trace
    n, c = trace.find(Op.EXAMPLES, 0, 0).value("size"), 0
    y = ints(trace.opened(Op.EXAMPLES, 0, 0, "labels"))
    for at in range(0, len(values) - n, n):
        z = np.array(values[at : at + n], dtype=np.int64)
        excess, above, loss = (int(total[-1]) for total in running_sums(z, y, c, brier=False))
        lies = [
            (Op.POINT, 0, 0, "intercept", c),
            (Op.SUMS, 0, 0, "logits", z),
            (Op.SUMS, 0, 0, "excess", excess),
            (Op.SUMS, 0, 0, "excess above", above),
            (Op.SUMS, 0, 0, "loss", loss),
        ]
        court.acquits(sums(court.lying(1, *lies), 0, 0))


def test_intercept_at_its_bound_is_acquitted_when_a_shard_has_one_class(one_class: Court) -> None:
    found = 0
    for line in one_class.epoch.rounds:
        for record in line.trace.records:
            if record.op is Op.POINT and abs(record.value("intercept")) == INTERCEPT_BOUND:
                found += 1
                case = one_class.honest(line.number)
                one_class.acquits(intercept(case, record.i))
                other = one_class.lying(
                    line.number, (Op.POINT, record.i, 0, "intercept", -record.value("intercept"))
                )
                one_class.convicts(intercept(other, record.i), line.number)
    assert found


@pytest.mark.parametrize(
    ("c", "excess", "above", "right"),
    [
        (0, 0, 1, True),
        (0, 1, 2, False),
        (0, 0, 0, False),
        (0, -1, 0, False),
        (-INTERCEPT_BOUND, 5, 6, True),
        (-INTERCEPT_BOUND, 0, 1, True),
        (-INTERCEPT_BOUND, -1, 0, False),
        (INTERCEPT_BOUND, 0, 0, True),
        (INTERCEPT_BOUND, -3, -2, True),
        (INTERCEPT_BOUND, 1, 2, False),
        (INTERCEPT_BOUND + 1, 0, 1, False),
        (-INTERCEPT_BOUND - 1, 5, 6, False),
    ],
)
def test_intercept_is_right_exactly_when_bisection_returns_it(
    court: Court, c: int, excess: int, above: int, *, right: bool
) -> None:
    lies = [
        (Op.POINT, 1, 0, "intercept", c),
        (Op.SUMS, 1, 1, "excess", excess),
        (Op.SUMS, 1, 1, "excess above", above),
    ]
    trace = court.epoch.rounds[1].trace
    lies = [(op, i, j, name, v) for op, i, j, name, v in lies if trace.find(op, i, j).value(name) != v]
    case = court.lying(2, *lies)
    if right:
        court.acquits(intercept(case, 1))
    else:
        court.convicts(intercept(case, 1), 2)


@pytest.mark.parametrize("round_", [1, 2, 3, 5])
def test_choices_are_judged(court: Court, round_: int) -> None:
    trace = court.epoch.rounds[round_ - 1].trace
    choice = trace.find(Op.CHOICE)
    court.acquits(choice_range(court.honest(round_)))
    court.acquits(accepted(court.honest(round_)))
    for name, first in (("momentum", 0), ("step", STEP)):
        candidates = sorted({p - first for p, _ in sum_keys(court, round_) if first <= p < first + STEP})
        chosen = choice.value(name)
        for k in candidates:
            court.acquits(minimum(court.honest(round_), first + k))
            if k != chosen:
                case = court.lying(round_, (Op.CHOICE, 0, 0, name, k))
                court.convicts(minimum(case, first + chosen), round_)


def test_choice_convicts_when_a_tie_goes_to_the_larger(court: Court) -> None:
    trace = court.epoch.rounds[1].trace
    loss = trace.find(Op.SUMS, STEP, 1).value("loss")
    same = [(Op.SUMS, STEP + k, 1, "loss", loss) for k in (1, 2)]
    for chosen, better, right in ((2, 1, False), (2, 0, False), (0, 2, True), (0, 0, True), (1, 2, True)):
        choose = [(Op.CHOICE, 0, 0, "step", chosen)] if trace.find(Op.CHOICE).value("step") != chosen else []
        case = court.lying(2, *same, *choose)
        if right:
            court.acquits(minimum(case, STEP + better))
        else:
            court.convicts(minimum(case, STEP + better), 2)


@pytest.mark.parametrize(
    ("round_", "name", "value"),
    [
        (1, "momentum", 1),
        (2, "momentum", 3),
        (2, "momentum", -1),
        (2, "step", 3),
        (2, "step", -2),
        (2, "scored step", 0),
        (2, "scored step", -1),
        (5, "scored step", 0),
        (5, "scored step", 2),
        (4, "scored step", 1),
    ],
)
def test_range_convicts_when_a_choice_cannot_be(court: Court, round_: int, name: str, value: int) -> None:
    case = court.lying(round_, (Op.CHOICE, 0, 0, name, value))
    court.convicts(choice_range(case), round_)


def test_minimum_is_refused_when_the_better_one_is_no_candidate(court: Court) -> None:
    case = court.honest(1)
    of_path = Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.minimum(
            sender,
            context=case.context,
            choice=case.record(Op.CHOICE),
            chosen=case.record(Op.SUMS, STEP),
            better=case.record(Op.SUMS, PATH, 1),
        ),
    )
    with refused(InvalidRecord):
        court.send(of_path)


@pytest.mark.parametrize("number", [-1, 3, 1 << 200])
def test_minimum_is_refused_when_the_choice_is_no_candidate(court: Court, number: int) -> None:
    case = court.lying(2, (Op.CHOICE, 0, 0, "step", number))
    any_sums = case.record(Op.SUMS, STEP, 1)
    dispute = Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.minimum(
            sender, context=case.context, choice=case.record(Op.CHOICE), chosen=any_sums, better=any_sums
        ),
    )
    with refused(InvalidRecord):
        court.send(dispute)


def test_sums_are_refused_when_the_path_was_measured_on_another_shard(court: Court) -> None:
    honest = court.epoch.rounds[0].trace
    extra = Record(Op.SUMS, PATH, 0, honest.find(Op.SUMS, STEP, 0).values)
    case = court.case(1, Trace((*honest.records, extra)))
    court.acquits(sums(case, PATH, 1))
    with refused(InvalidRecord):
        court.send(sums(case, PATH, 0))


def test_step_convicts_when_nobody_was_accepted_and_when_somebody_was(court: Court) -> None:
    court.acquits(accepted(court.honest(4)))
    case = court.lying(4, (Op.CHOICE, 0, 0, "step", 0), (Op.CHOICE, 0, 0, "scored step", 1))
    court.convicts(accepted(case), 4)
    case = court.lying(2, (Op.CHOICE, 0, 0, "step", -1), (Op.CHOICE, 0, 0, "scored step", -1))
    court.convicts(accepted(case), 2)
