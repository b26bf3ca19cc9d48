"""The same apps and guards under Flower's simulation engine, Ray."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from client.node.folder import NodeFolder
from federation.rounds import Status
from tests.e2e import simulated
from tests.e2e.deployment import Deployment
from tests.e2e.superlink import environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.skipif(
        find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[simulation]'"
    ),
]


def wait_for_guards(folders: list[NodeFolder]) -> None:
    deadline = time.monotonic() + 60
    while not all(folder.guard.exists() for folder in folders):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_run_verifies_when_flower_simulates_the_nodes():
    out = Path(tempfile.mkdtemp(prefix="moot-"))
    deployment, guards = Deployment(out), out / "guards"
    guards.mkdir()
    started: list[subprocess.Popen[bytes]] = []

    def simulate() -> bool:
        words = [sys.executable, simulated.__file__, str(deployment.socket), str(guards), "3"]
        with (out / "simulation.log").open("ab") as log:
            env = environment(out / "simulation", RAY_USAGE_STATS_ENABLED="0")
            started.append(subprocess.Popen(words, env=env, stdout=log, stderr=log))
        return True

    with ExitStack() as held:
        held.callback(shutil.rmtree, out, ignore_errors=True)
        held.enter_context(deployment.founded())
        for actor in deployment.actors:
            held.callback(deployment.start_client(actor, "guard").stop)
        folders = [deployment.folders[actor.did] for actor in deployment.actors]
        wait_for_guards(folders)
        with deployment.relayed(simulate):
            nodes = deployment.grid.get_node_ids()
            for node, actor, folder in zip(nodes, deployment.actors, folders, strict=True):
                (guards / f"{node}.sock").symlink_to(folder.guard)
                deployment.nodes[actor.did] = node
            deployment.open_driver()
            rounds = [deployment.run_round() for _ in range(2)]
        text, right = deployment.settle()
        assert started[0].wait(60) == 0, (out / "simulation.log").read_text()[-3000:]
    assert len(started) == 1
    assert {line.status for report in rounds for line in report.outcome.members} == {Status.ACCEPTED}
    assert right, text
