"""Ceramic's JavaScript libraries read what the bridge writes, and the other way round."""

from __future__ import annotations

import json
from typing import Any

import pytest
from coincurve import PrivateKey

from ceramic_bridge import events, multibase
from ceramic_bridge.anchor import AnchorTree
from ceramic_bridge.cacao import Capability
from ceramic_bridge.cid import MID, Cid, StreamId
from ceramic_bridge.dagcbor import encode
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, create_deterministic, create_init
from ceramic_bridge.ids import CommitId
from ceramic_bridge.jsonpatch import apply_patch
from ceramic_bridge.jwe import Jwe, add_reader, encrypt, encrypt_bytes
from ceramic_bridge.pkh import Account, personal_message
from ceramic_bridge.sealed import Batch, grant, open_batch, seal
from ceramic_bridge.siwe import Grant, from_iso
from ceramic_bridge.timeevents import AnchorProof, encode_time_event
from federation.hashing import keccak256
from federation.types import Address, Did, Row
from tests.unit.ceramic_bridge import made
from tests.unit.ceramic_bridge.conftest import VECTORS
from tests.unit.ceramic_bridge.js import KEYS, REQUEST, run

MODEL = StreamId.parse("kjzl6hvfrbw6cb6cwrj9bdykj3rw67um446y6oyi6kksmlio0fur7pwhc36b6ci")
KEPT = VECTORS.with_name("ceramic_made.json")
ALICE, BOB, CAROL = made.IDENTITIES


def test_everything_is_read_when_the_libraries_wrote_the_kept_answer() -> None:
    made.check(json.loads(KEPT.read_text(encoding="utf-8")))


def test_everything_is_read_when_the_libraries_write_afresh() -> None:
    made.check(run("make.mjs", REQUEST))


def _wallet(text: str) -> bytes:
    digest = keccak256(personal_message(text))
    signature = PrivateKey(b"\x11" * 32).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes((27 + signature[64],))


def _capability(audience: Did, **more: Any) -> Capability:
    address = Account.parse(f"did:pkh:eip155:1:{'0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a'}")
    grant = Grant(
        issuer=address.issuer,
        audience=audience,
        domain="folkmoot.example",
        nonce="0123456789",
        issued_at=from_iso("2026-01-02T03:04:05.678Z"),
        resources=(f"ceramic://*?model={MODEL}",),
        **more,
    )
    return Capability.sign(grant, _wallet)


CAPABILITIES = [
    _capability(ALICE.did),
    _capability(BOB.did, statement="Act for me", expires=from_iso("2099-01-01T00:00:00.000Z")),
    _capability(CAROL.did, not_before=from_iso("2026-02-01T00:00:00.000Z"), request_id="r-1"),
]


def _written() -> list[SignedEvent]:
    found = []
    for index, content in enumerate(REQUEST["contents"]):
        for identity, capability in zip(made.IDENTITIES, CAPABILITIES, strict=True):
            for given in (None, capability):
                unique = bytes((index,)) * 12
                init = create_init(identity, model=MODEL, content=content, unique=unique, capability=given)  # type: ignore[arg-type]  # JSON
                patch = [
                    JsonPatchOp(op="add", path="/p", value={"q": [1, 0.5]}),
                    JsonPatchOp(op="copy", path="/r", source="/p/q"),
                    JsonPatchOp(op="test", path="/r/0", value=1),
                    JsonPatchOp(op="move", path="/s", source="/r"),
                    JsonPatchOp(op="remove", path="/p"),
                ]
                data = create_data(
                    identity, stream=init.stream_id, prev=init.cid, patch=patch, capability=given
                )
                found += [init, data]
    return found


def _sealed() -> list[tuple[Jwe, dict[str, Any], bytes]]:
    content: dict[str, Any] = {"label": "spam", "blob": b"\x01\x02", "n": 0.5}
    one = encrypt(content, [ALICE.did])
    both = add_reader(one, ALICE, BOB.did)
    pair = encrypt(content, [ALICE.did, BOB.did], aad=b"context")
    opened = encode(content)
    cases = [(one, KEYS[0], opened), (both, KEYS[0], opened), (both, KEYS[1], opened)]
    cases += [(pair, KEYS[0], opened), (pair, KEYS[1], opened)]
    return cases


@pytest.fixture(scope="module")
def written() -> list[SignedEvent]:
    return _written()


def test_everything_is_read_when_the_bridge_wrote_it(written: list[SignedEvent]) -> None:
    tree = AnchorTree.build([event.cid for event in written[:7]])
    proof = AnchorProof.of(chain=31337, root=tree.root, tx_hash=b"\xcd" * 32)
    times = [tree.time_event(i, init=written[i].stream_id.cid, proof=proof) for i in range(7)]
    sealed = _sealed()
    raw = encrypt_bytes(b"raw bytes", [BOB.did], aad=b"aad")
    commits = [
        CommitId(stream=event.stream_id, event=cid) for event in written[:2] for cid in (event.cid, MODEL.cid)
    ]
    unsigned = [create_deterministic(ALICE.did, model=MODEL, unique=u) for u in (None, b"", b"x|y")]
    answer = run(
        "verify.mjs",
        {
            "events": [
                {
                    "car": multibase.encode("m", events.encode(event)),
                    "issuer": event.author if event.capability is None else event.capability.grant.issuer,
                    "payload": "data" if i % 2 else "init",
                }
                for i, event in enumerate(written)
            ],
            "times": [{"car": multibase.encode("m", encode_time_event(event))} for event in times],
            "jwes": [
                *({"reader": key, "block": jwe.to_block().hex()} for jwe, key, _ in sealed),
                *({"reader": key, "json": jwe.to_value()} for jwe, key, _ in sealed if jwe.aad is None),
                {"reader": KEYS[1], "block": raw.to_block().hex(), "raw": True},
            ],
            "cbor": [event.payload_block.hex() for event in written],
            "json": [json.dumps(content) for content in REQUEST["contents"]],
            "streams": [str(event.stream_id) for event in written],
            "commits": [str(commit) for commit in commits],
            "cids": [str(event.cid) for event in written],
            "deterministic": [
                {"controller": ALICE.did, "model": str(MODEL), "unique": None if u is None else u.hex()}
                for u in (None, b"", b"x|y")
            ],
        },
    )
    for event, said in zip(written, answer["events"], strict=True):
        assert said == {
            "cid": str(event.cid),
            "payload": event.payload_block.hex(),
            "car": multibase.encode("m", events.encode(event)),
        }
    for time, said in zip(times, answer["times"], strict=True):
        assert said == {
            "cid": str(time.cid),
            "reached": str(time.prev),
            "prev": str(time.prev),
            "root": str(tree.root),
            "chainId": "eip155:31337",
            "txType": "f(bytes32)",
            "txHash": "cd" * 32,
        }
    opened = [block.hex() for _, _, block in sealed]
    unbound = [block.hex() for jwe, _, block in sealed if jwe.aad is None]
    assert answer["jwes"] == [*opened, *unbound, b"raw bytes".hex()]
    assert answer["cbor"] == [event.payload_block.hex() for event in written]
    assert answer["json"] == [encode(content).hex() for content in REQUEST["contents"]]  # type: ignore[arg-type]  # JSON
    assert answer["streams"] == [event.stream_id.to_bytes().hex() for event in written]
    assert answer["commits"] == [commit.to_bytes().hex() for commit in commits]
    assert answer["cids"] == [event.cid.to_bytes().hex() for event in written]
    assert answer["deterministic"] == [str(event.stream_id) for event in unsigned]


def test_sealed_rows_are_opened_when_the_other_side_sealed_them() -> None:
    federation = Address("0x" + "aB" * 20)
    batch = Batch(first=3, rows=(Row(text="héllo 漢🙂", label=True), Row(text="", label=False)))
    inside: dict[str, Any] = {
        "owner": ALICE.did,
        "federation": federation,
        "first": 3,
        "rows": [{"text": row.text, "label": row.label} for row in batch.rows],
    }
    ours = seal(batch, owner=ALICE.did, federation=federation)
    both = apply_patch(ours, grant(ours, ALICE, BOB.did))
    cases = [(ours, KEYS[0]), (both, KEYS[0]), (both, KEYS[1])]
    asked = [{"reader": key, "json": content["sealed"]} for content, key in cases]
    assert run("verify.mjs", {"jwes": asked})["jwes"] == [encode(inside).hex()] * 3
    (theirs,) = run("make.mjs", {**REQUEST, "contents": [inside]})["jwes"]
    content = {"kind": "sealed-rows", "federation": federation, "sealed": theirs["json"]}
    assert open_batch(content, ALICE, controller=ALICE.did) == batch


def test_libraries_refuse_when_a_signature_or_an_issuer_is_wrong(written: list[SignedEvent]) -> None:
    good, delegated = written[0], written[2]
    assert delegated.capability is not None
    envelope = bytearray(good.envelope)
    envelope[-1] ^= 1
    broken = SignedEvent(
        cid=Cid.of(good.cid.codec, bytes(envelope)),
        envelope=bytes(envelope),
        payload_cid=good.payload_cid,
        payload_block=good.payload_block,
        signer=good.signer,
        payload=good.payload,
    )
    cases = [(good, good.author), (broken, good.author), (delegated, str(BOB.did))]
    answer = run(
        "verify.mjs",
        {
            "events": [
                {"car": multibase.encode("m", events.encode(event)), "issuer": issuer, "payload": "init"}
                for event, issuer in cases
            ]
        },
    )
    assert ["error" in said for said in answer["events"]] == [False, True, True]
    assert StreamId(type=MID, cid=good.cid) == good.stream_id
