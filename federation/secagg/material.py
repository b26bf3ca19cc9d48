"""What a member needs to compute a round's gradient by itself, and nothing that it has to believe.

Every byte is checked against what the chain recorded: the epoch's commitment to the validation set, and
the models that rounds sent out and released. The rest follows from the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from federation.epochstate import EpochState
from federation.errors import ConfigError, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.models.linear import Design, Examples, parse_model
from federation.published import published_directions
from federation.scoring import Path
from federation.secagg.messages import Message
from federation.steps import Place
from federation.types import Did, Hash32
from federation.validation import parse_opening


class Opened(Protocol):
    """What an epoch was opened with, as the chain recorded it."""

    @property
    def validation_root(self) -> Hash32:
        """Root of the validation set's index."""
        ...

    @property
    def public_hash(self) -> Hash32:
        """SHA-256 of the index and the public portion."""
        ...


class Words(Protocol):
    """What a round recorded on chain so far; zero where it has not come so far."""

    @property
    def base_hash(self) -> Hash32:
        """SHA-256 of the model that was sent out."""
        ...

    @property
    def model_hash(self) -> Hash32:
        """SHA-256 of the model that was released."""
        ...

    @property
    def shard(self) -> int:
        """The drawn shard."""
        ...


@dataclass(frozen=True, slots=True)
class Material(Message):
    """Bytes that a server sends along with a sum.

    Attributes:
        opening: The validation set's index and public portion.
        parts: The parts of the shards drawn so far: by round, then by provider.
        models: Models sent out and released, as many as the gradient depends on, in any order.
    """

    KIND = "material"
    SHAPE = ("b", ["b"], ["b"])
    opening: bytes
    parts: tuple[bytes, ...]
    models: tuple[bytes, ...]


def moves(rounds: Sequence[Words], weights: Mapping[Hash32, Ints], initial: Ints) -> list[tuple[Ints, Ints]]:
    """Return the last two aggregates that moved the model and the moves that they made, newest first.

    A round's aggregate is the model that it released without the one that it sent out; it moved nothing
    if the model is the one that the round before released.

    Args:
        rounds: The earlier rounds, all recorded, in order.
        weights: Of the models, by hash.
        initial: w_0.

    Raises:
        VerificationFailed: A model that is needed is missing.
    """

    def of(digest: Hash32) -> Ints:
        try:
            return weights[digest]
        except KeyError:
            raise VerificationFailed("gradient", f"model {digest.hex()} was not sent along") from None

    found: list[tuple[Ints, Ints]] = []
    for i in range(len(rounds) - 1, -1, -1):
        if len(found) == 2:
            break
        after, before = of(rounds[i].model_hash), of(rounds[i - 1].model_hash) if i else initial
        if np.any(after != before):
            found.append((after - of(rounds[i].base_hash), after - before))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Where a member stands when a sum is to be priced.

    Attributes:
        manifest: What it consented to.
        domain: Chain, federation, epoch.
        mean: The committed mean of the validation set.
        quotas: Of every admitted member.
        opened: What the epoch was opened with, on chain.
        rounds: What the rounds recorded on chain, the one to be priced last.
    """

    manifest: Manifest
    domain: Domain
    mean: Ints
    quotas: Mapping[Did, int]
    opened: Opened
    rounds: Sequence[Words]

    def gradient(self, material: Material, total: Ints) -> Ints:
        """Return the one gradient with which this round's deltas have their products.

        Args:
            material: What the server sent along.
            total: The sum of the deltas; shape (dim,) of the terms.

        Raises:
            VerificationFailed: Something is not what the chain recorded, or is missing.
        """
        weights = self._models(material)
        if self.rounds[-1].base_hash not in weights:
            raise VerificationFailed("gradient", "the base model was not sent along")
        base = weights[self.rounds[-1].base_hash]
        initial = np.zeros_like(base)
        moved = moves(self.rounds[:-1], weights, initial)
        first = EpochState.first(initial=initial, quotas=self.quotas)
        state = replace(
            first,
            round=len(self.rounds),
            weights=weights[self.rounds[-2].model_hash] if self.rounds[:-1] else initial,
            steps=tuple(step for step, _ in moved),
            move=moved[0][1] if moved else first.move,
        )
        *known, shard = self._designs(material)
        published = published_directions(state, base, known)
        place = Place(state=state, base=base, rules=self.manifest.rules, published=published)
        path = Path.of(place, total[: len(base)], known=Design.concat(known), shard=shard)
        return path.priced_gradient(len(total))

    def _models(self, material: Material) -> dict[Hash32, Ints]:
        recorded = {digest for words in self.rounds for digest in (words.base_hash, words.model_hash)}
        found: dict[Hash32, Ints] = {}
        for raw in material.models:
            digest = sha256(raw)
            if digest not in recorded:
                raise VerificationFailed("gradient", "a model was sent along that no round recorded")
            try:
                found[digest], _ = parse_model(raw)
            except ConfigError as error:
                raise VerificationFailed("gradient", error.message) from error
            if len(found[digest]) != self.manifest.model.dim:
                raise VerificationFailed("gradient", "a model has another size")
        return found

    def _designs(self, material: Material) -> list[Design]:
        """Return the public portion and the drawn shards, each as the epoch committed it."""
        if sha256(material.opening) != self.opened.public_hash:
            raise VerificationFailed("gradient", "the public portion is not the recorded one")
        index, public, _ = parse_opening(material.opening)
        providers, dim = len(self.manifest.providers), self.manifest.words
        if index.root != self.opened.validation_root or len(public) != providers:
            raise VerificationFailed("gradient", "the validation index is not the committed one")
        if len(material.parts) != providers * len(self.rounds):
            raise VerificationFailed("gradient", "not every shard drawn so far was sent along")
        shards: list[tuple[int, Sequence[bytes]]] = [(0, public)]
        for i, words in enumerate(self.rounds):
            shards.append((words.shard, material.parts[i * providers : (i + 1) * providers]))
        found = []
        for shard, parts in shards:
            opened = [
                index.open(raw, shard=shard, provider=p, domain=self.domain, dim=dim).examples
                for p, raw in enumerate(parts)
            ]
            found.append(Design.build(Examples.concat(opened), self.mean))
        return found
