"""Identifiers of events: what Ceramic's nodes write, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, META_MODEL, MID, Cid, StreamId
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.ids import CLAY, DEV_UNSTABLE, IN_MEMORY, LOCAL, MAINNET, CommitId, EventId
from federation.types import Did

STREAM = StreamId(type=MID, cid=Cid.of(DAG_JOSE, b"init"))
EVENT = Cid.of(DAG_JOSE, b"event")


def test_commit_ids_match_the_reference_when_shared(vectors: dict[str, Any]) -> None:
    data = vectors["mid_data_ed25519"]
    stream = StreamId.parse(vectors["mid_signed_init_ed25519"]["stream_id"])
    for event, text, raw in [
        (Cid.parse(data["event_cid"]), data["commit_id"], data["commit_id_bytes_hex"]),
        (stream.cid, data["genesis_commit_id"], data["genesis_commit_bytes_hex"]),
    ]:
        commit = CommitId(stream=stream, event=event)
        assert (str(commit), commit.to_bytes().hex()) == (text, raw)
        assert CommitId.parse(text) == CommitId.from_bytes(bytes.fromhex(raw)) == commit
    assert stream.url == vectors["mid_signed_init_ed25519"]["stream_url"]


@given(st.binary(max_size=90))
def test_only_one_form_is_read_when_bytes_are_arbitrary(data: bytes) -> None:
    for candidate in (data, STREAM.to_bytes() + data):
        with suppress(MalformedData):
            assert CommitId.from_bytes(candidate).to_bytes() == candidate
    for candidate in (data, b"\xce\x01\x05" + data):
        with suppress(MalformedData):
            assert EventId.from_bytes(candidate).to_bytes() == candidate


def test_commit_id_is_refused_when_another_form_says_the_same() -> None:
    whole = CommitId(stream=STREAM, event=EVENT).to_bytes()
    for data in [
        STREAM.to_bytes(),
        STREAM.to_bytes() + STREAM.cid.to_bytes(),
        STREAM.to_bytes() + b"\0\0",
        whole + b"\0",
        whole[:-1],
        b"\xcf" + whole[1:],
    ]:
        with pytest.raises(MalformedData):
            CommitId.from_bytes(data)
    with pytest.raises(MalformedData):
        StreamId.from_bytes(whole)
    with pytest.raises(MalformedData):
        CommitId.parse("k" * 1000)


@pytest.mark.parametrize(
    ("network", "varint"),
    [
        (MAINNET, "00"),
        (CLAY, "01"),
        (DEV_UNSTABLE, "02"),
        (IN_MEMORY, "ff01"),
        (LOCAL + 0xCE4A441C, "9c88a9f21c"),
    ],
)
def test_event_id_matches_ceramic_one_when_parts_are_shared(network: int, varint: str) -> None:
    event = Cid.parse("bafyreihu557meceujusxajkaro3epfe6nnzjgbjaxsapgtml7ox5ezb5qy")
    found = EventId.of(
        network=network,
        model=META_MODEL,
        controller=Did("did:key:z6MkgSV3tAuw7gUWqKCUY7ae6uWNxqYgdwPhUJbJhF9EFXm9"),
        init=Cid.parse("bagcqceraplay4erv6l32qrki522uhiz7rf46xccwniw7ypmvs3cvu2b3oulq"),
        event=event,
    )
    ends = "ba25076d730241e7" + "45cc7c072ff729ea" + "683b7517"
    assert found.to_bytes().hex() == "ce0105" + varint + ends + event.to_bytes().hex()
    assert EventId.from_bytes(found.to_bytes()) == found
    assert EventId.parse(str(found)) == found
    assert str(found) == "f" + found.to_bytes().hex()


def test_event_id_is_refused_when_cut_or_of_another_kind() -> None:
    whole = EventId.of(
        network=IN_MEMORY, model=META_MODEL, controller=Did("did:key:z"), init=STREAM.cid, event=EVENT
    ).to_bytes()
    for size in range(len(whole)):
        with pytest.raises(MalformedData):
            EventId.from_bytes(whole[:size])
    for data in (whole + b"\0", whole[:2] + b"\x03" + whole[3:], Cid.of(DAG_CBOR, b"").to_bytes()):
        with pytest.raises(MalformedData):
            EventId.from_bytes(data)
