"""A federation as its operator leaves it running: every party is a process of its own on loopback.

Only what a community does once, with its treasury, is done here: contracts, funds, bonds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.accounts import Account
from contracts.backends.anvil import GAS_MONEY, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.patience import Patience
from contracts.backends.rpc import RpcChain
from contracts.backends.transport import NodeTransport
from contracts.deploy import Deployment, deploy_federation
from contracts.keyfile import write_keyfile
from contracts.registration import Registration
from contracts.view import FederationView
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.settings import Settings, build_manifest, chain_section
from examples.spam_detection.world import build_cast
from federation.hashing import keccak256
from federation.manifest import DeadlineSection, Manifest, Parties
from federation.rostertree import NO_PAYEE
from federation.types import Address
from tests.e2e.superlink import LOOPBACK, Process, environment, free_port
from tests.world import made_up_mails

NAME = "spam-detection"
PASSPHRASE = "correct horse battery"
WEAK = 1024
"""Iterations of a keyfile's key derivation: these keys guard nothing."""

DEADLINES = DeadlineSection(phase=3600, settle=7200, challenge=30, answer=20)


@dataclass
class Party:
    """Somebody with a home of its own, who types commands.

    Attributes:
        folder: Its home and its logs.
        account: Its account on the chain.
        did: Its DID, once it has one.
        payee: Where it is paid.
        process: What it keeps running.
    """

    folder: Path
    did: str = ""
    payee: Address = NO_PAYEE
    process: Process | None = None
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, mode=0o700)
        secret = keccak256(f"account of {self.folder.name}".encode())
        self.account = Account(secret)
        self.secret.touch(mode=0o600)
        self.secret.write_text(PASSPHRASE + "\n")
        write_keyfile(self.key, secret, PASSPHRASE, iterations=WEAK)

    @property
    def secret(self) -> Path:
        return self.folder / "passphrase"

    @property
    def key(self) -> Path:
        return self.folder / "account.json"

    @property
    def env(self) -> dict[str, str]:
        return environment(self.folder / "tmp", FOLKMOOT_HOME=str(self.folder / "home"))

    @property
    def words(self) -> list[str]:
        return ["--passphrase-file", str(self.secret)]

    def __call__(self, *words: object, code: int = 0) -> Any:
        """Type a command; gives the data of its JSON envelope, or its text."""
        said = [sys.executable, "-m", "federation", *map(str, words)]
        done = subprocess.run(
            said,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout[-2000:], done.stderr[-4000:])
        return json.loads(done.stdout)["data"] if "json" in words else done.stdout

    def start(self, *words: object) -> Process:
        """Start a command that goes on; again, if it was killed."""
        said = [sys.executable, "-m", "federation", *map(str, words)]
        self.process = Process(said, self.env, self.folder / "log")
        return self.process


def wait_for(what: Callable[[], Any], seconds: float, about: Callable[[], str] = str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, about()
        time.sleep(0.2)
    return found


class Operated:
    """The whole federation.

    Attributes:
        out: Everybody's folders.
        aggregator: The operator.
        providers: Of validation data.
        members: Who train.
        manifest: What was agreed.
        deployment: The contracts, read by an observer.
    """

    manifest: Manifest
    deployment: Deployment

    def __init__(self, out: Path, *, rounds: int = 2) -> None:
        settings = Settings(members=3, rounds=rounds, seed=0, cheats=(), out=out)
        self.out, self.settings = out, settings
        self.cast = build_cast(made_up_mails(), settings)
        self.aggregator, self.community = Party(out / "aggregator"), Party(out / "community")
        self.providers = [Party(out / f"provider-{i}") for i in range(len(self.cast.providers))]
        self.members = [Party(out / party.name) for party in self.cast.parties]
        self.node = Party(out / "events")
        self.desk_port, self.superlink_port, self.events_port = free_port(), free_port(), free_port()

    @property
    def parties(self) -> list[Party]:
        return [self.aggregator, self.community, self.node, *self.providers, *self.members]

    @property
    def rpc(self) -> str:
        return f"http://{LOOPBACK}:{self._chain_port}"

    @property
    def events(self) -> str:
        return f"http://{LOOPBACK}:{self.events_port}"

    @property
    def desk(self) -> str:
        return f"http://{LOOPBACK}:{self.desk_port}"

    @property
    def superlink(self) -> str:
        return f"{LOOPBACK}:{self.superlink_port}"

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Found everything and have everybody join; end all of it afterwards."""
        with ExitStack() as held:
            self._chain_port = free_port()
            options = AnvilOptions(binary=find_anvil(os.environ), port=self._chain_port, block_time=1)
            held.enter_context(AnvilNode(options))
            held.callback(self.end)
            self.node.start("events", "serve", "--port", self.events_port)
            self._found(held)
            self._open_shop()
            for i in range(len(self.providers)):
                self._provide(i)
            for i in range(len(self.members)):
                self._join(i)
            yield

    def end(self) -> None:
        """End every process."""
        for party in [*self.members, *self.providers, self.aggregator, self.node]:
            if party.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    party.process.stop()

    def _found(self, held: ExitStack) -> None:
        transport = NodeTransport(self.rpc)
        held.callback(transport.close)
        self.transport = transport
        chain = RpcChain(transport, patience=Patience(timeout=60, poll=0.2, confirmations=1))
        for party in (self.community, self.aggregator, *self.providers):
            transport.request("anvil_setBalance", party.account.address, hex(GAS_MONEY))
        show = ["aggregator", "identity", "--format", "json"]
        community = self.community(*show, "--file", self._community_seed)
        self.aggregator.did = self.aggregator(*show, NAME)["did"]
        for provider in self.providers:
            provider.did = provider("validation", "init", NAME, "--format", "json")["did"]
        manifest = build_manifest(
            self.settings,
            parties=Parties(
                community=community["did"],
                aggregator=self.aggregator.did,
                providers=[provider.did for provider in self.providers],
            ),
            chain=chain_section(self.aggregator.account.address, [p.account.address for p in self.providers]),
            shards=self.settings.rounds,
        )
        self.manifest = manifest.model_copy(update={"deadlines": DEADLINES})
        self.federation_toml.write_text(self.manifest.to_toml())
        treasurer = self.community.account
        self.deployment = made = deploy_federation(chain, treasurer, self.manifest)
        self.view = FederationView(made.federation)
        bonds = {self.aggregator.account.address: int(self.manifest.bonds.aggregator_wei)}
        bonds |= {p.account.address: int(self.manifest.bonds.provider_wei) for p in self.providers}
        funds = self.manifest.rules.terms.funds
        made.token.mint(treasurer, treasurer.address, funds + sum(bonds.values()))
        made.token.approve(treasurer, made.pool.address, funds)
        made.pool.fund(treasurer, funds)
        made.token.approve(treasurer, made.vault.address, sum(bonds.values()))
        for party, bond in bonds.items():
            made.vault.deposit(treasurer, party, bond)

    @property
    def federation_toml(self) -> Path:
        return self.out / "federation.toml"

    @property
    def _community_seed(self) -> Path:
        return self.community.folder / "seed"

    def _open_shop(self) -> None:
        say = self.aggregator
        words = ["--from", self.federation_toml, "--rpc", self.rpc, "--key", say.key, "--events", self.events]
        words += ["--public-url", self.desk, "--federation", self.deployment.federation.address]
        say("aggregator", "init", NAME, *words, "--registry", self.deployment.registry.address, "--yes")
        self.set_up(
            {
                "bind": [f'"{LOOPBACK}:{self.desk_port}"', '""', f'"{self.superlink}"'],
                "hosts": [f'["{LOOPBACK}"]'],
                "confirmations": ["2"],
            }
        )
        say("aggregator", "models", NAME, "--community-key", self._community_seed)
        self.run_aggregator()
        wait_for(lambda: self.happened("superlink-up"), 90, self.told)

    def set_up(self, changes: Mapping[str, list[str]]) -> None:
        """Edit operator.toml: the values of a key, in the order in which it appears."""
        path = self.home / "operator.toml"
        left = {key: list(values) for key, values in changes.items()}
        lines = []
        for line in path.read_text().splitlines():
            key = line.partition(" = ")[0]
            lines.append(f"{key} = {left[key].pop(0)}" if left.get(key) else line)
        assert not any(left.values()), left
        path.write_text("\n".join(lines) + "\n")

    @property
    def home(self) -> Path:
        return self.aggregator.folder / "home" / "data" / "aggregator" / NAME

    def run_aggregator(self) -> None:
        """Leave it running, until one epoch is over."""
        say = self.aggregator
        say.start("aggregator", "run", NAME, "--epochs", "1", "--format", "jsonl", *say.words)

    def happened(self, kind: str) -> list[dict[str, Any]]:
        """What the aggregator told of this kind, over all its lives."""
        lines = (self.aggregator.folder / "log").read_text(errors="replace").splitlines()
        return [told for line in lines if line.startswith("{") and (told := json.loads(line))["kind"] == kind]

    def _provide(self, i: int) -> None:
        say, mails = self.providers[i], self.cast.providers[i]
        address = self.deployment.federation.address
        words = ["--federation", address, "--desk", self.desk, "--key", say.key, "--rpc", self.rpc]
        say("validation", "join", self.federation_toml, *words, "--confirmations", "2")
        say("validation", "add", NAME, _rows(say.folder, mails))
        say.start("validation", "run", NAME, "--yes", "--poll", "1", "--format", "jsonl", *say.words)

    def _join(self, i: int) -> None:
        say, mails = self.members[i], self.cast.parties[i].mails
        root = say.folder / "root.pem"
        root.write_bytes((self.home / "superlink" / "root.pem").read_bytes())
        say("client", "init", *say.words)
        say("client", "import", _rows(say.folder, mails), *say.words)
        words = ["--federation", self.deployment.federation.address, "--rpc", self.rpc]
        words += ["--registry", self.deployment.registry.address, "--superlink", self.superlink]
        words += ["--root-certificates", root, "--public", self.desk, "--events", self.events, "--yes"]
        joined = say("client", "join", self.federation_toml, *words, *say.words, "--format", "json")
        say.did = joined["did"]
        registration = Registration.parse(Path(joined["registration"]).read_bytes())
        # Before its payee is registered, nobody knows the member.
        refused = ["client", "node", NAME, "--register", *say.words]
        say(*refused, code=4)
        registration.send(self.deployment.registry, self.community.account)
        say.payee = Address(registration.payee)
        say("client", "node", NAME, "--register", *say.words)
        say.start("client", "run", "--status", "jsonl", "--verbose", *say.words)

    def admit(self) -> None:
        """Have the community sign who may take part in the next epoch."""
        self.aggregator("aggregator", "admit", "10000", NAME, "--community-key", self._community_seed)

    def superlink_pid(self) -> int:
        """The process that the aggregator keeps running."""
        ours = (b"aggregator.superlink_process", str(self.home).encode())
        (found,) = (
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if all(words in _command(process) for words in ours)
        )
        return found

    def skip(self, seconds: int) -> None:
        """Let time pass on the chain."""
        self.transport.request("evm_increaseTime", hex(seconds))
        self.transport.request("anvil_mine", "0x1")

    def told(self) -> str:
        """The ends of all logs, for whoever looks for a fault."""
        logs = [party.folder / "log" for party in self.parties]
        return "\n".join(f"== {p}\n{p.read_text(errors='replace')[-1500:]}" for p in logs if p.exists())


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _rows(folder: Path, mails: list[Mail]) -> Path:
    path = folder / "rows.jsonl"
    # The importers know no number from another.
    texts = [mail.text.translate(str.maketrans("0123456789", "abcdefghij")) for mail in mails]
    rows = zip(texts, (mail.label for mail in mails), strict=True)
    lines = [json.dumps({"text": text, "label": "spam" if label else "ham"}) for text, label in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
