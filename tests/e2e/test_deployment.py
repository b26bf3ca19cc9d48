"""Flower's own SuperLink and SuperNodes: two rounds of three members, and what goes wrong between them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from client.home import ClientHome
from client.node.folder import Description, NodeFolder
from federation.bundle import FILES
from federation.rounds import Status
from federation.types import Did
from tests.e2e.deployment import Deployment
from tests.e2e.superlink import Authority, Process, environment, free_port
from tests.world import CANARY

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

HOSTILE_CLIENT = """
import os, pathlib
pathlib.Path(os.environ["HOME"], "stolen").write_text("code ran")
from flwr.clientapp import ClientApp
app = ClientApp()
"""

HOSTILE_SERVER = """
import json, pathlib
from flwr.app import Message, RecordDict
from flwr.serverapp import ServerApp
app = ServerApp()

@app.main()
def main(grid, context):
    asked = [Message(RecordDict({}), node, "query.acknowledge") for node in grid.get_node_ids()]
    replies = grid.send_and_receive(asked, timeout=100)
    words = [reply.error.reason if reply.has_error() else "answered" for reply in replies]
    pathlib.Path(context.run_config["socket"]).write_text(json.dumps(words))
"""


@dataclass
class Story:
    """What happened, for the tests to judge."""

    deployment: Deployment
    members: list[Process] = field(default_factory=list)
    alone: dict[str, Process] = field(default_factory=dict)
    twice: subprocess.CompletedProcess[str] | None = None
    unregistered: list[object] = field(default_factory=list)
    hostile: str = ""
    stolen: list[Path] = field(default_factory=list)
    rounds: list[Any] = field(default_factory=list)
    runs_after_first: int = 0
    verdict: tuple[str, bool] = ("", False)
    guards_of_third: list[dict[str, object]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    statuses: dict[int, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def prepare_alone(deployment: Deployment, name: str, *, superlink: str, root: bytes) -> Process:
    """``folkmoot client run --node`` in a folder of its own."""
    honest = next(iter(deployment.folders.values()))
    path = deployment.settings.out / name
    described = Description.of(
        name=honest.name, superlink=superlink, root_certificate=root, guard=honest.guard
    )
    folder = NodeFolder.prepare(path, described)
    words = [
        sys.executable,
        "-m",
        "federation",
        "client",
        "run",
        "--status",
        "jsonl",
        "--node",
        str(folder.path),
    ]
    return Process(words, environment(path / "tmp"), deployment.settings.out / f"{name}.log")


def hostile_bundle(folder: Path) -> Path:
    """A bundle like ours that does something else."""
    other = {
        "folkmoot_app/client_app.py": HOSTILE_CLIENT.encode(),
        "folkmoot_app/server_app.py": HOSTILE_SERVER.encode(),
    }
    for name, content in {**FILES, **other}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def processes_in(folder: Path) -> list[str]:
    """The commands of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def wait_for(what: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    # Sockets want short paths; /tmp itself is the shortest that is always there.
    out = Path(tempfile.mkdtemp(prefix="moot-"))
    told = Story(Deployment(out))
    running: list[Process] = []
    try:
        with told.deployment.standing():
            yield from play(told, out, running)
    finally:
        for process in running:
            process.stop()
        shutil.rmtree(out, ignore_errors=True)


def play(told: Story, out: Path, running: list[Process]) -> Iterator[Story]:
    deployment = told.deployment
    superlink, actors = deployment.superlink, deployment.actors
    for actor in actors[1:]:
        deployment.register(actor)
    told.members = [deployment.start_member(actor) for actor in actors]
    running += told.members
    nobody = f"127.0.0.1:{free_port()}"
    told.alone = {
        "certificate": prepare_alone(
            deployment, "other-root", superlink=superlink.address, root=Authority.make().pem
        ),
        "superlink-unreachable": prepare_alone(
            deployment, "nobody", superlink=nobody, root=superlink.authority.pem
        ),
    }
    running += told.alone.values()
    for member in told.members[1:]:
        member.until("connected")
    wait_for(lambda: "node-unknown" in told.members[0].codes(), 60)
    told.unregistered = told.members[0].codes()
    deployment.register(actors[0])
    told.members[0].until("connected")
    told.twice = subprocess.run(
        told.members[0].words,
        env=told.members[0].env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    for process in told.alone.values():
        process.until("waiting")
        process.stop()

    answers = out / "answers"
    assert superlink.submit(hostile_bundle(out / "evil"), config=f'socket="{answers}"')
    wait_for(answers.exists, 150)
    told.hostile = answers.read_text()
    told.stolen = list(out.rglob("stolen"))

    driver = deployment.open_driver()
    assert driver is not None
    before = [len(member.seen("asked", text="train.commit")) for member in told.members]
    first = threading.Thread(target=lambda: told.rounds.append(deployment.run_round()))
    first.start()
    wait_for(lambda: len(told.members[2].seen("asked", text="train.commit")) > before[2], 120)
    superlink.kill()
    time.sleep(2)
    superlink.start()
    first.join(400)
    told.runs_after_first = len(superlink.runs)

    name = deployment.manifest.name
    os.kill(int(str(told.members[1].seen("started", node=name)[-1]["text"])), signal.SIGKILL)
    told.rounds.append(deployment.run_round())
    told.members[1].until("connected", times=2, timeout=150)
    # A supervisor that is killed takes its node with it; its guard stays, and serves the next one.
    orphan = int(str(told.members[2].seen("started", node="guard")[0]["text"]))
    told.members[2].process.kill()
    told.members[2].process.wait()
    number = deployment.nodes[actors[2].did]
    wait_for(lambda: superlink.nodes()[number] == "offline", 30)
    told.members[2] = deployment.start_member(actors[2])
    running.append(told.members[2])
    told.members[2].until("connected", times=2)
    told.guards_of_third = told.members[2].seen("started", node="guard")
    told.verdict = deployment.settle()
    told.codes = [member.stop() for member in told.members]
    os.kill(orphan, signal.SIGTERM)
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not processes_in(out / "private"), 20)
    told.left = processes_in(out / "private")
    told.statuses = superlink.nodes()
    yield told


def statuses(report: Any) -> dict[Did, Status]:
    return {line.did: line.status for line in report.outcome.members}


def test_run_verifies_when_members_meet_at_a_real_superlink(story):
    assert story.verdict[1], story.verdict[0]
    assert story.verdict[0].startswith("yes: 2 rounds, 3 members")


def test_round_goes_on_when_the_superlink_is_killed_in_the_middle_of_it(story):
    assert set(statuses(story.rounds[0]).values()) == {Status.ACCEPTED}
    # The hostile run, the one that was lost, and the one that took over.
    assert story.runs_after_first == 3


@pytest.mark.parametrize("number", [0, 2])
def test_member_draws_noise_once_when_a_request_comes_again(story, number):
    deployment, member = story.deployment, story.members[number]
    home = ClientHome.of({"FOLKMOOT_HOME": str(deployment.home(deployment.actors[number].party))})
    with contextlib.closing(sqlite3.connect(home.vault)) as vault:
        releases = vault.execute("SELECT round, count(*) FROM releases GROUP BY round").fetchall()
    assert releases == [(1, 1), (2, 1)]
    # Both rounds, and the first again after the SuperLink was lost.
    assert len(member.seen("asked", text="train.commit")) >= (3 if number == 2 else 2)


def test_member_is_absent_and_returns_when_its_node_is_killed(story):
    second = [statuses(story.rounds[1])[actor.did] for actor in story.deployment.actors]
    assert second == [Status.ACCEPTED, Status.ABSENT, Status.ACCEPTED]
    assert "node-online" in story.members[1].codes()
    assert len(story.members[1].seen("connected")) == 2


def test_node_connects_by_itself_when_its_key_is_registered_late(story):
    assert "node-unknown" in story.unregistered
    key = story.deployment.folders[story.deployment.actors[0].did].public_key()
    hints = [e["error"]["hint"] for e in story.members[0].seen("waiting")]
    assert any(key in hint for hint in hints)


def test_guard_is_used_again_when_its_supervisor_was_killed(story):
    assert len(story.guards_of_third) == 1


@pytest.mark.parametrize("code", ["certificate", "superlink-unreachable"])
def test_node_says_why_it_waits_when_it_cannot_connect(story, code):
    assert set(story.alone[code].codes()) == {code}
    assert story.alone[code].seen("started") == []


def test_second_run_is_refused_when_one_is_running(story):
    assert story.twice.returncode == 3
    assert "runs already" in story.twice.stderr


def test_no_foreign_code_runs_when_the_superlink_sends_another_bundle(story):
    assert story.stolen == []
    assert story.hostile.count("no other bundle") == 3
    assert "answered" not in story.hostile


def test_nodes_are_offline_at_once_when_they_are_told_to_end(story):
    assert story.codes == [0, 0, 0]
    assert set(story.statuses.values()) == {"offline"}


def test_no_process_is_left_when_members_have_ended(story):
    # Among them were apps whose SuperNode was killed.
    assert story.left == []


def test_no_command_ends_as_a_bug_when_all_this_happens(story):
    told = [path.read_text() for path in story.deployment.settings.out.glob("*.log")]
    assert [line for text in told for line in text.splitlines() if "error: bug" in line] == []


def test_no_secret_is_written_when_members_take_part(story):
    out = story.deployment.settings.out
    secrets = [CANARY.encode()]
    secrets += [(story.deployment.home(a.party) / "passphrase").read_bytes() for a in story.deployment.actors]
    own = [p for p in (out / "private").rglob("*") if p.is_file() and p.name != "passphrase"]
    written = [*own, *out.glob("*.log"), *(p for p in (out / "superlink").rglob("*") if p.is_file())]
    assert len(written) > 30
    assert [p for p in written for secret in secrets if secret in p.read_bytes()] == []
