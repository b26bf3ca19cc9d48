"""Arbitrary bytes: a typed error or a value that writes back the same, in bounded memory and time."""

from __future__ import annotations

import random
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import car, events
from ceramic_bridge.authority import Authority
from ceramic_bridge.bundle import unpack
from ceramic_bridge.cacao import Capability
from ceramic_bridge.car import MAX_BLOCK, MAX_CAR, Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, Cid
from ceramic_bridge.dagcbor import MAX_BYTES, MalformedData, decode, decode_links, encode
from ceramic_bridge.events import SignedEvent, UnsignedEvent
from ceramic_bridge.jwe import Jwe
from ceramic_bridge.log import EventLog
from ceramic_bridge.timeevents import AnchorProof, decode_time_event
from federation.errors import FolkmootError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

READERS: list[Callable[[bytes], object]] = [
    decode,
    car.read,
    events.decode,
    lambda data: events.decode(data, authority=Authority(now=0)),
    decode_time_event,
    Capability.read,
    AnchorProof.read,
    UnsignedEvent.from_block,
    Jwe.from_block,
    decode_links,
    unpack,
    EventLog.from_bytes,
]


def _spoiled(seed: bytes, changes: list[tuple[int, int, int]]) -> bytes:
    """Change, repeat and drop pieces of something well-formed."""
    data = bytearray(seed)
    for kind, place, value in changes:
        at = place % (len(data) + 1)
        if kind == 0 and at < len(data):
            data[at] = value
        elif kind == 1:
            data[at:at] = bytes((value,))
        elif kind == 2:
            del data[at : at + value]
        else:
            data[at:at] = data[at : at + value]
    return bytes(data)


CHANGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5000), st.integers(0, 255)), max_size=6)


@given(CHANGES, st.integers(0, 5))
def test_only_typed_errors_arise_when_well_formed_bytes_are_spoiled(
    vectors: dict[str, Any], changes: list[tuple[int, int, int]], which: int
) -> None:
    seeds = [
        vectors["init_cacao"]["car_hex"],
        vectors["mid_data_ed25519"]["car_hex"],
        vectors["init_cacao"]["cacao_block_hex"],
        vectors["dag_jwe"]["two_recipients"]["block_hex"],
        vectors["time_event"]["proof_block_hex"],
        vectors["mid_deterministic_init"]["block_hex"],
    ]
    data = _spoiled(bytes.fromhex(seeds[which]), changes)
    for read in READERS:
        try:
            read(data)
        except FolkmootError:
            continue
    try:
        assert encode(decode(data)) == data
    except MalformedData:
        return


N = 100_000
WORST = {
    "a list that claims 2^63 items": b"\x9b" + b"\x7f" * 8 + b"\x80" * 1000,
    "a map that claims 2^63 pairs": b"\xbb" + b"\x7f" * 8,
    "bytes that claim to be 2^63": b"\x5b" + b"\x7f" * 8,
    "a string that claims to be of 2^63": b"\x7b" + b"\x7f" * 8,
    "lists in lists": b"\x81" * MAX_BYTES,
    "nulls": b"\x9a" + N.to_bytes(4, "big") + b"\xf6" * N,
    "empty lists": b"\x9a" + N.to_bytes(4, "big") + b"\x80" * N,
    "empty maps": b"\x9a" + N.to_bytes(4, "big") + b"\xa0" * N,
    "links to nothing": b"\xd8\x2a" * N,
    "ones": b"\xff" * MAX_BYTES,
    "noise": random.Random(3).randbytes(MAX_BYTES),
    "64 MiB": bytes(64 << 20),
}


@pytest.mark.parametrize("case", WORST)
def test_memory_stays_bounded_when_bytes_are_the_worst(case: str) -> None:
    data = WORST[case]
    bound = 80 * min(len(data), MAX_BYTES) + (1 << 20)
    for read in READERS:
        tracemalloc.start()
        with suppress(FolkmootError):
            read(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < bound


@pytest.mark.parametrize("read", [unpack, EventLog.from_bytes])
@pytest.mark.parametrize("item", [b"\x80", b"\xa0", b"\xf6", b"\xd8\x2a\x45\0\x01\x71\0\0"])
def test_memory_stays_bounded_when_the_index_of_a_file_is_the_worst(
    read: Callable[[bytes], object], item: bytes
) -> None:
    count = (MAX_BLOCK + 1000) // len(item)
    index = Block.of(DAG_CBOR, b"\x9a" + count.to_bytes(4, "big") + item * count)
    data = car.write(index.cid, [index])
    tracemalloc.start()
    with pytest.raises(FolkmootError):
        read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(data) + (1 << 18)


@given(st.lists(st.sampled_from([Cid.of(DAG_CBOR, b"1"), Cid.of(DAG_JOSE, b"2"), "text", {}]), max_size=30))
def test_links_are_read_as_the_codec_reads_them_when_there_is_nothing_else(items: list[Any]) -> None:
    data = encode(items)
    if all(isinstance(item, Cid) for item in items):
        assert decode_links(data) == items
        for spoiled in (data + b"\0", data[:-1], b"\x98\x00" + data[1:]):
            with pytest.raises(MalformedData):
                decode_links(spoiled)
    else:
        with pytest.raises(MalformedData):
            decode_links(data)


def test_bytes_are_refused_unread_when_over_the_limit() -> None:
    text = encode("x" * (MAX_BYTES - 5))
    assert decode(text)
    for data in (text + b"\0", encode("x" * (MAX_BYTES - 4))):
        with pytest.raises(MalformedData):
            decode(data)
    assert decode(encode("x" * MAX_BYTES), max_bytes=2 * MAX_BYTES)
    with pytest.raises(MalformedData, match="limit"):
        car.read(bytes(MAX_CAR + 1))


def test_event_is_refused_when_a_block_is_over_the_limit(contribution: SignedEvent) -> None:
    for payload, envelope in [
        (bytes(MAX_BLOCK + 1), contribution.envelope),
        (contribution.payload_block, bytes(MAX_BLOCK + 1)),
    ]:
        with pytest.raises((MalformedData, VerificationFailed)):
            events.from_blocks(payload, envelope)
    with pytest.raises(MalformedData):
        UnsignedEvent.from_block(bytes(MAX_BLOCK + 1))
