"""Identifiers have one binary and one text form."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import varint
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, META_MODEL, MID, MODEL, RAW, UNLOADABLE, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData
from federation.errors import FolkmootError

CID = Cid.of(DAG_CBOR, b"x")


@given(st.integers(0, 2**63 - 1))
def test_varint_round_trips_when_below_the_limit(value: int) -> None:
    data = varint.encode(value)
    assert varint.decode(b"\xff" + data, 1) == (value, 1 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\x81\x00", b"\xff" * 9 + b"\x01"])
def test_varint_is_refused_when_not_the_shortest_form(data: bytes) -> None:
    with pytest.raises(MalformedData):
        varint.decode(data)


@given(st.sampled_from([RAW, DAG_CBOR, DAG_JOSE]), st.binary(max_size=20))
def test_cid_round_trips_when_written(codec: int, block: bytes) -> None:
    cid = Cid.of(codec, block)
    assert Cid.from_bytes(cid.to_bytes()) == cid
    assert Cid.parse(str(cid)) == cid


@given(st.sampled_from([MODEL, MID]), st.binary(max_size=20))
def test_stream_id_round_trips_when_written(kind: int, block: bytes) -> None:
    stream = StreamId(type=kind, cid=Cid.of(DAG_JOSE, block))
    assert StreamId.from_bytes(stream.to_bytes()) == stream
    assert StreamId.parse(str(stream)) == stream


@given(st.binary(max_size=50), st.text(max_size=70))
def test_only_typed_errors_arise_when_input_is_arbitrary(data: bytes, text: str) -> None:
    for read in (Cid.from_bytes, StreamId.from_bytes):
        with suppress(FolkmootError):
            assert read(data).to_bytes() == data
    for parse in (Cid.parse, StreamId.parse):
        for candidate in (text, "b" + text, "k" + text):
            with suppress(FolkmootError):
                assert str(parse(candidate)) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        str(CID).upper(),
        "B" + str(CID)[1:],
        "z" + str(CID)[1:],
        str(CID) + "a",
        str(CID)[:-1],
        str(CID) + "=",
        str(CID)[:-1] + ("b" if str(CID)[-1] != "b" else "c"),
        "b\u0131" + str(CID)[2:],
    ],
)
def test_cid_is_refused_when_text_is_not_canonical(text: str) -> None:
    with pytest.raises(MalformedData):
        Cid.parse(text)


@pytest.mark.parametrize(
    "data",
    [
        CID.to_bytes() + b"\0",
        CID.to_bytes()[:-1],
        b"\x02" + CID.to_bytes()[1:],
        b"\x12\x20" + CID.digest,
        b"\x01\x71\x12\x1f" + CID.digest[1:],
        b"\x01\x71\x00\x41" + bytes(65),
    ],
)
def test_cid_is_refused_when_bytes_are_not_one_cid(data: bytes) -> None:
    with pytest.raises(MalformedData):
        Cid.from_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text + "0",
        lambda text: "k0" + text[1:],
        lambda text: "k+" + text[1:],
        lambda text: "k-" + text[1:],
        lambda text: text[:9] + "_" + text[9:],
        lambda text: text + "\n",
        lambda text: text[1:],
    ],
)
def test_stream_id_is_refused_when_text_is_not_canonical(change: Any) -> None:
    with pytest.raises(MalformedData):
        StreamId.parse(change(str(StreamId(type=MID, cid=CID))))


def test_identifiers_match_the_reference_when_shared(vectors: dict[str, Any]) -> None:
    meta = vectors["meta_model"]
    assert (str(META_MODEL), META_MODEL.to_bytes().hex()) == (meta["string"], meta["bytes_hex"])
    assert StreamId.parse(meta["string"]) == META_MODEL
    assert (META_MODEL.type, str(META_MODEL.cid)) == (UNLOADABLE, meta["cid"])
    init = vectors["mid_signed_init_ed25519"]
    stream = StreamId(type=MID, cid=Cid.parse(init["event_cid"]))
    assert (str(stream), stream.to_bytes().hex()) == (init["stream_id"], init["stream_id_bytes_hex"])
    assert StreamId.parse(init["model"]).to_bytes().hex() == init["model_bytes_hex"]
    unsigned = vectors["mid_deterministic_init"]
    block = bytes.fromhex(unsigned["block_hex"])
    assert str(StreamId(type=MID, cid=Cid.of(DAG_CBOR, block))) == unsigned["stream_id"]
    model = vectors["model_init"]
    assert str(StreamId(type=MODEL, cid=Cid.parse(model["event_cid"]))) == model["stream_id"]


@pytest.mark.parametrize("cid", [CID, Cid.of(DAG_JOSE, b"x"), Cid.of(RAW, b"x")])
def test_cid_is_read_in_place_when_bytes_surround_it(cid: Cid) -> None:
    data = cid.to_bytes()
    assert Cid.read(b"\x01" + data + b"\x01", 1) == (cid, 1 + len(data))
    for size in range(len(data)):
        with pytest.raises(MalformedData):
            Cid.read(b"\x01" + data[:size], 1)
    odd = Cid(codec=cid.codec, hash_code=cid.hash_code, digest=cid.digest[:31])
    with pytest.raises(MalformedData):
        Cid.from_bytes(odd.to_bytes())
