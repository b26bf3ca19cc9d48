"""What a round inherits and leaves, and the models that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.challenge.state import (
    base,
    carried_member,
    carried_state,
    exit_move,
    exit_scalars,
    exit_step,
    initial_member,
    initial_state,
    model,
)
from contracts.bindings.errors import (
    InvalidRecord,
    NotTheFirstRound,
    NotTheNextRound,
    WrongBytes,
    WrongVector,
)
from contracts.bindings.state_disputes import StateDisputes
from federation.hashing import sha256
from federation.trace import Op
from tests.rounds import LARGE, SMALL, Size

from .court import Court, changed, refused

ROUNDS = range(1, SMALL.rounds + 1)
VECTORS = ("weights", "move", "last step", "step before")


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(StateDisputes)


def bent(court: Court, round_: int, op: Op, name: str, entry: int = 3, by: int = 1):
    data = court.epoch.rounds[round_ - 1].trace.opened(op, 0, 0, name)
    return court.lying(round_, (op, 0, 0, name, changed(data, entry, by)))


def off(court: Court, round_: int, op: Op, i: int, name: str, by: int):
    value = court.epoch.rounds[round_ - 1].trace.find(op, i).value(name)
    return court.lying(round_, (op, i, 0, name, value + by))


def moved(court: Court) -> list[int]:
    return [r.number for r in court.epoch.rounds if r.outcome.eta]


def test_the_epoch_has_rounds_that_moved_and_others(court: Court) -> None:
    assert moved(court)
    assert set(moved(court)) != set(ROUNDS)


@pytest.mark.parametrize("round_", ROUNDS[1:])
def test_carried_state_convicts_when_a_round_begins_otherwise(court: Court, round_: int) -> None:
    before = court.honest(round_ - 1)
    court.acquits(carried_state(court.honest(round_), before))
    for name in ("initial", *VECTORS):
        court.convicts(carried_state(bent(court, round_, Op.ENTRY, name), before), round_)
    for name in ("steps", "moved"):
        court.convicts(carried_state(off(court, round_, Op.ENTRY, 0, name, 1), before), round_)


@pytest.mark.parametrize("round_", ROUNDS[1:])
def test_carried_member_convicts_when_a_member_begins_otherwise(court: Court, round_: int) -> None:
    before = court.honest(round_ - 1)
    for i in range(SMALL.members):
        court.acquits(carried_member(court.honest(round_), before, i))
        for name in ("credit before", "suspended before"):
            court.convicts(carried_member(off(court, round_, Op.MEMBER, i, name, 1), before, i), round_)


def test_only_the_next_round_inherits(court: Court) -> None:
    one, two, three = (court.honest(n) for n in (1, 2, 3))
    for case, before in ((three, one), (one, two), (two, two)):
        with refused(NotTheNextRound):
            court.send(carried_state(case, before))
        with refused(NotTheNextRound):
            court.send(carried_member(case, before, 0))
    with refused(InvalidRecord):
        court.send(carried_state(two, replace(one, trace=three.trace)))


def test_another_federations_round_is_not_the_one_before(court: Court) -> None:
    one, two = court.honest(1), court.honest(2)
    elsewhere = replace(one, domain=replace(one.domain, federation=court.judges["StateDisputes"]))
    with refused(NotTheNextRound):
        court.send(carried_state(two, elsewhere))


def test_initial_state_convicts_when_the_first_round_is_not_at_rest(court: Court) -> None:
    court.acquits(initial_state(court.honest(1)))
    for name in ("initial", *VECTORS):
        court.convicts(initial_state(bent(court, 1, Op.ENTRY, name)), 1)
    for name in ("steps", "moved"):
        court.convicts(initial_state(off(court, 1, Op.ENTRY, 0, name, 1)), 1)
    with refused(NotTheFirstRound):
        court.send(initial_state(court.honest(2)))


def test_rest_is_zero_in_every_chunk() -> None:
    court = Court.open(StateDisputes, size=Size(dim=1100, rounds=1, words=20))
    court.acquits(initial_state(court.honest(1)))
    zeros = court.epoch.rounds[0].trace.opened(Op.ENTRY, 0, 0, "move")
    for index in (0, 511, 512, 1023, 1024, 1099):
        case = court.lying(1, (Op.ENTRY, 0, 0, "move", changed(zeros, index, 1)))
        court.convicts(initial_state(case), 1)


def test_initial_member_convicts_when_a_member_begins_with_anything(court: Court) -> None:
    for i in range(SMALL.members):
        court.acquits(initial_member(court.honest(1), i))
        for name in ("credit before", "suspended before"):
            court.convicts(initial_member(off(court, 1, Op.MEMBER, i, name, -1), i), 1)
    with refused(NotTheFirstRound):
        court.send(initial_member(court.honest(2), 0))


@pytest.mark.parametrize("round_", ROUNDS)
def test_exit_convicts_when_what_is_left_does_not_follow(court: Court, round_: int) -> None:
    court.acquits(exit_scalars(court.honest(round_)))
    for name in ("steps", "moved"):
        for by in (1, -1):
            court.convicts(exit_scalars(off(court, round_, Op.EXIT, 0, name, by)), round_)
    computed = ("move", "last step") if round_ in moved(court) else ()
    for name in VECTORS:
        case = bent(court, round_, Op.EXIT, name)
        if name in computed:
            court.acquits(exit_scalars(case))
        else:
            court.convicts(exit_scalars(case), round_)


@pytest.mark.parametrize("round_", ROUNDS)
def test_exit_vectors_convict_only_where_they_are_off(court: Court, round_: int) -> None:
    for name, dispute in (("move", exit_move), ("last step", exit_step)):
        if round_ not in moved(court):
            if Op.NODE in {r.op for r in court.epoch.rounds[round_ - 1].trace.records}:
                court.acquits(dispute(bent(court, round_, Op.EXIT, name), 3))
            continue
        court.acquits(dispute(court.honest(round_), 0))
        case = bent(court, round_, Op.EXIT, name)
        court.convicts(dispute(case, 3), round_)
        court.acquits(dispute(case, 4))


@pytest.mark.parametrize("round_", ROUNDS)
def test_base_convicts_when_another_model_was_sent_out(court: Court, round_: int) -> None:
    court.acquits(base(court.honest(round_)))
    line = court.epoch.rounds[round_ - 1]
    court.convicts(base(court.case(round_, line.trace, base_hash=sha256(b"another"))), round_)
    for by in (1, -1):
        chosen = line.trace.find(Op.CHOICE).value("momentum")
        court.convicts(base(off(court, round_, Op.POINT, chosen, "intercept", by)), round_)
    case = court.honest(round_)
    with refused(WrongVector):
        court.send(base(replace(case, vectors=dict.fromkeys(case.vectors, bytes(192)))))


def forgeries(released: bytes) -> dict[str, bytes]:
    return {
        "short": released[:-1],
        "long": released + b"\0",
        "empty": b"",
        "magic": b"FMM2" + released[4:],
        "dimension": released[:4] + (25).to_bytes(4, "little") + released[8:],
        "weights": released[:16] + bytes([released[16] ^ 1]) + released[17:],
    }


@pytest.mark.parametrize("round_", ROUNDS)
def test_model_convicts_when_another_one_was_released(court: Court, round_: int) -> None:
    line = court.epoch.rounds[round_ - 1]
    court.acquits(model(court.honest(round_), line.model))
    for forged in forgeries(line.model).values():
        case = court.case(round_, line.trace, model_hash=sha256(forged))
        court.convicts(model(case, forged), round_)
        with refused(WrongBytes):
            court.send(model(case, line.model))
    court.convicts(model(bent(court, round_, Op.EXIT, "weights"), line.model), round_)


@pytest.mark.slow
def test_states_cost_less_than_a_million_gas_when_the_model_is_large() -> None:
    court = Court.open(StateDisputes, size=LARGE)
    line = court.epoch.rounds[1]
    forged = forgeries(line.model)["weights"]
    case = court.case(2, line.trace, model_hash=sha256(forged))
    assert court.convicts(model(case, forged), 2) < 1_000_000
    case = court.case(2, line.trace, base_hash=sha256(b"another"))
    assert court.convicts(base(case), 2) < 1_000_000
    court.acquits(initial_state(court.honest(1)))
    court.acquits(exit_move(court.honest(2), 4095))
    court.acquits(exit_step(court.honest(2), 600))
