"""A federation of scripted members, of any size: each commits to noise within its cap, and reveals it.

Everything on the server's side is the real thing, over an embedded chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from flwr.serverapp import Grid

from aggregator.admission import admit_imports
from aggregator.driver import RoundDriver
from aggregator.epoch import OpenEpoch, open_epoch
from aggregator.journal import Memory
from aggregator.ports import EventSink, Ports
from aggregator.provider import Provider
from aggregator.public import PublicDirectory
from aggregator.settlement import agreed_payees, propose, publish, wanted_payees
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_init
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_models, model_ids
from contracts.accounts import Account
from contracts.agreement import account
from contracts.backends.embedded import EmbeddedChain
from contracts.deploy import Deployment, deploy_federation
from examples.spam_detection.run import GENESIS_TIME
from examples.spam_detection.settings import CHAIN_ID, DAY, Settings, build_manifest, chain_section
from examples.spam_detection.world import PROVIDERS, entropy_for
from federation.delta import delta_hash, quantise
from federation.errors import PeerError
from federation.evaluation import evaluation_of
from federation.features import FeatureSpec
from federation.fixedpoint import Ints
from federation.hashing import Domain, commitment, did_hash
from federation.manifest import Manifest, Parties
from federation.messages import (
    Acknowledgement,
    CommitRequest,
    RevealReply,
    RevealRequest,
    SecureReply,
    SecureRequest,
)
from federation.models.linear import Examples
from federation.payloads import NOTHING, Contribution, DataImport
from federation.roster import Roster
from federation.trace import settlement_trace
from federation.types import Did, Hash32

SEED: Final = 0
QUOTA: Final = 10
FIRST_NODE: Final = 2
SHARD: Final = 28
WORDS_EACH: Final = 60
SPAM: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scripted:
    """A member that answers with the same noise in every round; a ``Duties`` of the ClientApp.

    Attributes:
        identity: Signs.
        account: Is paid.
        delta: What it sends; shape (dim,).
        salt: Of its commitments.
        model: StreamID of contributions.
    """

    identity: Identity
    account: Account
    delta: Ints
    salt: Hash32
    model: StreamId

    @property
    def did(self) -> Did:
        """The member's DID."""
        return self.identity.did

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Commit to the delta."""
        digest = commitment(
            request.domain,
            request.round,
            did=self.did,
            base_hash=request.base.hash,
            delta_sha256=delta_hash(self.delta),
            salt=self.salt,
        )
        said = Contribution(
            domain=request.domain,
            round=request.round,
            base_hash=request.base.hash,
            commitment=digest,
            release=request.round,
        )
        return create_init(self.identity, model=self.model, content=said.content(), unique=digest[:12])

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Send it."""
        del request
        return RevealReply(self.delta, self.salt)

    def acknowledged(self, receipt: Acknowledgement) -> None:
        """Do nothing about it."""

    def secure(self, request: SecureRequest) -> SecureReply:
        """Refuse: these rounds are open."""
        del request
        raise PeerError("not scripted")


class Federation:
    """An open epoch of scripted members.

    Attributes:
        manifest: Its rules.
        chain: Its chain.
        deployment: Its contracts.
        epoch: What everybody knows of it.
        members: The members by node.
        driver: Runs the rounds, once ``connect`` made it.
    """

    driver: RoundDriver

    def __init__(self, out: Path, *, members: int, dim: int, rounds: int) -> None:
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
        self._public = PublicDirectory(out / "public")
        self._models = model_ids(self._log(), publisher=self._community_id.did)
        self.members = {FIRST_NODE + i: self._member(i, dim) for i in range(members)}
        self.epoch, self._imports = self._open()

    def connect(
        self, grid: Grid, *, log: EventSink | None = None, memory: Memory | None = None
    ) -> RoundDriver:
        """Return a driver that reaches the members over a grid, at the state before the first round.

        Args:
            grid: Carries messages.
            log: Takes events; a log in memory by default.
            memory: Remembers steps; nothing does by default.
        """
        ports = Ports(
            grid=grid,
            nodes={member.did: node for node, member in self.members.items()},
            chain=self.chain,
            federation=self.deployment.federation,
            sender=self._aggregator,
            identity=self._aggregator_id,
            providers=self._providers,
            log=log or self._log(),
            public=self._public,
        )
        initial = evaluation_of(self.manifest).initial()
        self.driver = RoundDriver(
            ports, self.epoch, initial=initial, opening_events=self._imports, memory=memory
        )
        return self.driver

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
        publish(settlement, domain, self.deployment, self._public)
        propose(self.deployment, settlement, domain, self._aggregator)

    def _log(self) -> EventLog:
        log = EventLog()
        for event in create_models(self._community_id).values():
            log.append(event)
        return log

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
        manifest = build_manifest(
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
        # Noise alone earns less than nothing, and would be left out from the third round on.
        reward = manifest.reward.model_copy(update={"suspension_from": rounds + 2})
        return manifest.model_copy(update={"reward": reward})

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
            identity=self._identity(f"member-{i}"),
            account=Account(self._bytes(f"account/member-{i}")),
            delta=quantise(noise),
            salt=Hash32(self._bytes(f"salt/member-{i}")),
            model=self._models["contribution"],
        )
        registry, deadline = self.deployment.registry, self.chain.timestamp + DAY
        digest = did_hash(member.did)
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
        federation, quotas = self.deployment.federation, {m.did: QUOTA for m in self.members.values()}
        imports = []
        for member in self.members.values():
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
                    unique=bytes(12),
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
