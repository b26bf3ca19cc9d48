"""Openings of the committed validation examples, as judges take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.bindings.structs import Opening, PartEntry
from federation.errors import VerificationFailed
from federation.hashing import Domain
from federation.types import Hash32
from federation.validation import Index, Part, example_bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation:
    """The validation commitment and the parts that have been opened.

    Attributes:
        domain: Chain, federation and epoch.
        providers: How many there are.
        index: The commitment.
        parts: Opened parts, by (shard, provider).
        mean: The canonical bytes of the mean.
    """

    domain: Domain
    providers: int
    index: Index
    parts: Mapping[tuple[int, int], Part]
    mean: bytes

    def entry(self, shard: int, provider: int) -> PartEntry:
        """Return what the index says of a part, with its proof."""
        keys = [(e.shard, e.provider) for e in self.index.entries]
        place = keys.index((shard, provider))
        found = self.index.entries[place]
        return PartEntry(count=found.count, root=found.root, proof=self.index.tree.proof(place))

    def entries(self, shard: int) -> tuple[PartEntry, ...]:
        """Return the entries of all providers' parts of a shard."""
        return tuple(self.entry(shard, provider) for provider in range(self.providers))

    def opening(self, shard: int, e: int) -> Opening:
        """Return the opening of the e-th example of a shard, providers joined in order.

        Raises:
            VerificationFailed: The shard has no such example.
        """
        index = e
        for provider in range(self.providers):
            part = self.parts[shard, provider]
            if index < len(part.salts):
                return Opening(
                    entries=tuple(self.entry(shard, p) for p in range(provider + 1)),
                    salt=Hash32(part.salts[index]),
                    data=example_bytes(part.examples, index),
                    proof=part.tree(self.domain).proof(index),
                )
            index -= len(part.salts)
        raise VerificationFailed(f"shard {shard}", f"has no example {e}")
