"""Logs: one file, every bit checked, every payload once."""

from __future__ import annotations

import base64
import random

import pytest
from nacl.bindings import crypto_core_ed25519_scalar_add, crypto_core_ed25519_scalar_mul
from nacl.bindings import crypto_core_ed25519_scalar_reduce as reduce
from nacl.bindings import crypto_hash_sha512 as sha512
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp as base_mul

from ceramic_bridge import car
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, RAW
from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.did import Identity, public_key
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, from_blocks
from ceramic_bridge.log import EventLog
from federation.errors import IdentityError, VerificationFailed


def _file(order: list[Value], blocks: list[Block]) -> bytes:
    index = Block.of(DAG_CBOR, encode_block(order))
    return car.write(index.cid, [index, *blocks])


def _sign_again(seed: bytes, event: SignedEvent) -> SignedEvent:
    """Sign an event's payload with another nonce, as any owner of a key can."""
    envelope = decode_block(event.envelope)
    protected = envelope["signatures"][0]["protected"]  # type: ignore[index,call-overload]  # known shape
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (protected, envelope["payload"]))  # type: ignore[arg-type,index,call-overload]  # known shape
    message = b".".join(parts)
    raw = bytearray(sha512(seed)[:32])
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    secret, nonce = reduce(bytes(raw) + bytes(32)), reduce(b"\x05" * 64)
    point = base_mul(nonce)
    challenge = reduce(sha512(point + public_key(event.signer) + message))
    signature = point + crypto_core_ed25519_scalar_add(
        nonce, crypto_core_ed25519_scalar_mul(challenge, secret)
    )
    block = encode_block(
        {"payload": envelope["payload"], "signatures": [{"protected": protected, "signature": signature}]}  # type: ignore[index,call-overload]  # known shape
    )
    return from_blocks(event.payload_block, block)


def test_log_round_trips_when_written(log: EventLog) -> None:
    data = log.to_bytes()
    again = EventLog.from_bytes(data)
    assert list(again) == list(log)
    assert again.streams == log.streams
    assert again.to_bytes() == data
    assert EventLog.from_bytes(EventLog().to_bytes()).to_bytes() == EventLog().to_bytes()


def test_streams_show_the_present_state_when_a_document_changed(log: EventLog, update: SignedEvent) -> None:
    state = log.streams[update.stream_id]
    assert state.tip == update.cid
    assert state.content["commitment"] == "22" * 32
    with pytest.raises(TypeError):
        log.streams[update.stream_id] = state  # type: ignore[index]  # read-only on purpose


def test_every_flipped_bit_is_refused_when_a_log_is_read(log: EventLog) -> None:
    data = log.to_bytes()
    bits = set(random.Random(7).sample(range(8 * len(data)), 1500)) | set(range(8 * 400))
    for i in bits:
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises((MalformedData, VerificationFailed)):
            EventLog.from_bytes(bytes(flipped))


def test_log_is_refused_when_index_and_blocks_differ(log: EventLog) -> None:
    events = list(log)
    order: list[Value] = [event.cid for event in events]
    blocks = [block for event in events for block in event.blocks()]
    assert _file(order, blocks) == log.to_bytes()
    raw = Block.of(RAW, blocks[0].data)
    cases: list[tuple[list[Value], list[Block]]] = [
        (order[:-1], blocks),
        (order, blocks[:-2]),
        (order, [*blocks, Block.of(RAW, b"unreferenced")]),
        (order, [*blocks, *blocks[-2:]]),
        ([*order, order[-1]], [*blocks, *blocks[-2:]]),
        (order[::-1], blocks),
        (order, [blocks[1], blocks[0], *blocks[2:]]),
        (order, [raw, *blocks[1:]]),
        ([event.payload_cid for event in events], blocks),
        ([str(cid) for cid in order], blocks),
    ]
    for bad_order, bad_blocks in cases:
        data = _file(bad_order, bad_blocks)
        with pytest.raises((MalformedData, VerificationFailed)):
            EventLog.from_bytes(data)


def test_log_keeps_its_order_when_streams_are_independent(log: EventLog) -> None:
    model, init, change = log
    events = [init, model, change]
    data = _file([event.cid for event in events], [block for event in events for block in event.blocks()])
    assert list(EventLog.from_bytes(data)) == events


def test_log_is_refused_when_a_data_event_precedes_its_stream(
    contribution: SignedEvent, update: SignedEvent
) -> None:
    data = _file([update.cid, contribution.cid], [*update.blocks(), *contribution.blocks()])
    with pytest.raises(VerificationFailed, match="has not begun"):
        EventLog.from_bytes(data)


def test_log_is_refused_when_its_root_is_another_block(log: EventLog) -> None:
    _, blocks = car.read(log.to_bytes())
    for root, content in [(blocks[1].cid, blocks), (blocks[0].cid, []), (blocks[0].cid, blocks[1:])]:
        with pytest.raises((MalformedData, VerificationFailed)):
            EventLog.from_bytes(car.write(root, content))


def test_log_is_refused_when_larger_than_the_limit(log: EventLog) -> None:
    data = log.to_bytes()
    assert len(EventLog.from_bytes(data, max_bytes=len(data))) == 3
    with pytest.raises(MalformedData):
        EventLog.from_bytes(data, max_bytes=len(data) - 1)


def test_append_changes_nothing_when_the_event_is_there(log: EventLog, contribution: SignedEvent) -> None:
    before = log.to_bytes()
    log.append(contribution)
    assert log.to_bytes() == before


def test_append_is_refused_when_a_payload_comes_in_a_second_envelope(
    log: EventLog, contribution: SignedEvent, update: SignedEvent
) -> None:
    before = log.to_bytes()
    for event in (contribution, update):
        twin = _sign_again(bytes(range(32)), event)
        assert twin.cid != event.cid
        assert twin.payload_cid == event.payload_cid
        with pytest.raises(VerificationFailed, match=str(event.cid)):
            log.append(twin)
        blocks = [block for e in (*log, twin) for block in e.blocks()]
        with pytest.raises(VerificationFailed):
            EventLog.from_bytes(_file([*(e.cid for e in log), twin.cid], blocks))
    assert log.to_bytes() == before


def test_append_is_refused_when_an_impostor_or_a_fork_writes(
    log: EventLog, alice: Identity, bob: Identity, contribution: SignedEvent, update: SignedEvent
) -> None:
    before = log.to_bytes()
    patch = [JsonPatchOp(op="replace", path="/commitment", value="33" * 32)]
    forged = create_data(bob, stream=contribution.stream_id, prev=update.cid, patch=patch)
    fork = create_data(alice, stream=contribution.stream_id, prev=contribution.cid, patch=patch)
    with pytest.raises(IdentityError):
        log.append(forged)
    with pytest.raises(VerificationFailed, match="equivocation"):
        log.append(fork)
    for event in (forged, fork):
        blocks = [block for e in (*log, event) for block in e.blocks()]
        with pytest.raises(VerificationFailed, match=str(event.cid)):
            EventLog.from_bytes(_file([*(e.cid for e in log), event.cid], blocks))
    assert log.to_bytes() == before
