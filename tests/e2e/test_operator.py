"""An operator's aggregator among real processes: one round loses the aggregator, one its SuperLink."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contracts.backends.anvil_binary import find_anvil
from contracts.bindings.structs import Phase
from federation.errors import ConfigError
from tests.e2e.operated import NAME, PASSPHRASE, Operated, wait_for
from tests.e2e.test_deployment import processes_in
from tests.world import CANARY

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@dataclass
class Story:
    """What happened, for the tests to judge."""

    federation: Operated
    second: subprocess.CompletedProcess[str] | None = None
    code: int = -1
    verdict: Any = None
    paid: dict[str, int] = field(default_factory=dict)
    nodes: list[Any] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: float = 0.0


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    try:
        find_anvil(os.environ)
    except ConfigError as missing:
        pytest.skip(missing.message)
    # Sockets want short paths; /tmp itself is the shortest that is always there.
    out = Path(tempfile.mkdtemp(prefix="moot-"))
    told = Story(Operated(out))
    try:
        with told.federation.standing():
            play(told)
        told.left = processes_in(out)
        yield told
    finally:
        shutil.rmtree(out, ignore_errors=True)


def asked(federation: Operated, i: int) -> int:
    process = federation.members[i].process
    assert process is not None
    return len(process.seen("asked", text="train.commit"))


def play(told: Story) -> None:
    federation, began = told.federation, time.monotonic()
    chain = federation.deployment.federation
    for member in federation.members:
        assert member.process is not None
        member.process.until("connected")
    federation.admit()
    aggregator = federation.aggregator

    # The aggregator is gone in the middle of the first round, and its SuperLink with it.
    wait_for(lambda: asked(federation, 0), 240, federation.told)
    assert aggregator.process is not None
    aggregator.process.process.kill()
    aggregator.process.process.wait()
    federation.run_aggregator()
    wait_for(lambda: len(federation.happened("desk-open")) == 2, 90, federation.told)
    told.second = subprocess.run(
        aggregator.process.words, env=aggregator.env, capture_output=True, text=True, check=False, timeout=120
    )
    wait_for(lambda: chain.recorded() == 1, 400, federation.told)

    # The SuperLink is gone in the middle of the second.
    before = asked(federation, 2)
    wait_for(lambda: asked(federation, 2) > before, 240, federation.told)
    os.kill(federation.superlink_pid(), signal.SIGKILL)
    wait_for(lambda: chain.recorded() == 2, 400, federation.told)

    wait_for(lambda: chain.phase() is Phase.CLOSED or federation.happened("proposed"), 240, federation.told)
    federation.skip(federation.manifest.deadlines.challenge + 1)
    assert aggregator.process is not None
    told.code = aggregator.process.process.wait(240)
    told.paid = {
        member.did: federation.deployment.token.balance_of(member.payee) for member in federation.members
    }

    # Anybody verifies by what is public: the desk is up for as long as the aggregator is.
    federation.run_aggregator()
    wait_for(lambda: len(federation.happened("desk-open")) >= 3, 90, federation.told)
    words = ["--rpc", federation.rpc, "--events", federation.events, "--public", federation.desk]
    words += ["--federation", chain.address, "--registry", federation.deployment.registry.address]
    told.verdict = federation.community("verify", *words, "--format", "json")
    told.seconds = time.monotonic() - began


def test_whole_epoch_verifies_from_public_material_when_processes_were_killed(story):
    assert story.code == 0, story.federation.told()
    (epoch,) = story.verdict["epochs"]
    assert (story.verdict["verified"], epoch["rounds_verified"], epoch["members"]) == (True, 2, 3)


def test_nobody_is_absent_when_processes_come_back(story):
    rounds = {told["round"]: told["facts"] for told in story.federation.happened("round-recorded")}
    assert {number: facts["accepted"] for number, facts in rounds.items()} == {1: 3, 2: 3}


def test_every_member_is_paid_when_the_epoch_is_over(story):
    (epoch,) = story.verdict["epochs"]
    assert sum(story.paid.values()) == int(epoch["paid_wei"]) > 0
    assert len(story.paid) == 3


def test_second_aggregator_is_refused_when_one_runs(story):
    assert story.second is not None
    assert story.second.returncode == 3, story.second.stderr


def test_no_member_draws_noise_twice_when_a_round_is_asked_again(story):
    import sqlite3

    from client.home import ClientHome

    for member in story.federation.members:
        home = ClientHome.of({"FOLKMOOT_HOME": str(member.folder / "home")})
        with contextlib.closing(sqlite3.connect(home.vault)) as vault:
            releases = vault.execute("SELECT round, count(*) FROM releases GROUP BY round").fetchall()
        assert releases == [(1, 1), (2, 1)]


def test_nothing_is_left_when_everybody_was_told_to_end(story):
    assert story.left == []


def test_no_secret_is_written_when_all_this_happens(story):
    out = story.federation.out
    secrets = [CANARY.encode(), PASSPHRASE.encode()]
    own = {party.secret for party in story.federation.parties}
    own |= {party.folder / "rows.jsonl" for party in story.federation.parties}
    written = [path for path in out.rglob("*") if path.is_file() and path not in own]
    assert len(written) > 60
    assert [path for path in written for secret in secrets if secret in path.read_bytes()] == []


def test_no_command_ends_as_a_bug_when_all_this_happens(story):
    lines = story.federation.told().splitlines()
    assert [line for line in lines if "error: bug" in line or "Traceback" in line] == []
    assert NAME
