"""Who takes part: honest members with skewed shares of the mails, cheats, providers, and their keys."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.provider import Provider
from ceramic_bridge.did import Identity
from client.member import Member
from client.noise import Entropy
from contracts.accounts import Account
from examples.spam_detection.cheats import CHEATS
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.settings import FEATURES, Settings, build_manifest, chain_section
from examples.spam_detection.simulate import World
from examples.spam_detection.split import partition, split_by_thread
from federation.features import TextPipeline
from federation.hashing import Domain
from federation.manifest import Manifest, Parties
from federation.models.linear import Design, Examples, integer_mean
from federation.types import Address

PROVIDERS = 3
NOBODY = Address("0x" + "00" * 20)


class SeededEntropy:
    """A reproducible stream of bytes for one named use: SHAKE-256 in counter mode. For show only."""

    def __init__(self, seed: int, use: str) -> None:
        self._prefix, self._calls = f"folkmoot-example/{seed}/{use}/".encode(), 0

    def __call__(self, n: int, /) -> bytes:
        """Return the stream's next ``n`` bytes."""
        self._calls += 1
        return hashlib.shake_256(self._prefix + str(self._calls).encode()).digest(n)


def entropy_for(seed: int | None, use: str) -> Entropy:
    """Return the system's randomness, or a seeded stream for one use."""
    return os.urandom if seed is None else SeededEntropy(seed, use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One member of the demo.

    Attributes:
        name: For the report.
        role: The experimenter's label; nothing that pays ever sees it.
        behaviour: What its client does.
        mails: Its data.
    """

    name: str
    role: str
    behaviour: type[Member]
    mails: Sequence[Mail]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """All parties of a run and the experimenter's test split."""

    parties: Sequence[Party]
    providers: Sequence[Sequence[Mail]]
    test: Sequence[Mail]

    @property
    def honest(self) -> list[Party]:
        """The members that play by the rules."""
        return [p for p in self.parties if p.role == "honest"]


def build_cast(mails: Sequence[Mail], settings: Settings) -> Cast:
    """Split the mails by thread, deal the training part to members, the validation part to providers.

    Every cheat holds a copy of the median honest member's mails.
    """
    seed = 0 if settings.seed is None else settings.seed
    split = split_by_thread(mails, seed=seed)
    shares = partition(split.train, members=settings.members, seed=seed, alpha=settings.alpha)
    median = sorted(shares, key=len)[len(shares) // 2]
    # Sorted by name they stand in this order, however many there are.
    digits = max(2, len(str(len(shares) + len(settings.cheats))))
    honest = [
        Party(name=f"member-{i + 1:0{digits}d}", role="honest", behaviour=Member, mails=share)
        for i, share in enumerate(shares)
    ]
    cheats = [
        Party(
            name=f"member-{len(shares) + i + 1:0{digits}d}", role=role, behaviour=CHEATS[role], mails=median
        )
        for i, role in enumerate(settings.cheats)
    ]
    providers = [split.validation[i::PROVIDERS] for i in range(PROVIDERS)]
    return Cast(parties=[*honest, *cheats], providers=providers, test=split.test)


def examples_of(mails: Sequence[Mail], features: TextPipeline | None = None) -> Examples:
    """Return mails as labelled sets of indices, by the example's own rule unless told another."""
    features = features or FEATURES
    return Examples.build([features.indices(m.text) for m in mails], [int(m.label) for m in mails])


def found_world(
    cast: Cast, settings: Settings, features: TextPipeline | None = None
) -> tuple[World, Design, Manifest]:
    """Return what ``simulate`` needs of a cast: every party's examples, the shards, the test split.

    The providers deal as in a real run; no chain and no messages are involved.
    """
    features, seed = features or FEATURES, settings.seed
    identities = [Identity(entropy_for(seed, f"did/provider-{i}")(32)) for i in range(len(cast.providers))]
    community = Identity(entropy_for(seed, "did/community")(32)).did
    manifest = build_manifest(
        settings,
        parties=Parties(community=community, aggregator=community, providers=[i.did for i in identities]),
        chain=chain_section(NOBODY, [Address(f"0x{i + 1:040x}") for i in range(len(identities))]),
        shards=settings.rounds,
        features=features,
    )
    providers = [
        Provider(
            identity,
            Account(entropy_for(seed, f"account/provider-{i}")(32)),
            examples_of(mails, features),
            entropy_for(seed, f"provider-{i}"),
        )
        for i, (identity, mails) in enumerate(zip(identities, cast.providers, strict=True))
    ]
    domain = Domain(chain_id=0, federation=NOBODY, epoch=1)
    for provider in providers:
        provider.commit(domain, manifest)
    mean = integer_mean(
        np.sum([p.counts(features.dim) for p in providers], axis=0), sum(p.size for p in providers)
    )
    shards = [
        Design.build(Examples.concat([p.part(s).examples for p in providers]), mean)
        for s in range(settings.rounds + 1)
    ]
    members = [Design.build(examples_of(party.mails, features), mean) for party in cast.parties]
    world = World(members=members, public=shards[0], shards=shards[1:])
    return world, Design.build(examples_of(cast.test, features), mean), manifest
