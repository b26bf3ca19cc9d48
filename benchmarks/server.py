"""What the server side of a round costs per member: check, aggregate, score, pay, receipts.

The aggregator is the real one, over an embedded chain. Members are scripted: each signs and commits
to noise within its cap. What is done on the members' behalf is left out of the CPU time; what the
server does with their messages, Flower's packing and unpacking included, is in.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from flwr.app import Message, RecordDict

from aggregator.admission import admit_imports
from aggregator.driver import Ports, RoundDriver
from aggregator.epoch import OpenEpoch, open_epoch
from aggregator.provider import Provider
from aggregator.public import PublicDirectory
from aggregator.settlement import agreed_payees, propose, wanted_payees
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_init
from ceramic_bridge.events import encode as encode_event
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_models, model_ids
from contracts.accounts import Account
from contracts.agreement import account
from contracts.backends.embedded import EmbeddedChain
from contracts.deploy import Deployment, deploy_federation
from examples.spam_detection.run import GENESIS_TIME
from examples.spam_detection.settings import CHAIN_ID, DAY, Settings, build_manifest, chain_section
from examples.spam_detection.world import PROVIDERS, entropy_for
from federation._flwr_compat import acting_as, decode, encode, set_message_id
from federation.delta import delta_hash, quantise
from federation.evaluation import evaluation_of
from federation.features import FeatureSpec
from federation.grid import RunGrid
from federation.hashing import Domain, commitment, did_hash
from federation.manifest import Manifest, Parties
from federation.messages import COMMIT, REVEAL, CommitReply, CommitRequest, RevealReply
from federation.models.linear import Examples
from federation.payloads import NOTHING, Contribution, DataImport
from federation.roster import Roster
from federation.trace import settlement_trace
from federation.types import Hash32

SEED: Final = 0
QUOTA: Final = 10
SHARD, WORDS_EACH = 28, 60


class Stopwatch:
    """The server's CPU time: this process's, but for what is done on the members' behalf."""

    def __init__(self) -> None:
        self._elsewhere = 0.0

    def now(self) -> float:
        """Return the server's CPU seconds so far."""
        return time.process_time() - self._elsewhere

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Leave out what is done meanwhile."""
        began = time.process_time()
        try:
            yield
        finally:
            self._elsewhere += time.process_time() - began


@dataclass(slots=True, eq=False)
class Scripted:
    """A member that sends noise."""

    identity: Identity
    account: Account
    delta: np.ndarray[tuple[int], np.dtype[np.int64]]
    salt: Hash32


class Crowd(RunGrid):
    """The line to the scripted members; messages travel as bytes."""

    def __init__(
        self, watch: Stopwatch, members: Mapping[int, Scripted], models: Mapping[str, StreamId]
    ) -> None:
        super().__init__(1)
        self.members, self._models = members, models
        self._watch, self._sent, self._waiting = watch, 0, dict[str, bytes]()

    def get_node_ids(self) -> list[int]:
        """Return all nodes."""
        return list(self.members)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Pack requests and have them answered."""
        ids = []
        for message in messages:
            self._sent += 1
            ids.append(f"{self._sent:016x}")
            set_message_id(message, ids[-1])
            wire = encode(message)
            with self._watch.elsewhere():
                self._waiting[ids[-1]] = self._answer(message.metadata.dst_node_id, wire)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Unpack the answers."""
        return [decode(self._waiting.pop(one)) for one in message_ids if one in self._waiting]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Push, then pull."""
        del timeout
        return self.pull_messages(self.push_messages(messages))

    def _answer(self, node: int, wire: bytes) -> bytes:
        request, member = decode(wire), self.members[node]
        with acting_as(1, node):
            reply = Message(self._content(member, request), reply_to=request)
            self._sent += 1
            set_message_id(reply, f"{self._sent:016x}")
            return encode(reply)

    def _content(self, member: Scripted, request: Message) -> RecordDict:
        if request.metadata.message_type == REVEAL:
            return RevealReply(member.delta, member.salt).records()
        if request.metadata.message_type != COMMIT:
            return RecordDict({})
        asked = CommitRequest.parse(request.content, dim=len(member.delta))
        did = member.identity.did
        digest = commitment(
            asked.domain,
            asked.round,
            did=did,
            base_hash=asked.base.hash,
            delta_sha256=delta_hash(member.delta),
            salt=member.salt,
        )
        said = Contribution(
            domain=asked.domain,
            round=asked.round,
            base_hash=asked.base.hash,
            commitment=digest,
            release=asked.round,
        )
        event = create_init(
            member.identity,
            model=self._models["contribution"],
            content=said.content(),
            unique=digest[:12],
        )
        return CommitReply(encode_event(event)).records()


class Federation:
    """An open epoch of scripted members, and the driver that runs its rounds."""

    def __init__(self, out: Path, *, members: int, dim: int, rounds: int) -> None:
        self.watch = Stopwatch()
        self._rng = np.random.default_rng(SEED)
        self._features = FeatureSpec(dim=dim)
        self._community = Account(self._bytes("community"))
        self._aggregator, self._relayer = Account(self._bytes("aggregator")), Account(self._bytes("relayer"))
        self._community_id, self._aggregator_id = self._identity("community"), self._identity("aggregator")
        self._providers = [self._provider(i, rounds) for i in range(PROVIDERS)]
        self.manifest = self._agree(rounds)
        funded = [self._community.address, self._aggregator.address, self._relayer.address]
        self.chain = EmbeddedChain(GENESIS_TIME, funded, chain_id=CHAIN_ID)
        self.deployment: Deployment = deploy_federation(self.chain, self._community, self.manifest)
        self._fund()
        self.log, self._public = EventLog(), PublicDirectory(out / "public")
        for event in create_models(self._community_id).values():
            self.log.append(event)
        self._models = model_ids(self.log, publisher=self._community_id.did)
        self._crowd = [self._member(i, dim) for i in range(members)]
        self.epoch, imports = self._open()
        grid = Crowd(self.watch, {i + 2: member for i, member in enumerate(self._crowd)}, self._models)
        ports = Ports(
            grid=grid,
            nodes={member.identity.did: node for node, member in grid.members.items()},
            chain=self.chain,
            federation=self.deployment.federation,
            sender=self._aggregator,
            identity=self._aggregator_id,
            providers=self._providers,
            log=self.log,
            public=self._public,
        )
        initial = evaluation_of(self.manifest).initial()
        self.driver = RoundDriver(ports, self.epoch, initial=initial, opening_events=imports)

    def pay(self) -> None:
        """Close the epoch and propose the payments."""
        self.driver.close(b"{}")
        domain, federation = self.epoch.domain, self.deployment.federation
        settlement = settlement_trace(
            self.epoch.admitted,
            credits=self.driver.state.credits,
            funds=self.epoch.terms.funds,
            forfeited=federation.forfeited(),
        )
        self._public.put(settlement.trace.to_bytes())
        self._public.put(settlement.table(domain.chain_id, self.deployment.pool.address).to_bytes())
        propose(self.deployment, settlement, domain, self._aggregator)

    def _bytes(self, use: str) -> bytes:
        return entropy_for(SEED, use)(32)

    def _identity(self, use: str) -> Identity:
        return Identity(self._bytes(f"did/{use}"))

    def _provider(self, i: int, rounds: int) -> Provider:
        rows = -(-SHARD * (rounds + 1) * 10 // (9 * PROVIDERS))
        words = [self._rng.integers(0, self._features.dim, WORDS_EACH).tolist() for _ in range(rows)]
        labels = (self._rng.random(rows) < 0.4).astype(int).tolist()
        return Provider(
            self._identity(f"provider-{i}"),
            Account(self._bytes(f"account/provider-{i}")),
            Examples.build([sorted({*row}) for row in words], labels),
            entropy_for(SEED, f"provider-{i}"),
        )

    def _agree(self, rounds: int) -> Manifest:
        providers = [Account(self._bytes(f"account/provider-{i}")).address for i in range(PROVIDERS)]
        return build_manifest(
            Settings(rounds=rounds),
            parties=Parties(
                community=self._community_id.did,
                aggregator=self._aggregator_id.did,
                providers=[provider.did for provider in self._providers],
            ),
            chain=chain_section(self._aggregator.address, providers),
            shards=rounds,
            features=self._features,
        )

    def _fund(self) -> None:
        bonds = {self._aggregator.address: int(self.manifest.bonds.aggregator_wei)}
        bonds |= {account(a): int(self.manifest.bonds.provider_wei) for a in self.manifest.chain.providers}
        deployment, community, funds = self.deployment, self._community, self.manifest.rules.terms.funds
        deployment.token.mint(community, community.address, funds + sum(bonds.values()))
        deployment.token.approve(community, deployment.pool.address, funds)
        deployment.pool.fund(community, funds)
        deployment.token.approve(community, deployment.vault.address, sum(bonds.values()))
        for party, bond in bonds.items():
            deployment.vault.deposit(community, party, bond)

    def _member(self, i: int, dim: int) -> Scripted:
        privacy = self.manifest.privacy
        noise = self._rng.normal(size=dim) * privacy.sigma * privacy.clip
        member = Scripted(
            self._identity(f"member-{i}"),
            Account(self._bytes(f"account/member-{i}")),
            quantise(noise),
            Hash32(self._bytes(f"salt/member-{i}")),
        )
        registry, deadline = self.deployment.registry, self.chain.timestamp + DAY
        digest = did_hash(member.identity.did)
        signature = member.account.sign_register(
            chain_id=CHAIN_ID, registry=registry.address, did_hash=digest, nonce=0, deadline=deadline
        )
        registry.register_by_sig(
            self._relayer,
            payee=member.account.address,
            did_hash=digest,
            nonce=0,
            deadline=deadline,
            signature=signature,
        )
        return member

    def _open(self) -> tuple[OpenEpoch, tuple[SignedEvent, ...]]:
        federation, quotas = self.deployment.federation, {m.identity.did: QUOTA for m in self._crowd}
        imports = []
        for member in self._crowd:
            said = DataImport(
                federation=federation.address,
                payee=member.account.address,
                count=QUOTA,
                root=NOTHING,
                head=NOTHING,
            )
            imports.append(
                create_init(
                    member.identity,
                    model=self._models["data"],
                    content=said.content(),
                    unique=b"import-00000",
                )
            )
        admitted = admit_imports(
            imports,
            federation=federation.address,
            members=quotas,
            models=self._models,
            now=self.chain.timestamp,
        ).admitted
        domain = Domain(chain_id=CHAIN_ID, federation=federation.address, epoch=1)
        roster = Roster(quotas, self._community_id.sign(Roster.signed_bytes(quotas, domain)))
        epoch = open_epoch(
            self.deployment,
            self.manifest,
            roster,
            self._providers,
            payees=agreed_payees(self.deployment.registry, wanted_payees(admitted)),
            sender=self._aggregator,
            public=self._public,
            models=self._models,
            chain_id=CHAIN_ID,
        )
        return epoch, admitted


def measure(members: int, dim: int, rounds: int) -> tuple[list[float], list[int], float]:
    """Return CPU seconds and peak-free resident bytes after each round, and CPU seconds to pay."""
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as out:
        federation = Federation(Path(out), members=members, dim=dim, rounds=rounds)
        seconds, resident = [], []
        for _ in range(rounds):
            before = federation.watch.now()
            federation.driver.run_round()
            seconds.append(federation.watch.now() - before)
            resident.append(_resident())
        before = federation.watch.now()
        federation.pay()
        return seconds, resident, federation.watch.now() - before


def _resident() -> int:
    """Return the bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    members, dim, rounds = map(int, sys.argv[1:4])
    if sys.argv[4:]:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        with tempfile.TemporaryDirectory() as out:
            f = Federation(Path(out), members=members, dim=dim, rounds=rounds)
            profile.enable()
            for _ in range(rounds):
                f.driver.run_round()
            profile.disable()
        pstats.Stats(profile).sort_stats(sys.argv[4]).print_stats(45)
    else:
        seconds, resident, pay = measure(members, dim, rounds)
        print(
            [round(1000 * s / members, 3) for s in seconds],
            "ms each;",
            [r >> 20 for r in resident],
            "MiB; pay",
            pay,
        )
