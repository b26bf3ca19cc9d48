"""A whole attempt of secure aggregation in memory, with faults put in between its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.errors import IdentityError
from federation.hashing import Domain
from federation.secagg.member import Member
from federation.secagg.replies import gather_keys
from federation.secagg.server import Server
from federation.secagg.terms import Terms
from federation.types import Address, Did, Hash32

DOMAIN = Domain(chain_id=1, federation=Address("0x" + "11" * 20), epoch=3)
STAGES = ("keys", "pledge", "commit", "reveal", "norm", "unmask", "scalars")
BEACON, CHALLENGE = Hash32(sha256(b"beacon").digest()), Hash32(sha256(b"challenge").digest())


def dids(n):
    return tuple(Did(f"did:key:z{i:03d}") for i in range(n))


def terms_for(n, *, dim=40, minimum=2, **more):
    caps = dict.fromkeys(dids(n), 1 << 20)
    numbers = {"value_bound": 1 << 20, "gradient_bound": 1 << 30} | more
    return Terms(domain=DOMAIN, round=2, dim=dim, caps=caps, minimum=minimum, **numbers)


def entropy(did, seed=0):
    return sha256(f"{did} {seed}".encode()).digest()


def _key(did):
    return Ed25519PrivateKey.from_private_bytes(sha256(did.encode()).digest())


def signer(did):
    return _key(did).sign


def verify(did, message, signature):
    try:
        _key(did).public_key().verify(signature, message)
    except InvalidSignature as error:
        raise IdentityError("not signed") from error


def deltas_for(terms, seed=0, size=1000):
    draws = np.random.default_rng(seed)
    return {did: draws.integers(-size, size, terms.dim, dtype=np.int64) for did in terms.caps}


def gradient_for(terms, seed=9):
    return np.random.default_rng(seed).integers(-(1 << 20), 1 << 20, terms.dim, dtype=np.int64)


@dataclass
class Attempt:
    """One attempt, stage by stage; ``lost[stage]`` are members who fall silent from that stage on.

    ``forge(stage, did, message)`` may replace what a member sends; ``restart`` stores and reads every
    member's state between steps.
    """

    terms: Terms
    deltas: dict
    lost: dict = field(default_factory=dict)
    forge: object = None
    restart: bool = False
    seed: int = 0
    members: dict = field(default_factory=dict)
    uploads: dict = field(default_factory=dict)
    sent: dict = field(default_factory=dict)
    silent: set = field(default_factory=set)

    def __post_init__(self):
        self.members = {
            did: Member.begin(self.terms, did, entropy(did, self.seed)) for did in self.terms.caps
        }

    def step(self, stage, work):
        """Let every member that still speaks do one step; its replies as bytes."""
        self.silent |= set(self.lost.get(stage, ()))
        replies = {}
        for did in list(self.members):
            if did in self.silent:
                continue
            if self.restart:
                self.members[did] = Member.parse(self.terms, self.members[did].to_bytes())
            result = work(did, self.members[did])
            if result is None:
                continue
            self.members[did], message = result
            if self.forge is not None:
                message = self.forge(stage, did, message)
            replies[did] = message.to_bytes()
        self.sent[stage] = replies
        return replies

    def keys(self):
        replies = self.step("keys", lambda did, m: (m, m.keys(signer(did))))
        self.key_list, self.refused = gather_keys(self.terms, replies, verify)
        self.server = Server.begin(self.terms, self.key_list, BEACON, verify)
        return self

    def pledge(self):
        def work(did, member):
            if did not in self.server.roll.keys:
                return None
            return member.pledge(self.key_list, BEACON, sign=signer(did), verify=verify)

        self.server = self.server.gather_pledges(self.step("pledge", work))
        return self

    def commit(self):
        def work(did, member):
            if did not in self.server.pledges:
                return None
            listed = self.server.pledge_list(did)
            member, commitment, self.uploads[did] = member.commit(
                listed, self.deltas[did], sign=signer(did), verify=verify
            )
            return member, commitment

        self.server = self.server.gather_commits(self.step("commit", work))
        return self

    def reveal(self):
        commits, root = self.server.commit_list(), self.server.commit_root()

        def work(did, member):
            if did not in self.server.commits:
                return None
            return member.reveal(commits, root, self.uploads[did], verify=verify)

        self.server = self.server.gather_uploads(self.step("reveal", work))
        return self

    def norm(self):
        def work(did, member):
            return member.norm(CHALLENGE, sign=signer(did)) if did in self.server.uploads else None

        self.server = self.server.gather_norms(CHALLENGE, self.step("norm", work))
        openings = self.open_edges("norm", self.server.norm_conflicts(), self.server.norms)
        self.server, self.request = self.server.close_norms(openings)
        return self

    def unmask(self):
        root = self.server.reveal_root()

        def work(did, member):
            if did not in self.server.commits or not member.commit_list:
                return None
            return member.unmask(self.request, root, sign=signer(did))

        self.server, self.total = self.server.gather_unmask(self.step("unmask", work))
        return self

    def scalars(self, gradient):
        def work(did, member):
            return member.scalars(gradient, sign=signer(did)) if did in self.server.survivors else None

        self.server = self.server.gather_scalars(gradient, self.step("scalars", work))
        openings = self.open_edges("scalars", self.server.scalar_conflicts(), self.server.scalars)
        self.products, self.liars = self.server.products(gradient, openings)
        return self

    def open_edges(self, stage, edges, answers):
        """Both ends of each conflicting edge open its seed; a forger may open something else."""
        found = []
        for edge in edges:
            for did, other in (edge, edge[::-1]):
                opening = self.members[did].open_edge(answers[did], answers[other], verify=verify)
                if self.forge is not None:
                    opening = self.forge(f"open-{stage}", did, opening)
                if opening is not None:
                    found.append((did, opening.to_bytes()))
        return found

    def to_sum(self):
        return self.keys().pledge().commit().reveal().norm().unmask()

    def run(self, gradient=None):
        gradient = gradient_for(self.terms) if gradient is None else gradient
        return self.to_sum().scalars(gradient)
