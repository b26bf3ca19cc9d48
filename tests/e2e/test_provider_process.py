"""A provider's own process against a desk and a chain on loopback, killed after every duty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aggregator.validation import wire
from aggregator.validation.desk import Desk
from aggregator.validation.home import ProviderHome
from aggregator.validation.routes import router
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.transport import NodeTransport
from contracts.bindings.structs import Phase
from contracts.keyfile import write_keyfile
from examples.spam_detection.run import Run
from examples.spam_detection.world import entropy_for
from federation.errors import ConfigError, PeerError
from federation.hashing import Domain
from federation.types import Address
from tests.e2e.chainserver import served as chain_served
from tests.e2e.providing import ACCOUNTS, Stage, founded
from tests.unit.aggregator.validation.desk import served as desk_served
from tests.world import CANARY, scratch

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[2]
COMMAND = (
    "import sys; from aggregator.validation.cli import validation; from federation.cli import run_command; "
    "sys.exit(run_command(validation, 'folkmoot validation'))"
)


class Process:
    """The commands of provider 0, whose home is a folder of its own."""

    def __init__(self, stage: Stage, path: Path, rpc: str, desk: str) -> None:
        self.stage, self.path, run = stage, path, stage.run
        self.name = run.manifest.name
        self.home = ProviderHome(path / "home" / "data" / "provider" / self.name)
        self.home.create_identity(entropy_for(0, "did/provider-0")(32))
        write_keyfile(path / "key.json", entropy_for(0, "account/provider-0")(32), "a b c", iterations=2)
        (path / "passphrase").write_text("a b c\n")
        (path / "federation.toml").write_text(run.manifest.to_toml())
        rows = [{"text": mail.text, "label": mail.label} for mail in run.cast.providers[0]]
        (path / "judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.joining = [
            "join",
            str(path / "federation.toml"),
            "--federation",
            run.deployment.federation.address,
            "--desk",
            desk,
            "--rpc",
            rpc,
            "--key",
            str(path / "key.json"),
            "--confirmations",
            "2",
        ]

    def environ(self) -> dict[str, str]:
        return {**os.environ, "FOLKMOOT_HOME": str(self.path / "home"), "PYTHONPATH": str(ROOT)}

    def do(self, *words: str, expect: int = 0, told: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.path,
        )
        assert done.returncode == expect, done.stderr
        return done.stderr if expect or told else done.stdout

    def until(self, reached: Callable[[], bool]) -> str:
        """Run the watching process until something holds, then kill it; what it said."""
        words = ["run", self.name, "--yes", "--poll", "0.1", "--format", "jsonl"]
        words += ["--passphrase-file", str(self.path / "passphrase")]
        with (self.path / "said").open("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *words],
                env=self.environ(),
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.path,
            )
            try:
                deadline = time.monotonic() + 60
                while not reached():
                    assert process.poll() is None, (self.path / "said").read_text()
                    assert time.monotonic() < deadline, (self.path / "said").read_text()
                    time.sleep(0.05)
            finally:
                process.kill()
                process.wait()
            return (self.path / "said").read_text()


@pytest.fixture(scope="module")
def community() -> Run:
    return founded(scratch() / "provider-process")


@pytest.fixture
def process(community: Run, tmp_path: Path) -> Iterator[Process]:
    stage = Stage(community, tmp_path / "stage")
    routes = router(
        stage.mailbox,
        community.manifest,
        federation=stage.federation.address,
        epoch=stage.federation.epoch,
    )
    before = community.chain.snapshot()
    with chain_served(community.chain) as rpc, desk_served(routes) as desk:
        yield Process(stage, tmp_path, rpc, desk)
    community.chain.revert(before)


@pytest.fixture
def on_anvil(tmp_path: Path) -> Iterator[Process]:
    """The same over a node of its own, to which the process can send."""
    try:
        binary = find_anvil(os.environ)
    except ConfigError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    with AnvilNode(AnvilOptions(binary=binary)) as node, ExitStack() as held_open:
        transport = NodeTransport(str(node.socket))
        held_open.callback(transport.close)

        def chain(_: int, funded: list[Address], **__: int) -> AnvilChain:
            made = AnvilChain(transport)
            for address in (*funded, *(account.address for account in ACCOUNTS)):
                made.give_gas(address)
            return made

        run = founded(tmp_path / "run", chain)
        stage = Stage(run, tmp_path / "stage")
        federation = stage.federation.address
        routes = router(stage.mailbox, run.manifest, federation=federation, epoch=stage.federation.epoch)
        desk = held_open.enter_context(desk_served(routes))
        yield Process(stage, tmp_path, str(node.socket), desk)


def held(process: Process, item: str) -> Callable[[], bool]:
    return lambda: item in process.stage.mailbox.held(1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("by_hand", [False, True])
def test_accusation_is_answered_on_chain_when_the_desk_has_not_got_the_part(on_anvil, by_hand):
    process, stage = on_anvil, on_anvil.stage
    federation, chain = stage.federation, stage.run.chain
    process.do(*process.joining)
    process.do("add", process.name, "judged.jsonl")
    passphrase = ["--passphrase-file", "passphrase"]
    others = [stage.duties(i) for i in (1, 2)]

    def meanwhile() -> None:
        for duties in others:
            duties.step()
        process.do("commit", process.name, "--yes", *passphrase)

    epoch = stage.open_epoch(meanwhile)
    stage.close_reveals()
    stage.reach_target(2)
    for duties in others:
        duties.open()
    process.do("open", process.name, *passphrase)
    stage.draw(1)
    federation.consent(stage.run.aggregator, 0, epoch.terms, epoch.consents[0])
    federation.accuse(stage.run.aggregator, 0, epoch.terms)
    chain.mine(2)
    assert federation.accused() == 0
    if by_hand:
        assert "opened-on-chain" in process.do("open", process.name, "--on-chain", *passphrase, told=True)
    else:
        process.until(lambda: federation.accused() != 0)
    assert federation.phase() is Phase.RECORD
    assert federation.accused() == 2**32 - 1


@pytest.mark.slow
def test_epoch_runs_to_its_end_when_the_process_is_killed_after_every_duty(process):
    stage, run = process.stage, process.stage.run
    process.do(*process.joining)
    added = json.loads(process.do("add", process.name, "judged.jsonl", "--format", "json"))
    assert added["data"]["count"] + added["data"]["duplicates"] == len(run.cast.providers[0])

    process.until(held(process, wire.COMMIT))
    tip = process.home.dealt(1).tip
    others = [stage.duties(i) for i in (1, 2)]
    said: list[str] = []
    started: list[bool] = []

    def meanwhile() -> None:
        for duties in others:
            duties.step()
        if not started:
            started.append(True)
            said.append(process.until(held(process, wire.CONSENT)))

    epoch = stage.open_epoch(meanwhile)
    assert epoch.terms.provider_tips[0] == tip

    for r in (1, 2):
        stage.close_reveals()
        stage.reach_target(2)
        for duties in others:
            duties.open()
        said.append(process.until(held(process, wire.preimage(r))))
        shard = stage.draw(r)
        run.chain.mine(2)
        said.append(process.until(held(process, wire.part(r))))
        assert stage.remotes[0].open(shard, r, stage.view)
        stage.record()
    run.chain.mine(2)
    for duties in others:
        duties.reveal()
    last = wire.reveal(run.manifest.validation.shards)
    said.append(process.until(held(process, last)))
    published = stage.remotes[0].reveal(stage.view, run.models["validation-shard"])
    assert len(published) == run.manifest.validation.shards + 1
    # What it says is JSON lines, of which none holds a word of the examples or a secret.
    lines = [json.loads(line) for line in "".join(said).splitlines() if line.startswith("{")]
    assert {"sent"} <= {line["kind"] for line in lines}
    secrets = [process.home.dealt(1).chain[0].hex(), CANARY, "a b c"]
    assert not [secret for secret in secrets if secret in "".join(said)]


def test_commands_do_a_duty_each_when_nothing_watches(process):
    stage = process.stage
    assert "folkmoot validation join" in process.do("status", process.name, expect=3)
    process.do(*process.joining)
    process.do("add", process.name, "judged.jsonl")
    passphrase = ["--passphrase-file", "passphrase"]
    assert "nobody to ask" in process.do("commit", process.name, *passphrase, expect=2)
    assert stage.mailbox.held(1, 0) == {}
    answer = json.loads(process.do("commit", process.name, "--yes", *passphrase, "--format", "json"))
    assert answer["data"] == {"state": "committed"}
    assert wire.COMMIT in stage.mailbox.held(1, 0)
    status = json.loads(process.do("status", process.name, "--format", "json"))["data"]
    assert (status["provider"], status["phase"], status["accused"]) == (0, "closed", False)
    assert status["epochs"] == [{"epoch": 1, "over": False}]
    assert int(status["bond_wei"]) == int(stage.run.manifest.bonds.provider_wei)


def test_desk_refuses_the_process_when_its_key_is_not_the_providers(process):
    stage = process.stage
    domain = Domain(chain_id=stage.run.chain.chain_id, federation=stage.federation.address, epoch=1)
    desk = Desk(url=process.joining[5], aggregator=stage.run.aggregator_id.did)
    slip = wire.Slip(domain=domain, provider=0, item=wire.COMMIT)
    with pytest.raises(PeerError, match="signature is not by"):
        desk.put(slip, b"content", stage.homes[1].identity())


def test_joining_is_refused_when_the_contract_is_anothers(process):
    text = (process.path / "federation.toml").read_text()
    assert 'provider_wei = "' in text
    (process.path / "federation.toml").write_text(text.replace('provider_wei = "', 'provider_wei = "1'))
    assert "another manifest" in process.do(*process.joining, expect=8)
