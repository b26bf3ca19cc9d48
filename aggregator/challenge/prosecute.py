"""From the first wrong value of a published trace to the call that proves it wrong.

``first_difference`` names a value whose inputs are all right; for every such value there is one
judge. What a judge cannot be shown, because nobody published it, is demanded first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aggregator.challenge import examples, fits, gradient, members, points, projection, records, state
from aggregator.challenge.openings import Validation
from aggregator.challenge.witness import Case, Dispute
from contracts.bindings.structs import RoundWords
from federation.errors import VerificationFailed
from federation.membertree import MemberTree
from federation.rostertree import Admitted
from federation.rounds import Status
from federation.trace import STATUS_CODES, Difference, Key, Op, Trace
from federation.trace.points import STEP_POINTS
from federation.types import Did, Hash32

_ENTRY_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Everything public about a recorded round and the one before.

    Attributes:
        case: The round as it was published.
        expected: Its trace as it should be, with its vectors.
        before: The round before as published; None for the first.
        words: What every round up to this one committed, by number.
        validation: The opened validation set.
        admitted: The admitted members.
        commitments: What its members committed to, by the commit root.
        reveals: The tree under the round's reveal root.
        deltas: Canonical bytes of the deltas, by their SHA-256.
    """

    case: Case
    expected: Trace
    before: Case | None
    words: Mapping[int, RoundWords]
    validation: Validation
    admitted: Sequence[Admitted]
    commitments: Mapping[Did, Hash32]
    reveals: MemberTree
    deltas: Mapping[Hash32, bytes]


def prosecute(evidence: Evidence, difference: Difference) -> Dispute:
    """Return the call that proves a value wrong.

    Args:
        evidence: What is public of the round.
        difference: The first wrong value of its published trace.

    Raises:
        VerificationFailed: Something that the proof needs is withheld, or the record is missing: demand it.
    """
    key, name = difference.key, difference.field
    if not name:
        return _not_there(evidence, difference)
    return _BY_OP[key.op](evidence, key, name)


def _not_there(evidence: Evidence, difference: Difference) -> Dispute:
    """Return the proof against a record that should not be, or not twice."""
    places = [k for k, record in enumerate(evidence.case.trace.records) if record.key == difference.key]
    if difference.found is None:
        raise VerificationFailed("trace", f"{difference.key} is missing", hint="demand it")
    if len(places) > 1:
        return records.twice(evidence.case, places[0], places[1])
    return records.malformed(evidence.case, places[0])


def _entry(evidence: Evidence, key: Key, name: str) -> int:
    """Return the first entry in which a published vector differs from the right one."""
    published, right = evidence.case.whole(*key, name), evidence.expected.opened(*key, name)
    if len(published) != len(right):
        raise VerificationFailed(
            "trace", f"{key} {name} has another number of entries", hint="show its shape"
        )
    wrong = (at for at in range(0, len(right), _ENTRY_BYTES) if published[at : at + 8] != right[at : at + 8])
    return next(wrong) // _ENTRY_BYTES


def _of_entry(evidence: Evidence, *_: object) -> Dispute:
    if evidence.before is None:
        return state.initial_state(evidence.case)
    return state.carried_state(evidence.case, evidence.before)


def _of_examples(evidence: Evidence, key: Key, name: str) -> Dispute:
    position = key.j
    if name in {"shard", "size"}:
        drawn = evidence.words[position or evidence.case.round]
        return examples.size(evidence.case, evidence.validation, position, drawn)
    return examples.example(evidence.case, evidence.validation, position, _entry(evidence, key, name))


def _of_point(evidence: Evidence, key: Key, name: str) -> Dispute:
    if name == "weights":
        return points.weight(evidence.case, key.i, _entry(evidence, key, name))
    if name == "mean product":
        return points.mean_dot(evidence.case, evidence.validation, key.i)
    return fits.intercept(evidence.case, key.i)


def _of_sums(evidence: Evidence, key: Key, name: str) -> Dispute:
    if name == "logits":
        return points.logit(evidence.case, evidence.validation, key.i, key.j, _entry(evidence, key, name))
    return fits.sums(evidence.case, key.i, key.j)


def _of_choice(evidence: Evidence, key: Key, name: str) -> Dispute:
    case, terms = evidence.case, evidence.case.terms
    right, found = (t.find(*key).value(name) for t in (evidence.expected, case.trace))
    if name == "step" and min(right, found) < 0:
        return fits.accepted(case)
    of_step = name == "step"
    within = found < len(terms.etas if of_step else terms.betas_tenths)
    candidates = of_step or case.value(Op.ENTRY, 0, 0, "steps")
    if name == "scored step" or found < 0 or not within or not candidates:
        return fits.choice_range(case)
    return fits.minimum(case, right + of_step * STEP_POINTS)


def _of_node(evidence: Evidence, key: Key, name: str) -> Dispute:
    if name == "coefficients":
        return gradient.coefficient(evidence.case, key.i, _entry(evidence, key, name))
    return gradient.node_sums(evidence.case, key.i)


def _of_gradient(evidence: Evidence, key: Key, name: str) -> Dispute:
    if name == "scaled sum":
        return gradient.scaled_sum(evidence.case)
    entry = _entry(evidence, key, name)
    if name == "averaged":
        return gradient.average(evidence.case, entry)
    return gradient.gradient(evidence.case, evidence.validation, entry)


def _of_direction(evidence: Evidence, key: Key, name: str) -> Dispute:
    if name == "shift":
        return projection.shift(evidence.case, key.i)
    return projection.direction(evidence.case, key.i, _entry(evidence, key, name))


def _of_system(evidence: Evidence, _: Key, name: str) -> Dispute:
    kind, *places = name.split()
    numbers = [int(place) for place in places]
    return (projection.gram if kind == "gram" else projection.target)(evidence.case, *numbers)


def _of_projected(evidence: Evidence, key: Key, name: str) -> Dispute:
    return projection.projected(evidence.case, _entry(evidence, key, name))


def _of_member(evidence: Evidence, key: Key, name: str) -> Dispute:
    case, i = evidence.case, key.i
    if name in {"credit before", "suspended before"}:
        before = evidence.before
        return state.carried_member(case, before, i) if before else state.initial_member(case, i)
    if name == "partial sum":
        return members.partial_sum(case, i, _entry(evidence, key, name), _delta(evidence, i))
    if name == "product":
        return members.product(case, i, _delta(evidence, i))
    place, did = members.seat(evidence.admitted, i), evidence.admitted[i].did
    right = evidence.expected.find(*key)
    if name in {"status", "delta"} and right.value("status") == STATUS_CODES[Status.ACCEPTED]:
        proof = evidence.reveals.proofs()[did]
        return members.omitted(case, place, _digest(right.value("delta")), proof)
    if name == "status" and case.value(*key, name) == STATUS_CODES[Status.ABSENT]:
        proof = MemberTree.build(evidence.commitments).proofs()[did]
        return members.absent(case, place, evidence.commitments[did], proof)
    return members.line(case, place)


def _digest(value: int) -> Hash32:
    return Hash32((value % (1 << 256)).to_bytes(32, "big"))


def _delta(evidence: Evidence, i: int) -> bytes:
    """Return the bytes of the delta that a member was accepted with; none if it was not."""
    digest = evidence.case.value(Op.MEMBER, i, 0, "delta")
    if not digest:
        return b""
    found = evidence.deltas.get(_digest(digest))
    if found is None:
        raise VerificationFailed("trace", f"nobody published the delta of member {i}", hint="demand it")
    return found


def _of_exit(evidence: Evidence, key: Key, name: str) -> Dispute:
    moved = evidence.case.value(Op.CHOICE, 0, 0, "step") > 0
    if moved and name in {"move", "last step"}:
        entry = _entry(evidence, key, name)
        return (state.exit_move if name == "move" else state.exit_step)(evidence.case, entry)
    return state.exit_scalars(evidence.case)


_BY_OP: Final[Mapping[Op, Callable[[Evidence, Key, str], Dispute]]] = {
    Op.ENTRY: _of_entry,
    Op.MEAN: lambda evidence, *_: examples.mean(evidence.case, evidence.validation),
    Op.EXAMPLES: _of_examples,
    Op.POINT: _of_point,
    Op.SUMS: _of_sums,
    Op.CHOICE: _of_choice,
    Op.NODE: _of_node,
    Op.GRADIENT: _of_gradient,
    Op.DIRECTION: _of_direction,
    Op.SYSTEM: _of_system,
    Op.PROJECTED: _of_projected,
    Op.MEMBER: _of_member,
    Op.IMPROVEMENT: lambda evidence, *_: gradient.improvement(evidence.case),
    Op.EXIT: _of_exit,
}
