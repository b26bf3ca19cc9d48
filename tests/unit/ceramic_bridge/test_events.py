"""Events: the reference's bytes both ways, and no forgery passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import car
from ceramic_bridge.car import MAX_BLOCK, Block
from ceramic_bridge.cid import DAG_CBOR, META_MODEL, MODEL, RAW, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.events import (
    DataPayload,
    InitPayload,
    JsonPatchOp,
    SignedEvent,
    create_data,
    create_init,
    create_model,
    decode,
    encode,
    from_blocks,
)
from ceramic_bridge.jws import sign_payload
from federation.errors import FolkmootError, IdentityError, VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity


def _signed(identity: Identity, payload: Value) -> tuple[bytes, bytes]:
    block = encode_block(payload)
    return block, sign_payload(identity, Cid.of(DAG_CBOR, block))


def _init(controller: str, **change: Value) -> dict[str, Value]:
    header: dict[str, Value] = {"controllers": [controller], "model": META_MODEL.to_bytes(), "sep": "model"}
    return {"data": {"a": 1}, "header": {**header, **change}}


def _check_against(case: dict[str, Any], event: SignedEvent) -> None:
    assert str(event.cid) == case["event_cid"]
    assert str(event.payload_cid) == case["payload_cid"]
    assert event.payload_block.hex() == case["payload_block_hex"]
    assert event.envelope.hex() == case["envelope_hex"]
    assert encode(event).hex() == case["car_hex"]
    assert decode(bytes.fromhex(case["car_hex"])) == event


def test_init_matches_the_reference_when_inputs_are_shared(vectors: dict[str, Any], alice: Identity) -> None:
    case = vectors["mid_signed_init_ed25519"]
    model, unique = StreamId.parse(case["model"]), bytes.fromhex(case["unique_hex"])
    event = create_init(alice, model=model, content=case["content"], unique=unique)
    _check_against(case, event)
    assert str(event.stream_id) == case["stream_id"]
    assert event.payload == InitPayload(
        controller=alice.did, model=model, unique=unique, content=case["content"]
    )


def test_data_matches_the_reference_when_inputs_are_shared(vectors: dict[str, Any], alice: Identity) -> None:
    case = vectors["mid_data_ed25519"]
    stream = StreamId.parse(vectors["mid_signed_init_ed25519"]["stream_id"])
    patch = [JsonPatchOp(**step) for step in case["patch"]]
    prev = Cid.parse(case["prev"])
    event = create_data(alice, stream=stream, prev=prev, patch=patch)
    _check_against(case, event)
    assert event.stream_id == stream
    assert event.payload == DataPayload(stream=stream, prev=prev, patch=tuple(patch))


def test_model_matches_the_reference_when_definition_is_shared(
    vectors: dict[str, Any], alice: Identity
) -> None:
    case = vectors["model_init"]
    event = create_model(alice, case["definition"])
    _check_against(case, event)
    assert str(event.stream_id) == case["stream_id"]
    assert event.stream_id.type == MODEL


def test_unsigned_and_delegated_events_are_refused_when_a_signature_or_a_time_is_needed(
    vectors: dict[str, Any],
) -> None:
    with pytest.raises(IdentityError, match="capability"):
        decode(bytes.fromhex(vectors["init_cacao"]["car_hex"]))
    block = bytes.fromhex(vectors["mid_deterministic_init"]["block_hex"])
    unsigned = Block.of(DAG_CBOR, block)
    with pytest.raises(MalformedData):
        decode(car.write(unsigned.cid, [unsigned]))


def test_every_flipped_bit_is_refused_when_a_car_is_read(contribution: SignedEvent) -> None:
    data = encode(contribution)
    assert decode(data) == contribution
    for i in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises((MalformedData, VerificationFailed, IdentityError)):
            decode(bytes(flipped))


@given(st.binary(max_size=120))
def test_only_typed_errors_arise_when_bytes_are_arbitrary(data: bytes) -> None:
    with pytest.raises(FolkmootError):
        decode(data)


def test_event_is_refused_when_an_impostor_signs_for_a_controller(alice: Identity, bob: Identity) -> None:
    assert from_blocks(*_signed(alice, _init(alice.did)))
    with pytest.raises(IdentityError):
        from_blocks(*_signed(bob, _init(alice.did)))


def test_event_is_refused_when_payload_is_swapped(alice: Identity) -> None:
    _, envelope = _signed(alice, _init(alice.did))
    other = create_init(alice, model=META_MODEL, content={"a": 2}, unique=None)
    with pytest.raises(VerificationFailed):
        from_blocks(other.payload_block, envelope)


def test_car_is_refused_when_blocks_or_root_are_not_the_events(
    alice: Identity, contribution: SignedEvent
) -> None:
    payload, envelope = contribution.blocks()
    extra = Block.of(RAW, b"extra")
    raw = Block.of(RAW, payload.data)
    other = create_model(alice, {"a": 1})
    for root, blocks in [
        (contribution.cid, [envelope, payload]),
        (contribution.cid, [payload]),
        (contribution.cid, []),
        (contribution.cid, [payload, envelope, extra]),
        (contribution.cid, [extra, payload, envelope]),
        (contribution.cid, [raw, envelope]),
        (contribution.cid, [payload, payload]),
        (contribution.payload_cid, [payload, envelope]),
        (other.cid, [payload, envelope]),
    ]:
        with pytest.raises((MalformedData, VerificationFailed)):
            decode(car.write(root, blocks))


def test_payload_is_refused_when_fields_are_missing_unknown_or_wrong(alice: Identity) -> None:
    did, cid = alice.did, Cid.of(DAG_CBOR, b"")
    good_op: Value = {"op": "remove", "path": "/a"}
    payloads: list[Value] = [
        None,
        [],
        {},
        {"data": {"a": 1}},
        {**_init(did), "data": None},
        {**_init(did), "more": 1},
        _init(did, controllers=[]),
        _init(did, controllers=[did, did]),
        _init(did, controllers=did),
        _init(did, sep="other"),
        _init(did, model=str(META_MODEL)),
        _init(did, model=b"\xce\x01"),
        _init(did, unique="text"),
        _init(did, unique=None),
        _init(did, shouldIndex=None),
        _init(did, shouldIndex=0),
        _init(did, modelVersion=str(cid)),
        _init(did, context=str(META_MODEL)),
        _init(did, context=None),
        _init(did, schema="x"),
        {"id": cid, "prev": cid, "data": {}},
        {"id": cid, "prev": cid},
        {"id": cid, "data": [good_op]},
        {"id": str(cid), "prev": cid, "data": [good_op]},
        {"id": cid, "prev": cid, "data": [good_op], "header": None},
        {"id": cid, "prev": cid, "data": [good_op], "header": {"unique": b""}},
        {"id": cid, "prev": cid, "data": [good_op], "header": {"shouldIndex": None}},
        {"id": cid, "prev": cid, "data": [good_op], "more": 1},
        {"id": cid, "prev": cid, "data": [{"op": "copy", "path": "/b"}]},
    ]
    for payload in payloads:
        with pytest.raises(MalformedData):
            from_blocks(*_signed(alice, payload))
    assert from_blocks(*_signed(alice, {"id": cid, "prev": cid, "data": [good_op]}))
    # Other Ceramic applications write an empty header.
    assert from_blocks(*_signed(alice, {"id": cid, "prev": cid, "data": [good_op], "header": {}}))


def test_headers_are_read_when_other_applications_fill_them(alice: Identity) -> None:
    cid, context = Cid.of(DAG_CBOR, b""), StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"x"))
    header: dict[str, Value] = {"context": context.to_bytes(), "shouldIndex": False, "modelVersion": cid}
    payload = from_blocks(*_signed(alice, _init(alice.did, **header))).payload
    assert isinstance(payload, InitPayload)
    assert (payload.context, payload.should_index, payload.model_version) == (context, False, cid)
    assert payload.header() == _init(alice.did, **header)["header"]
    flags: dict[str, Value] = {"shouldIndex": True, "modelVersion": cid}
    value: dict[str, Value] = {"id": cid, "prev": cid, "data": [], "header": flags}
    change = from_blocks(*_signed(alice, value)).payload
    assert isinstance(change, DataPayload)
    assert (change.should_index, change.model_version) == (True, cid)
    assert change.to_value() == value
    written = create_init(alice, model=META_MODEL, content={}, unique=None, context=context).payload
    assert isinstance(written, InitPayload)
    assert written.context == context


def test_create_is_refused_when_inputs_break_a_rule(alice: Identity, models: dict[str, SignedEvent]) -> None:
    model = models["data"].stream_id
    with pytest.raises(MalformedData):
        create_init(alice, model=model, content={"a": 1}, unique=bytes(11))
    with pytest.raises(MalformedData):
        create_init(alice, model=model, content={"kind": "data", "count": 1}, unique=bytes(12))
    with pytest.raises(MalformedData):
        create_init(alice, model=model, content={"a": "x" * MAX_BLOCK}, unique=bytes(12))
    with pytest.raises(MalformedData):
        create_data(alice, stream=model, prev=model.cid, patch=[])


def test_event_is_refused_when_content_does_not_fit_its_kind(alice: Identity) -> None:
    payload = {**_init(alice.did), "data": {"kind": "contribution"}}
    with pytest.raises(MalformedData):
        from_blocks(*_signed(alice, payload))
