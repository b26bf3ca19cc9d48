"""A small federation whose rounds are secure, with members that may fall silent or lie at any stage.

Members are the real client's state machines; only vault, ledger and training are cut short. The chain is
put back between tests, so that founding it is paid once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aggregator.driver import Ports, RoundDriver
from aggregator.happenings import Happening
from aggregator.ports import RoundReport
from ceramic_bridge.did import Identity
from ceramic_bridge.log import EventLog
from client.app import build_client_app
from client.consent import Terms
from client.identity import Session
from client.ledger import Stored
from client.mechanism import secure_delta
from client.secure import SecureRounds
from client.trainer import engine_of
from contracts.view import FederationView
from examples.spam_detection.run import Run
from examples.spam_detection.settings import FEATURES, Settings
from examples.spam_detection.world import build_cast, entropy_for, examples_of
from federation.delta import parse_delta
from federation.errors import ConfigError, PeerError
from federation.evaluation import Start
from federation.fixedpoint import Ints
from federation.grid import InProcessGrid
from federation.messages import CommitRequest, SecureReply, SecureRequest
from federation.models.linear import Design
from federation.payloads import Contribution
from federation.rounds import EpochState, RoundOutcome, close_round
from federation.secagg.messages import Message
from federation.secagg.stages import Stage
from federation.secagg.terms import Terms as Attempt
from federation.secagg.transcript import STAGES
from federation.trace import Position
from federation.types import Did
from tests.world import Quiet, made_up_mails

MEMBERS, MINIMUM = 6, 4

Forge = Callable[["Puppet", SecureRequest, SecureReply], SecureReply]


class Crash(Exception):
    """The aggregator's process ends."""


@dataclass
class Notebook:
    """A journal in memory, whose process may be killed after one of its steps."""

    steps_: dict[tuple[int, int, str], bytes] = field(default_factory=dict)
    fatal: Callable[[int, str], bool] = lambda _round, _step: False

    def recall(self, epoch: int, round_: int, step: str) -> bytes | None:
        return self.steps_.get((epoch, round_, step))

    def record(self, epoch: int, round_: int, step: str, value: bytes) -> None:
        if self.steps_.setdefault((epoch, round_, step), value) != value:
            raise ConfigError(f"the journal has another value for {step!r}")
        if self.fatal(round_, step):
            raise Crash(step)

    def steps(self, epoch: int, round_: int, prefix: str) -> Mapping[str, bytes]:
        return {
            step.removeprefix(prefix): value
            for (e, r, step), value in sorted(self.steps_.items())
            if (e, r) == (epoch, round_) and step.startswith(prefix)
        }


class Puppet:
    """A member in memory."""

    def __init__(self, trial: Trial, did: Did, design: Design) -> None:
        self.trial, self.did, self.design = trial, did, design
        world = trial.world
        self.session: Session = next(a.session for a in world.run.actors if a.did == did)
        self.view = FederationView(world.run.deployment.federation)
        self.terms = Terms(
            manifest=world.run.manifest,
            domain=world.run.epoch.domain,
            features=FEATURES,
            mean=world.run.epoch.mean,
            contribution_model=world.run.models["contribution"],
        )
        self.records: dict[tuple[str, str], bytes] = {}
        self.kept: dict[int, Stored] = {}
        self.secrets = entropy_for(0, f"secrets of {did}")
        self.storage = SimpleNamespace(file=SimpleNamespace(tidy=lambda: None))
        self.rounds = SecureRounds(self, self, self.view)

    # What its vault does

    def record(self, kind: str, name: str) -> bytes | None:
        return self.records.get((kind, name))

    def put_record(self, kind: str, name: str, value: bytes) -> None:
        self.records[kind, name] = value

    # What spends, trains, stores and signs for it

    def require_place(self, domain: Any) -> None:
        assert domain == self.terms.domain

    def require_authority(self, round_: int) -> None: ...

    def require_trainable(self, request: CommitRequest) -> None:
        assert request.base.hash == self.base_hash(request.round)

    def let_out(self, round_: int) -> None: ...

    def secret(self) -> bytes:
        return self.secrets(32)

    def base_hash(self, round_: int) -> Any:
        return self.view.base_hash(self.terms.domain.epoch, round_)

    def sign_digest(self, digest: bytes) -> bytes:
        return self.session.sign_digest(digest)

    def train(self, request: CommitRequest) -> Ints:
        entropy = entropy_for(0, f"noise of {self.did} in {request.round}")
        manifest = self.terms.manifest
        return secure_delta(engine_of(manifest), self.design, request.base, manifest, entropy)

    def made(self, round_: int, make: Callable[[], bytes]) -> Stored:
        if round_ not in self.kept:
            self.kept[round_] = Stored(round_, make())
        return self.kept[round_]

    def stored(self, round_: int) -> Stored:
        return self.kept[round_]

    def statement(self, round_: int, commitment: Any, number: int) -> Any:
        statement = Contribution(
            domain=self.terms.domain,
            round=round_,
            base_hash=self.base_hash(round_),
            commitment=commitment,
            release=number,
        )
        return self.session.sign(
            statement.content(), model=self.terms.contribution_model, unique=commitment[:12]
        )

    # What the aggregator asks of it

    def secure(self, request: SecureRequest) -> SecureReply:
        trial = self.trial
        trial.asked[self.did, request.round, request.attempt, str(request.stage), *request.parts[:1]] += 1
        if self.did in trial.gone(request):
            raise PeerError("gone")
        try:
            reply = self.rounds.answer(request)
        except Exception as error:
            trial.refusals.append((self.did, request.stage, str(error)))
            raise
        return trial.forge(self, request, reply)

    def delta(self, round_: int) -> Ints:
        return parse_delta(self.kept[round_].payload)


def honest(puppet: Puppet, request: SecureRequest, reply: SecureReply) -> SecureReply:
    return reply


@dataclass
class Trial:
    """Rounds of one test.

    Attributes:
        world: The federation.
        lost: From which stage on who is silent, in the first round only.
        forge: May change what a member answers.
        memory: The journal.
        asked: How often each question was asked.
        refusals: Who refused an answer, and why.
    """

    world: World
    lost: Mapping[Stage, Collection[Did]] = field(default_factory=dict)
    forge: Forge = honest
    memory: Notebook = field(default_factory=Notebook)
    asked: Counter[Any] = field(default_factory=Counter)
    refusals: list[Any] = field(default_factory=list)
    told: list[Happening] = field(default_factory=list)
    log: EventLog = field(default_factory=EventLog)
    puppets: dict[Did, Puppet] = field(default_factory=dict)
    driver: Any = None
    before: EpochState | None = None
    known: list[Position] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.puppets = {did: Puppet(self, did, design) for did, design in self.world.designs.items()}

    def gone(self, request: SecureRequest) -> set[Did]:
        """Who is silent by now."""
        if request.round > 1:
            return set()
        order = [*STAGES, Stage.OPEN_KEYS, Stage.OPEN_EDGE]
        place = order.index(request.stage)
        return {did for stage, dids in self.lost.items() if order.index(stage) <= place for did in dids}

    def start(self, **ports: Any) -> RoundDriver:
        """A process of the aggregator."""
        run = self.world.run
        clients = {
            node: build_client_app(self.puppets[did], dim=run.manifest.model.dim)
            for did, node in self.world.nodes.items()
        }
        given = Ports(
            grid=InProcessGrid(clients),
            nodes=self.world.nodes,
            chain=run.chain,
            federation=run.deployment.federation,
            sender=run.aggregator,
            identity=run.aggregator_id,
            providers=run.providers,
            log=self.log,
            public=run.public,
        )
        self.driver = RoundDriver(
            replace(given, **ports),
            run.epoch,
            initial=run.evaluation.initial(),
            opening_events=run.imports.admitted,
            memory=self.memory,
            watch=self.told.append,
        )
        return self.driver

    def round(self) -> RoundReport:
        """Run the next round."""
        driver = self.driver or self.start()
        self.before, self.known = driver.state, list(driver._known)
        return driver.run_round()

    def central(self, report: RoundReport, dids: Collection[Did], absent: Any) -> RoundOutcome:
        """What is made of the same deltas where all are seen, by the same rules."""
        run, before = self.world.run, self.before
        assert before is not None
        start = Start(state=before, rules=run.manifest.rules, known=self.known)
        return close_round(
            before,
            report.base,
            start.rules,
            deltas={did: self.puppets[did].delta(before.round) for did in dids},
            absent=absent,
            known=Design.concat([one.design for one in self.known]),
            shard=report.shard_design,
            norm_bound=run.epoch.norm_bound,
            published=start.published(report.base.weights),
        )

    def times(self, round_: int, stage: Stage) -> dict[Did, int]:
        """How often each member was asked in a stage."""
        found: Counter[Did] = Counter()
        for (did, r, _, s, *_), count in self.asked.items():
            if (r, s) == (round_, stage):
                found[did] += count
        return dict(found)


class World:
    """The federation: founded, joined, its epoch open."""

    def __init__(self, out: Path, *, rounds: int = 3) -> None:
        settings = Settings(members=MEMBERS, rounds=rounds, seed=0, cheats=(), secure=True, out=out)
        self.run = Run(settings, build_cast(made_up_mails(), settings), Quiet())
        self.run._found_community()
        self.run._join_members()
        self.run._open_epoch()
        assert self.run.manifest.secure
        assert self.run.manifest.secure.minimum == MINIMUM
        mean = self.run.epoch.mean
        self.designs = {a.did: Design.build(examples_of(a.party.mails), mean) for a in self.run.actors}
        seeds = entropy_for(0, "nodes")
        self.nodes = {a.did: int.from_bytes(seeds(8), "big") >> 1 for a in self.run.actors}
        self.dids = sorted(self.nodes)
        self._snapshot = self.run.chain.snapshot()

    @contextmanager
    def trial(self, **more: Any) -> Iterator[Trial]:
        try:
            yield Trial(self, **more)
        finally:
            self.run.chain.revert(self._snapshot)
            self._snapshot = self.run.chain.snapshot()

    def identity(self, did: Did) -> Identity:
        found = next(a.session.identity for a in self.run.actors if a.did == did)
        assert isinstance(found, Identity)
        return found


def resigned(puppet: Puppet, terms: Attempt, message: Any, **changes: Any) -> bytes:
    """A message changed by its author."""
    changed: Message = replace(message, **changes).sign(terms, puppet.sign_digest)
    return changed.to_bytes()
