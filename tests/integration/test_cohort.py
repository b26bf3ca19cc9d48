"""Cohorts, as the verifier sees them: who was asked, and whether enough of them committed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator import driver
from aggregator.verify import verify_run
from examples.spam_detection import run as run_module
from federation.errors import VerificationFailed
from federation.manifest import CohortSection, Manifest
from tests.world import SMALL, execute

TINY = replace(SMALL, members=4, rounds=2, cheats=())


@pytest.fixture
def sampled(monkeypatch, tmp_path):
    """Run a federation with a cohort, and have it verified."""
    build = run_module.build_manifest

    def run(**section):
        def built(*args, **more):
            found = build(*args, **more).model_copy(update={"cohort": CohortSection(**section)})
            return Manifest.from_toml(found.to_toml())

        monkeypatch.setattr(run_module, "build_manifest", built)
        finished = execute(TINY, tmp_path)
        return finished, verify_run(tmp_path)

    return run


def test_rounds_verify_when_only_a_cohort_was_asked(sampled):
    finished, verdict = sampled(size=2)
    assert verdict.rounds == 2
    cohorts = [report.committed for report in finished.run.reports]
    assert [len(one) for one in cohorts] == [2, 2]


def test_rounds_verify_when_too_few_committed(sampled, monkeypatch):
    monkeypatch.setattr(driver, "cohort", lambda members, **_: frozenset(sorted(members)[:1]))
    finished, verdict = sampled(size=3, minimum=2)
    assert verdict.rounds == 2
    assert verdict.paid_wei == 0
    assert all(not report.committed and not report.outcome.aggregate.any() for report in finished.run.reports)


def test_round_is_refused_when_the_operator_asked_whom_it_liked(sampled, monkeypatch):
    monkeypatch.setattr(driver, "cohort", lambda members, **_: frozenset(members))
    with pytest.raises(VerificationFailed, match="committed and was not asked"):
        sampled(size=2)


def test_round_is_refused_when_it_went_on_with_too_few(sampled, monkeypatch):
    monkeypatch.setattr(driver, "enough", lambda *_: True)
    monkeypatch.setattr(driver, "cohort", lambda members, **_: frozenset(sorted(members)[:1]))
    with pytest.raises(VerificationFailed, match=r"was not asked|too few"):
        sampled(size=3, minimum=2)
