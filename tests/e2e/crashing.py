"""An aggregator in a process of its own that is killed at a chosen point; chain and event node live on.

What is killed is a fork of the test's process, so that a restart costs no imports. A *point* is a
moment before or after something that outlives the process: a write to the journal, a transaction on
its way to the node, an event on its way to the event node.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from aggregator.journal import Journal
from aggregator.public import PublicDirectory
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.node.client import RemoteNode
from client.vault import Vault
from contracts.abi import selector
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.transport import NodeTransport
from contracts.bindings.federation import RoundRecorded
from contracts.deploy import Deployment
from examples.spam_detection.run import GENESIS_TIME
from federation.types import Address
from tests import operated
from tests.operated import Standing

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
from ceramic_bridge.cli import events
from federation.cli import run_command
sys.exit(run_command(events, "folkmoot", ["serve", "--port", "0", "--store", *sys.argv[1:]]))
"""


def steady_beacon() -> str:
    """Code of a source of randomness without any: anvil makes up part of every block's hash.

    ``target(delay)`` is the block in so many, ``value(target)`` the target itself, ``expired`` never.
    """
    target, value = (selector(f"{name}(uint64)").hex() for name in ("target", "value"))
    head = f"5f3560e01c8063{target}1461TTTT578063{value}1461VVVV575f5f5260205ff3"
    at = len(head) // 2
    give_target = "5b600435430160005260206000f3"
    give_value = "5b60043560005260206000f3"
    head = head.replace("TTTT", f"{at:04x}").replace("VVVV", f"{at + len(give_target) // 2:04x}")
    return "0x" + head + give_target + give_value


@contextlib.contextmanager
def event_node(path: Path) -> Iterator[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVE, str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ, cwd=ROOT) as process:
        assert process.stderr
        try:
            yield process.stderr.readline().split()[2].removesuffix("/ceramic;")
        finally:
            process.kill()


@dataclass
class Fuse:
    """Counts points, and kills its process at one."""

    at: int = -1
    points: list[str] = field(default_factory=list)

    def burn(self, name: str) -> None:
        self.points.append(name)
        if len(self.points) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class FusedJournal(Journal):
    fuse: Fuse

    def record(self, epoch: int, round_: int, step: str, value: bytes) -> None:
        self.fuse.burn(f"before {step} of {round_}")
        super().record(epoch, round_, step, value)
        self.fuse.burn(f"after {step} of {round_}")


class FusedTransport:
    def __init__(self, inner: NodeTransport, fuse: Fuse) -> None:
        self.inner, self.fuse = inner, fuse

    def request(self, method: str, *params: object) -> Any:
        sending = method == "eth_sendRawTransaction"
        if sending:
            self.fuse.burn("before a transaction")
        answer = self.inner.request(method, *params)
        if sending:
            self.fuse.burn("after a transaction")
        return answer


class FusedSink:
    """Publishes events, and notes those that the node has acknowledged."""

    def __init__(self, url: str, fuse: Fuse, notes: Path) -> None:
        self.node, self.fuse, self.notes = RemoteNode(url), fuse, notes

    def append(self, event: SignedEvent) -> None:
        self.fuse.burn("before an event")
        (receipt,) = self.node.add([event])
        assert receipt.refusal is None, receipt.refusal
        with self.notes.open("a") as file:
            file.write(f"{event.cid}\n")
        self.fuse.burn("after an event")


@dataclass(frozen=True)
class Outcome:
    """What is left when an epoch is over: all that must not depend on crashes."""

    phase: int
    recorded: int
    rounds: tuple[tuple[bytes, bytes, bytes, bytes], ...]
    root: bytes
    paid: tuple[int, ...]
    calls: tuple[tuple[str, str], ...]
    events: frozenset[str]
    public: frozenset[str]


class Scene:
    """A founded federation on anvil, which every run starts from anew."""

    def __init__(self, folder: Path, binary: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.node = AnvilNode(AnvilOptions(binary=binary, genesis_time=GENESIS_TIME))
        self.chain = AnvilChain(NodeTransport(str(self.node.socket)))
        self.base = Standing(folder / "base")

        def chain(_time: int, funded: list[Address], **_more: Any) -> AnvilChain:
            for account in funded:
                self.chain.give_gas(account)
            return self.chain

        self.base.found(chain)
        randomness = self.base.deployment.federation.config().randomness
        self.chain._node.request("anvil_setCode", randomness, steady_beacon())
        self.base.close()
        self.before = self.chain.block_number
        self.snapshot = self.chain.snapshot()
        self.runs = 0

    def close(self) -> None:
        self.chain._node.close()  # type: ignore[attr-defined]  # a NodeTransport
        self.node.stop()

    def fresh(self) -> Path:
        """Everything as it was when the federation had been founded."""
        self.chain.revert(self.snapshot)
        self.snapshot = self.chain.snapshot()
        self.runs += 1
        place = self.folder / f"run-{self.runs}"
        shutil.copytree(self.folder / "base" / "private", place / "private")
        return place

    def process(self, place: Path, at: int = -1) -> tuple[int, list[str]]:
        """Run the aggregator in a fork; returns the signal that ended it, and its points."""
        noted = place / "points"
        child = os.fork()
        if not child:
            status = 1
            try:
                fuse = Fuse(at)
                self.aggregate(place, fuse)
                noted.write_text("\n".join(fuse.points))
                status = 0
            except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
                traceback.print_exc()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        if os.WIFSIGNALED(ended):
            return os.WTERMSIG(ended), []
        assert os.WEXITSTATUS(ended) == 0, "the aggregator failed"
        return 0, noted.read_text().splitlines()

    def aggregate(self, place: Path, fuse: Fuse) -> None:
        """One process of the aggregator, from what is on disk and on chain."""
        base = self.base
        transport = FusedTransport(NodeTransport(str(self.node.socket)), fuse)
        base.chain = AnvilChain(transport)  # type: ignore[assignment]  # the example says embedded
        base.deployment = base.deployment.over(base.chain)
        for actor in base.actors:
            private = place / "private" / actor.party.name
            actor.vault = Vault.open(private / "vault.db", (private / "passphrase").read_bytes())
        sink = FusedSink(self.url, fuse, place / "events")
        FusedJournal.fuse = fuse
        more = {
            "log": sink,
            "public": PublicDirectory(place / "staging"),
            "published": PublicDirectory(place / "public"),
        }
        journal = place / "private" / "home" / "journal.db"
        with (
            mock.patch.object(operated, "Journal", FusedJournal),
            base.running(journal=journal, claim=True, **more) as run,
        ):
            run.run(base.plan())

    def outcome(self, place: Path) -> Outcome:
        """What the chain, the event node and the public directory hold now."""
        deployment: Deployment = self.base.deployment.over(self.chain)
        federation, pool = deployment.federation, deployment.pool
        recorded = RoundRecorded.decode_logs(federation.logs())
        rounds = tuple((r.model_hash, r.events_root, r.trace_root, r.receipt_hash) for r in recorded)
        paid = tuple(pool.paid(actor.account.address) for actor in self.base.actors)
        return Outcome(
            phase=int(federation.phase()),
            recorded=federation.recorded(),
            rounds=rounds,
            root=pool.root(),
            paid=paid,
            calls=tuple(self.calls()),
            events=frozenset((place / "events").read_text().split()),
            public=frozenset(p.name for p in (place / "public").rglob("*") if p.is_file()),
        )

    def calls(self) -> Iterator[tuple[str, str]]:
        """Every transaction since the founding, from the blocks: whom it called, and what."""
        for number in range(self.before + 1, self.chain.block_number + 1):
            block = self.chain._node.request("eth_getBlockByNumber", hex(number), True)
            for sent in block["transactions"]:  # type: ignore[index,call-overload]  # a block
                yield sent["to"], sent["input"][:10]
