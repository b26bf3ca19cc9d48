"""The commands that ask the chain: admission, status, rounds, cancellation, and what run refuses at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.happenings import Happening, Wanted
from aggregator.home import AggregatorHome
from aggregator.journal import Journal
from aggregator.operator import service
from aggregator.operator.control import FileControl
from aggregator.operator.identity import make_identity
from aggregator.operator.rosters import Proposal, load_roster
from aggregator.operator.running import ENDED
from ceramic_bridge.bundle import pack
from ceramic_bridge.models import create_models
from contracts.deployments import Deployments, Record
from contracts.keyfile import write_keyfile
from examples.spam_detection.world import entropy_for
from federation import home as places
from tests.e2e.chainserver import SharedChain, served
from tests.e2e.superlink import free_port
from tests.operated import Standing
from tests.unit.aggregator.operator.office import Office

pytestmark = pytest.mark.enable_socket
NAME = "spam-detection"


class Town(Office):
    """An operator whose federation stands on a chain that others can read."""

    def __init__(self, folder: Path, standing: Standing, rpc: str) -> None:
        super().__init__(folder)
        self.standing, self.rpc = standing, rpc
        self.place = standing.domain(1)

    @property
    def home(self):
        return AggregatorHome.of(os.environ, NAME)

    def own_seed(self) -> None:
        if not self.home.identity.exists():
            make_identity(self.home.identity, self._seed("aggregator"))

    def _seed(self, who):
        return entropy_for(0, f"did/{who}")

    def community_key(self) -> Path:
        path = self.folder / "community.seed"
        if not path.exists():
            make_identity(path, self._seed("community"))
        return path

    def settle(self, **sections) -> None:
        """Set it up, with the contracts recorded as ``chain deploy`` records them."""
        settings = {"chain": {"rpc": self.rpc, "confirmations": 1}, "metrics": {"bind": ""}}
        settings |= {"desk": {"bind": "127.0.0.1:0"}}
        self.found(self.standing.manifest, **{**settings, **sections})
        made = self.standing.deployment
        record = Record(
            federation=made.federation.address,
            registry=made.registry.address,
            pool=made.pool.address,
            token=made.token.address,
            block=1,
            manifest_sha256=self.standing.manifest.hash.hex(),
        )
        where = places.data_directory(os.environ) / "deployments"
        Deployments(where, self.standing.chain.chain_id).add(record)

    def car(self) -> Path:
        path = self.folder / "imports.car"
        path.write_bytes(pack([actor.import_event for actor in self.standing.actors]))
        return path

    def key(self) -> Path:
        """The aggregator's keyfile and its passphrase."""
        account = self.standing.aggregator
        path = places.data_directory(os.environ) / "keys" / "aggregator.json"
        if not path.exists():
            write_keyfile(path, account._key.to_bytes(), "words", iterations=2)
        secret = self.folder / "words"
        secret.write_text("words\n")
        return secret


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    made = Standing(tmp_path_factory.mktemp("standing"), rounds=2)
    made.found(SharedChain)
    yield made
    made.close()


@pytest.fixture
def town(tmp_path, monkeypatch, standing, office):
    with served(standing.chain) as rpc:
        yield Town(tmp_path, standing, rpc)


@pytest.fixture
def ready(town, run):
    town.settle()
    said = run("models", "--community-key", town.community_key())
    assert said.code == 0, said.err
    return town


def test_models_are_kept_when_the_community_signed_them(ready, run):
    assert run("models", "--format", "json").data["models"] == {
        kind: str(stream) for kind, stream in ready.standing.models.items()
    }


def test_models_are_refused_when_somebody_else_signed_them(town, run):
    town.settle()
    other = town.seed("somebody")
    assert run("models", "--community-key", other).code == 4
    (town.folder / "m.car").write_bytes(pack(list(create_models(town.standing.aggregator_id).values())))
    assert run("models", "--import", town.folder / "m.car").code == 4
    said = run("models")
    assert (said.code, "--community-key" in said.err) == (3, True)


def test_models_travel_when_they_were_signed_elsewhere(ready, run):
    out = ready.folder / "models.car"
    assert run("models", "--out", out).code == 0
    ready.home.models.unlink()
    assert run("models", "--import", out).code == 0


def test_members_are_admitted_when_the_key_is_here(ready, run):
    said = run(
        "admit", "40", "--events", ready.car(), "--community-key", ready.community_key(), "--format", "json"
    )
    assert said.code == 0, said.err
    assert said.data["epoch"] == 1
    assert said.data["unpaid"] == []
    assert set(said.data["quotas"]) == {actor.did for actor in ready.standing.actors}
    assert max(said.data["quotas"].values()) <= 40
    roster, imports = load_roster(ready.home, ready.standing.community_id.did, ready.place)
    assert (dict(roster.quotas), len(imports)) == (said.data["quotas"], 3)


def test_members_are_admitted_in_two_steps_when_the_key_is_elsewhere(ready, run):
    did = ready.standing.actors[0].did
    table = ready.write("quotas.csv", f"did,quota\n{did},7\ndid:key:zNobody,3\n")
    proposal = ready.folder / "roster.json"
    said = run("admit", table, NAME, "--events", ready.car(), "--unsigned", proposal)
    assert said.code == 0, said.err
    assert "left out: did:key:zNobody: no data event" in said.err
    assert run("roster", "import", proposal).code == 4  # nobody signed it
    assert run("roster", "sign", proposal, "--community-key", ready.seed("x"), "--yes").code == 0
    assert run("roster", "import", proposal).code == 4  # somebody did
    assert run("roster", "sign", proposal, "--community-key", ready.community_key(), "--yes").code == 0
    assert run("roster", "import", proposal, "--format", "json").data["members"] == 1
    roster, _ = load_roster(ready.home, ready.standing.community_id.did, ready.place)
    assert roster.quotas == {did: 7}
    later = replace(Proposal.read(proposal), domain=replace(ready.place, epoch=2))
    proposal.write_bytes(later.signed(ready.standing.community_id).to_bytes())
    assert run("roster", "import", proposal).code == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("40", "--events", "no.car", "--unsigned", "x.json"), 3),
        (("40", "--unsigned", "x.json"), 2),
        (("40", "--events", "no.car"), 2),
        (("no.csv", "--events", "no.car", "--unsigned", "x.json"), 3),
        (("40", "--events", "http://127.0.0.1:1", "--unsigned", "x.json"), 5),
    ],
)
def test_admission_is_refused_when_something_is_missing(ready, run, words, code):
    assert run("admit", *words).code == code
    assert not ready.home.roster(1).exists()


def test_status_shows_phase_and_money_when_nothing_runs(ready, run):
    said = run("status", "--format", "json")
    assert said.code == 0, said.err
    assert (said.data["running"], said.data["wanted"]) == (False, "run")
    assert (said.data["phase"], said.data["epoch"], said.data["seconds_left"]) == ("closed", 0, None)
    manifest = ready.standing.manifest
    assert [bond["wei"] for bond in said.data["bonds"]] == [
        manifest.bonds.aggregator_wei,
        *[manifest.bonds.provider_wei] * 3,
    ]
    assert said.data["unallocated_wei"] == manifest.reward.funds_wei
    text = run("status").out
    assert "NOT RUNNING" in text
    assert "waits for the next epoch" in text
    assert "100 tokens at stake" in text


def test_rounds_are_none_when_none_was_recorded(ready, run):
    assert run("rounds", "ls", "--format", "json").data == {"rounds": []}
    assert run("rounds", "show", 1).code == 3


def test_cancellation_is_refused_when_no_epoch_is_open(ready, run):
    said = run("cancel", "--yes")
    assert (said.code, "nothing to cancel" in said.err) == (3, True)
    assert FileControl(ready.home.control).wanted() is Wanted.RUN


def test_chain_is_named_when_it_cannot_be_reached(ready, run):
    assert run("init", NAME, "--rpc", "http://127.0.0.1:1", "--yes").code == 0
    assert run("status").code == 6


def test_contracts_are_asked_for_when_nobody_recorded_them(town, run):
    town.found(town.standing.manifest, chain={"rpc": town.rpc})
    said = run("status")
    assert (said.code, "folkmoot chain deploy" in said.err) == (3, True)
    made = town.standing.deployment
    named = ("--federation", made.federation.address, "--registry", made.registry.address)
    assert run("init", NAME, *named, "--yes").code == 0
    assert run("status").code == 0
    swapped = ("--federation", made.registry.address, "--registry", made.federation.address)
    assert run("init", NAME, *swapped, "--yes").code == 0
    assert run("status").code == 8


# run


class Gate:
    """A SuperLink that nobody starts."""

    def __init__(self, folder, **given) -> None:
        self.watch = given["watch"]
        self.root = folder / "root.pem"

    def running(self, ready):
        @contextlib.contextmanager
        def up():
            ready()
            self.watch(Happening(kind="superlink-up"))
            yield

        return up()

    def summon(self) -> bool:
        return False

    def nodes(self):
        return {}


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.setattr(service, "ManagedSuperLink", Gate)


def test_run_says_what_it_waits_for_and_ends_well_when_told_to(ready, run, gate):
    threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    said = run("run", "--format", "jsonl", "--passphrase-file", ready.key())
    assert said.code == 0, said.err
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [one["kind"] for one in told] == ["desk-open", "superlink-up", "waiting-for-roster"]
    assert "words" not in said.out + said.err


def test_run_is_interrupted_when_ctrl_c_is_pressed(ready, run, gate):
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert run("run", "--format", "jsonl", "--passphrase-file", ready.key()).code == 130


def test_second_process_is_refused_when_one_runs(ready, run, gate):
    place = ready.place
    with Journal(ready.home.journal, federation=place.federation, chain_id=place.chain_id) as journal:
        assert journal.recall(1, 0, ENDED) is None
        said = run("run", "--passphrase-file", ready.key())
    assert (said.code, "another aggregator runs" in said.err) == (3, True)


def test_run_is_refused_when_key_or_passphrase_is_not_the_aggregators(ready, run, gate):
    secret = ready.key()
    secret.write_text("other\n")
    assert run("run", "--passphrase-file", secret).code == 4
    secret.write_text("words\n")
    path = places.data_directory(os.environ) / "keys" / "aggregator.json"
    path.unlink()
    assert run("run", "--passphrase-file", secret).code == 3
    write_keyfile(path, ready.standing.community._key.to_bytes(), "words", iterations=2)
    said = run("run", "--passphrase-file", secret)
    assert (said.code, "the manifest's aggregator is" in said.err) == (3, True)


def test_run_waits_for_the_chain_when_it_is_away(ready, run, gate):
    assert run("init", NAME, "--rpc", "http://127.0.0.1:1", "--yes").code == 0
    threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    said = run("run", "--format", "jsonl", "--passphrase-file", ready.key())
    assert said.code == 0, said.err
    kinds = [json.loads(line)["kind"] for line in said.out.splitlines()]
    assert kinds[:3] == ["desk-open", "superlink-up", "waiting"]


@pytest.mark.slow
def test_run_is_healthy_and_counted_when_its_own_superlink_is_up(ready, run, monkeypatch):
    # What a SuperLink runs is found by its own process, wherever that stands.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    port, metrics = free_port(), free_port()
    changes = {"desk": {"bind": f"127.0.0.1:{port}"}, "metrics": {"bind": f"127.0.0.1:{metrics}"}}
    ready.found(
        ready.standing.manifest,
        chain={"rpc": ready.rpc, "confirmations": 1},
        superlink={"bind": f"127.0.0.1:{free_port()}"},
        **changes,
    )
    seen: dict[str, str] = {}

    def look() -> None:
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline and "health" not in seen:
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                seen["health"] = fetched(f"http://127.0.0.1:{port}/health")
                seen["root"] = fetched(f"http://127.0.0.1:{port}/v1/nodes/root.pem")
                seen["metrics"] = fetched(f"http://127.0.0.1:{metrics}/metrics")
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=look)
    thread.start()
    said = run("run", "--format", "jsonl", "--passphrase-file", ready.key())
    thread.join()
    assert said.code == 0, said.err
    assert "health" in seen, said.out
    assert json.loads(seen["health"])["status"] == "ready"
    assert seen["root"].startswith("-----BEGIN CERTIFICATE")
    assert 'folkmoot_up{what="superlink"} 1.0' in seen["metrics"]
    assert "superlink-up" in said.out
    assert run("status").code == 0
