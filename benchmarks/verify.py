"""What verification costs: a run of 20 rounds and 20 members, and one round of 1,000 members.

CPU time of all processes of the verifier, start-up included. The chain of the second answers from
memory, in the verifier's own process; its calls are counted too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aggregator.ground import live
from aggregator.sources import RemoteMaterial, events_from
from aggregator.verify_federation import Wanted, marks, verify_federation
from benchmarks.figure import Figure
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from tests.world import Quiet, made_up_mails

MEMBERS, ROUNDS, MANY = 20, 20, 1000
_MAILS_EACH = 22
_START = "import aggregator.verify_federation, contracts.backends.rpc, eth_abi"


class _Unread(Run):
    """A run that leaves its verification to who measures it."""

    def _verify(self, summary: object) -> tuple[str, bool]:  # noqa: ARG002 - the example's signature
        return "not asked", True


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def _of_children(work: Callable[[], object]) -> float:
    before = _cpu(resource.getrusage(resource.RUSAGE_CHILDREN))
    work()
    return _cpu(resource.getrusage(resource.RUSAGE_CHILDREN)) - before


def _command(*words: str) -> float:
    return _of_children(lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True))


def _forked(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a piece of work in a process of its own, whose imports are done."""

    def run() -> None:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError("the verification failed")

    return _of_children(run)


def _executed(settings: Settings, mails: int) -> Run:
    run = _Unread(settings, build_cast(made_up_mails(mails), settings), Quiet())
    run.execute()
    return run


def _live(run: Run) -> None:
    deployment, public = run.deployment, str(run.settings.out / "public")
    addresses = deployment.federation.address, deployment.registry.address
    ground = live(run.chain, RemoteMaterial(public), *addresses, lambda _: None)
    found = events_from(f"{public}/events.car", marks(ground))
    (verdict,) = verify_federation(ground, found, wanted=Wanted(), cache=None, progress=lambda _: None)
    if verdict.status != "verified" or verdict.verified != run.settings.rounds:
        raise RuntimeError("not everything was verified")


def figures() -> Iterator[Figure]:
    """Measure."""
    start = min(_command("-c", _START) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        few = _executed(Settings(members=MEMBERS, rounds=ROUNDS, cheats=(), out=Path(folder) / "few"), 8000)
        yield Figure(
            figure="verify_run_cpu_seconds",
            value=_command("-m", "federation", "verify", str(few.settings.out)),
            target=10,
            sense="<=",
            how=f"folkmoot verify RUN_DIR, {ROUNDS} rounds of {MEMBERS} members, blocks executed again",
        )
        yield Figure(
            figure="verify_live_cpu_seconds",
            value=start + _forked(lambda: _live(few)),
            target=10,
            sense="<=",
            how="the same from node, events and files",
        )
        settings = Settings(members=MANY, rounds=1, cheats=(), alpha=100.0, out=Path(folder) / "many")
        many = _executed(settings, _MAILS_EACH * MANY)
        yield Figure(
            figure="verify_round_of_1000_cpu_seconds",
            value=start + _forked(lambda: _live(many)),
            target=5,
            sense="<=",
            how=f"one round of {MANY} members and its payments, from node, events and files",
        )
