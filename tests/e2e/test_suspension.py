"""A member that flips its labels, skips its noise and fills its cap is put out, and does no lasting harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.verify import verify_run
from examples.spam_detection.settings import Settings
from federation.rounds import Status
from tests.world import execute, made_up_mails

MAILS = made_up_mails(2400, seed=11, foreign=0)
SETTINGS = Settings(members=8, rounds=8, seed=0, alpha=5.0, epsilon=8.0, cheats=())


@pytest.mark.slow
def test_noiseless_flipper_is_suspended_and_the_auc_stays_when_it_fills_its_cap(tmp_path):
    honest = execute(SETTINGS, tmp_path / "honest", mails=MAILS)
    spoilt = execute(replace(SETTINGS, cheats=("flipcap",)), tmp_path / "spoilt", mails=MAILS)
    run = spoilt.run
    (flipper,) = (a.did for a in run.actors if a.party.role == "flipcap")
    statuses = [next(m.status for m in r.outcome.members if m.did == flipper) for r in run.reports]
    assert statuses[0] is Status.ACCEPTED
    first = statuses.index(Status.SUSPENDED)
    assert set(statuses[first:]) == {Status.SUSPENDED}
    line = next(m for m in spoilt.summary["members"] if m["role"] == "flipcap")
    assert (int(line["credit_wei"]) < 0, line["paid_wei"]) == (True, "0")
    assert abs(spoilt.summary["final_auc"] - honest.summary["final_auc"]) <= 0.01
    assert honest.summary["final_auc"] > 0.8
    assert verify_run(tmp_path / "spoilt").members == 9
