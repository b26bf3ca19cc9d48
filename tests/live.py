"""A federation of several epochs as a stranger sees it: a node of its chain, an event node, public files.

Epoch 1 is paid; epoch 2 is cancelled after one round, and paid; epoch 3 stands where a test wants it.
"""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock
from typing import Any
from unittest import mock

from aggregator.ground import Ground, live
from aggregator.public import MANIFEST, PublicDirectory
from aggregator.settlement import finalize_and_claim, propose
from aggregator.sources import Material, RemoteMaterial
from aggregator.verify_federation import EpochVerdict, Wanted, verify_federation
from ceramic_bridge.events import SignedEvent
from contracts.chain import Chain, Reader
from contracts.replay import ReplayedChain
from examples.spam_detection import run as example
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from federation.trace import Settlement, settlement_trace
from federation.types import Address, Did, Wei
from tests.e2e.chainserver import SharedChain
from tests.world import Quiet, made_up_mails, scratch

ROUNDS = 2


class LiveRun(Run):
    """Runs epoch after epoch into one public directory."""

    def __init__(self, out: Path, *, cheats: Sequence[str] = ()) -> None:
        settings = Settings(members=4, rounds=ROUNDS, seed=0, cheats=tuple(cheats), epsilon=None, out=out)
        super().__init__(settings, build_cast(made_up_mails(), settings), Quiet())
        self.paid: dict[Address, Wei] = {}
        self.rounds = ROUNDS

    def found(self, chain: Callable[..., Chain] = SharedChain) -> None:
        with mock.patch.object(example, "EmbeddedChain", chain):
            self._found_community()
        self._join_members()

    def open(self) -> None:
        """Open the next epoch, in whose directory everything waits until it may be public."""
        if self.deployment.federation.epoch():
            self._fund()
        self.public = PublicDirectory(self.staging)
        self._open_epoch()
        self.reports.clear()
        self.aucs.clear()
        self.facts.clear()
        for name in ("roster_hash", "mean_hash", "public_hash"):
            self._publish(getattr(self.epoch.terms, name).hex())
        (self.folder / "blobs").mkdir(parents=True, exist_ok=True)
        shutil.copy(self.staging / MANIFEST, self.folder / MANIFEST)

    @property
    def staging(self) -> Path:
        return self.settings.out / f"staging-{self.deployment.federation.epoch() + (self.epoch_is_over)}"

    @property
    def epoch_is_over(self) -> bool:
        return self.deployment.federation.phase().name == "CLOSED"

    @property
    def folder(self) -> Path:
        return self.settings.out / "served"

    def _publish(self, blob: str) -> None:
        to = self.folder / "blobs" / blob
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.public.path / "blobs" / blob, to)

    def publish_all(self) -> None:
        """Make public what waited."""
        for blob in (self.public.path / "blobs").iterdir():
            self._publish(blob.name)
        PublicDirectory(self.folder).seal()

    def train(self, rounds: int = ROUNDS) -> None:
        def run(driver: Any, observer: Any) -> None:
            for _ in range(rounds):
                observer(driver.run_round())

        with mock.patch.object(example.RoundDriver, "run", run):
            self._train()

    def close(self) -> None:
        """Reveal the epoch in full."""
        self.driver.close(self._claims().to_bytes())
        self.publish_all()

    def cancel(self) -> None:
        """End it early; the shards are published all the same."""
        self.deployment.federation.cancel(self.aggregator)
        self.close()

    def settlement(self, credits: Mapping[Did, Wei] | None = None) -> Settlement:
        return settlement_trace(
            self.epoch.admitted,
            credits=self.driver.state.credits if credits is None else credits,
            funds=self.epoch.terms.funds,
            forfeited=self.deployment.federation.forfeited(),
            previous=self.paid,
        )

    def propose(self, settlement: Settlement) -> None:
        self.public.put(settlement.trace.to_bytes())
        self.public.put(settlement.table(self.chain.chain_id, self.deployment.pool.address).to_bytes())
        propose(self.deployment, settlement, self.epoch.domain, self.aggregator)
        self.publish_all()

    def pay(self, settlement: Settlement) -> None:
        self.propose(settlement)
        finalize_and_claim(self.deployment, settlement, self.epoch.domain, self.chain, self.relayer)
        self.paid = dict(settlement.amounts)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A federation at some moment: its chain taken back there when asked."""

    run: LiveRun
    block: int
    folder: Path
    events: tuple[SignedEvent, ...]


@cache
def stages() -> dict[str, Stage]:
    """One federation at every moment of its life that tests look at."""
    run = LiveRun(scratch() / "live")
    found: dict[str, Stage] = {}

    def keep(name: str) -> None:
        folder = scratch() / f"live-{name}"
        shutil.copytree(run.folder, folder)
        found[name] = Stage(run, run.chain.block_number, folder, tuple(run.log))

    run.found()
    run.open()
    run.train()
    run.close()
    run.pay(run.settlement())
    keep("paid")
    run.open()
    run.train(1)
    run.cancel()
    run.pay(run.settlement())
    keep("cancelled")
    run.open()
    keep("opened")
    run.train()
    keep("training")
    run.close()
    keep("revealed")
    run.propose(run.settlement())
    keep("proposed")
    return found


class PastChain(ReplayedChain):
    """The chain as it was at a stage; one thread at a time."""

    def __init__(self, stage: Stage) -> None:
        chain = stage.run.chain
        super().__init__(chain._machine.past(stage.block), tuple(chain._blocks[: stage.block]))
        self.turn = RLock()


@cache
def reader(stage: Stage) -> PastChain:
    return PastChain(stage)


def ground_of(stage: Stage, chain: Reader | None = None, public: Material | None = None) -> Ground:
    deployment = stage.run.deployment
    return live(
        chain or reader(stage),
        public or RemoteMaterial(str(stage.folder)),
        deployment.federation.address,
        deployment.registry.address,
        lambda _: None,
    )


def ground_of_run(run: LiveRun) -> Ground:
    """The federation as it stands now."""
    deployment = run.deployment
    material = RemoteMaterial(str(run.folder))
    addresses = deployment.federation.address, deployment.registry.address
    return live(run.chain, material, *addresses, lambda _: None)


def verdicts(
    stage: Stage,
    *,
    chain: Reader | None = None,
    public: Material | None = None,
    events: Sequence[SignedEvent] | None = None,
    wanted: Wanted | None = None,
    cache: Path | None = None,
    told: list[str] | None = None,
    jobs: int = 1,
) -> list[EpochVerdict]:
    lines: list[str] = [] if told is None else told
    return verify_federation(
        ground_of(stage, chain, public),
        stage.events if events is None else events,
        wanted=wanted or Wanted(),
        cache=cache,
        progress=lines.append,
        jobs=jobs,
    )


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """Public files over HTTP."""
    with ExitStack() as held:
        server = held.enter_context(
            ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        held.callback(thread.join)
        held.callback(server.shutdown)
        yield f"http://127.0.0.1:{server.server_port}"
