"""What every proof of a fault is made of: a round's context, its records, and openings of its vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from contracts.bindings.structs import Chunk, Context, EpochTerms, Record, RoundWords
from contracts.chain import Chain, Receipt, Signer, Transaction
from contracts.contract import Contract
from contracts.draft import draft
from federation.errors import VerificationFailed
from federation.hashing import Domain, abi_words, keccak256
from federation.trace import CHUNK_BYTES, CHUNK_ENTRIES, Op, Trace, chunks
from federation.types import Address, Hash32

Judge = TypeVar("Judge", bound=Contract)

NO_RECORD: Final = Record(op=0, i=0, j=0, values=(), proof=())
"""Where a proof needs none: the judge does not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One call to a judge: announced first, so that nobody can take its proof, then sent.

    Attributes:
        judge: Name of the contract.
        data: The call data.
    """

    judge: str
    data: bytes

    @classmethod
    def draft(cls, judge: type[Judge], act: Callable[[Judge, Signer], Receipt]) -> Dispute:
        """Write down the call that ``act`` makes to a judge, without a chain."""
        return cls(judge=judge.ARTIFACT, data=draft(judge, act))

    @property
    def hash(self) -> Hash32:
        """What the federation hears of the proof: keccak-256 of the call data."""
        return keccak256(self.data)

    def commitment(self, challenger: Address) -> Hash32:
        """Return what ``announce`` takes: it binds the proof to its sender and shows nothing of it."""
        return keccak256(abi_words(challenger, self.hash))

    def send(self, chain: Chain, challenger: Signer, judge: Address) -> Receipt:
        """Send the call to the judge's address.

        Raises:
            NoFault: The step is right.
            Reverted: The judge, or the federation, refuses it for another reason.
        """
        return chain.send(Transaction(to=judge, data=self.data), challenger)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A recorded round under dispute: what was published of it.

    Attributes:
        domain: Chain, federation and epoch.
        terms: What the epoch promised.
        round: r, from 1.
        words: What the round committed.
        trace: Its records, as published.
        vectors: The bytes behind the commitments of its records; both the published ones and those
            that a challenger recomputed may be in it.
    """

    domain: Domain
    terms: EpochTerms
    round: int
    words: RoundWords
    trace: Trace
    vectors: Mapping[Hash32, bytes]

    @property
    def context(self) -> Context:
        """The context as a judge takes it."""
        return Context(
            federation=self.domain.federation, terms=self.terms, round_=self.round, words=self.words
        )

    def record(self, op: Op, i: int = 0, j: int = 0) -> Record:
        """Return a record with its proof.

        Raises:
            VerificationFailed: There is none.
        """
        values = self.trace.find(op, i, j).values
        proof = self.trace.proof(self.domain, self.round, op, i, j)
        return Record(op=op, i=i, j=j, values=values, proof=proof)

    def record_at(self, place: int) -> Record:
        """Return the record at a place of the trace, with its proof."""
        found = self.trace.records[place]
        proof = self.trace.tree(self.domain, self.round).proof(place)
        return Record(op=found.op, i=found.i, j=found.j, values=found.values, proof=proof)

    def value(self, op: Op, i: int, j: int, field: str) -> int:
        """Return a recorded value by its name in ``Op.fields``."""
        return self.trace.find(op, i, j).value(field)

    def whole(self, op: Op, i: int, j: int, field: str) -> bytes:
        """Return the bytes behind a recorded vector.

        Raises:
            VerificationFailed: Nobody published them: they must be demanded first.
        """
        root = Hash32(self.value(op, i, j, field).to_bytes(32, "big", signed=True))
        if root not in self.vectors:
            raise VerificationFailed("trace", f"nothing opens {op.name.lower()}[{i},{j}] {field}")
        return self.vectors[root]

    def chunk(self, op: Op, i: int, j: int, field: str, index: int) -> Chunk:
        """Return the opening of the chunk with entry ``index`` of a recorded vector."""
        return chunk_of(self.whole(op, i, j, field), index)


def chunk_of(data: bytes, index: int) -> Chunk:
    """Return the opening of the chunk with entry ``index`` of a vector's bytes."""
    at = index // CHUNK_ENTRIES * CHUNK_BYTES
    return Chunk(hashes=tuple(keccak256(c) for c in chunks(data)), data=data[at : at + CHUNK_BYTES])
