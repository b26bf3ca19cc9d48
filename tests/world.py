"""A small whole federation on made-up mails: run once per session, copied before it is damaged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from aggregator.summary import Table
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import Cast, build_cast

SMALL = Settings(members=5, rounds=3, seed=0)
CANARY = "zyxcanary"
"""A word that is in every mail of the made-up corpus."""


class Quiet:
    """Watches a run and says nothing."""

    def note(self, text: str) -> None:
        pass

    def round_closed(self, run: Run, report: object, auc: float) -> None:
        pass


def made_up_mails(n: int = 800, *, seed: int = 7, foreign: int = 2) -> list[Mail]:
    """Mails of made-up words, a third of them spam: four of its own class's, some of the other's."""
    rng = np.random.default_rng(seed)
    common = [f"common{i}" for i in range(40)]
    own = {label: [f"{'spam' if label else 'ham'}word{i}" for i in range(60)] for label in (False, True)}
    mails = []
    for i in range(n):
        label = bool(rng.random() < 0.35)
        words = [
            CANARY,
            *rng.choice(common, 6),
            *rng.choice(own[label], 4),
            *rng.choice(own[not label], foreign),
        ]
        mails.append(Mail(text=" ".join(map(str, words)), label=label, thread=f"thread-{i // 2}"))
    return mails


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run: the object, its summary and its directory."""

    run: Run
    summary: Table
    out: Path

    @property
    def public(self) -> Path:
        return self.out / "public"


def execute(
    settings: Settings,
    out: Path,
    *,
    change: Callable[[Cast], Cast] = lambda cast: cast,
    mails: Sequence[Mail] | None = None,
    verify: bool = False,
) -> Finished:
    """Run a federation; its own verification, a process of its own, only where a test wants it."""
    settings = replace(settings, out=out)
    run = Run(settings, change(build_cast(mails or made_up_mails(), settings)), Quiet())
    if not verify:
        run._verify = lambda summary: ("not asked", True)  # type: ignore[method-assign]  # asked elsewhere
    return Finished(run, run.execute(), out)


@cache
def scratch() -> Path:
    """One directory for the session's runs; ``tests/conftest``'s tmp_path would make one per test."""
    import atexit

    path = Path(tempfile.mkdtemp(prefix="folkmoot-tests-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def small_run() -> Finished:
    """The session's one run with all cheats; nobody may write to its directory."""
    return execute(SMALL, scratch() / "small", verify=True)


def copy_of(finished: Finished, to: Path) -> Path:
    """A run directory like the session's, without its private part, to be damaged."""
    (to / "run").mkdir(parents=True)
    shutil.copytree(finished.public, to / "run" / "public")
    shutil.copy(finished.out / "summary.json", to / "run" / "summary.json")
    return to / "run"
