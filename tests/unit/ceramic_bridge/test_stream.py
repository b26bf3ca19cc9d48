"""Streams: one writer, one line of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ceramic_bridge.cid import DAG_JOSE, MID, MODEL, Cid, StreamId
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, create_init, decode
from ceramic_bridge.stream import replay
from federation.errors import IdentityError, VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity


def _set(value: int) -> list[JsonPatchOp]:
    return [JsonPatchOp(op="add", path="/n", value=value)]


@pytest.fixture(scope="module")
def line(alice: Identity) -> list[SignedEvent]:
    model = StreamId(type=MID, cid=Cid.of(DAG_JOSE, b"model"))
    events = [create_init(alice, model=model, content={"n": 0}, unique=bytes(12))]
    for n in (1, 2):
        events.append(create_data(alice, stream=events[0].stream_id, prev=events[-1].cid, patch=_set(n)))
    return events


def test_replay_gives_the_document_when_events_are_in_order(line: list[SignedEvent]) -> None:
    state = replay(line)
    assert state.stream_id == line[0].stream_id
    assert state.controller == line[0].signer
    assert state.content == {"n": 2}
    assert state.tip == line[2].cid
    assert replay(line[:1]).content == {"n": 0}
    assert replay(line) == state


def test_replay_matches_the_reference_when_stream_is_shared(vectors: dict[str, Any]) -> None:
    init, data = (vectors[name] for name in ("mid_signed_init_ed25519", "mid_data_ed25519"))
    state = replay([decode(bytes.fromhex(case["car_hex"])) for case in (init, data)])
    expected = {**init["content"], "round": 4, "accepted": True}
    del expected["note"]
    assert state.content == expected
    assert str(state.tip) == data["event_cid"]


@pytest.mark.parametrize("order", [[], [1], [1, 0], [0, 2], [0, 2, 1], [0, 0], [0, 1, 1], [0, 1, 2, 1]])
def test_replay_is_refused_when_events_are_missing_repeated_or_reordered(
    line: list[SignedEvent], order: list[int]
) -> None:
    with pytest.raises(VerificationFailed):
        replay([line[i] for i in order])


def test_replay_is_refused_when_an_event_has_two_successors(alice: Identity, line: list[SignedEvent]) -> None:
    fork = create_data(alice, stream=line[0].stream_id, prev=line[0].cid, patch=_set(7))
    assert replay([line[0], fork]).content == {"n": 7}
    with pytest.raises(VerificationFailed, match="equivocation"):
        replay([line[0], line[1], fork])
    with pytest.raises(VerificationFailed, match="equivocation"):
        replay([line[0], fork, line[1]])


def test_replay_is_refused_when_another_key_signs(bob: Identity, line: list[SignedEvent]) -> None:
    forged = create_data(bob, stream=line[0].stream_id, prev=line[0].cid, patch=_set(7))
    with pytest.raises(IdentityError):
        replay([line[0], forged])


def test_replay_is_refused_when_an_event_is_of_another_stream(
    alice: Identity, line: list[SignedEvent]
) -> None:
    foreign = StreamId(type=MID, cid=Cid.of(DAG_JOSE, b"x"))
    event = create_data(alice, stream=foreign, prev=line[0].cid, patch=_set(7))
    with pytest.raises(VerificationFailed):
        replay([line[0], event])


def test_replay_is_refused_when_a_patch_does_not_apply(alice: Identity, line: list[SignedEvent]) -> None:
    patch = [JsonPatchOp(op="remove", path="/absent")]
    event = create_data(alice, stream=line[0].stream_id, prev=line[0].cid, patch=patch)
    with pytest.raises(VerificationFailed, match="/absent"):
        replay([line[0], event])


def test_kind_is_a_field_like_others_when_the_document_is_another_applications(alice: Identity) -> None:
    model = StreamId(type=MODEL, cid=Cid.of(DAG_JOSE, b"model"))
    init = create_init(alice, model=model, content={"kind": "draft"}, unique=None)
    for value in ("final", 1):
        patch = [JsonPatchOp(op="replace", path="/kind", value=value)]
        change = create_data(alice, stream=init.stream_id, prev=init.cid, patch=patch)
        assert replay([init, change]).content == {"kind": value}


@pytest.mark.parametrize(("path", "value"), [("/kind", "other"), ("/round", "one"), ("/surplus", 1)])
def test_replay_is_refused_when_a_patch_breaks_the_kind(
    alice: Identity, contribution: SignedEvent, path: str, value: str | int
) -> None:
    patch = [JsonPatchOp(op="add", path=path, value=value)]
    event = create_data(alice, stream=contribution.stream_id, prev=contribution.cid, patch=patch)
    with pytest.raises(VerificationFailed):
        replay([contribution, event])
