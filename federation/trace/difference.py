"""The first wrong value of a published trace: the one to dispute.

"First" is in order of derivation, not of records: every value that a named one follows from is
right, so that one proof shows it wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.errors import VerificationFailed
from federation.fixedpoint import Ints
from federation.models.linear import INTERCEPT_BOUND
from federation.trace.points import PATH_POINTS, STEP_POINTS, on_path, running_sums
from federation.trace.records import Key, Op, Record
from federation.trace.tree import Trace


@dataclass(frozen=True, slots=True)
class Difference:
    """A wrong value.

    Attributes:
        key: The record.
        field: The value's name; empty if the record is missing, double or should not exist.
        expected: The recomputed record; None if there should be none.
        found: The published record; None if it is missing.
        reason: What is wrong, for people.
    """

    key: Key
    field: str
    expected: Record | None
    found: Record | None
    reason: str


def first_difference(expected: Trace, published: Trace) -> Difference | None:
    """Compare a published trace with the recomputed one.

    Args:
        expected: Recomputed, with its vectors.
        published: Parsed from what was published.

    Returns:
        The first wrong value in order of derivation; None if the records are the same.
    """
    if published.records == expected.records:
        return None
    for key, field in _derivation(expected):
        right = expected.find(*key)
        if key not in published:
            return Difference(key, "", right, None, "is missing")
        found = published.find(*key)
        place = right.op.fields.index(field)
        if found.values[place] != right.values[place]:
            if (key.op, field) == (Op.POINT, "intercept"):
                return _intercept_or_sums(expected, published, right, found)
            return _wrong(right, found, place)
    return _superfluous(expected, published)


def require_equal(expected: Trace, published: bytes) -> None:
    """Refuse a published trace that is not the recomputed one, naming the first wrong value.

    Raises:
        VerificationFailed: The traces differ.
    """
    if published == expected.to_bytes():
        return
    difference = first_difference(expected, Trace.parse(published))
    if difference is not None:
        name = f"{difference.key} {difference.field}".rstrip()
        raise VerificationFailed("trace", f"{name} {difference.reason}")


def _wrong(right: Record, found: Record, place: int) -> Difference:
    reason = f"should be {right.values[place]}, not {found.values[place]}"
    return Difference(right.key, right.op.fields[place], right, found, reason)


def _superfluous(expected: Trace, published: Trace) -> Difference:
    seen: set[Key] = set()
    for record in published.records:
        right = expected.find(*record.key) if record.key in expected else None
        if right is None:
            return Difference(record.key, "", None, record, "should not be there")
        if record.key in seen:
            return Difference(record.key, "", right, record, "is there twice")
        seen.add(record.key)
    (first, record), *_ = (
        (right, record)
        for right, record in zip(expected.records, published.records, strict=True)
        if right != record
    )
    return Difference(record.key, "", first, record, f"stands where {first.key} should")


def _intercept_or_sums(expected: Trace, published: Trace, right: Record, found: Record) -> Difference:
    """Tell a wrong intercept with sums of its own, which show it, from sums that are not its own."""
    place = right.op.fields.index("intercept")
    keys = sorted(r.key for r in expected.records if (r.op, r.i) == (Op.SUMS, right.i))
    brier, intercept = on_path(right.i), found.values[place]
    if abs(intercept) > INTERCEPT_BOUND:
        return _wrong(right, found, place)
    start = np.zeros(3, dtype=np.int64)
    for key in keys:
        if key not in published:
            return Difference(key, "", expected.find(*key), None, "is missing")
        logits = _ints(expected.opened(*key, "logits"))
        labels = _ints(expected.opened(Op.EXAMPLES, 0, key.j, "labels"))
        sums = running_sums(logits, labels, intercept, brier=brier)
        start = start + np.array([total[-1] for total in sums])
        root = expected.find(*key).values[0]
        implied = Record(*key, (root, *start.tolist()))
        claimed = published.find(*key)
        for field, (a, b) in enumerate(zip(implied.values, claimed.values, strict=True)):
            if a != b:
                return _wrong(implied, claimed, field)
    return _wrong(right, found, place)


def _ints(data: bytes) -> Ints:
    return np.frombuffer(data, dtype="<i8").astype(np.int64)


def _derivation(trace: Trace) -> list[tuple[Key, str]]:
    """Return every value of a trace, each after all that it follows from."""
    staged = [
        (_stage(record.key, field), record.key, name)
        for record in trace.records
        for field, name in enumerate(record.op.fields)
    ]
    return [(key, name) for _, key, name in sorted(staged)]


_MOMENTUM: Final = 3
_STEP: Final = 6
_PATH: Final = 9
_STAGES: Final[Mapping[Op, tuple[int, ...]]] = {
    Op.ENTRY: (0,) * 7,
    Op.MEAN: (1,),
    Op.EXAMPLES: (2,) * 4,
    Op.CHOICE: (_MOMENTUM + 1, _STEP + 1, _STEP + 1),
    Op.MEMBER: (5, 5, 5, 15, 15, 15, 15, 5, 15, 5, 17),
    Op.NODE: (10,) * 3,
    Op.GRADIENT: (11,) * 3,
    Op.DIRECTION: (12,) * 2,
    Op.SYSTEM: (13,) * 14,
    Op.PROJECTED: (13,),
    Op.IMPROVEMENT: (14,) * 2,
    Op.EXIT: (18, 18, 18, 18, 18, 16),
    Op.PAYMENT: (19, 19, 20, 20, 21),
    Op.ROW: (22,) * 6,
    Op.RULES: (0,) * 3,
    Op.PART: (5,),
    Op.MEMORY: (0, 16),
}
"""When each value is known: a member's place in the sum before any step, its score after the gradient."""


def _stage(key: Key, field: int) -> tuple[int, ...]:
    """Return where a value stands among the others; fields are numbered as in ``Op.fields``."""
    op, i, j = key
    if op not in {Op.POINT, Op.SUMS}:
        return _STAGES[op][field], op, i, j, field
    stage = _MOMENTUM if i < STEP_POINTS else _STEP if i < PATH_POINTS else _PATH
    # Weights and their product, logits, then the intercept, then the sums that decide it.
    later = field >= 1 if op is Op.SUMS else field == 2
    return stage, i, 2 * later + (op is Op.SUMS), j, field
