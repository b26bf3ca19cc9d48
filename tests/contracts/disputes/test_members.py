"""Which deltas a round took, how it added them up, and what each member got for its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.challenge.members import absent, forced, line, omitted, over_cap, partial_sum, product, seat
from contracts.bindings.errors import (
    InvalidRecord,
    NoAcceptedDelta,
    NotCommitted,
    NotRevealed,
    NotSeated,
    WrongBytes,
    WrongFormat,
    WrongVector,
)
from contracts.bindings.member_disputes import MemberDisputes
from federation.delta import delta_bytes, delta_hash
from federation.errors import Reverted
from federation.hashing import commitment, did_hash, sha256
from federation.rostertree import in_order
from federation.rounds import Status
from federation.trace import STATUS_CODES, Op
from federation.trace.vectors import hash_value
from tests.rounds import LARGE, SMALL

from .court import Court, changed, refused

ROUNDS = range(1, SMALL.rounds + 1)
MEMBERS = range(SMALL.members)
LAST = SMALL.dim - 1


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(MemberDisputes)


def delta_of(court: Court, round_: int, i: int) -> bytes:
    """The accepted delta's bytes; empty if there is none."""
    deltas, did = court.epoch.rounds[round_ - 1].deltas, in_order(court.epoch.entries)[i].did
    return delta_bytes(deltas[did]) if did in deltas else b""


def recorded(court: Court, round_: int, i: int, name: str) -> int:
    return court.epoch.rounds[round_ - 1].trace.find(Op.MEMBER, i).value(name)


def seat_of(court: Court, i: int):
    return seat(court.epoch.entries, i)


def off(court: Court, round_: int, i: int, name: str, by: int):
    value = recorded(court, round_, i, name)
    return court.lying(round_, (Op.MEMBER, i, 0, name, value + by))


def statuses(court: Court) -> set[int]:
    return {recorded(court, r, i, "status") for r in ROUNDS for i in MEMBERS}


def test_the_epoch_has_members_of_every_status(court: Court) -> None:
    assert statuses(court) == set(STATUS_CODES.values())


@pytest.mark.parametrize("round_", ROUNDS)
def test_partial_sum_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    for i in MEMBERS:
        delta = delta_of(court, round_, i)
        court.acquits(partial_sum(court.honest(round_), i, LAST, delta))
        data = court.epoch.rounds[round_ - 1].trace.opened(Op.MEMBER, i, 0, "partial sum")
        case = court.lying(round_, (Op.MEMBER, i, 0, "partial sum", changed(data, LAST, 1)))
        court.convicts(partial_sum(case, i, LAST, delta), round_)
        court.acquits(partial_sum(case, i, 0, delta))


def test_partial_sum_convicts_when_a_delta_was_taken_that_was_not_accepted(court: Court) -> None:
    i = next(i for i in MEMBERS if delta_of(court, 1, i))
    rejected = (Op.MEMBER, i, 0, "status", STATUS_CODES[Status.REJECTED])
    court.convicts(partial_sum(court.lying(1, rejected), i, 0, b""), 1)


def test_partial_sum_refuses_another_delta_and_other_sums(court: Court) -> None:
    case, delta = court.honest(1), delta_of(court, 1, 0)
    with refused(WrongBytes):
        court.send(partial_sum(case, 0, 0, delta[:-1] + b"\x55"))
    with refused(WrongVector):
        court.send(partial_sum(replace(case, vectors=dict.fromkeys(case.vectors, bytes(192))), 1, 0, b""))
    other = court.honest(2)
    with refused(InvalidRecord):
        court.send(partial_sum(replace(case, trace=other.trace, vectors=other.vectors), 0, 0, delta))


@pytest.mark.parametrize("bad", ["short", "long", "magic", "dimension", "large", "empty"])
def test_over_cap_convicts_when_an_accepted_delta_is_inadmissible(court: Court, bad: str) -> None:
    delta = delta_of(court, 1, 0)
    forged = {
        "short": delta[:-8],
        "long": delta + bytes(8),
        "magic": b"FMD2" + delta[4:],
        "dimension": delta[:4] + bytes(4) + delta[8:],
        "large": delta[:8] + (1 << 62).to_bytes(8, "little") + delta[16:],
        "empty": b"",
    }[bad]
    case = court.lying(1, (Op.MEMBER, 0, 0, "delta", hash_value(sha256(forged))))
    court.convicts(over_cap(case, seat_of(court, 0), forged), 1)
    with refused(WrongBytes):
        court.send(over_cap(case, seat_of(court, 0), delta))
    if bad != "large":
        with refused(WrongFormat):
            court.send(partial_sum(case, 0, 0, forged))


def test_cap_is_the_largest_norm_that_is_allowed(court: Court) -> None:
    place = seat_of(court, 0)
    for excess in (0, 1):
        forged = delta_of(court, 1, 0)[:8] + (place.cap + excess).to_bytes(8, "little") + bytes(8 * LAST)
        case = court.lying(1, (Op.MEMBER, 0, 0, "delta", hash_value(sha256(forged))))
        if excess:
            court.convicts(over_cap(case, place, forged), 1)
        else:
            court.acquits(over_cap(case, place, forged))


def test_over_cap_acquits_honest_deltas_and_refuses_the_others(court: Court) -> None:
    for i in MEMBERS:
        delta = delta_of(court, 2, i)
        if delta:
            court.acquits(over_cap(court.honest(2), seat_of(court, i), delta))
        else:
            with refused(NoAcceptedDelta):
                court.send(over_cap(court.honest(2), seat_of(court, i), b""))


def test_nobody_takes_anothers_seat_or_makes_one_up(court: Court) -> None:
    case, delta = court.honest(1), delta_of(court, 1, 0)
    mine, other = seat_of(court, 0), seat_of(court, 1)
    for wrong in (replace(mine, cap=1), replace(mine, quota=1), replace(other, index=0)):
        with refused(NotSeated):
            court.send(over_cap(case, wrong, delta))
        with refused(NotSeated):
            court.send(line(case, wrong))


def test_omitted_convicts_when_a_revealed_delta_is_not_the_accepted_one(court: Court) -> None:
    round_ = court.epoch.rounds[0]
    for i, entry in enumerate(in_order(court.epoch.entries)):
        if entry.did not in round_.deltas:
            continue
        digest, proof = delta_hash(round_.deltas[entry.did]), round_.reveals.proofs()[entry.did]
        place = seat_of(court, i)
        court.acquits(omitted(court.honest(1), place, digest, proof))
        for status in set(STATUS_CODES.values()) - {1}:
            case = court.lying(1, (Op.MEMBER, i, 0, "status", status))
            court.convicts(omitted(case, place, digest, proof), 1)
        case = off(court, 1, i, "delta", 1)
        court.convicts(omitted(case, place, digest, proof), 1)
        with refused(NotRevealed):
            court.send(omitted(case, place, sha256(b"another"), proof))
        with refused(NotRevealed):
            court.send(omitted(case, seat_of(court, (i + 1) % len(MEMBERS)), digest, proof))


def test_absent_convicts_when_the_member_had_committed(court: Court) -> None:
    round_ = court.epoch.rounds[0]
    leaves = round_.commits.proofs()
    for i, entry in enumerate(in_order(court.epoch.entries)):
        if entry.did not in round_.deltas:
            continue
        place, proof = seat_of(court, i), leaves[entry.did]
        committed = commitment(
            court.epoch.domain,
            1,
            did=entry.did,
            base_hash=sha256(round_.base_blob),
            delta_sha256=delta_hash(round_.deltas[entry.did]),
            salt=round_.salts[entry.did],
        )
        for status in set(STATUS_CODES.values()) - {recorded(court, 1, i, "status")}:
            case = court.lying(1, (Op.MEMBER, i, 0, "status", status))
            if status == STATUS_CODES[Status.ABSENT]:
                court.convicts(absent(case, place, committed, proof), 1)
            else:
                court.acquits(absent(case, place, committed, proof))
        with refused(NotCommitted):
            court.send(absent(court.honest(1), place, sha256(b"another"), proof))


def test_forced_convicts_when_a_delta_revealed_on_chain_was_left_out(court: Court) -> None:
    i, place = 0, seat_of(court, 0)
    delta = delta_of(court, 2, i)
    with refused(NotRevealed):
        court.send(forced(court.honest(2), place, delta))
    court.set("setForced(uint32,bytes32,bytes32)", 2, place.did_hash, sha256(delta))
    court.acquits(forced(court.honest(2), place, delta))
    left_out = (Op.MEMBER, i, 0, "status", STATUS_CODES[Status.SILENT])
    court.convicts(forced(court.lying(2, left_out), place, delta), 2)
    court.convicts(forced(off(court, 2, i, "delta", 1), place, delta), 2)
    with refused(WrongBytes):
        court.send(forced(court.lying(2, left_out), place, delta + b"\0"))
    suspended = (Op.MEMBER, i, 0, "suspended before", 1)
    court.acquits(forced(court.lying(2, left_out, suspended), place, delta))


def test_forced_acquits_when_the_delta_is_inadmissible(court: Court) -> None:
    place = seat_of(court, 0)
    left_out = (Op.MEMBER, 0, 0, "status", STATUS_CODES[Status.REJECTED])
    for forged in (
        delta_of(court, 3, 1)[:8] + (1 << 40).to_bytes(8, "little") + bytes(8 * LAST),
        b"FMD1" + (23).to_bytes(4, "little") + bytes(8 * 23),
    ):
        court.set("setForced(uint32,bytes32,bytes32)", 1, place.did_hash, sha256(forged))
        court.acquits(forced(court.lying(1, left_out), place, forged))
    assert place.did_hash == did_hash(in_order(court.epoch.entries)[0].did)


@pytest.mark.parametrize("round_", ROUNDS)
def test_product_convicts_when_it_is_off(court: Court, round_: int) -> None:
    for i in MEMBERS:
        delta = delta_of(court, round_, i)
        court.acquits(product(court.honest(round_), i, delta))
        for by in (1, -1, 2**128):
            court.convicts(product(off(court, round_, i, "product", by), i, delta), round_)


@pytest.mark.parametrize("round_", ROUNDS)
def test_line_acquits_honest_members(court: Court, round_: int) -> None:
    for i in MEMBERS:
        court.acquits(line(court.honest(round_), seat_of(court, i)))


@pytest.mark.parametrize("round_", [2, 4, 5])
@pytest.mark.parametrize("name", ["score", "counted", "credit", "credit after", "credit before", "delta"])
def test_line_convicts_when_a_value_does_not_follow(court: Court, round_: int, name: str) -> None:
    for i in MEMBERS:
        accepted = recorded(court, round_, i, "status") == STATUS_CODES[Status.ACCEPTED]
        if not (name == "delta" and accepted):
            court.convicts(line(off(court, round_, i, name, 1 - 2 * (i % 2)), seat_of(court, i)), round_)


@pytest.mark.parametrize("round_", [2, 5])
def test_line_convicts_when_suspension_does_not_follow(court: Court, round_: int) -> None:
    for i in MEMBERS:
        for name in ("suspended before", "suspended after"):
            lie = (Op.MEMBER, i, 0, name, 1 - recorded(court, round_, i, name))
            court.convicts(line(court.lying(round_, lie), seat_of(court, i)), round_)
        case = court.lying(round_, (Op.MEMBER, i, 0, "suspended after", 2))
        court.convicts(line(case, seat_of(court, i)), round_)


@pytest.mark.parametrize("status", [0, -1, 6, 2**200])
def test_line_convicts_when_there_is_no_such_status(court: Court, status: int) -> None:
    for round_ in (1, 4):
        case = court.lying(round_, (Op.MEMBER, 3, 0, "status", status))
        court.convicts(line(case, seat_of(court, 3)), round_)


def test_line_charges_the_silent_and_nobody_else_without_a_delta(court: Court) -> None:
    """Round 2 has a member that committed and never revealed; its charge is the most a score could cost."""
    i = next(i for i in MEMBERS if recorded(court, 2, i, "status") == STATUS_CODES[Status.SILENT])
    assert recorded(court, 2, i, "counted") < 0
    for status in (Status.REJECTED, Status.ABSENT):
        case = court.lying(2, (Op.MEMBER, i, 0, "status", STATUS_CODES[status]))
        court.convicts(line(case, seat_of(court, i)), 2)


def test_line_leaves_numbers_beyond_all_bounds_to_their_own_disputes(court: Court) -> None:
    i = next(i for i in MEMBERS if delta_of(court, 1, i))
    case = court.lying(1, (Op.MEMBER, i, 0, "product", 2**255 - 1))
    with pytest.raises(Reverted):
        court.send(line(case, seat_of(court, i)))
    court.convicts(product(case, i, delta_of(court, 1, i)), 1)


@pytest.mark.slow
def test_members_cost_less_than_six_million_gas_when_the_model_is_large() -> None:
    court = Court.open(MemberDisputes, size=LARGE)
    i = next(i for i in range(1, LARGE.members) if delta_of(court, 2, i))
    delta, place = delta_of(court, 2, i), seat_of(court, i)
    assert court.convicts(product(off(court, 2, i, "product", 1), i, delta), 2) < 3_000_000
    data = court.epoch.rounds[1].trace.opened(Op.MEMBER, i, 0, "partial sum")
    case = court.lying(2, (Op.MEMBER, i, 0, "partial sum", changed(data, 4095, 1)))
    assert court.convicts(partial_sum(case, i, 4095, delta), 2) < 2_000_000
    court.acquits(over_cap(case, place, delta))
    court.acquits(partial_sum(case, i, 600, delta))
