"""A federation whose deltas nobody sees: members with vaults, a chain that is told, a server."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ceramic_bridge.authority import Authority
from ceramic_bridge.delegated import DigestVerifier
from client.app import answers
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from contracts.bindings.structs import RoundWords
from contracts.view import NO_WORDS
from federation.delta import delta_bytes
from federation.errors import ChainError
from federation.hashing import Domain, sha256
from federation.messages import SECURE, SecureReply, SecureRequest
from federation.models.linear import Examples, model_bytes
from federation.privacy import Budget
from federation.roster import Roster
from federation.rounds import Base
from federation.secagg.material import Material
from federation.secagg.replies import gather_keys
from federation.secagg.server import Server
from federation.secagg.setup import key_word, secure_terms, sum_word
from federation.secagg.stages import Stage
from federation.types import Did, Hash32, Row
from federation.validation import Entry, Index, Part, opening_bytes
from tests.agreed import COMMUNITY, DIM, DOMAIN, MODELS, PROVIDERS, SPEC, identity, secured
from tests.wallets import NOW, session

MANIFEST = secured()
DELAY = MANIFEST.chain.draw_delay
MEAN = np.zeros(DIM, dtype=np.int64)
QUOTA = 12
VERIFY = DigestVerifier(model=MODELS["contribution"], authority=Authority(now=1000 * NOW))


def part(shard: int, provider: int) -> Part:
    rng = np.random.default_rng([shard, provider])
    rows = [sorted(rng.choice(DIM, 5, replace=False).tolist()) for _ in range(8)]
    salts = tuple(sha256(bytes([shard, provider, i])) for i in range(8))
    examples = Examples.build(rows, rng.integers(0, 2, 8).tolist())
    return Part(shard=shard, provider=provider, salts=salts, examples=examples)


PARTS = {(s, p): part(s, p) for s in range(4) for p in range(len(PROVIDERS))}
INDEX = Index(tuple(Entry(s, p, 8, made.root(DOMAIN)) for (s, p), made in PARTS.items()))
OPENING = opening_bytes(
    INDEX, [PARTS[0, p].to_bytes() for p in range(len(PROVIDERS))], [bytes(64)] * len(PROVIDERS)
)


def roster_of(dids) -> Roster:
    quotas = dict.fromkeys(dids, QUOTA)
    return Roster(quotas, COMMUNITY.sign(Roster.signed_bytes(quotas, DOMAIN)))


@dataclass
class Chain:
    """What a member sees on chain, as a test puts it there."""

    roster: bytes = b""
    head: int = 100
    rounds: dict[int, RoundWords] = field(default_factory=dict)
    said: dict[bytes, int] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)
    drawn: dict[int, int] = field(default_factory=dict)

    def mine(self, blocks: int = 1) -> int:
        self.head += blocks
        return self.head

    def put(self, round_: int, **words) -> None:
        self.rounds[round_] = replace(self.words(1, round_), **words)

    def announce(self, word: bytes) -> None:
        self.said.setdefault(word, self.mine())

    def words(self, epoch: int, round_: int) -> RoundWords:
        return self.rounds.get(round_, NO_WORDS)

    def terms(self, epoch: int) -> SimpleNamespace:
        return SimpleNamespace(
            roster_hash=sha256(self.roster), validation_root=INDEX.root, public_hash=sha256(OPENING)
        )

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        return self.words(epoch, round_).base_hash

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        return self.words(epoch, round_).commit_root

    def opened_at(self, epoch: int, round_: int) -> int:
        return NOW

    def announced(self, word: Hash32) -> int:
        return self.said.get(word, 0)

    def commits_closed_in(self, epoch: int, round_: int) -> int:
        return self.closed.get(round_, 0)

    def draw_target(self, epoch: int, round_: int) -> int:
        return max(0, self.drawn.get(round_, 0) - 1)

    def hash_of(self, block: int) -> Hash32:
        if block > self.head:
            raise ChainError(f"block {block} is not there yet")
        return sha256(block.to_bytes(8, "big"))


class Counting(LinearEngine):
    """Counts steps."""

    steps = 0

    def step(self, design, base, clip):
        self.steps += 1
        return super().step(design, base, clip)


@dataclass
class Party:
    """A member, and what stays of it when it restarts."""

    vault: Vault
    session: Session
    terms: Terms
    chain: Chain
    engine: Counting
    entropy: object
    kept: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> Party:
        self.member = Member(
            self.vault,
            self.session,
            self.terms,
            self.chain,
            engine=self.engine,
            entropy=self.entropy,
            keep=self.kept.append,
        )
        return self

    def ask(self, stage, *parts, round_=1, attempt=0, domain: Domain = DOMAIN):
        """Put one stage to the member, over the records of its messages."""
        asked = SecureRequest(domain=domain, round=round_, attempt=attempt, stage=stage, parts=parts)
        return SecureReply.parse(answers(self.member, dim=DIM)[SECURE](asked.records())).parts


@dataclass
class Circle:
    """The members of a federation and its chain."""

    folder: Path
    names: tuple[str, ...] = ("a", "b", "c", "d", "account")
    parties: dict[Did, Party] = field(default_factory=dict)
    chain: Chain = field(default_factory=Chain)

    def __post_init__(self) -> None:
        for name in self.names:
            by = session() if name == "account" else Session(identity=identity(name))
            self.parties[by.did] = self._party(name, by)
        self.chain.roster = roster_of(self.parties).to_bytes()
        self.open(1)

    def _party(self, name: str, by: Session) -> Party:
        state = [0]

        def entropy(n: int, /) -> bytes:
            state[0] += 1
            return hashlib.shake_256(f"{name} {state[0]}".encode()).digest(n)

        vault = Vault.create(self.folder / name / "v.db", b"p", kdf=Kdf.MINIMUM, entropy=entropy)
        set_budget(vault, Budget(epsilon=math.inf, delta=1e-5))
        vault.import_rows([Row(text=f"alpha {name} gamma{i}", label=i % 2 == 0) for i in range(QUOTA)])
        terms = Terms(
            manifest=MANIFEST,
            domain=DOMAIN,
            features=SPEC,
            mean=MEAN,
            contribution_model=MODELS["contribution"],
        )
        return Party(vault, by, terms, self.chain, Counting(), entropy)

    def close(self) -> None:
        for party in self.parties.values():
            party.vault.close()

    @staticmethod
    def base(round_: int) -> Base:
        return Base(weights=np.full(DIM, 7 * round_ - 7), intercept=5, beta_tenths=0, losses=())

    def base_bytes(self, round_: int) -> bytes:
        base = self.base(round_)
        return model_bytes(base.weights, base.intercept)

    def open(self, round_: int) -> None:
        self.chain.put(round_, base_hash=self.base(round_).hash)


@dataclass
class Attempt:
    """The server's side of one attempt. ``twice`` asks all again after a restart and compares."""

    circle: Circle
    number: int = 0
    round_: int = 1
    twice: bool = False
    forge: object = None

    def __post_init__(self) -> None:
        quotas = dict.fromkeys(self.circle.parties, QUOTA)
        self.terms = secure_terms(MANIFEST, quotas, DOMAIN, self.round_, attempt=self.number)
        self.chain = self.circle.chain
        self.deltas, self.events = {}, {}

    def put(self, did, stage, *parts):
        """Ask one member."""
        party = self.circle.parties[did]
        reply = party.ask(stage, *parts, round_=self.round_, attempt=self.number)
        if self.twice:
            party.restart()
            assert party.ask(stage, *parts, round_=self.round_, attempt=self.number) == reply
            party.restart()
        return reply

    def gather(self, stage, *parts, dids=None):
        replies = {did: self.put(did, stage, *parts)[0] for did in dids or self.circle.parties}
        return {did: self.forge(stage, did, raw) if self.forge else raw for did, raw in replies.items()}

    def keys(self):
        replies = self.gather(Stage.KEYS, self.chain.roster)
        self.key_list, _ = gather_keys(self.terms, replies, VERIFY)
        return self

    def announce_keys(self):
        self.chain.announce(key_word(self.terms, self.key_list))
        self.chain.mine(DELAY)
        block = self.chain.announced(key_word(self.terms, self.key_list)) + DELAY
        self.server = Server.begin(self.terms, self.key_list, self.chain.hash_of(block), VERIFY)
        return self

    def pledge(self):
        self.server = self.server.gather_pledges(self.gather(Stage.PLEDGE, self.key_list.to_bytes()))
        return self

    def pledge_list(self, did):
        return self.server.pledge_list(did).to_bytes()

    def commit(self, without=()):
        replies = {}
        for did in (did for did in self.server.pledges if did not in without):
            base = self.circle.base_bytes(self.round_)
            self.events[did], replies[did] = self.put(did, Stage.COMMIT, self.pledge_list(did), base)
        self.server = self.server.gather_commits(replies)
        return self

    def close_commits(self):
        self.chain.put(self.round_, commit_root=self.server.commit_root())
        self.chain.closed[self.round_] = self.chain.mine()
        self.chain.mine(DELAY)
        return self

    def reveal(self):
        replies = self.gather(Stage.REVEAL, self.server.commit_list().to_bytes())
        self.server = self.server.gather_uploads(replies)
        return self

    def norm(self):
        challenge = self.chain.hash_of(self.chain.closed[self.round_] + DELAY)
        self.server = self.server.gather_norms(challenge, self.gather(Stage.NORM))
        self.server, self.request = self.server.close_norms(())
        self.chain.put(self.round_, reveal_root=self.server.reveal_root())
        return self

    def unmask(self):
        replies = self.gather(Stage.UNMASK, self.request.to_bytes())
        self.server, self.total = self.server.gather_unmask(replies)
        return self

    def announce_sum(self, total=None):
        total = self.total if total is None else total
        root = self.chain.words(1, self.round_).reveal_root
        self.chain.announce(sum_word(self.terms, root, total))
        return self

    def draw(self):
        self.chain.put(self.round_, shard=2)
        self.chain.drawn[self.round_] = self.chain.mine()
        return self

    def material(self, shard=2) -> bytes:
        parts = tuple(PARTS[shard, p].to_bytes() for p in range(len(PROVIDERS)))
        return Material(OPENING, parts, (self.circle.base_bytes(self.round_),)).to_bytes()

    def scalars(self):
        return self.gather(Stage.SCALARS, delta_bytes(self.total), self.material())

    def to_pledges(self):
        return self.keys().announce_keys().pledge()

    def to_commits(self):
        return self.to_pledges().commit()

    def to_sum(self):
        return self.to_commits().close_commits().reveal().norm().unmask()

    def to_draw(self):
        return self.to_sum().announce_sum().draw()
