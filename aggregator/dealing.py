"""What a provider keeps secret of one epoch: its dealt, salted examples and a hash chain.

Lost, the provider can do none of its duties, and its bond is gone: whoever runs a provider for
longer than a process lives writes ``Dealt.to_bytes`` to disk before the commitment leaves.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import VerificationFailed
from federation.hashing import Domain, keccak256, sha256
from federation.manifest import Manifest
from federation.models.linear import Examples
from federation.types import Address, Did, Hash32
from federation.validation import Entry, Index, Part, commitment_bytes, deal

PUBLIC: Final = 0
"""The public portion's shard number."""

_Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Hand(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    count: Annotated[int, Field(ge=0)]
    data: str


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-dealt-1"]
    chain_id: int
    federation: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
    epoch: Annotated[int, Field(gt=0)]
    provider: Annotated[int, Field(ge=0)]
    at_once: bool
    words: Annotated[int, Field(gt=0)]
    rounds: Annotated[int, Field(gt=0, le=1 << 16)]
    first: _Hex32
    parts: list[_Hand]
    commitment: _Hex32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dealt:
    """One provider's secrets of one epoch.

    Attributes:
        domain: The federation and epoch.
        number: The provider's place in the manifest, from 0.
        at_once: Whether a drawn shard becomes public in its round.
        words: How many words the features know.
        parts: The parts, the public portion's first.
        chain: The hash chain from its secret beginning to its tip.
    """

    domain: Domain
    number: int
    at_once: bool
    words: int
    parts: tuple[Part, ...]
    chain: tuple[Hash32, ...]

    @classmethod
    def deal(
        cls,
        examples: Examples,
        domain: Domain,
        manifest: Manifest,
        did: Did,
        entropy: Callable[[int], bytes],
    ) -> Self:
        """Deal and salt a provider's examples for an epoch.

        Args:
            examples: Its part of the validation set.
            domain: The federation and epoch.
            manifest: Says how many shards there are and which provider this is.
            did: The provider.
            entropy: Where the order, the salts and the hash chain come from.
        """
        number = manifest.providers.index(did)
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(entropy(32), "big")))

        def shuffle(positions: list[int]) -> None:
            generator.shuffle(positions)

        hands = deal(
            examples.labels.tolist(),
            shards=manifest.validation.shards,
            public_milli=manifest.validation.public_milli,
            shuffle=shuffle,
            start=number * manifest.validation.shards // len(manifest.providers),
        )
        parts = tuple(
            Part(
                shard=shard,
                provider=number,
                salts=tuple(entropy(32) for _ in hand),
                examples=chosen(examples, hand),
            )
            for shard, hand in enumerate(hands)
        )
        return cls(
            domain=domain,
            number=number,
            at_once=manifest.validation.reveal == "round",
            words=manifest.words,
            parts=parts,
            chain=_chain(Hash32(entropy(32)), manifest.rounds),
        )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the index says of the parts."""
        return tuple(Entry(p.shard, p.provider, len(p.examples), p.root(self.domain)) for p in self.parts)

    @property
    def tip(self) -> Hash32:
        """The tip of the hash chain, which is published."""
        return self.chain[-1]

    @property
    def examples(self) -> Examples:
        """All examples, as dealt."""
        return Examples.concat([part.examples for part in self.parts])

    def preimage(self, round_: int) -> Hash32:
        """Return the hash chain's value for a round's draw; each round uncovers one more."""
        return self.chain[-1 - round_]

    @property
    def commitment(self) -> bytes:
        """What the provider signs."""
        return commitment_bytes(self.domain, self.number, self.entries, self.tip)

    def to_bytes(self) -> bytes:
        """Return canonical JSON with everything secret in it."""
        table = {
            "format": "folkmoot-dealt-1",
            "chain_id": self.domain.chain_id,
            "federation": self.domain.federation,
            "epoch": self.domain.epoch,
            "provider": self.number,
            "at_once": self.at_once,
            "words": self.words,
            "rounds": len(self.chain) - 1,
            "first": self.chain[0].hex(),
            "parts": [
                {"count": len(part.examples), "data": base64.b64encode(part.to_bytes()).decode()}
                for part in self.parts
            ],
            "commitment": sha256(self.commitment).hex(),
        }
        return json.dumps(table, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the secrets that ``to_bytes`` wrote, after committing to them again.

        Raises:
            VerificationFailed: They were damaged: what was committed does not come out.
        """
        try:
            found = _Document.model_validate_json(data)
            made = cls(
                domain=Domain(
                    chain_id=found.chain_id, federation=Address(found.federation), epoch=found.epoch
                ),
                number=found.provider,
                at_once=found.at_once,
                words=found.words,
                parts=tuple(
                    Part.parse(base64.b64decode(hand.data, validate=True), count=hand.count, dim=found.words)
                    for hand in found.parts
                ),
                chain=_chain(Hash32(bytes.fromhex(found.first)), found.rounds),
            )
        except (ValidationError, ValueError) as error:
            raise VerificationFailed("epoch's secrets", "not the secrets of a provider") from error
        if sha256(made.commitment).hex() != found.commitment:
            raise VerificationFailed("epoch's secrets", "not those that were committed to")
        return made


def chosen(examples: Examples, positions: list[int]) -> Examples:
    """Return some of the examples, in the order of their positions."""
    words, offsets = examples.words, examples.offsets
    rows = [words[offsets[i] : offsets[i + 1]].tolist() for i in positions]
    return Examples.build(rows, [int(examples.labels[i]) for i in positions])


def require_committed(dealt: Dealt, index: Index, tips: tuple[Hash32, ...]) -> None:
    """Refuse terms of an epoch that hold another commitment than a provider's own.

    Args:
        dealt: The provider's secrets.
        index: The commitment to all parts.
        tips: The hash chains' tips, in provider order.

    Raises:
        VerificationFailed: They do.
    """
    own = tuple(entry for entry in index.entries if entry.provider == dealt.number)
    if own != dealt.entries:
        raise VerificationFailed("epoch's terms", "the parts in the index are not those that I committed")
    if tips[dealt.number : dealt.number + 1] != (dealt.tip,):
        raise VerificationFailed("epoch's terms", "the hash chain's tip is not the one that I committed")


def _chain(first: Hash32, rounds: int) -> tuple[Hash32, ...]:
    chain = [first]
    for _ in range(rounds):
        chain.append(keccak256(chain[-1]))
    return tuple(chain)
