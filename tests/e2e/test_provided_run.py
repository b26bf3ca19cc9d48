"""A whole run whose providers are elsewhere verifies as any other: what they send is all that is needed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from aggregator.verify import verify_run
from examples.spam_detection import run as example
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from tests.e2e.providing import FundedChain, Stage
from tests.world import Quiet, made_up_mails


class ProvidedRun(Run):
    """Its providers' duties are done by a thread that knows the desk and the chain alone."""

    path: Path
    stopped: threading.Event

    def _found_community(self) -> None:
        with mock.patch.object(example, "EmbeddedChain", FundedChain):
            super()._found_community()
        self.stage = Stage(self, self.path, depth=1)
        self.providers = self.stage.remotes  # type: ignore[assignment]  # the same port
        for remote in self.stage.remotes:
            remote._patience = type(remote._patience)(opening=60, round=60)
        duties = [self.stage.duties(i) for i in range(3)]

        def work() -> None:
            while not self.stopped.wait(0.05):
                for one in duties:
                    one.step()

        self.worker = threading.Thread(target=work)
        self.worker.start()


@pytest.mark.slow
@pytest.mark.parametrize("reveal", ["epoch", "round"])
def test_run_verifies_when_its_providers_are_elsewhere(tmp_path, reveal):
    settings = Settings(members=5, rounds=2, seed=0, cheats=(), out=tmp_path / "run")
    run = ProvidedRun(settings, build_cast(made_up_mails(), settings), Quiet())
    run.path, run.stopped = tmp_path / "stage", threading.Event()
    run._verify = lambda summary: ("not asked", True)  # type: ignore[method-assign]  # asked below
    build = example.build_manifest

    def built(*args: Any, **more: Any) -> Any:
        made = build(*args, **more)
        validation = made.validation.model_copy(update={"reveal": reveal})
        return made.model_copy(update={"validation": validation})

    try:
        with mock.patch.object(example, "build_manifest", built):
            run.execute()
    finally:
        run.stopped.set()
        run.worker.join()
    verdict = verify_run(tmp_path / "run", expect=run.epoch.domain.federation)
    assert verdict.rounds == 2
    assert "trouble" not in [h.kind for h in run.stage.happened if h.facts.get("duty") != "commit"]
