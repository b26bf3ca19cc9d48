"""A provider, its secrets, and what it would send, without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aggregator.provider import Proposal, Provider
from aggregator.terms import admit, epoch_terms
from aggregator.validation import wire
from aggregator.validation.mailbox import Mailbox
from aggregator.validation.messages import Commitment
from contracts.accounts import Account
from contracts.agreement import account
from examples.spam_detection.world import SeededEntropy
from federation.hashing import sha256
from federation.manifest import Manifest
from federation.roster import Roster
from federation.types import Hash32
from federation.validation import Index
from tests.agreed import AGGREGATOR, DIM, DOMAIN, MODELS, PROVIDERS, agreed, identity
from tests.unit.federation._world import examples, rows

ACCOUNTS = [Account(sha256(f"account {i}".encode())) for i in range(3)]
MODEL = MODELS["validation-shard"]


def manifest(*, reveal: str = "epoch", shards: int = 3) -> Manifest:
    made = agreed(rounds=3, shards=shards)
    chain = made.chain.model_copy(update={"providers": [a.address for a in ACCOUNTS]})
    validation = made.validation.model_copy(update={"reveal": reveal})
    return made.model_copy(update={"chain": chain, "validation": validation})


@dataclass
class Clock:
    """Time passes only where somebody sleeps; then something may happen."""

    now: float = 0
    happens: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.happens:
            self.happens.pop(0)()


@dataclass
class Scene:
    """One provider of an agreed federation, and the aggregator's mailbox."""

    manifest: Manifest
    mailbox: Mailbox
    clock: Clock
    number: int = 1

    def __post_init__(self) -> None:
        rng = np.random.default_rng(5)
        self.providers = [
            Provider(PROVIDERS[i], ACCOUNTS[i], examples(rows(rng, 60, DIM)), SeededEntropy(0, f"p{i}"))
            for i in range(3)
        ]
        self.committed = [p.commit(DOMAIN, self.manifest) for p in self.providers]

    @classmethod
    def make(cls, path: Path, *, reveal: str = "epoch", shards: int = 3) -> Scene:
        clock = Clock()
        mailbox = Mailbox(path / "mailbox.db", clock=clock, sleep=clock.sleep)
        return cls(manifest(reveal=reveal, shards=shards), mailbox, clock)

    @property
    def provider(self) -> Provider:
        return self.providers[self.number]

    def slip(self, item: str) -> wire.Slip:
        return wire.Slip(domain=DOMAIN, provider=self.number, item=item)

    def send(self, item: str, content: bytes) -> None:
        """Put an item into the mailbox as the desk would after its checks."""
        body = self.slip(item).seal(content, AGGREGATOR.did)
        self.mailbox.put(DOMAIN.epoch, self.number, item, body)

    def commitment(self) -> Commitment:
        return Commitment(committed=self.committed[self.number], counts=self.provider.counts(DIM))

    def proposal(self) -> Proposal:
        entries = sorted((e for c in self.committed for e in c.entries), key=lambda e: (e.shard, e.provider))
        index = Index(tuple(entries))
        nothing = Hash32(bytes(32))
        terms = epoch_terms(
            self.manifest,
            admit(self.manifest, Roster({identity("member").did: 10}, b""), {}),
            validation_root=index.root,
            mean_hash=nothing,
            public_hash=nothing,
            roster_hash=nothing,
            provider_tips=[c.tip for c in self.committed],
        )
        assert terms.providers[1] == account(self.manifest.chain.providers[1])
        return Proposal(terms=terms, index=index, models=MODELS)
