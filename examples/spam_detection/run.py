"""One run of the example: found a community, train, score, record, pay, verify, report."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final, Protocol

from flwr.app import Context, RecordDict

from aggregator.admission import admit_imports
from aggregator.app import build_server_app
from aggregator.driver import Ports, RoundDriver, RoundReport
from aggregator.epoch import OpenEpoch, open_epoch
from aggregator.provider import Provider
from aggregator.public import BLOCKS, EVENTS, GENESIS, write_atomically
from aggregator.settlement import agreed_payees, finalize_and_claim, propose, publish, wanted_payees
from aggregator.summary import (
    Claims,
    MemberFacts,
    RoundFacts,
    Table,
    build_summary,
    epsilon_after,
    summary_bytes,
)
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_models, model_ids
from client.app import build_client_app
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import engine_of
from client.vault import Vault
from contracts.accounts import Account
from contracts.agreement import account
from contracts.backends.embedded import EmbeddedChain
from contracts.deploy import Deployment, deploy_federation
from contracts.view import FederationView
from examples.spam_detection.baselines import baselines
from examples.spam_detection.cheats import Copier, Tapped, Wiretap
from examples.spam_detection.run_directory import RunDirectory
from examples.spam_detection.settings import (
    CHAIN_ID,
    DAY,
    FEATURES,
    PUBLIC_MILLI,
    Settings,
    build_manifest,
    chain_section,
)
from examples.spam_detection.simulate import World
from examples.spam_detection.world import Cast, Party, entropy_for, examples_of
from federation.evaluation import evaluation_of
from federation.grid import InProcessGrid
from federation.hashing import Domain, did_hash
from federation.manifest import Manifest, Parties
from federation.models.linear import Design
from federation.payloads import NOTHING, DataImport
from federation.roster import Roster
from federation.rounds import Status
from federation.trace import Settlement, settlement_trace
from federation.types import Did, Row
from federation.validation import examples_bytes, require_shards

GENESIS_TIME: Final = 1_767_225_600
"""2026-01-01, the clock of a seeded run's chain."""


class Watcher(Protocol):
    """What shows a run's progress."""

    def note(self, text: str) -> None:
        """Say what is happening."""
        ...

    def round_closed(self, run: Run, report: RoundReport, auc: float) -> None:
        """Show a finished round."""
        ...


@dataclass(slots=True, eq=False)
class Actor:
    """A party that has joined: its vault, keys and client."""

    party: Party
    vault: Vault
    session: Session
    account: Account
    import_event: SignedEvent

    @property
    def did(self) -> Did:
        """The member's DID."""
        return self.session.did


class Run:
    """One run; ``execute`` does it all.

    Attributes:
        settings: Its options.
        cast: Its parties.
        reports: Finished rounds.
        aucs: Test AUC after each.
        facts: Each in numbers.
    """

    def __init__(self, settings: Settings, cast: Cast, watcher: Watcher) -> None:
        self.settings, self.cast, self._watcher = settings, cast, watcher
        self.reports: list[RoundReport] = []
        self.aucs: list[float] = []
        self.facts: list[RoundFacts] = []
        self.actors: list[Actor] = []
        require_shards(
            sum(len(mails) for mails in cast.providers),
            rounds=settings.rounds,
            public_milli=PUBLIC_MILLI,
            providers=len(cast.providers),
        )
        self._directory = RunDirectory(settings.out)
        self.public = self._directory.public

    def _identity(self, use: str) -> Identity:
        return Identity(entropy_for(self.settings.seed, f"did/{use}")(32))

    def _account(self, use: str) -> Account:
        return Account(entropy_for(self.settings.seed, f"account/{use}")(32))

    def execute(self) -> Table:
        """Run everything up to the verified summary, and return it."""
        try:
            return self._execute()
        finally:
            for actor in self.actors:
                actor.vault.close()
            self._directory.close()

    def _execute(self) -> Table:
        self._found_community()
        self._join_members()
        self._open_epoch()
        self._train()
        claims = self._claims()
        self.driver.close(claims.to_bytes())
        settlement = self._pay()
        summary = self._summarise(claims, settlement)
        self.settlement = settlement
        self.verification, summary["verified"] = self._verify(summary)
        summary["cpu_seconds"] = round(_cpu_seconds(), 2)
        write_atomically(self.settings.out / "summary.json", summary_bytes(summary))
        return summary

    def _found_community(self) -> None:
        seed = self.settings.seed
        self._watcher.note("founding the community: manifest, contracts, treasury")
        self.community, self.aggregator = self._account("community"), self._account("aggregator")
        self.relayer = self._account("relayer")
        self.community_id, self.aggregator_id = self._identity("community"), self._identity("aggregator")
        self.providers = [
            Provider(
                self._identity(f"provider-{i}"),
                self._account(f"provider-{i}"),
                examples_of(mails),
                entropy_for(seed, f"provider-{i}"),
            )
            for i, mails in enumerate(self.cast.providers)
        ]
        self.manifest: Manifest = build_manifest(
            self.settings,
            parties=Parties(
                community=self.community_id.did,
                aggregator=self.aggregator_id.did,
                providers=[p.did for p in self.providers],
            ),
            chain=chain_section(
                self.aggregator.address,
                [self._account(f"provider-{i}").address for i in range(len(self.providers))],
            ),
            shards=self.settings.rounds,
            validators=[self._account(f"validator-{i}").address for i in range(3 * self.settings.secure)],
        )
        self.evaluation = evaluation_of(self.manifest)
        funded = [self.community.address, self.aggregator.address, self.relayer.address]
        self.chain = EmbeddedChain(
            int(time.time()) if seed is None else GENESIS_TIME, funded, chain_id=CHAIN_ID
        )
        self.deployment: Deployment = deploy_federation(self.chain, self.community, self.manifest)
        self._fund()
        self.log = EventLog()
        for event in create_models(self.community_id).values():
            self.log.append(event)
        self.models = model_ids(self.log, publisher=self.community_id.did)

    def _fund(self) -> None:
        """Fill the pool, and stake the bonds of aggregator and providers."""
        manifest, deployment, treasurer = self.manifest, self.deployment, self.community
        bonds = {account(manifest.chain.aggregator): int(manifest.bonds.aggregator_wei)}
        bonds |= {account(a): int(manifest.bonds.provider_wei) for a in manifest.chain.providers}
        funds = manifest.rules.terms.funds
        deployment.token.mint(treasurer, treasurer.address, funds + sum(bonds.values()))
        deployment.token.approve(treasurer, deployment.pool.address, funds)
        deployment.pool.fund(treasurer, funds)
        deployment.token.approve(treasurer, deployment.vault.address, sum(bonds.values()))
        for party, bond in bonds.items():
            deployment.vault.deposit(treasurer, party, bond)

    def _join_members(self) -> None:
        self._watcher.note(f"{len(self.cast.parties)} members encrypt their mails and register payees")
        for party in self.cast.parties:
            self.actors.append(self._join(party))

    def _join(self, party: Party) -> Actor:
        seed, name = self.settings.seed, party.name
        passphrase = entropy_for(seed, f"passphrase/{name}")(16).hex().encode()
        vault = Vault.create(
            self.settings.out / "private" / name / "vault.db",
            passphrase,
            kdf=Kdf.MINIMUM,
            entropy=entropy_for(seed, f"vault/{name}"),
        )
        self._directory.write_private(f"{name}/passphrase", passphrase)
        session = self._session(party, vault)
        vault.put_secret("payee-key", entropy_for(seed, f"account/{name}")(32))
        account = Account(vault.get_secret("payee-key"))
        set_budget(vault, self.manifest.privacy.budget)
        report = vault.import_rows([Row(text=m.text, label=m.label) for m in party.mails])
        root = vault.root()
        statement = DataImport(
            federation=self.deployment.federation.address,
            payee=account.address,
            count=report.count,
            root=root,
            head=NOTHING,
        )
        event = session.sign(statement.content(), model=self.models["data"], unique=root[:12])
        self._register(session.did, account)
        return Actor(party, vault, session, account, event)

    def _session(self, party: Party, vault: Vault) -> Session:
        """Make the key that signs for a member, and keep it in its vault."""
        vault.put_secret("did-seed", entropy_for(self.settings.seed, f"did/{party.name}")(32))
        return Session(identity=Identity(vault.get_secret("did-seed")))

    def _register(self, did: Did, account: Account) -> None:
        """Bind a DID to its payee by the payee's signature; the relayer pays the gas."""
        registry, deadline = self.deployment.registry, self.chain.timestamp + DAY
        nonce = registry.nonces(account.address)
        signature = account.sign_register(
            chain_id=self.chain.chain_id,
            registry=registry.address,
            did_hash=did_hash(did),
            nonce=nonce,
            deadline=deadline,
        )
        registry.register_by_sig(
            self.relayer,
            payee=account.address,
            did_hash=did_hash(did),
            nonce=nonce,
            deadline=deadline,
            signature=signature,
        )

    def _open_epoch(self) -> None:
        self._watcher.note("the validation set is committed; the epoch opens")
        quotas = {actor.did: len(actor.party.mails) for actor in self.actors}
        federation = self.deployment.federation
        domain = Domain(
            chain_id=self.chain.chain_id, federation=federation.address, epoch=federation.epoch() + 1
        )
        roster = Roster(quotas, self.community_id.sign(Roster.signed_bytes(quotas, domain)))
        self.imports = admit_imports(
            (actor.import_event for actor in self.actors),
            federation=federation.address,
            members=quotas,
            models=self.models,
            now=self.chain.timestamp,
        )
        self.epoch: OpenEpoch = open_epoch(
            self.deployment,
            self.manifest,
            roster,
            self.providers,
            payees=agreed_payees(self.deployment.registry, wanted_payees(self.imports.admitted)),
            sender=self.aggregator,
            public=self.public,
            models=self.models,
            chain_id=self.chain.chain_id,
        )
        self.test = Design.build(examples_of(self.cast.test), self.epoch.mean)

    def _members(self) -> list[Member]:
        terms = Terms(
            manifest=self.manifest,
            domain=self.epoch.domain,
            features=FEATURES,
            mean=self.epoch.mean,
            contribution_model=self.models["contribution"],
            unsafe_no_dp=self.settings.epsilon is None,
        )
        tap, members = Wiretap(), []
        for i, actor in enumerate(self.actors):
            behaviour = actor.party.behaviour
            # The first honest member's line is tapped, so that the copier has something to copy.
            member = (Tapped if i == 0 and behaviour is Member else behaviour)(
                actor.vault,
                actor.session,
                terms,
                FederationView(self.deployment.federation),
                engine=engine_of(self.manifest),
                entropy=entropy_for(self.settings.seed, f"noise/{actor.party.name}"),
            )
            if isinstance(member, (Tapped, Copier)):
                member.tap = tap
            members.append(member)
        return members

    def _train(self) -> None:
        dim = self.manifest.model.dim
        node_seed = entropy_for(self.settings.seed, "nodes")
        nodes = {actor.did: int.from_bytes(node_seed(8), "big") >> 1 for actor in self.actors}
        clients = {nodes[member.did]: build_client_app(member, dim=dim) for member in self._members()}

        def make_driver(grid: InProcessGrid) -> RoundDriver:
            ports = Ports(
                grid=grid,
                nodes=nodes,
                chain=self.chain,
                federation=self.deployment.federation,
                sender=self.aggregator,
                identity=self.aggregator_id,
                providers=self.providers,
                log=self.log,
                public=self.public,
            )
            self.driver = RoundDriver(
                ports,
                self.epoch,
                initial=self.evaluation.initial(),
                opening_events=self.imports.admitted,
            )
            return self.driver

        app = build_server_app(make_driver, self._observe)
        context = Context(run_id=0, node_id=0, node_config={}, state=RecordDict(), run_config={})
        app(InProcessGrid(clients), context)

    def _observe(self, report: RoundReport) -> None:
        auc = self.evaluation.auc(report.model, self.test)
        self.reports.append(report)
        self.aucs.append(auc)
        self.facts.append(
            RoundFacts.of(self.evaluation, report.base, report.outcome, report.shard_design, report.shard)
        )
        self._watcher.round_closed(self, report, auc)

    def commitments(self, did: Did, rounds: int | None = None) -> int:
        """Return in how many of the first rounds a member committed to a delta."""
        return sum(did in report.committed for report in self.reports[:rounds])

    def _claims(self) -> Claims:
        self._watcher.note("measuring the baselines")
        known: list[Design] = [self.epoch.public, *(r.shard_design for r in self.reports)]
        mean = self.epoch.mean
        world = World(
            members=[Design.build(examples_of(p.mails), mean) for p in self.cast.honest],
            public=known[0],
            shards=known[1:],
        )
        measured = baselines(world, self.test, self.manifest.rules)
        public_corpus = self.settings.data is None
        test_set = self.public.put(examples_bytes(self.test.examples)).hex() if public_corpus else None
        return Claims(
            seed=self.settings.seed,
            names={a.did: (a.party.name, a.party.role) for a in self.actors},
            aucs=tuple(self.aucs),
            baselines=measured,
            test_set=test_set,
        )

    def _pay(self) -> Settlement:
        self._watcher.note("proposing, waiting out the challenge window, paying")
        domain, federation = self.epoch.domain, self.deployment.federation
        settlement = settlement_trace(
            self.epoch.admitted,
            credits=self.driver.state.credits,
            funds=self.epoch.terms.funds,
            forfeited=federation.forfeited(),
        )
        publish(settlement, domain, self.deployment, self.public)
        propose(self.deployment, settlement, domain, self.aggregator)
        finalize_and_claim(self.deployment, settlement, domain, self.chain, self.relayer)
        genesis, blocks = self.chain.export()
        self.public.write(GENESIS, genesis)
        self.public.write(BLOCKS, blocks)
        self.public.write(EVENTS, self.log.to_bytes())
        self.public.seal()
        return settlement

    def _summarise(self, claims: Claims, settlement: Settlement) -> Table:
        state, token = self.driver.state, self.deployment.token
        payees = {member.did: member.payee for member in self.epoch.admitted if member.paid}
        members = [
            MemberFacts(
                did=actor.did,
                payee=payees.get(actor.did),
                examples=actor.vault.count if actor.import_event in self.imports.admitted else 0,
                quota=self.epoch.roster.quotas[actor.did],
                commitments=self.commitments(actor.did),
                score=state.scores[actor.did],
                credit=state.credits[actor.did],
                paid=settlement.due.get(actor.did, 0),
                balance=token.balance_of(actor.account.address),
                suspended=actor.did in state.suspended,
            )
            for actor in self.actors
        ]
        return build_summary(self.manifest, claims, self.facts, members)

    def _verify(self, summary: Table) -> tuple[str, bool]:
        """Let ``folkmoot verify`` judge the run in a process of its own."""
        self._watcher.note("verifying independently, from public material only")
        out = self.settings.out
        write_atomically(out / "summary.json", summary_bytes({**summary, "cpu_seconds": 0.0}))
        command = [sys.executable, "-m", "federation", "verify", str(out)]
        command += ["--expect", self.epoch.domain.federation]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own CLI
        failures = [line for line in done.stderr.splitlines() if not line.startswith("  ok  ")]
        text = done.stdout.strip() if done.returncode == 0 else "\n".join(failures)
        return text, done.returncode == 0

    def epsilons(self, actor: Actor) -> list[float]:
        """Return a member's epsilon after each round; infinite without noise is left out as 0."""
        counts = [self.commitments(actor.did, r + 1) for r in range(len(self.reports))]
        return [epsilon_after(self.manifest, count) or 0.0 for count in counts]

    def status_text(self, did: Did, report: RoundReport) -> str:
        """Return a member's status in a round, with the reason of a rejection."""
        line = next(m for m in report.outcome.members if m.did == did)
        return f"rejected: {line.reason}" if line.status is Status.REJECTED else str(line.status)


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def improvement_shares(run: Run) -> tuple[float, float, float, float]:
    """Return what became of the improvement: paid, withheld by projection, by clip, and the rest."""
    positive = [r.outcome for r in run.reports if r.outcome.improvement > 0]
    total = sum(o.improvement for o in positive)
    if not total:
        return 0.0, 0.0, 0.0, 0.0
    bounty = run.manifest.rules.terms.bounty
    paid = sum(run.settlement.due.values()) * 2**40 / bounty / total
    projection = sum(o.withheld_projection for o in positive) / total
    clip = sum(m.score - m.counted for o in positive for m in o.members) / total
    return paid, projection, clip, 1 - paid - projection - clip
