"""The trace of a round: every step of the paid score as a typed record under one root.

A record is (op, i, j, values). Vectors are committed by their keccak-256 in chunks and published
beside it. So a single wrong step can be shown to a contract with the few records it follows from.
"""

from __future__ import annotations

from federation.trace.difference import Difference, first_difference, require_equal
from federation.trace.records import STATUS_CODES, Key, Op, Record
from federation.trace.rounds import Position, decided_trace, round_trace
from federation.trace.settlement import Settlement, settlement_trace
from federation.trace.tree import Trace
from federation.trace.vectors import (
    CHUNK_BYTES,
    CHUNK_ENTRIES,
    Vectors,
    chunk_hashes,
    chunks,
    vector_hash,
    vector_root,
)

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_ENTRIES",
    "STATUS_CODES",
    "Difference",
    "Key",
    "Op",
    "Position",
    "Record",
    "Settlement",
    "Trace",
    "Vectors",
    "chunk_hashes",
    "chunks",
    "decided_trace",
    "first_difference",
    "require_equal",
    "round_trace",
    "settlement_trace",
    "vector_hash",
    "vector_root",
]
