"""Whole epochs through the code of ``folkmoot aggregator run``, with a chain and members in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.happenings import Happening, Wanted
from aggregator.home import AggregatorHome
from aggregator.journal import Journal
from aggregator.operator import rosters
from aggregator.operator.assemble import Parts, assemble
from aggregator.operator.control import FileControl
from aggregator.operator.eventsink import PublishingSink
from aggregator.operator.models import keep_models
from aggregator.operator.overview import look
from aggregator.operator.receipts import rounds_of
from aggregator.operator.revocations import Revocations
from aggregator.operator.running import Runner, Waiting
from aggregator.public import PublicReader
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.models import create_models
from ceramic_bridge.reading import signed_by
from ceramic_bridge.store.base import EVERYTHING
from ceramic_bridge.store.sqlite import SqliteStore
from contracts.bindings.structs import Phase
from tests.operated import Standing


class Over(BaseException):
    """The test is over."""


class Waits:
    """Does not wait, and ends a test that would."""

    def check(self) -> None:
        pass

    def wait(self, seconds: float) -> None:
        raise Over


class Impatient(Waits):
    """Is told to end the process the n-th time that it asks."""

    def __init__(self, left: int) -> None:
        self.left = left

    def check(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Over


class Office:
    """The operator of a standing federation."""

    def __init__(self, standing: Standing, folder: Path) -> None:
        self.standing, self.home = standing, AggregatorHome(folder)
        self.control = FileControl(self.home.control)
        self.told: list[Happening] = []
        keep_models(self.home, standing.manifest, list(create_models(standing.community_id).values()))

    def admit(self, epoch: int = 1) -> None:
        plan, domain = self.standing.plan(epoch), self.standing.domain(epoch)
        proposal = rosters.Proposal(domain=domain, quotas=plan.roster.quotas)
        rosters.keep_imports(self.home, proposal, plan.imports)
        community = self.standing.community_id
        rosters.keep_roster(self.home, proposal.signed(community), community.did, domain)

    @contextmanager
    def opened(self, epoch: int = 1, waiting: Waiting | None = None) -> Iterator[Runner]:
        standing, home = self.standing, self.home
        federation = standing.deployment.federation.address
        with (
            Journal(home.journal, federation=federation, chain_id=standing.chain.chain_id) as journal,
            SqliteStore(home.events) as store,
            PublishingSink(store, "", self.told.append) as sink,
        ):
            for event in create_models(standing.community_id).values():
                sink.append(event)
            yield assemble(
                Parts(
                    home=home,
                    manifest=standing.manifest,
                    journal=journal,
                    chain=standing.chain,
                    deployment=standing.deployment,
                    sender=standing.aggregator,
                    identity=standing.aggregator_id,
                    grid=standing.grid(epoch),
                    nodes=standing.nodes,
                    providers=standing.seated(epoch),
                    log=sink,
                    history=lambda: signed_by(store, EVERYTHING),
                    models=standing.models,
                    control=self.control,
                    watch=self.told.append,
                    waiting=waiting or Waits(),
                    timeout=60,
                    claim=True,
                    revocations=Revocations("", self.told.append),
                )
            )

    def kinds(self) -> list[str]:
        return [one.kind for one in self.told]


@pytest.fixture
def office(tmp_path):
    standing = Standing(tmp_path / "run", rounds=2)
    standing.found()
    try:
        yield Office(standing, tmp_path / "home")
    finally:
        standing.close()


def test_epoch_is_run_and_paid_and_public_when_its_roster_is_there(office):
    standing = office.standing
    office.admit()
    with office.opened() as runner:
        runner.run(1)
    assert [k for k in office.kinds() if k in {"round-recorded", "finalized", "epoch-over"}] == [
        "round-recorded",
        "round-recorded",
        "finalized",
        "epoch-over",
    ]
    overview = look(
        standing.chain, standing.deployment, standing.manifest, items=lambda *_: {}, members=lambda _: 3
    )
    assert (overview.phase, overview.epoch, overview.recorded) == (Phase.CLOSED, 1, 2)
    assert overview.paid == overview.promised > 0
    lines = rounds_of(office.home, standing.manifest, standing.domain(1).federation, standing.chain.chain_id)
    assert [(line.epoch, line.round, dict(line.counts())) for line in lines] == [
        (1, 1, {"accepted": 3}),
        (1, 2, {"accepted": 3}),
    ]
    recorded = [one.facts for one in office.told if one.kind == "round-recorded"]
    assert [str(line.credited) for line in lines] == [facts["credited_wei"] for facts in recorded]
    assert [line.model for line in lines] == [facts["model"] for facts in recorded]
    assert all(0.5 < float(facts["auc"]) <= 1 for facts in recorded)
    # What is public is whole, named by its own hash, and nothing of it is a secret of the folder.
    public = office.home.public
    names = {str(path.relative_to(public)) for path in public.rglob("*") if path.is_file()}
    assert {"federation.toml", "events.car", "index.json"} == {n for n in names if "blobs/" not in n}
    PublicReader(public)
    assert list((office.home.staging(1) / "blobs").iterdir()) == []


def test_nothing_is_sent_twice_when_the_process_is_started_again(office):
    office.admit()
    with office.opened() as runner:
        runner.run(1)
    blocks, public = office.standing.chain.block_number, (office.home.public / "index.json").read_bytes()
    office.told.clear()
    with office.opened() as runner, pytest.raises(Over):
        runner.run(1)
    assert office.standing.chain.block_number == blocks
    assert office.kinds() == ["waiting-for-roster"]
    assert (office.home.public / "index.json").read_bytes() == public


def test_epoch_comes_to_the_same_when_the_process_is_ended_again_and_again(office, tmp_path):
    office.admit()
    with office.opened() as runner:
        runner.run(1)
    whole = [(one.kind, one.round) for one in office.told if one.kind == "round-recorded"]
    blocks, paid = office.standing.chain.block_number, office.standing.deployment.pool.total_paid()

    standing = Standing(tmp_path / "again", rounds=2)
    standing.found()
    other, ended = Office(standing, tmp_path / "other"), 0
    other.admit()
    for patience in range(2, 30):
        with other.opened(waiting=Impatient(patience)) as runner:
            try:
                runner.run(1)
            except Over:
                ended += 1
            else:
                break
    standing.close()
    assert ended >= 3
    assert [(one.kind, one.round) for one in other.told if one.kind == "round-recorded"] == whole
    assert standing.deployment.pool.total_paid() == paid
    assert standing.chain.block_number == blocks


def test_epoch_ends_early_and_the_aggregator_pauses_when_it_is_cancelled(office):
    office.admit()

    def cancel(happening: Happening) -> None:
        if happening.kind == "round-recorded":
            office.control.want(Wanted.CANCEL, epoch=1)

    office.told = Telling(cancel)
    with office.opened() as runner:
        runner.run(1)
    assert "cancelled" in office.kinds()
    assert office.kinds().count("round-recorded") == 1
    office.admit(2)
    with office.opened(2) as runner, pytest.raises(Over):
        runner.run(None)
    assert office.control.wanted() is Wanted.PAUSE
    assert office.standing.deployment.federation.epoch() == 1


class Telling(list[Happening]):
    """A list that tells."""

    def __init__(self, tell) -> None:
        super().__init__()
        self.tell = tell

    def append(self, happening: Happening) -> None:
        super().append(happening)
        self.tell(happening)


def test_epoch_ends_well_when_its_log_is_too_long_for_a_file(office, monkeypatch):
    from aggregator.operator import assemble as assembling

    def long(_: object) -> bytes:
        raise MalformedData("it is too long")

    monkeypatch.setattr(assembling, "pack", long)
    office.admit()
    with office.opened() as runner:
        runner.run(1)
    assert office.kinds()[-1] == "log-too-long"
    assert not (office.home.public / "events.car").exists()


def test_epoch_waits_when_there_is_no_roster(office):
    with office.opened() as runner, pytest.raises(Over):
        runner.run(1)
    assert office.kinds() == ["waiting-for-roster"]
    assert json.dumps(office.told[0].facts) == "{}"
