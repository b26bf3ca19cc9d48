"""What the in-process grid costs: a round over Flower messages against the same functions called directly.

20 members of 200 mails each: decrypt, train, reserve, sign, check, score; CPU time of this process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aggregator.admission import admit_commit, admit_reveal
from aggregator.delegation import authority_at
from aggregator.epoch import OpenEpoch
from aggregator.exchange import replies
from aggregator.terms import admit, epoch_terms
from benchmarks.figure import Figure
from ceramic_bridge.did import Identity
from ceramic_bridge.events import encode
from ceramic_bridge.models import create_models, model_ids
from client.app import build_client_app
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from examples.spam_detection.settings import FEATURES, Settings, build_manifest, chain_section
from examples.spam_detection.world import NOBODY, SeededEntropy
from federation.delta import delta_hash
from federation.grid import InProcessGrid
from federation.hashing import Domain, did_hash
from federation.manifest import Parties
from federation.membertree import MemberTree
from federation.messages import (
    ACKNOWLEDGE,
    COMMIT,
    REVEAL,
    Acknowledgement,
    CommitReply,
    CommitRequest,
    RevealReply,
    RevealRequest,
)
from federation.models.linear import Design, Examples, integer_mean
from federation.roster import Roster
from federation.rounds import Base, EpochState, close_round, open_round
from federation.types import Address, Did, Hash32, Row
from federation.validation import Index

MEMBERS, MAILS, ROUNDS = 20, 200, 6
_DIM = FEATURES.dim


@dataclass(slots=True)
class _Chain:
    base: Hash32 = Hash32(bytes(32))  # noqa: RUF009 - a NewType, no call at run time worth the name
    root: Hash32 = Hash32(bytes(32))  # noqa: RUF009 - as above

    def base_hash(self, _epoch: int, _round: int) -> Hash32:
        return self.base

    def commit_root(self, _epoch: int, _round: int) -> Hash32:
        return self.root

    def opened_at(self, _epoch: int, _round: int) -> int:
        return 0


class _World:
    """Members with real vaults and ledgers, and a federation that needs no chain."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.chain = _Chain()
        self.vaults: list[Vault] = []
        self.aggregator = Identity(bytes(31) + b"\1")
        ids = [Identity(bytes(30) + bytes([1, i])) for i in range(3)]
        settings = Settings(rounds=2 * ROUNDS)
        manifest = build_manifest(
            settings,
            parties=Parties(
                community=self.aggregator.did, aggregator=self.aggregator.did, providers=[i.did for i in ids]
            ),
            chain=chain_section(NOBODY, [Address(f"0x{i + 1:040x}") for i in range(3)]),
            shards=2 * ROUNDS,
        )
        self.domain = Domain(chain_id=1, federation=NOBODY, epoch=1)
        models = model_ids(create_models(self.aggregator).values(), publisher=self.aggregator.did)
        examples = _examples(rng, 600)
        mean = integer_mean(examples.counts(_DIM), len(examples))
        self.public = Design.build(_examples(rng, 60), mean)
        self.shards = [Design.build(_examples(rng, 26), mean) for _ in range(2 * ROUNDS)]
        terms = Terms(
            manifest=manifest,
            domain=self.domain,
            features=FEATURES,
            mean=mean,
            contribution_model=models["contribution"],
        )
        self.members = [self._member(folder / str(i), i, terms, rng) for i in range(MEMBERS)]
        quotas = {m.did: MAILS for m in self.members}
        roster = Roster(quotas, b"")
        admitted = admit(manifest, roster, {})
        nothing = Hash32(bytes(32))
        self.epoch = OpenEpoch(
            manifest=manifest,
            domain=self.domain,
            roster=roster,
            admitted=admitted,
            consents=(),
            terms=epoch_terms(
                manifest,
                admitted,
                validation_root=nothing,
                mean_hash=nothing,
                public_hash=nothing,
                roster_hash=nothing,
                provider_tips=[nothing] * len(ids),
            ),
            index=Index(()),
            mean=mean,
            public=self.public,
            models=models,
        )
        self.state = EpochState.first(initial=np.zeros(_DIM, dtype=np.int64), quotas=quotas)
        self.known = self.public

    def _member(self, folder: Path, i: int, terms: Terms, rng: np.random.Generator) -> Member:
        vault = Vault.create(folder / "vault.db", b"pass", kdf=Kdf.MINIMUM)
        self.vaults.append(vault)
        set_budget(vault, terms.manifest.privacy.budget)
        texts = [" ".join(f"w{w}" for w in rng.choice(3000, 100, replace=False)) for _ in range(MAILS)]
        vault.import_rows([Row(text=t, label=bool(rng.random() < 0.3)) for t in texts])
        session = Session(identity=Identity(bytes(30) + bytes([2, i])))
        return Member(
            vault,
            session,
            terms,
            self.chain,
            engine=LinearEngine(),
            entropy=SeededEntropy(0, str(i)),
        )

    def base(self) -> Base:
        base = open_round(self.state, self.epoch.manifest.rules, self.known)
        self.chain.base = base.hash
        return base

    def finish(self, base: Base, replies: dict[Did, RevealReply]) -> None:
        shard = self.shards[self.state.round - 1]
        outcome = close_round(
            self.state,
            base,
            self.epoch.manifest.rules,
            deltas={did: reply.delta for did, reply in replies.items()},
            absent={},
            known=self.known,
            shard=shard,
            norm_bound=self.epoch.norm_bound,
        )
        self.state = outcome.state
        self.known = Design.concat([self.known, shard])

    def acknowledgement(self, did: Did, reply: RevealReply, round_: int) -> Acknowledgement:
        digest = delta_hash(reply.delta)
        signed = Acknowledgement.signed_bytes(self.domain, round_, did_hash(did), digest)
        return Acknowledgement(
            domain=self.domain, round=round_, delta_sha256=digest, signature=self.aggregator.sign(signed)
        )


def _examples(rng: np.random.Generator, n: int) -> Examples:
    rows = [np.sort(rng.choice(_DIM, 100, replace=False)).tolist() for _ in range(n)]
    return Examples.build(rows, (rng.random(n) < 0.3).astype(int).tolist())


def _over_grid(world: _World, grid: InProcessGrid, nodes: dict[Did, int]) -> None:
    round_, epoch = world.state.round, world.epoch
    base = world.base()
    request = CommitRequest(domain=world.domain, round=round_, base=base).records()
    messages = dict(
        replies(grid, nodes, dict.fromkeys(nodes, request), message_type=COMMIT, group="", timeout=60)
    )
    committed = {
        d: admit_commit(m, d, epoch, round_, base.hash, authority=authority_at(0)).commitment
        for d, m in messages.items()
    }
    tree = MemberTree.build(committed)
    world.chain.root = tree.root
    proofs = {
        did: RevealRequest(domain=world.domain, round=round_, proof=proof).records()
        for did, proof in tree.proofs().items()
    }
    messages = dict(replies(grid, nodes, proofs, message_type=REVEAL, group="", timeout=60))
    revealed = {
        d: admit_reveal(m, d, epoch, round_, base_hash=base.hash, committed=committed[d])
        for d, m in messages.items()
    }
    receipts = {d: world.acknowledgement(d, r, round_).records() for d, r in revealed.items()}
    dict(replies(grid, nodes, receipts, message_type=ACKNOWLEDGE, group="", timeout=60))
    world.finish(base, revealed)


def _directly(world: _World) -> None:
    round_, epoch = world.state.round, world.epoch
    base = world.base()
    request = CommitRequest(domain=world.domain, round=round_, base=base)
    committed = {}
    for member in world.members:
        message = _Content(CommitReply(encode(member.commit(request))).records())
        committed[member.did] = admit_commit(
            message, member.did, epoch, round_, base.hash, authority=authority_at(0)
        ).commitment
    tree = MemberTree.build(committed)
    world.chain.root = tree.root
    members, replies = {m.did: m for m in world.members}, {}
    for did, proof in tree.proofs().items():
        reply = members[did].reveal(RevealRequest(domain=world.domain, round=round_, proof=proof))
        message = _Content(reply.records())
        replies[did] = admit_reveal(
            message, did, epoch, round_, base_hash=base.hash, committed=committed[did]
        )
        members[did].acknowledged(world.acknowledgement(did, replies[did], round_))
    world.finish(base, replies)


class _Content:
    """What a reply looks like to the checks, without a message around it."""

    def __init__(self, content: object) -> None:
        self.content = content

    def has_error(self) -> bool:
        return False

    def has_content(self) -> bool:
        return True


def _cpu(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def figures() -> Iterator[Figure]:
    """Measure rounds alternately over the grid and directly; the ratio of the sums."""
    with tempfile.TemporaryDirectory() as folder:
        world = _World(Path(folder))
        nodes = {m.did: 1000 + i for i, m in enumerate(world.members)}
        grid = InProcessGrid({nodes[m.did]: build_client_app(m, dim=_DIM) for m in world.members})
        _over_grid(world, grid, nodes)
        _directly(world)
        ours = direct = 0.0
        for _ in range(ROUNDS - 1):
            ours += _cpu(lambda: _over_grid(world, grid, nodes))
            direct += _cpu(lambda: _directly(world))
        for vault in world.vaults:
            vault.close()
    yield Figure(
        figure="CPU of a round over the in-process grid, over direct calls",
        value=ours / direct,
        target=2.5,
        sense="<=",
        how=f"{MEMBERS} members, {MAILS} mails, all phases; {ours / (ROUNDS - 1) * 1e3:.0f} ms a round",
    )
