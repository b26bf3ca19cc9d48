"""Epochs that an aggregator ran by itself, verified from what it published: in full, cancelled, sampled."""

from __future__ import annotations

from unittest import mock

import pytest

from aggregator.ground import live
from aggregator.happenings import Wanted as Will
from aggregator.sources import RemoteMaterial
from aggregator.verify_federation import EpochVerdict, Wanted, verify_federation
from ceramic_bridge.events import InitPayload
from federation import payloads
from federation.errors import VerificationFailed
from federation.manifest import CohortSection
from tests.operated import Standing


def verified(standing: Standing) -> list[EpochVerdict]:
    deployment = standing.deployment
    ground = live(
        standing.chain,
        RemoteMaterial(str(standing.settings.out / "public")),
        deployment.federation.address,
        deployment.registry.address,
        lambda _: None,
    )
    return verify_federation(ground, standing.log, wanted=Wanted(), cache=None, progress=lambda _: None)


@pytest.fixture
def standing(tmp_path):
    made = Standing(tmp_path / "run", epsilon=None, changes={"cohort": CohortSection(size=2, minimum=1)})
    made.found()
    yield made
    made.close()


def run(standing: Standing, epoch: int, *words: Will) -> None:
    with standing.running(epoch, will=words or (Will.RUN,)) as running:
        running.run(standing.plan(epoch))


def test_epochs_are_verified_when_an_aggregator_ran_them(standing):
    run(standing, 1)
    (first,) = verified(standing)
    assert (first.status, first.stage, first.verified, first.notes) == ("verified", "finalized", 2, [])
    standing._fund()
    run(standing, 2, Will.RUN, Will.CANCEL)
    _, second = verified(standing)
    assert (second.status, second.stage, second.recorded, second.verified) == ("verified", "finalized", 1, 1)


def test_round_is_refused_when_somebody_was_admitted_that_it_did_not_ask(standing):
    # Everybody is asked: the aggregator runs by another rule than the manifest's.
    everybody = frozenset(actor.did for actor in standing.actors)
    with mock.patch("aggregator.driver.cohort", return_value=everybody):
        run(standing, 1)
    with pytest.raises(VerificationFailed, match="was not asked"):
        verified(standing)


def test_epoch_is_verified_when_its_receipts_speak_of_members_in_a_blob(standing, monkeypatch):
    monkeypatch.setattr(payloads, "INLINE", 1)
    run(standing, 1)
    (verdict,) = verified(standing)
    assert (verdict.status, verdict.verified) == ("verified", 2)
    receipts = [e.payload.content for e in standing.log if isinstance(e.payload, InitPayload)]
    tables = [content["table"] for content in receipts if "table" in content]
    assert len(tables) == 2
    path = standing.settings.out / "public" / "blobs" / str(tables[0])
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(VerificationFailed, match=str(tables[0])):
        verified(standing)
