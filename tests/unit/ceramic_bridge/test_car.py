"""CAR files: every block is hashed, every byte counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import varint
from ceramic_bridge.car import MAX_BLOCK, Block, read, write
from ceramic_bridge.cid import DAG_CBOR, RAW, Cid
from ceramic_bridge.dagcbor import MalformedData, Value, encode
from federation.errors import FolkmootError, VerificationFailed

ROOT = Block.of(DAG_CBOR, encode({"a": 1}))


def _with_header(header: Value) -> bytes:
    block = encode(header)
    return varint.encode(len(block)) + block


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_car_round_trips_when_blocks_are_raw(pieces: list[bytes]) -> None:
    blocks = [Block.of(RAW, piece) for piece in pieces]
    data = write(ROOT.cid, blocks)
    assert read(data) == (ROOT.cid, blocks)


@given(st.binary(max_size=200))
def test_only_typed_errors_arise_when_bytes_are_arbitrary(data: bytes) -> None:
    for candidate in (data, _with_header({"roots": [ROOT.cid], "version": 1}) + data):
        try:
            root, blocks = read(candidate)
        except FolkmootError:
            continue
        assert write(root, blocks) == candidate


@pytest.mark.parametrize("name", ["mid_signed_init_ed25519", "mid_data_ed25519", "model_init", "init_cacao"])
def test_car_matches_the_reference_when_events_are_shared(vectors: dict[str, Any], name: str) -> None:
    data = bytes.fromhex(vectors[name]["car_hex"])
    root, blocks = read(data)
    assert str(root) == vectors[name]["event_cid"]
    assert blocks[-1].data.hex() == vectors[name]["envelope_hex"]
    assert write(root, blocks) == data


@pytest.mark.parametrize(
    "header",
    [
        {"roots": [ROOT.cid], "version": 2},
        {"roots": [], "version": 1},
        {"roots": [ROOT.cid, ROOT.cid], "version": 1},
        {"roots": [ROOT.cid.to_bytes()], "version": 1},
        {"roots": [ROOT.cid], "version": 1, "x": 0},
        {"roots": [ROOT.cid], "version": True},
        [],
    ],
)
def test_car_is_refused_when_header_is_not_version_1_with_one_root(header: Value) -> None:
    with pytest.raises(MalformedData):
        read(_with_header(header))


def test_car_is_refused_when_a_block_has_another_hash() -> None:
    with pytest.raises(VerificationFailed, match=str(ROOT.cid)):
        read(write(ROOT.cid, [Block(cid=ROOT.cid, data=encode({"a": 2}))]))


def test_car_is_refused_when_a_block_is_not_canonical() -> None:
    sloppy = Block.of(DAG_CBOR, bytes.fromhex("1817"))
    with pytest.raises(MalformedData, match=str(sloppy.cid)):
        read(write(ROOT.cid, [sloppy]))
    assert read(write(ROOT.cid, [Block.of(RAW, sloppy.data)]))


def test_car_is_refused_when_a_cid_has_another_codec_or_hash() -> None:
    for cid in (Cid.of(0x70, b""), Cid(codec=RAW, hash_code=0, digest=b"")):
        with pytest.raises(MalformedData):
            read(write(ROOT.cid, [Block(cid=cid, data=b"")]))


def test_car_is_refused_when_over_a_limit() -> None:
    largest = Block.of(RAW, bytes(MAX_BLOCK))
    assert read(write(ROOT.cid, [largest]))[1] == [largest]
    with pytest.raises(MalformedData):
        read(write(ROOT.cid, [Block.of(RAW, bytes(MAX_BLOCK + 1))]))
    data = write(ROOT.cid, [ROOT])
    assert read(data, len(data))
    with pytest.raises(MalformedData):
        read(data, len(data) - 1)
    assert write(ROOT.cid, [ROOT], len(data)) == data
    with pytest.raises(MalformedData):
        write(ROOT.cid, [ROOT], len(data) - 1)
    with pytest.raises(MalformedData):
        write(ROOT.cid, [largest] * 5)


def test_car_is_refused_when_a_section_is_cut() -> None:
    data = write(ROOT.cid, [ROOT])
    whole_header = len(write(ROOT.cid, []))
    for size in range(len(data)):
        if size != whole_header:
            with pytest.raises(FolkmootError):
                read(data[:size])
    with pytest.raises(MalformedData):
        read(data + b"\0")
    with pytest.raises(MalformedData):
        read(data[:whole_header] + b"\x05" + data[whole_header + 1 :])
