"""``reveal = "round"``: drawn shards become public in their round, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from aggregator.provider import Provider
from aggregator.verify import verify_run
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent, create_init
from examples.spam_detection import run as example
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from federation.errors import PeerError
from federation.manifest import Manifest
from tests.integration.test_forgery import Forger, signed_by
from tests.world import Finished, Quiet, copy_of, execute, made_up_mails, scratch

SETTINGS = Settings(members=4, rounds=2, seed=0, cheats=())
SHARDS = 3
build = example.build_manifest


def with_reveal(reveal: str, *, shards: int):
    """Let runs agree on a manifest that differs from the example's in this and the number of shards."""

    def changed(*args, **more) -> Manifest:
        manifest = build(*args, **{**more, "shards": shards})
        validation = manifest.validation.model_copy(update={"reveal": reveal})
        return manifest.model_copy(update={"validation": validation})

    return mock.patch.object(example, "build_manifest", changed)


def contents(events: list[SignedEvent]) -> list[dict[str, object]]:
    payloads = [event.payload for event in events]
    return [dict(payload.content) for payload in payloads if isinstance(payload, InitPayload)]


@pytest.fixture(scope="module")
def revealed() -> Finished:
    """A run of two rounds that draws two of three shards and publishes them at once."""
    with with_reveal("round", shards=SHARDS):
        return execute(SETTINGS, scratch() / "revealed")


@pytest.fixture
def forger(revealed: Finished, tmp_path: Path) -> Forger:
    return Forger(copy_of(revealed, tmp_path), revealed)


def shards_by_card(events: list[SignedEvent]) -> list[list[int]]:
    """The shards published before each version of the model card, which ends a round."""
    found: list[list[int]] = [[]]
    for event in events:
        payload = event.payload
        if isinstance(payload, DataPayload) or payload.content.get("kind") == "model-card":
            found.append([])
        elif payload.content.get("kind") == "validation-shard":
            found[-1].append(int(str(payload.content["shard"])))
    return found


def test_run_verifies_when_drawn_shards_are_published_in_their_rounds(forger, revealed):
    drawn = [report.shard for report in revealed.run.reports]
    (rest,) = {1, 2, 3} - set(drawn)
    closing = [0, rest] * 3
    assert shards_by_card(forger.events()) == [[drawn[0]] * 3, [drawn[1]] * 3, closing, []]
    assert verify_run(forger.run).rounds == 2


def test_members_earn_the_same_when_only_the_reveal_differs(tmp_path):
    # One round of one shard, because another manifest makes other blocks, and they other draws.
    found = {}
    for reveal in ("epoch", "round"):
        with with_reveal(reveal, shards=1):
            done = execute(
                Settings(members=4, rounds=1, seed=0, cheats=()), tmp_path / reveal, mails=made_up_mails(500)
            )
        verify_run(done.out)
        log = list(done.run.log)
        found[reveal] = done.summary["members"], sorted(map(str, contents(of_kind(log)))), log
    members, published, _ = found["epoch"]
    assert sum(int(member["paid_wei"]) for member in members) > 0
    assert found["round"][:2] == (members, published)
    assert shards_by_card(found["epoch"][2]) == [[], [0, 1] * 3, []]
    assert shards_by_card(found["round"][2]) == [[1] * 3, [0] * 3, []]


def of_kind(events: list[SignedEvent]) -> list[SignedEvent]:
    inits = [event for event in events if isinstance(event.payload, InitPayload)]
    return [event for event in inits if contents([event])[0].get("kind") == "validation-shard"]


def moved(events: list[SignedEvent], event: SignedEvent, to: int) -> list[SignedEvent]:
    rest = [one for one in events if one.cid != event.cid]
    return [*rest[:to], event, *rest[to:]]


def test_shard_is_refused_when_it_stands_before_its_draw(forger):
    events = forger.events()
    second = of_kind(events)[3]
    forger.write_events(moved(events, second, 5))
    found = forger.refused()
    assert found.subject == f"event {second.cid}"
    assert "before its time" in found.message


@pytest.mark.parametrize("i", [0, 6], ids=["drawn", "never drawn"])
def test_shard_is_refused_when_it_stands_elsewhere(forger, i):
    events = forger.events()
    shard = of_kind(events)[i]
    at = len(events) if i == 0 else events.index(of_kind(events)[0])
    forger.write_events(moved(events, shard, at))
    assert f"{'after' if i == 0 else 'before'} its time" in forger.refused().message


def test_shard_is_missed_when_its_round_does_not_hold_it(forger):
    events = forger.events()
    shard = of_kind(events)[0]
    forger.write_events([event for event in events if event.cid != shard.cid])
    assert forger.refused().subject == "validation set"


def test_shard_is_refused_when_its_provider_says_another_number_of_examples(forger, revealed):
    events = forger.events()
    shard = of_kind(events)[0]
    identity = revealed.run.providers[0]._identity
    wrong = signed_by(identity, shard, examples=1)
    forger.write_events([wrong if event.cid == shard.cid else event for event in events])
    assert forger.refused().subject == f"event {wrong.cid}"


def test_shard_is_refused_when_it_is_signed_again_with_another_stream(forger, revealed):
    # True in every word, but not what the round recorded.
    events = forger.events()
    shard = of_kind(events)[0]
    payload = shard.payload
    assert isinstance(payload, InitPayload)
    identity = revealed.run.providers[0]._identity
    again = create_init(identity, model=payload.model, content=payload.content, unique=bytes(12))
    forger.write_events([again if event.cid == shard.cid else event for event in events])
    assert forger.refused().subject == "round 1"


@pytest.fixture
def opened(tmp_path: Path) -> Run:
    """A run up to its first round."""
    settings = Settings(members=4, rounds=1, seed=0, cheats=(), out=tmp_path / "run")
    with with_reveal("round", shards=1):
        run = Run(settings, build_cast(made_up_mails(500), settings), Quiet())
        run._found_community()
        run._join_members()
        run._open_epoch()
    return run


def test_provider_is_accused_when_it_opens_its_part_to_the_aggregator_alone(opened):
    refusal = PeerError("the provider does not answer")
    with (
        mock.patch.object(Provider, "publish", side_effect=refusal),
        pytest.raises(PeerError, match="provider 0 does not open") as caught,
    ):
        opened._train()
    assert "accused" in str(caught.value.hint)
    assert opened.deployment.federation.accused() == 0
    assert not of_kind(list(opened.log))


LIES = {
    "another shard": lambda run, p: p._statement(p.part(0), run.models["validation-shard"]),
    "another model": lambda run, p: p._statement(p.part(1), run.models["data"]),
    "no shard": lambda run, _: run.actors[0].import_event,
    "another signer": lambda run, p: signed_by(
        run.aggregator_id, p._statement(p.part(1), run.models["validation-shard"])
    ),
    "another number": lambda run, p: signed_by(
        p._identity, p._statement(p.part(1), run.models["validation-shard"]), examples=1
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_nothing_is_published_when_a_provider_says_what_it_did_not_open(opened, lie):
    with (
        mock.patch.object(Provider, "publish", lambda provider, *_: LIES[lie](opened, provider)),
        pytest.raises(PeerError, match=r"provider 0.*its event on shard 1"),
    ):
        opened._train()
    assert not of_kind(list(opened.log))
    assert opened.deployment.federation.recorded() == 0
    assert opened.deployment.federation.accused() == 0
