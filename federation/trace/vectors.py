"""Committing to vectors so that a contract can open one part of them.

``V(v)``: v as little-endian int64, cut in chunks of 512 entries, the last one shorter;
``V = keccak256(concat of keccak256(chunk))``. A chunk is opened with its bytes and all chunks'
hashes; the whole vector with its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from federation.fixedpoint import Ints
from federation.hashing import keccak256, sha256
from federation.types import Hash32

CHUNK_ENTRIES: Final = 512
CHUNK_BYTES: Final = 8 * CHUNK_ENTRIES


def vector_bytes(vector: Ints) -> bytes:
    """Return a vector's little-endian int64."""
    return vector.astype("<i8").tobytes()


def chunks(data: bytes) -> list[bytes]:
    """Return the chunks of a vector's bytes, none for an empty vector."""
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def chunk_hashes(data: bytes) -> list[Hash32]:
    """Return the hash of every chunk of a vector's bytes: what opens one chunk under V."""
    return [keccak256(chunk) for chunk in chunks(data)]


def vector_root(vector: bytes | Ints) -> Hash32:
    """Return V of a vector, given as int64 of shape (n,) or as its bytes."""
    data = vector if isinstance(vector, bytes) else vector_bytes(vector)
    return keccak256(b"".join(chunk_hashes(data)))


def vector_hash(vector: Ints) -> Hash32:
    """Return the SHA-256 of a vector's little-endian int64, by which a receipt names an aggregate."""
    return sha256(vector_bytes(vector))


def hash_value(digest: bytes) -> int:
    """Return 32 bytes as a record states them: ``int256(uint256(digest))``."""
    return int.from_bytes(digest, "big", signed=True)


class Vectors:
    """Commits to vectors and remembers their bytes."""

    def __init__(self) -> None:
        self._roots: dict[bytes, Hash32] = {}

    def commit(self, vector: Ints) -> int:
        """Return V as a record states it; a vector met before is not hashed again."""
        data = vector_bytes(vector)
        root = self._roots.get(data)
        if root is None:
            root = self._roots[data] = vector_root(data)
        return hash_value(root)

    def opened(self) -> Mapping[Hash32, bytes]:
        """Return the bytes behind every commitment so far."""
        return {root: data for data, root in self._roots.items()}
