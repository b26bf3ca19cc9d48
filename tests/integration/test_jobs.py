"""Rounds recomputed side by side: the same lines, the same verdict and the same first fault."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from aggregator import ahead, crew
from aggregator.ground import replayed
from aggregator.public import INDEX, PublicReader, index_bytes
from aggregator.recompute import Recomputation
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_rounds import RoundReplay
from aggregator.verify import verify_run
from aggregator.verify_federation import Wanted
from federation.errors import FolkmootError, VerificationFailed
from tests.integration.test_forgery import Forger
from tests.integration.test_live import kinds
from tests.live import Stage, stages, verdicts
from tests.world import copy_of


@pytest.fixture(scope="module")
def at() -> dict[str, Stage]:
    return stages()


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers alone recompute: who handed the rounds out must not."""

    def refuse(*_: object) -> None:
        raise AssertionError("recomputed by the one that waits")

    monkeypatch.setattr(Recomputation, "recompute", refuse)


def alike(verify: Callable[[int], object]) -> FolkmootError:
    """The one error that both ways end in."""
    found = []
    for jobs in (1, 2):
        with pytest.raises(FolkmootError) as info:
            verify(jobs)
        found.append(info.value)
    one, two = found
    assert (type(one), one.message, one.hint) == (type(two), two.message, two.hint)
    if isinstance(one, VerificationFailed) and isinstance(two, VerificationFailed):
        assert one.subject == two.subject
    return one


# What is right


def test_run_gives_the_same_lines_and_verdict_when_two_rounds_are_recomputed_at_a_time(finished, request):
    alone: list[str] = []
    verdict = verify_run(finished.out, progress=alone.append)
    request.getfixturevalue("idle")
    told: list[str] = []
    assert verify_run(finished.out, jobs=2, progress=told.append) == verdict
    assert told == alone


@pytest.mark.parametrize("stage", ["cancelled", "training", "proposed"])
def test_federation_gives_the_same_lines_and_verdicts_when_two_are_recomputed_at_a_time(at, stage, tmp_path):
    alone: list[str] = []
    told: list[str] = []
    found = verdicts(at[stage], told=alone)
    assert verdicts(at[stage], told=told, jobs=2, cache=tmp_path) == found
    assert told == alone
    again: list[str] = []
    verdicts(at[stage], told=again, jobs=2, cache=tmp_path)
    before = sum("verified before" in line for line in again)
    assert before == sum("recomputed" in line and "round" in line for line in told)


def test_one_round_is_enough_when_two_are_recomputed_at_a_time(at):
    wanted = Wanted(epoch=1, round=2)
    assert verdicts(at["paid"], wanted=wanted, jobs=2) == verdicts(at["paid"], wanted=wanted)


def test_published_states_are_the_recomputed_ones_when_nothing_is_wrong(finished):
    def quiet(_: str) -> None:
        pass

    epoch = VerifiedEpoch.of_run(replayed(PublicReader(finished.public), None, quiet), quiet)
    replay = RoundReplay(epoch)
    for played in replay.play():
        said = replay.statements[played.outcome.round]
        foretold = ahead.published_state(epoch, played.start.state, said)
        assert ahead._same(ahead._values(foretold), ahead._values(played.outcome.state))
        other = replace(foretold, move=foretold.move + 1)
        assert not ahead._same(ahead._values(other), ahead._values(foretold))


# What is wrong in forecasts costs time and nothing else


@pytest.mark.parametrize("kind", ["another model", "nothing"])
def test_verdict_is_the_same_when_states_are_foretold_wrongly(at, monkeypatch, kind):
    honest = ahead.published_state

    def foretold(*arguments: object) -> object:
        state = honest(*arguments)
        if kind == "nothing":
            raise ValueError("not a number")
        return replace(state, weights=np.roll(state.weights, 1))

    alone: list[str] = []
    told: list[str] = []
    found = verdicts(at["paid"], told=alone)
    monkeypatch.setattr(ahead, "published_state", foretold)
    assert verdicts(at["paid"], told=told, jobs=2) == found
    assert told == alone


# What is wrong in the material


@pytest.mark.parametrize("kind", ["contribution", "round-receipt", "patch", "validation-shard"])
def test_fault_is_the_same_when_an_event_is_withheld(at, kind):
    events = list(at["paid"].events)
    del events[kinds(events)[kind]]
    alike(lambda jobs: verdicts(at["paid"], events=events, jobs=jobs))


@pytest.fixture
def forger(finished, tmp_path) -> Forger:
    return Forger(copy_of(finished, tmp_path), finished)


def blob_of(forger: Forger, what: str, round_: int) -> str:
    content = forger.content("round-receipt", round_ - 1)
    lines = content["credits"]
    assert isinstance(lines, list)
    accepted = (line["delta"] for line in lines if line["status"] == "accepted")
    return "blobs/" + str(next(accepted) if what == "delta" else content[what])


def both_refuse(forger: Forger) -> FolkmootError:
    forger.write(INDEX, index_bytes(forger.public))
    return alike(lambda jobs: verify_run(forger.run, jobs=jobs))


@pytest.mark.parametrize(
    ("what", "round_"), [("delta", 1), ("delta", 3), ("trace", 2), ("modelHash", 2), ("baseHash", 1)]
)
def test_fault_is_the_same_when_a_blob_is_edited_and_the_index_covers_it_up(forger, what, round_):
    name = blob_of(forger, what, round_)
    forger.replace_blob(name, forger.read(name) + b"\0")
    assert isinstance(both_refuse(forger), VerificationFailed)


def test_first_of_two_faults_is_told_when_the_second_is_found_sooner(forger):
    first, second = blob_of(forger, "delta", 1), blob_of(forger, "trace", 2)
    for name in (second, first):
        forger.replace_blob(name, forger.read(name) + b"\0")
    error = both_refuse(forger)
    assert isinstance(error, VerificationFailed)
    assert error.subject == first


def test_fault_is_the_same_when_nothing_refers_to_a_blob(forger):
    forger.put(b"more")
    assert "nothing refers to it" in both_refuse(forger).message


# Workers


def _dies(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_death_of_a_worker_is_told_and_is_no_fault_of_the_run(finished, at, monkeypatch):
    monkeypatch.setattr(crew, "_recomputed", _dies)
    for verify in (lambda: verify_run(finished.out, jobs=2), lambda: verdicts(at["paid"], jobs=2)):
        with pytest.raises(crew.WorkerDied, match="ended before its round was done") as info:
            verify()
        assert info.value.exit_code == 1
        assert "--jobs" in (info.value.hint or "")


def test_no_worker_is_left_when_the_rounds_are_over(at, monkeypatch):
    pids: set[int] = set()
    honest = ahead.Crew.hand_out

    def hand_out(self, *arguments):
        task = honest(self, *arguments)
        pids.update(self._pool._processes)
        return task

    monkeypatch.setattr(ahead.Crew, "hand_out", hand_out)
    verdicts(at["paid"], jobs=2)
    assert 1 <= len(pids) <= 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_worker_is_begun_when_there_is_one_round(at, monkeypatch):
    monkeypatch.setattr(ahead, "crew", None)
    wanted = Wanted(epoch=2)
    (verdict,) = verdicts(at["cancelled"], wanted=wanted, jobs=4)
    assert verdict.verified == 1
