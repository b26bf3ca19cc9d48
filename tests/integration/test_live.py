"""A federation of several epochs, verified from public material: what counts, what waits, what is refused."""

from __future__ import annotations

import pytest

from aggregator.verify_federation import Wanted
from tests import live
from tests.live import stages, verdicts


@pytest.fixture(scope="module")
def at() -> dict[str, live.Stage]:
    return stages()


def test_every_epoch_is_verified_when_one_was_paid_and_one_cancelled(at):
    told: list[str] = []
    first, second = verdicts(at["cancelled"], told=told)
    assert (first.status, first.stage, first.recorded, first.verified) == ("verified", "finalized", 2, 2)
    assert (second.status, second.stage, second.recorded, second.verified) == ("verified", "finalized", 1, 1)
    assert first.paid_wei
    assert second.paid_wei is not None
    assert second.notes == []
    assert sum(line.endswith("scores, credits and trace recomputed") for line in told) == 3


def test_verdict_is_pending_when_an_epoch_is_under_way(at):
    verdict = verdicts(at["opened"])[-1]
    assert (verdict.status, verdict.stage, verdict.verified) == ("pending", "rounds", 0)


def test_one_epoch_is_enough_when_the_table_before_it_is_public(at):
    (verdict,) = verdicts(at["cancelled"], wanted=Wanted(epoch=2))
    assert (verdict.epoch, verdict.status, verdict.verified) == (2, "verified", 1)


@pytest.mark.parametrize(
    ("stage", "verified", "pending"), [("training", 0, True), ("revealed", 2, True), ("proposed", 2, True)]
)
def test_as_much_is_verified_as_is_public_when_an_epoch_goes_on(at, stage, verified, pending):
    verdict = verdicts(at[stage])[-1]
    print(verdict)
    assert (verdict.epoch, verdict.verified, verdict.pending) == (3, verified, pending)
