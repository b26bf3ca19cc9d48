"""A federation of several epochs, verified from public material: what counts, what waits, what is refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from aggregator.sources import RemoteMaterial
from aggregator.verify_federation import Wanted
from ceramic_bridge.did import Identity
from ceramic_bridge.events import DataPayload, InitPayload, JsonPatchOp, SignedEvent, create_data
from ceramic_bridge.models import create_models
from contracts.bindings.contributor_registry import Registered
from contracts.bindings.federation import (
    CommitsClosed,
    EpochOpened,
    Finalized,
    Proposed,
    RevealsClosed,
    RoundOpened,
    RoundRecorded,
    ShardDrawn,
)
from contracts.chain import Log, Reader
from contracts.contract import Event
from federation.errors import VerificationFailed
from federation.types import Address, Hash32
from tests import live
from tests.integration.test_reveal import with_reveal
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
    assert (verdict.epoch, verdict.verified, verdict.pending) == (3, verified, pending)


# Material that is wrong


class Watched:
    """A public directory that remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.inner, self.asked = RemoteMaterial(str(folder)), dict[str, Hash32]()

    def file(self, name: str) -> bytes:
        return self.inner.file(name)

    def blob(self, digest: Hash32, what: str) -> bytes:
        self.asked.setdefault(re.sub(r"did:\S+?'s|\d+", "*", what), digest)
        return self.inner.blob(digest, what)


def test_flipped_bit_is_refused_when_it_is_in_any_kind_of_blob(at, tmp_path):
    watched = Watched(at["cancelled"].folder)
    verdicts(at["cancelled"], public=watched)
    assert len(watched.asked) >= 11, watched.asked.keys()
    folder = tmp_path / "copy"
    shutil.copytree(at["cancelled"].folder, folder)
    for what, digest in watched.asked.items():
        path = folder / "blobs" / digest.hex()
        whole = path.read_bytes()
        path.write_bytes(bytes([whole[0] ^ 4]) + whole[1:])
        with pytest.raises(VerificationFailed, match=digest.hex()):
            verdicts(at["cancelled"], public=RemoteMaterial(str(folder)))
        path.unlink()
        with pytest.raises(VerificationFailed, match="was not published"):
            verdicts(at["cancelled"], public=RemoteMaterial(str(folder)))
        path.write_bytes(whole)
        assert what


def test_manifest_is_refused_when_a_bit_is_flipped(at, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    whole = (at["paid"].folder / "federation.toml").read_bytes()
    (folder / "federation.toml").write_bytes(whole.replace(b"rounds = 2", b"rounds = 3"))
    with pytest.raises(VerificationFailed, match=r"federation\.toml"):
        verdicts(at["paid"], public=RemoteMaterial(str(folder)))


# An event node that lies


def kinds(events: Sequence[SignedEvent]) -> dict[str, int]:
    """Where each kind of event stands first."""
    found: dict[str, int] = {}
    for i, event in enumerate(events):
        payload = event.payload
        kind = "patch" if isinstance(payload, DataPayload) else str(payload.content.get("kind", "model"))
        found.setdefault(kind, i)
    return found


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("model", "published none"),
        ("data", "missing"),
        ("contribution", "contribution"),
        ("round-receipt", "receipt"),
        ("model-card", "model card"),
        ("patch", "model card"),
        ("validation-shard", "part of shard"),
    ],
)
def test_withheld_event_is_named_when_the_node_does_not_give_it(at, kind, named):
    events = list(at["paid"].events)
    del events[kinds(events)[kind]]
    with pytest.raises(VerificationFailed, match=named):
        verdicts(at["paid"], events=events)


def test_surplus_events_are_ignored_when_a_node_holds_more(at):
    run, events = at["cancelled"].run, list(at["cancelled"].events)
    junk: list[SignedEvent] = []
    stranger, model = Identity(bytes([9]) * 32), run.models["contribution"]
    for actor in run.actors[:3]:
        mine = [e for e in events if isinstance(e.payload, InitPayload) and e.payload.controller == actor.did]
        for event in mine:
            # The member signs what it said once more, and something else beside it.
            content = {**event.payload.content}
            junk.append(actor.session.sign(content, model=event.payload.model, unique=bytes(12)))
            if content["kind"] == "contribution":
                content["commitment"] = "ab" * 32
                junk.append(actor.session.sign(content, model=model, unique=bytes([1]) * 12))
            foreign = {**content, "federation": "0x" + "11" * 20}
            junk.append(actor.session.sign(foreign, model=event.payload.model, unique=bytes([2]) * 12))
    junk += create_models(stranger).values()
    card = next(e for e in events if e.payload.content.get("kind") == "model-card")
    fork = [JsonPatchOp(op="replace", path="/receipts", value=7)]
    junk.append(create_data(run.aggregator_id, stream=card.stream_id, prev=card.cid, patch=fork))
    mixed = [event for pair in zip_longest(junk, events) for event in pair if event is not None]
    assert [v.status for v in verdicts(at["cancelled"], events=[*mixed, *events])] == ["verified"] * 2


# A node of the chain that lies


class Lying:
    """A chain whose node changes what it says of logs."""

    def __init__(self, chain: Reader, change: Callable[[tuple[Log, ...]], tuple[Log, ...]]) -> None:
        self._chain, self._change = chain, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        return self._change(self._chain.logs(address, from_block))


def without(kind: type[Event], place: int = -1) -> Callable[[tuple[Log, ...]], tuple[Log, ...]]:
    def change(logs: tuple[Log, ...]) -> tuple[Log, ...]:
        mine = [event.log for event in kind.decode_logs(logs)]
        return tuple(log for log in logs if not mine or log is not mine[place])

    return change


def altered(kind: type[Event]) -> Callable[[tuple[Log, ...]], tuple[Log, ...]]:
    def change(logs: tuple[Log, ...]) -> tuple[Log, ...]:
        mine = [event.log for event in kind.decode_logs(logs)]
        return tuple(
            replace(log, data=bytes([*log.data[:31], log.data[31] ^ 1, *log.data[32:]]))
            if mine and log is mine[0]
            else log
            for log in logs
        )

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without(EpochOpened), "never opened"),
        (without(EpochOpened, 0), "never opened"),
        (without(RoundOpened), "not what the contract remembers"),
        (without(CommitsClosed), "not what the contract remembers"),
        (without(RoundRecorded), "its rounds"),
        (altered(RoundRecorded), "not what the contract remembers"),
        (altered(CommitsClosed), "not what the contract remembers"),
        (altered(RevealsClosed), "not what the contract remembers"),
        (altered(ShardDrawn), "not what the contract remembers"),
        (without(Finalized), "the last table"),
        (altered(Finalized), "payout table"),
        (altered(Proposed), "payout table"),
        (without(Registered), "payees"),
    ],
)
def test_lie_about_logs_is_noticed_when_the_contract_remembers_otherwise(at, change, named):
    with pytest.raises(VerificationFailed, match=named):
        verdicts(at["cancelled"], chain=Lying(live.reader(at["cancelled"]), change))


def test_older_state_is_believed_when_a_node_shows_nothing_newer(at):
    # A node alone decides how far its chain has come: what is missing at its end, nobody can notice.
    (verdict,) = verdicts(at["paid"])
    assert verdict.status == "verified"
    assert len(verdicts(at["cancelled"])) == 2


# Checkpoints


def test_checkpoint_stands_for_a_round_when_nothing_that_entered_changed(at, tmp_path):
    told: list[str] = []
    verdicts(at["paid"], cache=tmp_path)
    (verdict,) = verdicts(at["paid"], cache=tmp_path, told=told)
    assert verdict.status == "verified"
    assert sum("verified before" in line for line in told) == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    told.clear()
    verdicts(at["paid"], cache=tmp_path, told=told)
    assert sum("verified before" in line for line in told) == 0


def test_checkpoint_is_of_no_use_when_the_chain_says_something_else(at, tmp_path):
    verdicts(at["paid"], cache=tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        number, _, _ = path.name.partition("-")
        path.rename(path.with_name(f"{number}-{'00' * 32}"))
    told: list[str] = []
    verdicts(at["paid"], cache=tmp_path, told=told)
    assert sum("verified before" in line for line in told) == 0


# Shards that are published in their rounds


def test_rounds_are_verified_as_they_end_when_everything_is_published_at_once(tmp_path):
    with with_reveal("round", shards=3):
        run = live.LiveRun(tmp_path / "run")
        run.found()
    run.open()
    run.train(1)
    run.publish_all()
    stage = live.Stage(run, run.chain.block_number, run.folder, tuple(run.log))
    (verdict,) = verdicts(stage)
    assert (verdict.stage, verdict.verified, verdict.pending) == ("rounds", 1, True)
    assert verdict.notes[-1] == "not yet: no payout table is proposed"
    run.driver.run(run._observe)
    run.close()
    stage = live.Stage(run, run.chain.block_number, run.folder, tuple(run.log))
    (verdict,) = verdicts(stage)
    assert (verdict.stage, verdict.verified, verdict.pending) == ("settling", 2, True)
