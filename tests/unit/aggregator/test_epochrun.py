"""An epoch from its opening to its payments, on the embedded chain."""

from __future__ import annotations

import pytest

from contracts.bindings.structs import Phase
from contracts.view import End
from tests.operated import Standing


@pytest.fixture
def standing(tmp_path):
    made = Standing(tmp_path / "run")
    made.found()
    yield made
    made.close()


def test_epoch_is_paid_when_it_runs_to_its_end(standing):
    with standing.running(claim=True) as run:
        report = run.run(standing.plan())
    assert (report.epoch, report.end, report.rounds) == (1, End.REVEALED, 2)
    assert standing.phase is Phase.CLOSED
    assert standing.deployment.pool.root() == report.payout_root
    assert sum(report.due.values()) == report.total == standing.deployment.pool.total_paid()
