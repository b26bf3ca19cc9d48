"""A trace: its records, the bytes behind the vectors they commit to, its root and proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from federation.errors import VerificationFailed
from federation.hashing import Domain, keccak256, purpose
from federation.merkle import MerkleTree
from federation.trace.records import Key, Op, Record, parse_records
from federation.types import Hash32

_MAGIC: Final = b"FMT2"


def record_leaf(tag: Hash32, record: Record) -> Hash32:
    """Return the leaf of a record; ``tag`` is the domain's digest of the trace and its round."""
    return keccak256(keccak256(purpose("trace") + tag + record.words()))


@dataclass(frozen=True, slots=True)
class Trace:
    """Records in order of derivation, under one root.

    Attributes:
        records: The records.
        vectors: V -> the bytes behind it; empty for a trace that was parsed.
    """

    records: tuple[Record, ...]
    vectors: Mapping[Hash32, bytes] = field(default_factory=dict, repr=False, compare=False)
    _index: Mapping[Key, int] = field(init=False, repr=False, compare=False)
    _trees: dict[tuple[Domain, int], MerkleTree] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        index: dict[Key, int] = {}
        for k, record in enumerate(self.records):
            index.setdefault(record.key, k)
        object.__setattr__(self, "_index", index)

    def __contains__(self, key: Key | tuple[Op, int, int]) -> bool:
        return key in self._index

    def find(self, op: Op, i: int = 0, j: int = 0) -> Record:
        """Return the record with a key; the first, should a false trace hold two.

        Raises:
            VerificationFailed: There is none.
        """
        return self.records[self._place(Key(op, i, j))]

    def opened(self, op: Op, i: int, j: int, name: str) -> bytes:
        """Return the bytes behind a vector that a record commits to.

        Args:
            op: The record's op.
            i: Its first number.
            j: Its second number.
            name: The value's name in ``Op.fields``.

        Raises:
            VerificationFailed: There is no such record, or the trace came without its vectors.
        """
        root = Hash32(self.find(op, i, j).value(name).to_bytes(32, "big", signed=True))
        data = self.vectors.get(root)
        if data is None:
            raise VerificationFailed("trace", f"nothing opens {Key(op, i, j)} {name}")
        return data

    def tree(self, domain: Domain, round_: int) -> MerkleTree:
        """Return the Merkle tree over the records, in order; built once for each place.

        Args:
            domain: Where the trace is valid.
            round_: The round, from 1; 0 for a settlement.
        """
        tree = self._trees.get((domain, round_))
        if tree is None:
            tag = domain.digest("trace", round_)
            tree = MerkleTree.build([record_leaf(tag, r) for r in self.records], sort=False)
            self._trees[domain, round_] = tree
        return tree

    def root(self, domain: Domain, round_: int) -> Hash32:
        """Return the Merkle root over the records."""
        return self.tree(domain, round_).root

    def proof(self, domain: Domain, round_: int, op: Op, i: int = 0, j: int = 0) -> tuple[Hash32, ...]:
        """Return the siblings from a record's leaf up to the root.

        Raises:
            VerificationFailed: There is no such record.
        """
        return self.tree(domain, round_).proof(self._place(Key(op, i, j)))

    def _place(self, key: Key) -> int:
        place = self._index.get(key)
        if place is None:
            raise VerificationFailed("trace", f"has no {key}")
        return place

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        return _MAGIC + b"".join(r.to_bytes() for r in self.records)

    @classmethod
    def parse(cls, data: bytes) -> Trace:
        """Return the trace that canonical bytes hold, without its vectors.

        Raises:
            VerificationFailed: The bytes are not a trace.
        """
        if data[:4] != _MAGIC:
            raise VerificationFailed("trace", "not in this format")
        return cls(parse_records(data[4:]))
