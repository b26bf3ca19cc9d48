"""Checks of what the JavaScript libraries wrote, shared by the kept answer and a fresh one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ceramic_bridge import events, multibase
from ceramic_bridge.authority import Authority
from ceramic_bridge.cacao import Capability
from ceramic_bridge.cid import DAG_CBOR, Cid, StreamId
from ceramic_bridge.dagcbor import Value, decode, encode
from ceramic_bridge.did import EcdsaIdentity, Identity
from ceramic_bridge.events import SignedEvent, create_data, create_deterministic, create_init, create_model
from ceramic_bridge.ids import CommitId
from ceramic_bridge.jwe import Jwe
from ceramic_bridge.jwe import decrypt as open_jwe
from ceramic_bridge.payloads import DataPayload, InitPayload
from ceramic_bridge.stream import replay
from tests.unit.ceramic_bridge.js import KEYS, REQUEST

IDENTITIES = [
    {"ed25519": Identity, "secp256k1": EcdsaIdentity}[key["kind"]](bytes.fromhex(key["secret"]))
    for key in KEYS
]


def signer(did: str) -> Identity | EcdsaIdentity:
    return next(identity for identity in IDENTITIES if identity.did == did)


def read(case: Mapping[str, Any], authority: Authority | None = None) -> SignedEvent:
    """Read an event and find in it what the libraries say."""
    car = multibase.decode(case["car"], "m")
    event = events.decode(car, authority=authority)
    assert (str(event.cid), event.payload_block.hex()) == (case["cid"], case["payload"])
    assert (event.signer, event.author) == (case["signer"], case["controller"])
    assert multibase.encode("m", events.encode(event)) == case["car"]
    return event


def written_again(event: SignedEvent) -> SignedEvent:
    """Write an event from its fields alone, if they are fields that the bridge writes."""
    identity, payload, capability = signer(event.signer), event.payload, event.capability
    if isinstance(payload, DataPayload):
        if b"header" in event.payload_block:
            return event
        stream, prev, patch = payload.stream, payload.prev, payload.patch
        return create_data(identity, stream=stream, prev=prev, patch=patch, capability=capability)
    if payload.unique is None:
        return create_model(identity, payload.content, capability=capability)
    if payload.should_index is not None:
        return event
    return create_init(
        identity, model=payload.model, content=payload.content, unique=payload.unique, capability=capability
    )


def check_stream(
    made: Mapping[str, Any], content: Mapping[str, Value], authority: Authority | None = None
) -> None:
    init, data = (read(case, authority) for case in made["events"])
    assert str(init.stream_id) == str(data.stream_id) == made["stream"]
    assert StreamId.parse(made["stream"]) == init.stream_id
    commits = [CommitId(stream=init.stream_id, event=event.cid) for event in (init, data)]
    assert [str(commit) for commit in commits] == made["commits"]
    assert [CommitId.parse(text) for text in made["commits"]] == commits
    state = replay([init, data])
    more = {"list": [2.5, None], "index": -_index(init)}
    assert encode(state.content) == encode({**content, "more": more, "copied": [1, 2.5], "moved": None})
    for event in (init, data):
        again = written_again(event)
        assert again.payload_block == event.payload_block
        # The secp256k1 library signs with other nonces' s: high as often as low.
        if event.signer != IDENTITIES[2].did:
            assert again == event


def _index(init: SignedEvent) -> int:
    assert isinstance(init.payload, InitPayload)
    assert init.payload.unique is not None
    return init.payload.unique[0]


def check_session(made: Mapping[str, Any]) -> None:
    capability = Capability.read(bytes.fromhex(made["capability"]))
    assert str(capability.cid) == made["capabilityCid"]
    assert str(capability.grant.account.did) == made["events"][0]["controller"]
    index = _index(events.decode(multibase.decode(made["events"][0]["car"]), authority=at(capability)))
    check_stream(made, REQUEST["contents"][index % 3], at(capability))  # type: ignore[arg-type]  # JSON


def check_grants(made: Sequence[Mapping[str, Any]]) -> None:
    for case, asked in zip(made, REQUEST["grants"], strict=True):
        block = bytes.fromhex(case["block"])
        capability = Capability.read(block)
        assert str(capability.cid) == case["cid"]
        assert capability.grant.text(as_issued="lower" in asked) == case["text"]
        assert encode(capability.grant.to_value()) == encode(case["fields"])
        wallet = decode(block)["s"]["s"]  # type: ignore[call-overload,index]  # a capability's
        signature = bytes.fromhex(wallet[2:])
        assert Capability.sign(capability.grant, lambda _, signed=signature: signed) == capability


def check_ids(made: Mapping[str, Any]) -> None:
    tip = StreamId.parse(made["model"]).cid
    assert len(made["ids"]) == 15
    for case in made["ids"]:
        stream = StreamId.parse(case["stream"])
        assert (stream.to_bytes().hex(), str(stream.cid)) == (case["bytes"], case["cid"])
        assert Cid.parse(case["cid"]) == stream.cid
        commits = [CommitId(stream=stream, event=event) for event in (stream.cid, tip)]
        assert [[str(commit), commit.to_bytes().hex()] for commit in commits] == case["commits"]
        assert [CommitId.parse(text) for text, _ in case["commits"]] == commits


def at(capability: Capability) -> Authority:
    return Authority(now=capability.grant.issued_at + 1000)


def check(made: Mapping[str, Any]) -> None:
    """Check a whole answer of ``make.mjs`` to ``REQUEST``."""
    contents: list[Any] = [content for content in REQUEST["contents"] for _ in KEYS]
    assert len(made["streams"]) == len(contents) == 9
    for stream, content in zip(made["streams"], contents, strict=True):
        check_stream(stream, content)
    definitions: list[Any] = [one for one in REQUEST["definitions"] for _ in KEYS]
    for case, definition in zip(made["models"], definitions, strict=True):
        event = read(case)
        assert str(event.stream_id) == case["stream"]
        assert create_model(signer(event.signer), definition).payload_block == event.payload_block
    check_grants(made["grants"])
    check_ids(made)
    assert len(made["sessions"]) == 4
    for session in made["sessions"]:
        check_session(session)
    for case, content in zip(made["jwes"], REQUEST["contents"], strict=True):
        block = Jwe.from_block(bytes.fromhex(case["block"]))
        assert block == Jwe.from_value(case["json"])
        assert block.to_block().hex() == case["block"]
        assert block.to_value() == case["json"]
        for reader in case["readers"]:
            opened = open_jwe(block, signer(reader))  # type: ignore[arg-type]  # readers have ed25519 keys
            assert encode(opened) == encode(content) == bytes.fromhex(case["cleartext"])  # type: ignore[arg-type]  # JSON
    for case in made["deterministic"]:
        unique = None if case["unique"] is None else bytes.fromhex(case["unique"])
        unsigned = create_deterministic(
            case["controller"], model=StreamId.parse(made["model"]), unique=unique
        )
        assert (unsigned.block.hex(), str(unsigned.stream_id)) == (case["block"], case["stream"])
    for case in made["cbor"]:
        block_ = bytes.fromhex(case["hex"])
        assert encode(json.loads(case["json"])) == block_
        assert encode(decode(block_)) == block_
        assert Cid.of(DAG_CBOR, block_)
