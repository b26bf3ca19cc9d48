"""Sealed rows: only the owner and whom it lets read them, nobody else's as one's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.cid import MODEL, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, encode
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.did import EcdsaIdentity, Identity
from ceramic_bridge.events import InitPayload, create_data, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp, apply_patch
from ceramic_bridge.jwe import Jwe, encrypt
from ceramic_bridge.models import DEFINITIONS, create_models, create_sealed_model, model_ids
from ceramic_bridge.multibase import base64url
from ceramic_bridge.sealed import LARGEST, Batch, grant, open_batch, publish, readers_of, seal, split
from ceramic_bridge.story import lines, tell
from ceramic_bridge.stream import replay
from federation.errors import DataError, FolkmootError, IdentityError, VerificationFailed
from federation.types import Address, Row

if TYPE_CHECKING:
    from collections.abc import Callable

FEDERATION, OTHER = Address("0x" + "aB" * 20), Address("0x" + "cD" * 20)
EVE = Identity(b"\xee" * 32)
CAROL = EcdsaIdentity(b"\x07" * 32)
MODEL_ID = StreamId(type=MODEL, cid=Cid.of(0x71, b"sealed rows"))
SECRET = "do not tell"
ROWS = (Row(text=f"{SECRET} one", label=True), Row(text="", label=False))
BATCH = Batch(first=7, rows=ROWS)

_rows = st.builds(
    Row, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), label=st.booleans()
)
batches = st.builds(Batch, first=st.integers(0, 2**53 - 1), rows=st.lists(_rows).map(tuple))


def _counter() -> Callable[[int], bytes]:
    """Bytes that repeat from run to run; never from call to call."""
    calls = iter(range(1, 1000))
    return lambda size: next(calls).to_bytes(2, "big") * (size // 2)


def _field(content: dict[str, Value]) -> dict[str, Any]:
    field = content["sealed"]
    assert isinstance(field, dict)
    return field


def _one(length: int) -> Batch:
    return Batch(first=0, rows=(Row(text="x" * length, label=True),))


@given(batches)
def test_rows_come_back_when_their_owner_opens_them(batch: Batch) -> None:
    content = seal(batch, owner=EVE.did, federation=FEDERATION)
    assert decode_block(encode(content)) == content
    assert open_batch(content, EVE, controller=EVE.did) == batch


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3 * LARGEST // 5), max_size=9), st.integers(0, 5))
def test_every_row_is_in_one_batch_when_rows_are_split(sizes: list[int], first: int) -> None:
    rows = [Row(text="é" * (size // 2) + str(i), label=bool(i % 2)) for i, size in enumerate(sizes)]
    found = list(split(rows, first=first))
    assert [row for batch in found for row in batch.rows] == rows
    at = first
    for batch in found:
        assert batch.first == at
        assert batch.rows
        at += len(batch.rows)
        seal(batch, owner=EVE.did, federation=FEDERATION)


def test_rows_share_batches_when_they_are_small() -> None:
    found = list(split([Row(text="x" * 1000, label=True)] * 1000))
    assert len(found) == 8
    assert len({len(batch.rows) for batch in found[:-1]}) == 1


def test_row_is_refused_by_its_number_when_no_event_can_hold_it() -> None:
    longest = LARGEST - 512 - len(encode({"text": "x" * 70_000, "label": True})) + 70_000
    (batch,) = split([Row(text="x" * longest, label=True)])
    assert open_batch(seal(batch, owner=EVE.did, federation=FEDERATION), EVE, controller=EVE.did) == batch
    for text, reason in (("x" * (longest + 1), "over"), (SECRET + "\ud800", "Unicode")):
        with pytest.raises(DataError, match=f"row 14: .*{reason}") as caught:
            list(split([*ROWS, ROWS[0], Row(text=text, label=True)], first=10))
        assert SECRET not in str(caught.value)


def test_batch_is_refused_when_it_was_not_split() -> None:
    with pytest.raises(MalformedData, match="exceeds"):
        seal(_one(LARGEST), owner=EVE.did, federation=FEDERATION)


@pytest.mark.parametrize(("length", "bits"), [(0, 12), (3800, 12), (4200, 13), (9000, 14), (130_000, 17)])
def test_ciphertext_has_one_of_six_sizes_when_texts_differ_in_length(length: int, bits: int) -> None:
    for more in (0, 1, 50):
        jwe = Jwe.from_value(seal(_one(length + more), owner=EVE.did, federation=FEDERATION)["sealed"])
        assert len(jwe.ciphertext) == 1 << bits


def test_nothing_of_the_rows_shows_when_a_document_is_published(alice: Identity) -> None:
    (event,) = publish(alice, ROWS, model=MODEL_ID, federation=FEDERATION)
    assert isinstance(event.payload, InitPayload)
    for form in (SECRET.encode(), base64url(SECRET.encode())[:-2].encode()):
        assert form not in event.payload_block
    told = tell(event, {})
    assert f"      sealed to 1 reader: {alice.did}" in lines(told, 1)
    assert _field(dict(event.payload.content))["ciphertext"] not in json.dumps(told)


def test_rows_stay_closed_when_another_reader_tries(alice: Identity, bob: Identity) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION, readers=[bob.did])
    assert readers_of(content) == (alice.did, bob.did)
    for reader in (alice, bob):
        assert open_batch(content, reader, controller=alice.did) == BATCH
    with pytest.raises(IdentityError, match="not encrypted to"):
        open_batch(content, EVE, controller=alice.did)


def test_rows_are_refused_when_somebody_posts_anothers_as_its_own(alice: Identity, bob: Identity) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION, readers=[bob.did])
    with pytest.raises(VerificationFailed, match=f"{alice.did}'s, in a stream of {bob.did}"):
        open_batch(content, bob, controller=bob.did)


def test_rows_are_refused_when_they_were_sealed_for_another_federation(alice: Identity) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION)
    with pytest.raises(VerificationFailed, match=FEDERATION):
        open_batch({**content, "federation": OTHER}, alice, controller=alice.did)


def test_reader_is_added_when_the_owner_signs_the_patch(alice: Identity, bob: Identity) -> None:
    (init,) = publish(alice, ROWS, model=MODEL_ID, federation=FEDERATION)
    first = replay([init]).content
    data = create_data(alice, stream=init.stream_id, prev=init.cid, patch=grant(first, alice, bob.did))
    after = replay([init, data]).content
    before, now = _field(dict(first)), _field(dict(after))
    assert {**now, "recipients": before["recipients"]} == before
    assert now["recipients"][:-1] == before["recipients"]
    assert before["ciphertext"].encode() not in data.payload_block
    assert readers_of(after) == (alice.did, bob.did)
    assert open_batch(after, bob, controller=alice.did).rows == ROWS
    assert f"      sealed to {bob.did} as well" in lines(tell(data, {}), 2)
    assert grant(after, alice, bob.did) == ()
    with pytest.raises(IdentityError):
        grant(after, EVE, EVE.did)
    # Whoever can read can wrap the key again; only the owner can write it into the stream.
    leak = create_data(bob, stream=init.stream_id, prev=data.cid, patch=grant(after, bob, EVE.did))
    with pytest.raises(IdentityError, match="controlled by"):
        replay([init, data, leak])


def test_reader_is_refused_when_the_document_is_full(alice: Identity) -> None:
    content = seal(_one(130_000), owner=alice.did, federation=FEDERATION)
    recipients = _field(content)["recipients"]
    recipients += recipients * 199
    assert grant(content, alice, EVE.did)
    while len(encode(content)) < MAX_BLOCK - 400:
        recipients.append(recipients[0])
    with pytest.raises(MalformedData, match="the document exceeds"):
        grant(content, alice, EVE.did)


def test_rows_cannot_be_sealed_when_a_reader_has_no_key_to_agree_on(alice: Identity) -> None:
    for owner, readers in ((CAROL.did, []), (alice.did, [CAROL.did])):
        with pytest.raises(IdentityError):
            seal(BATCH, owner=owner, federation=FEDERATION, readers=readers)
    with pytest.raises(IdentityError):
        grant(seal(BATCH, owner=alice.did, federation=FEDERATION), alice, CAROL.did)


def test_every_flipped_bit_is_noticed_when_rows_are_opened(alice: Identity) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION, entropy=_counter())
    block = encode(content)
    # All bits but those in the middle of the ciphertext, of which each 29th.
    middle = range(8 * 600, 8 * (len(block) - 600))
    for bit in (bit for bit in range(8 * len(block)) if bit not in middle or bit % 29 == 0):
        flipped = bytearray(block)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FolkmootError) as caught:  # noqa: PT012 -- the codec or the opening refuses
            changed = decode_block(bytes(flipped))
            assert isinstance(changed, dict)
            open_batch(changed, alice, controller=alice.did)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 4, 100, 5461])
def test_rows_are_refused_when_the_ciphertext_is_cut_short(alice: Identity, length: int) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION)
    field = _field(content)
    assert len(field["ciphertext"]) == 5462
    cut = {**content, "sealed": {**field, "ciphertext": field["ciphertext"][:length]}}
    with pytest.raises((MalformedData, IdentityError)):
        open_batch(cut, alice, controller=alice.did)


INSIDE: dict[str, Value] = {"federation": FEDERATION, "first": 0, "rows": [{"text": SECRET, "label": True}]}


def _sealed_by(owner: Identity, inside: dict[str, Value]) -> dict[str, Value]:
    field = encrypt(inside, [owner.did]).to_value()
    return {"kind": "sealed-rows", "federation": FEDERATION, "sealed": field}


@pytest.mark.parametrize(
    "change",
    [
        {"owner": None},
        {"first": -1},
        {"first": True},
        {"first": 0.5},
        {"rows": SECRET},
        {"rows": [SECRET]},
        {"rows": [{"text": SECRET}]},
        {"rows": [{"text": SECRET, "label": 1}]},
        {"rows": [{"text": 1, "label": True}]},
        {"rows": [{"text": SECRET, "label": True, "more": 1}]},
        {SECRET: 1},
    ],
)
def test_rows_are_refused_without_a_word_of_them_when_something_else_was_sealed(
    alice: Identity, change: dict[str, Value]
) -> None:
    good: dict[str, Value] = {**INSIDE, "owner": alice.did}
    assert open_batch(_sealed_by(alice, good), alice, controller=alice.did).rows[0].text == SECRET
    with pytest.raises(MalformedData, match="no batch of rows") as caught:
        open_batch(_sealed_by(alice, {**good, **change}), alice, controller=alice.did)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rows", [{"text": SECRET, "label": True}]),
        ("sealed", SECRET),
        ("sealed.text", SECRET),
        ("sealed.aad", "AAAA"),
        ("sealed.protected", "eyJlbmMiOiJBMjU2R0NNIn0"),
        ("sealed.ciphertext", ""),
        ("sealed.ciphertext", "AA=="),
        ("sealed.iv", "A" * 31),
        ("sealed.recipients", {}),
        ("sealed.recipients", [{}]),
    ],
)
def test_event_is_refused_when_its_rows_are_not_sealed(alice: Identity, path: str, value: Value) -> None:
    content: dict[str, Any] = seal(BATCH, owner=alice.did, federation=FEDERATION)
    create_init(alice, model=MODEL_ID, content=content, unique=bytes(12))
    *parents, last = path.split(".")
    node = content
    for name in parents:
        node = node[name]
    node[last] = value
    with pytest.raises(MalformedData):
        create_init(alice, model=MODEL_ID, content=content, unique=bytes(12))
    with pytest.raises(MalformedData):
        open_batch(content, alice, controller=alice.did)


def test_document_is_nobodys_when_it_has_no_recipients(alice: Identity) -> None:
    content = seal(BATCH, owner=alice.did, federation=FEDERATION)
    nobody = apply_patch(content, [JsonPatchOp(op="replace", path="/sealed/recipients", value=[])])
    assert readers_of(nobody) == ()
    with pytest.raises(MalformedData):
        open_batch(nobody, alice, controller=alice.did)


def test_model_of_sealed_rows_stands_apart_when_rounds_record_theirs(alice: Identity) -> None:
    event = create_sealed_model(alice)
    assert isinstance(event.payload, InitPayload)
    assert event.payload.content == DEFINITIONS["sealed-rows"]
    assert event == create_sealed_model(alice)
    assert event.stream_id not in model_ids(create_models(alice).values(), publisher=alice.did).values()
