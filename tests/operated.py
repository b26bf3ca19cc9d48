"""A small federation for an aggregator's own run: founded once, taken up by as many processes as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from aggregator.driver import Ports
from aggregator.epochrun import EpochPlan, EpochRun
from aggregator.happenings import Happening, Wanted
from aggregator.journal import Journal
from aggregator.provider import Committed, Provider
from aggregator.public import PublicDirectory
from ceramic_bridge.events import SignedEvent
from client.app import build_client_app
from client.member import Member, Terms
from client.noise import Entropy
from client.trainer import engine_of
from contracts.bindings.structs import Phase
from contracts.chain import Chain
from contracts.view import FederationView
from examples.spam_detection import run as example
from examples.spam_detection.run import Actor, Run
from examples.spam_detection.settings import FEATURES, Settings
from examples.spam_detection.world import build_cast, entropy_for, examples_of
from federation.grid import InProcessGrid
from federation.hashing import Domain
from federation.manifest import CohortSection, Manifest
from federation.messages import CommitRequest
from federation.roster import Roster
from federation.types import Did
from federation.validation import mean_bytes, parse_mean
from tests.world import Quiet, made_up_mails


class Steady(Provider):
    """A provider that, as behind a mailbox, has committed to an epoch once and for all."""

    kept: Committed | None = None

    def commit(self, domain: Domain, manifest: Manifest) -> Committed:
        self.kept = self.kept or super().commit(domain, manifest)
        return self.kept


class Repeatable(Member):
    """A member whose noise in a round does not depend on how often it was restarted before."""

    seeds: Callable[[int], Entropy]

    def commit(self, request: CommitRequest) -> SignedEvent:
        self._entropy = self.seeds(request.round)
        return super().commit(request)


@dataclass
class Will:
    """What the operator wants: the last word stays."""

    words: list[Wanted] = field(default_factory=lambda: [Wanted.RUN])

    def wanted(self) -> Wanted:
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]


class Standing(Run):
    """A federation whose members have joined, and whose epochs others run.

    Attributes:
        nodes: The number of each member's node.
        told: What happened.
    """

    def __init__(
        self,
        out: Path,
        *,
        members: int = 3,
        rounds: int = 2,
        cohort: CohortSection | None = None,
        **more: Any,
    ) -> None:
        settings = Settings(members=members, rounds=rounds, seed=0, cheats=(), out=out, **more)
        super().__init__(settings, build_cast(made_up_mails(), settings), Quiet())
        self.nodes: dict[Did, int] = {}
        self.told: list[Happening] = []
        self.cohort = cohort

    def found(self, chain: Callable[..., Chain] | None = None) -> None:
        """Found the community on a chain, and have its members join."""
        build = example.build_manifest

        def built(*args: Any, **more: Any) -> Manifest:
            made = build(*args, **more)
            return Manifest.from_toml(made.model_copy(update={"cohort": self.cohort}).to_toml())

        with mock.patch.object(example, "build_manifest", built):
            if chain is None:
                self._found_community()
            else:
                with mock.patch.object(example, "EmbeddedChain", chain):
                    self._found_community()
        self._join_members()
        seeds = entropy_for(self.settings.seed, "nodes")
        self.nodes = {actor.did: int.from_bytes(seeds(8), "big") >> 1 for actor in self.actors}

    def close(self) -> None:
        for actor in self.actors:
            actor.vault.close()
        self._directory.close()

    def domain(self, epoch: int) -> Domain:
        federation = self.deployment.federation.address
        return Domain(chain_id=self.chain.chain_id, federation=federation, epoch=epoch)

    def plan(self, epoch: int = 1) -> EpochPlan:
        quotas = {actor.did: len(actor.party.mails) for actor in self.actors}
        signed = self.community_id.sign(Roster.signed_bytes(quotas, self.domain(epoch)))
        imports = [actor.import_event for actor in self.actors]
        return EpochPlan(roster=Roster(quotas, signed), imports=imports, models=self.models)

    def seated(self, epoch: int = 1) -> list[Steady]:
        """The providers of an epoch, who have committed."""
        found = []
        for i, mails in enumerate(self.cast.providers):
            entropy = entropy_for(self.settings.seed, f"provider-{i} of {epoch}")
            identity, account = self._identity(f"provider-{i}"), self._account(f"provider-{i}")
            made = Steady(identity, account, examples_of(mails), entropy)
            made.commit(self.domain(epoch), self.manifest)
            found.append(made)
        return found

    def members(self, epoch: int, actors: Sequence[Actor]) -> list[Member]:
        words = self.manifest.words
        examples = [examples_of(mails) for mails in self.cast.providers]
        counts = np.sum([one.counts(words) for one in examples], axis=0)
        terms = Terms(
            manifest=self.manifest,
            domain=self.domain(epoch),
            features=FEATURES,
            mean=parse_mean(mean_bytes(counts, sum(map(len, examples))), dim=words),
            contribution_model=self.models["contribution"],
            unsafe_no_dp=self.settings.epsilon is None,
        )
        made = []
        for actor in actors:
            name = f"noise/{actor.party.name}/{epoch}"
            reader = FederationView(self.deployment.federation)
            entropy = entropy_for(self.settings.seed, name)
            member = Repeatable(
                actor.vault, actor.session, terms, reader, engine=engine_of(self.manifest), entropy=entropy
            )
            member.seeds = partial(self._seeds, name)
            made.append(member)
        return made

    def _seeds(self, name: str, round_: int) -> Entropy:
        return entropy_for(self.settings.seed, f"{name}/{round_}")

    def grid(self, epoch: int = 1, **more: Any) -> InProcessGrid:
        dim = self.manifest.model.dim
        clients = {
            self.nodes[member.did]: build_client_app(member, dim=dim)
            for member in self.members(epoch, self.actors)
        }
        return InProcessGrid(clients, **more)

    def ports(self, epoch: int = 1, **more: Any) -> Ports:
        """What an epoch runs with; staging and public directories apart."""
        ports = Ports(
            grid=self.grid(epoch) if "grid" not in more else more.pop("grid"),
            nodes=self.nodes,
            chain=self.chain,
            federation=self.deployment.federation,
            sender=self.aggregator,
            identity=self.aggregator_id,
            providers=self.seated(epoch),
            log=self.log,
            public=PublicDirectory(self.settings.out / f"staging-{epoch}"),
            published=PublicDirectory(self.settings.out / "public"),
            history=lambda: self.log,
        )
        return replace(ports, **more)

    @contextmanager
    def running(
        self,
        epoch: int = 1,
        *,
        will: Sequence[Wanted] = (Wanted.RUN,),
        journal: Path | None = None,
        claim: bool = False,
        **more: Any,
    ) -> Iterator[EpochRun]:
        """One process of the aggregator."""
        path = journal or self.settings.out / "private" / "journal.db"
        federation = self.deployment.federation.address
        with Journal(path, federation=federation, chain_id=self.chain.chain_id) as opened:
            yield EpochRun(
                ports=self.ports(epoch, **more),
                deployment=self.deployment,
                manifest=self.manifest,
                journal=opened,
                watch=self.told.append,
                control=Will(list(will)),
                claim=claim,
            )

    def kinds(self) -> list[str]:
        return [one.kind for one in self.told]

    @property
    def phase(self) -> Phase:
        return self.deployment.federation.phase()
