"""The committed validation set: salted examples in shards, opened one by one.

Each provider deals its examples into the public portion (shard 0) and shards 1..S. A *part* is one
provider's share of one shard. Parts are committed by a Merkle root over salted examples, all parts
by one index, and the index by the root that ``openEpoch`` records. Salts keep a part secret until
it is opened; the root keeps it from changing afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.errors import ConfigError, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain, sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.models.linear import Examples, integer_mean
from federation.types import Hash32

MINIMUM_SHARD: Final = 20
"""Fewer examples measure too little to pay on."""

_EXAMPLES: Final = b"FME1"
_PART: Final = b"FMV1"
_INDEX: Final = b"FMI1"
_MEAN: Final = b"FMC1"
_NOTHING: Final = Hash32(bytes(32))


def example_bytes(examples: Examples, i: int) -> bytes:
    """Return one example's canonical bytes: label, number of words, ascending uint32 indices."""
    words = examples.words[examples.offsets[i] : examples.offsets[i + 1]]
    return bytes([int(examples.labels[i])]) + len(words).to_bytes(4, "little") + words.astype("<u4").tobytes()


def examples_bytes(examples: Examples) -> bytes:
    """Return canonical bytes of labelled word sets."""
    rows = b"".join(example_bytes(examples, i) for i in range(len(examples)))
    return _EXAMPLES + len(examples).to_bytes(4, "little") + rows


def parse_examples(data: bytes, *, dim: int) -> Examples:
    """Return the examples that canonical bytes hold.

    Raises:
        VerificationFailed: The bytes do not re-encode to themselves, or a word is not below ``dim``.
    """
    rows: list[Ints] = []
    labels, at = [], 8
    for _ in range(int.from_bytes(data[4:8], "little") if len(data) >= 8 else 0):
        length = int.from_bytes(data[at + 1 : at + 5], "little")
        words = data[at + 5 : at + 5 + 4 * length]
        if at + 5 > len(data) or len(words) != 4 * length:
            raise VerificationFailed("examples", "cut short")
        rows.append(np.frombuffer(words, dtype="<u4").astype(np.int64))
        labels.append(data[at])
        at += 5 + 4 * length
    offsets = np.concatenate(([0], np.cumsum([len(r) for r in rows], dtype=np.int64)))
    joined = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    examples = Examples(joined, offsets, np.array(labels, dtype=np.int64))
    ascending = all(bool(np.all(np.diff(r) > 0)) for r in rows)
    in_range = not examples.words.size or int(examples.words.max()) < dim
    if not (ascending and in_range and set(labels) <= {0, 1} and examples_bytes(examples) == data):
        raise VerificationFailed("examples", "not in canonical form")
    return examples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One provider's share of one shard.

    Attributes:
        shard: 0 for the public portion, else 1..S.
        provider: The provider's place in the manifest, from 0.
        salts: 32 secret bytes per example.
        examples: The examples themselves.
    """

    shard: int
    provider: int
    salts: tuple[bytes, ...]
    examples: Examples

    def tree(self, domain: Domain) -> MerkleTree:
        """Return the Merkle tree over the salted examples, in order.

        Raises:
            ConfigError: There is none.
        """
        leaves = [
            leaf_hash(
                domain.digest(
                    "validation-example",
                    0,
                    self.shard,
                    self.provider,
                    i,
                    sha256(salt + example_bytes(self.examples, i)),
                )
            )
            for i, salt in enumerate(self.salts)
        ]
        return MerkleTree.build(leaves, sort=False)

    def root(self, domain: Domain) -> Hash32:
        """Return the Merkle root over the salted examples, in order; 32 zero bytes if there is none."""
        return self.tree(domain).root if self.salts else _NOTHING

    def to_bytes(self) -> bytes:
        """Return the opened part's canonical bytes."""
        head = self.shard.to_bytes(4, "little") + self.provider.to_bytes(4, "little")
        return _PART + head + b"".join(self.salts) + examples_bytes(self.examples)

    @classmethod
    def parse(cls, data: bytes, *, count: int, dim: int) -> Part:
        """Return the part that canonical bytes hold.

        Args:
            data: The opening.
            count: How many examples the index promises.
            dim: Number of words.

        Raises:
            VerificationFailed: The bytes are not such a part.
        """
        end = 12 + 32 * count
        if data[:4] != _PART or len(data) < end:
            raise VerificationFailed("shard part", "not a part of this validation set")
        part = cls(
            shard=int.from_bytes(data[4:8], "little"),
            provider=int.from_bytes(data[8:12], "little"),
            salts=tuple(data[i : i + 32] for i in range(12, end, 32)),
            examples=parse_examples(data[end:], dim=dim),
        )
        if len(part.examples) != count:
            raise VerificationFailed("shard part", f"{len(part.examples)} examples, {count} were committed")
        return part


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index says of one part."""

    shard: int
    provider: int
    count: int
    root: Hash32


@dataclass(frozen=True, slots=True)
class Index:
    """The commitment to the whole validation set: one entry per part, by shard, then provider."""

    entries: tuple[Entry, ...]

    @property
    def tree(self) -> MerkleTree:
        """The Merkle tree over the entries, in order."""
        leaves = [leaf_hash(e.shard, e.provider, e.count, e.root) for e in self.entries]
        return MerkleTree.build(leaves, sort=False)

    @property
    def root(self) -> Hash32:
        """The root that ``openEpoch`` records."""
        return self.tree.root

    def smallest_shard(self) -> int:
        """Return how many examples the smallest sealed shard has."""
        sizes: dict[int, int] = {}
        for entry in self.entries:
            sizes[entry.shard] = sizes.get(entry.shard, 0) + entry.count
        return min((size for shard, size in sizes.items() if shard), default=0)

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        return _INDEX + b"".join(
            e.shard.to_bytes(4, "little")
            + e.provider.to_bytes(4, "little")
            + e.count.to_bytes(4, "little")
            + e.root
            for e in self.entries
        )

    @classmethod
    def parse(cls, data: bytes) -> Index:
        """Return the index that canonical bytes hold.

        Raises:
            VerificationFailed: The bytes are not an index.
        """
        if data[:4] != _INDEX or len(data) % 44 != 4 or len(data) == 4:
            raise VerificationFailed("validation index", "not an index")
        return cls(
            tuple(
                Entry(
                    int.from_bytes(data[i : i + 4], "little"),
                    int.from_bytes(data[i + 4 : i + 8], "little"),
                    int.from_bytes(data[i + 8 : i + 12], "little"),
                    Hash32(data[i + 12 : i + 44]),
                )
                for i in range(4, len(data), 44)
            )
        )

    def open(self, data: bytes, *, shard: int, provider: int, domain: Domain, dim: int) -> Part:
        """Return an opened part after checking it against the commitment.

        Raises:
            VerificationFailed: It is another part, or not what was committed.
        """
        entry = next((e for e in self.entries if (e.shard, e.provider) == (shard, provider)), None)
        if entry is None:
            raise VerificationFailed(f"shard {shard} of provider {provider}", "never committed")
        part = Part.parse(data, count=entry.count, dim=dim)
        if (part.shard, part.provider) != (shard, provider) or part.root(domain) != entry.root:
            raise VerificationFailed(f"shard {shard} of provider {provider}", "differs from its commitment")
        return part


def mean_bytes(counts: Ints, examples: int) -> bytes:
    """Return the canonical bytes of word counts and their total, from which the mean follows."""
    return _MEAN + examples.to_bytes(8, "little") + counts.astype("<i8").tobytes()


def parse_mean(data: bytes, *, dim: int) -> Ints:
    """Return the committed integer mean.

    Raises:
        VerificationFailed: The bytes are not a mean of this dimension.
    """
    total = int.from_bytes(data[4:12], "little")
    if data[:4] != _MEAN or len(data) != 12 + 8 * dim or not 0 < total < 1 << 40:
        raise VerificationFailed("validation mean", "not a mean of this model's dimension")
    counts = np.frombuffer(data, dtype="<i8", offset=12).astype(np.int64)
    if int(counts.min()) < 0 or int(counts.max()) > total:
        raise VerificationFailed("validation mean", "a word occurs more often than there are examples")
    return integer_mean(counts, total)


def require_shards(examples: int, *, rounds: int, public_milli: int, providers: int) -> None:
    """Refuse more rounds than a validation set has shards for, one per round.

    The public portion takes up to two examples more per provider, one for each label.

    Raises:
        ConfigError: A shard would have fewer than ``MINIMUM_SHARD`` examples; the hint says how many
            rounds this validation set allows.
    """
    sealed = examples - examples * public_milli // 1000 - 2 * providers
    if sealed // rounds < MINIMUM_SHARD:
        raise ConfigError(
            f"{examples} validation examples make shards of {sealed // rounds} for {rounds} rounds",
            hint=f"a shard needs {MINIMUM_SHARD}: this set allows {sealed // MINIMUM_SHARD} rounds",
        )


def deal(
    labels: Sequence[int], *, shards: int, public_milli: int, shuffle: Callable[[list[int]], None], start: int
) -> list[list[int]]:
    """Deal one provider's examples, stratified by label, into the public portion and the shards.

    Args:
        labels: 0 or 1 per example.
        shards: S.
        public_milli: The public portion in thousandths.
        shuffle: Shuffles a list in place from the provider's own randomness.
        start: Where dealing begins, so that the providers' remainders fall on different shards.

    Returns:
        Positions per shard: the public portion first.
    """
    hands: list[list[int]] = [[] for _ in range(shards + 1)]
    turn = start
    for label in (1, 0):
        positions = [i for i, y in enumerate(labels) if y == label]
        shuffle(positions)
        public = -(-len(positions) * public_milli // 1000)
        hands[0].extend(positions[:public])
        for i in positions[public:]:
            hands[1 + turn % shards].append(i)
            turn += 1
    return hands


def commitment_bytes(domain: Domain, provider: int, entries: Sequence[Entry], tip: Hash32) -> bytes:
    """Return what a provider signs: its parts' roots and the tip of its hash chain."""
    own = Index(tuple(entries)).to_bytes()
    return domain.digest("validation-commitment", 0, provider, sha256(own), tip)


def opening_bytes(index: Index, public: Sequence[bytes], signatures: Sequence[bytes]) -> bytes:
    """Return what is published when the epoch opens.

    The index, then each provider's public part, then each provider's signed commitment; every
    piece after its length as little-endian uint32.
    """
    pieces = [index.to_bytes(), *public, *signatures]
    return b"".join(len(piece).to_bytes(4, "little") + piece for piece in pieces)


def parse_opening(data: bytes) -> tuple[Index, list[bytes], list[bytes]]:
    """Return the index, the public parts and the providers' signatures that an epoch opened with.

    Raises:
        VerificationFailed: The bytes are not such an opening.
    """
    pieces, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        pieces.append(data[at + 4 : end])
        at = end
    index, *rest = pieces or [b""]
    parsed, half = Index.parse(index), len(rest) // 2
    public, signatures = rest[:half], rest[half:]
    if len(rest) % 2 or opening_bytes(parsed, public, signatures) != data:
        raise VerificationFailed("validation opening", "not in canonical form")
    return parsed, public, signatures
