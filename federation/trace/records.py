"""What a record states: the ops, their values' names, and the canonical bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from federation.errors import VerificationFailed
from federation.rounds import Status

HEAD_BYTES: Final = 9
"""Of a record: op, i and j before the values."""

STATUS_CODES: Final[Mapping[Status, int]] = {
    Status.ACCEPTED: 1,
    Status.REJECTED: 2,
    Status.SILENT: 3,
    Status.ABSENT: 4,
    Status.SUSPENDED: 5,
}


class Op(IntEnum):
    """What a record states; ``i`` and ``j`` number what it is about (docs/protocol.md, The trace)."""

    ENTRY = 1
    """The state before the round."""
    MEAN = 2
    """Of the committed mean m."""
    EXAMPLES = 3
    """Of the examples at position j."""
    POINT = 4
    """Weights that were evaluated, point i."""
    SUMS = 5
    """Of point i over its positions up to j."""
    CHOICE = 6
    """What the line searches chose."""
    NODE = 7
    """Quadrature node i."""
    GRADIENT = 8
    """The averaged gradient."""
    DIRECTION = 9
    """Public direction i."""
    SYSTEM = 10
    """The directions' Gram matrix and target."""
    PROJECTED = 11
    """The gradient without its part along them."""
    MEMBER = 12
    """Member i, in the roster's order."""
    IMPROVEMENT = 13
    """The gain, and as it counts."""
    EXIT = 14
    """The state after the round."""
    PAYMENT = 15
    """What member i is due."""
    ROW = 16
    """Row i of the payout table."""
    RULES = 17
    """How deltas were combined and members scored, where not by the default rules."""
    PART = 18
    """What was made of member i's delta."""
    MEMORY = 19
    """Vector i of what the strategy keeps from round to round."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the values, in order."""
        return _FIELDS[self]

    @property
    def arity(self) -> int:
        """How many values a record holds."""
        return len(_FIELDS[self])


_PAIRS = [(a, b) for a in range(4) for b in range(a, 4)]

_FIELDS: Final[Mapping[Op, tuple[str, ...]]] = {
    Op.ENTRY: ("initial", "weights", "move", "last step", "step before", "steps", "moved"),
    Op.MEAN: ("norm squared",),
    Op.EXAMPLES: ("shard", "size", "labels", "scales"),
    Op.POINT: ("weights", "mean product", "intercept"),
    Op.SUMS: ("logits", "excess", "excess above", "loss"),
    Op.CHOICE: ("momentum", "step", "scored step"),
    Op.NODE: ("residual sum", "curvature sum", "coefficients"),
    Op.GRADIENT: ("averaged", "scaled sum", "gradient"),
    Op.DIRECTION: ("shift", "direction"),
    Op.SYSTEM: (*(f"gram {a} {b}" for a, b in _PAIRS), *(f"target {a}" for a in range(4))),
    Op.PROJECTED: ("projected",),
    Op.MEMBER: (
        "status",
        "delta",
        "partial sum",
        "product",
        "score",
        "counted",
        "credit",
        "credit before",
        "credit after",
        "suspended before",
        "suspended after",
    ),
    Op.IMPROVEMENT: ("gain", "counted"),
    Op.EXIT: ("weights", "move", "last step", "step before", "steps", "moved"),
    Op.PAYMENT: ("credit", "positive", "due", "due so far", "row"),
    Op.RULES: ("strategy", "method", "exact"),
    Op.PART: ("part",),
    Op.MEMORY: ("before", "after"),
    Op.ROW: ("payee", "member", "previous", "cumulative", "last", "total"),
}


class Key(NamedTuple):
    """What a record is about."""

    op: Op
    i: int
    j: int

    def __str__(self) -> str:
        return f"{self.op.name.lower()}[{self.i},{self.j}]"


@dataclass(frozen=True, slots=True)
class Record:
    """One step: an op, what it is about, and its values as signed 256-bit integers."""

    op: Op
    i: int
    j: int
    values: tuple[int, ...]

    @property
    def key(self) -> Key:
        """What it is about."""
        return Key(self.op, self.i, self.j)

    def value(self, field: str) -> int:
        """Return the value of a field, by its name in ``Op.fields``."""
        return self.values[self.op.fields.index(field)]

    def words(self) -> bytes:
        """Return op, i, j and the values as 32-byte words, as a contract packs them."""
        head = b"".join(number.to_bytes(32, "big") for number in (self.op, self.i, self.j))
        return head + self._value_bytes()

    def to_bytes(self) -> bytes:
        """Return canonical bytes: op (1), i and j (4 each, little-endian), values (32 each)."""
        head = self.op.to_bytes(1, "little") + self.i.to_bytes(4, "little") + self.j.to_bytes(4, "little")
        return head + self._value_bytes()

    def _value_bytes(self) -> bytes:
        return b"".join(value.to_bytes(32, "big", signed=True) for value in self.values)


def parse_records(data: bytes) -> tuple[Record, ...]:
    """Return the records that canonical bytes hold, one after the other.

    Raises:
        VerificationFailed: An op is unknown, or the last record is cut short.
    """
    records: list[Record] = []
    at = 0
    while at < len(data):
        number = data[at]
        if number not in _NUMBERS:
            raise VerificationFailed("trace", f"record {len(records)} has no known op: {number}")
        op = Op(number)
        start, end = at + HEAD_BYTES, at + HEAD_BYTES + 32 * op.arity
        if end > len(data):
            raise VerificationFailed("trace", f"record {len(records)} is cut short")
        i = int.from_bytes(data[at + 1 : at + 5], "little")
        j = int.from_bytes(data[at + 5 : at + 9], "little")
        values = (int.from_bytes(data[k : k + 32], "big", signed=True) for k in range(start, end, 32))
        records.append(Record(op, i, j, tuple(values)))
        at = end
    return tuple(records)


_NUMBERS: Final = frozenset(int(op) for op in Op)
