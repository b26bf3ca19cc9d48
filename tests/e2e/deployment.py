"""A whole deployed federation: a SuperLink, members with their guards and nodes, and a driver that relays.

Chain, providers and driver live in the test's process; everything of a member is ``folkmoot client run``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np

from aggregator.driver import Ports, RoundDriver
from aggregator.relayed import RelayedGrid
from client.commands.node import describe_node
from client.home import ClientHome
from client.membership import RECORD, Membership
from client.node.folder import NodeFolder
from client.vault import Vault
from examples.spam_detection import run as example
from examples.spam_detection.run import Actor, Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import Party, build_cast
from federation.types import Did
from tests.e2e.chainserver import SharedChain, served
from tests.e2e.superlink import Process, SuperLink, environment
from tests.world import Quiet, made_up_mails


class Deployment(Run):
    """A run whose members are other processes.

    Attributes:
        superlink: Where they meet.
        rpc: Where they read the chain.
        folders: Each member's node, by DID.
        nodes: The number of each at the SuperLink, as far as it is registered.
        grid: What the driver speaks through.
    """

    superlink: SuperLink
    rpc: str
    grid: RelayedGrid

    def __init__(self, out: Path, *, members: int = 3, rounds: int = 2, secure: bool = False) -> None:
        settings = Settings(members=members, rounds=rounds, seed=0, cheats=(), secure=secure, out=out)
        super().__init__(settings, build_cast(made_up_mails(), settings), Quiet())
        self.folders: dict[Did, NodeFolder] = {}
        self.nodes: dict[Did, int] = {}

    @property
    def socket(self) -> Path:
        """Where the driver waits for a relay."""
        return self.settings.out / "relay.sock"

    @contextmanager
    def founded(self) -> Iterator[None]:
        """Found the community, have its members join, open the epoch; end it all afterwards."""
        with ExitStack() as held:
            held.callback(self._directory.close)
            with mock.patch.object(example, "EmbeddedChain", SharedChain):
                self._found_community()
            self.rpc = held.enter_context(served(cast("SharedChain", self.chain)))
            self.superlink = SuperLink(self.settings.out / "superlink", socket=self.socket)
            self._join_members()
            self._open_epoch()
            yield

    @contextmanager
    def relayed(self, summon: Callable[[], bool]) -> Iterator[None]:
        """Have a grid for the driver."""
        with RelayedGrid(self.socket, summon=summon, poll=0.2) as self.grid:
            yield

    @contextmanager
    def standing(self) -> Iterator[None]:
        """All of that with a SuperLink that runs."""
        with ExitStack() as held:
            held.enter_context(self.founded())
            held.callback(self.superlink.stop)
            self.superlink.start()
            held.enter_context(self.relayed(self.superlink.submit))
            yield

    def home(self, party: Party) -> Path:
        """What is ``FOLKMOOT_HOME`` for a member."""
        return self.settings.out / "private" / party.name

    def _join(self, party: Party) -> Actor:
        """Join as the example does, then put the vault where the member's own commands look for it."""
        actor = super()._join(party)
        passphrase = (self.home(party) / "passphrase").read_bytes()
        home = ClientHome.of({"FOLKMOOT_HOME": str(self.home(party))})
        actor.vault.close()
        home.path.mkdir(parents=True, mode=0o700)
        for file in self.home(party).glob("vault.db*"):
            file.rename(home.path / file.name)
        membership = Membership(
            manifest=self.manifest,
            federation=self.deployment.federation.address,
            registry=self.deployment.registry.address,
            payee=actor.account.address,
            models=self.models,
            rpc=self.rpc,
            superlink=self.superlink.address,
            root_certificate=self.superlink.authority.pem,
            public=str(self.settings.out / "public"),
        )
        with Vault.open(home.vault, passphrase) as vault:
            vault.put_record(RECORD, membership.name, membership.to_bytes())
        described = describe_node(membership, home.sockets)
        self.folders[actor.did] = NodeFolder.prepare(home.node(membership.name), described)
        kept = SimpleNamespace(count=len(party.mails), close=lambda: None)
        actor.vault = cast("Vault", kept)
        return actor

    def register(self, actor: Actor) -> None:
        self.nodes[actor.did] = self.superlink.register(self.folders[actor.did].public)

    def start_member(self, actor: Actor, *words: str) -> Process:
        """``folkmoot client run`` as this member."""
        return self.start_client(actor, "run", "--status", "jsonl", "--verbose", *words)

    def start_client(self, actor: Actor, *words: str) -> Process:
        """A command of ``folkmoot client`` as this member."""
        home = self.home(actor.party)
        command = [sys.executable, "-m", "federation", "client", *words]
        command += ["--passphrase-file", str(home / "passphrase")]
        env = environment(home / "tmp", FOLKMOOT_HOME=str(home))
        return Process(command, env, self.settings.out / f"{actor.party.name}.log")

    def open_driver(self) -> RoundDriver:
        ports = Ports(
            grid=self.grid,
            nodes=self.nodes,
            chain=self.chain,
            federation=self.deployment.federation,
            sender=self.aggregator,
            identity=self.aggregator_id,
            providers=self.providers,
            log=self.log,
            public=self.public,
            timeout=240,
        )
        self.driver = RoundDriver(
            ports,
            self.epoch,
            initial=np.zeros(self.manifest.model.dim, dtype=np.int64),
            opening_events=[actor.import_event for actor in self.actors],
        )
        return self.driver

    def run_round(self) -> Any:
        report = self.driver.run_round()
        self._observe(report)
        return report

    def settle(self) -> tuple[str, bool]:
        """Close, pay, publish, and have the run verified by a process of its own."""
        claims = self._claims()
        self.driver.close(claims.to_bytes())
        settlement = self._pay()
        summary = self._summarise(claims, settlement)
        self.settlement = settlement
        return self._verify(summary)
