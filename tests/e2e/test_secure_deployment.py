"""Secure aggregation over Flower's own SuperLink and SuperNodes: one member's node dies, the rest is paid."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.rounds import Status
from tests.e2e.deployment import Deployment
from tests.e2e.superlink import Process
from tests.e2e.test_deployment import Story, statuses, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    out = Path(tempfile.mkdtemp(prefix="moot-"))
    told = Story(Deployment(out, secure=True))
    running: list[Process] = []
    try:
        with told.deployment.standing():
            play(told, running)
            yield told
    finally:
        for process in running:
            process.stop()
        shutil.rmtree(out, ignore_errors=True)


def play(told: Story, running: list[Process]) -> None:
    deployment = told.deployment
    for actor in deployment.actors:
        deployment.register(actor)
        running.append(deployment.start_member(actor))
    told.members = running
    for member in running:
        member.until("connected")
    assert deployment.superlink.submit()
    deployment.open_driver()
    told.rounds.append(deployment.run_round())

    asked = running[1]
    before = len(asked.seen("asked", text="train.secure"))
    second = threading.Thread(target=lambda: told.rounds.append(deployment.run_round()))
    second.start()
    # Its keys, its pledge and its commitment are asked for; then its node is gone.
    wait_for(lambda: len(asked.seen("asked", text="train.secure")) >= before + 3, 240)
    name = deployment.manifest.name
    os.kill(int(str(asked.seen("started", node=name)[-1]["text"])), signal.SIGKILL)
    second.join(600)
    told.verdict = deployment.settle()
    told.codes = [member.stop() for member in running]


def test_run_verifies_when_nobody_sees_a_delta(story):
    assert story.verdict[1], story.verdict[0]
    assert story.verdict[0].startswith("yes: 2 rounds, 3 members")
    assert story.codes == [0, 0, 0]


def test_everybody_is_scored_when_all_stay(story):
    assert set(statuses(story.rounds[0]).values()) == {Status.ACCEPTED}
    assert any(line.score for line in story.rounds[0].outcome.members)


def test_round_ends_when_a_node_dies_in_the_middle_of_it(story):
    assert len(story.rounds) == 2
    found = [statuses(story.rounds[1])[actor.did] for actor in story.deployment.actors]
    assert found[0] == found[2] == Status.ACCEPTED
    assert story.rounds[1].outcome.members


def test_no_plain_delta_is_published_when_the_mode_is_secure(story):
    blobs = (story.deployment.settings.out / "public" / "blobs").iterdir()
    assert [blob.name for blob in blobs if blob.read_bytes()[:4] == b"FMD1"] == []
