"""Capabilities: what the wallet signed, for whom, over what and until when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import car, pkh
from ceramic_bridge.authority import SKEW, Authority, Revocation, revocation, revocations
from ceramic_bridge.cacao import MAX_CAPABILITY, Capability
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, MID, MODEL, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.events import (
    JsonPatchOp,
    SignedEvent,
    create_data,
    create_init,
    decode,
    encode,
    from_blocks,
)
from ceramic_bridge.jws import sign_payload
from ceramic_bridge.log import EventLog
from ceramic_bridge.pkh import Account
from ceramic_bridge.secp256k1 import ORDER
from ceramic_bridge.siwe import Grant, from_iso, to_iso
from ceramic_bridge.stream import replay
from federation.errors import FolkmootError, IdentityError, VerificationFailed
from federation.hashing import keccak256
from federation.types import Did

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity

START = from_iso("2026-01-02T03:04:05.678Z")
END = from_iso("2026-02-02T03:04:05.678Z")
NOW = Authority(now=START + 1)
DATA_MODEL = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"model"))


def wallet(secret: bytes = b"\x11" * 32) -> Any:
    def personal_sign(text: str) -> bytes:
        digest = keccak256(pkh.personal_message(text))
        signature = PrivateKey(secret).sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))

    return personal_sign


ACCOUNT = Account.of("0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a")


def grant(audience: Did, **change: Any) -> Grant:
    fields: dict[str, Any] = {
        "issuer": ACCOUNT.issuer,
        "audience": audience,
        "domain": "folkmoot.example",
        "nonce": "0123456789",
        "issued_at": START,
        "expires": END,
        "resources": ("ceramic://*",),
    }
    return Grant(**{**fields, **change})


@pytest.fixture(scope="module")
def capability(bob: Identity) -> Capability:
    return Capability.sign(grant(bob.did), wallet())


@pytest.fixture(scope="module")
def delegated(bob: Identity, capability: Capability) -> SignedEvent:
    return create_init(bob, model=DATA_MODEL, content={"a": 1}, unique=bytes(12), capability=capability)


# The texts and bytes of the reference


def test_capability_matches_the_reference_when_fields_are_shared(
    vectors: dict[str, Any], bob: Identity
) -> None:
    case = vectors["cacao"]
    fields = case["siwe_fields"]
    given_ = grant(
        bob.did,
        domain=fields["domain"],
        nonce=fields["nonce"],
        statement=fields["statement"],
        resources=tuple(fields["resources"]),
        expires=from_iso(fields["expirationTime"]),
    )
    assert given_.text() == case["siwe_message"]
    made = Capability.sign(given_, wallet(bytes.fromhex(vectors["keys"]["eth"]["priv_hex"][2:])))
    assert (made.block.hex(), str(made.cid)) == (case["block_hex"], case["cid"])
    assert made == Capability.read(bytes.fromhex(case["block_hex"]))
    assert made.controller == vectors["keys"]["eth"]["did_pkh"]
    older = case["lowercase_issuer"]
    read = Capability.read(bytes.fromhex(older["block_hex"]))
    assert (str(read.cid), read.controller) == (older["cid"], made.controller)
    assert read.grant.text() == older["siwe_message_signed"]


def test_delegated_event_matches_the_reference_when_inputs_are_shared(
    vectors: dict[str, Any], bob: Identity
) -> None:
    case = vectors["init_cacao"]
    event = decode(bytes.fromhex(case["car_hex"]), authority=NOW)
    assert (str(event.cid), event.envelope.hex()) == (case["event_cid"], case["envelope_hex"])
    assert event.capability is not None
    assert event.capability.block.hex() == case["cacao_block_hex"]
    assert (event.signer, event.author) == (bob.did, case["parent"])
    again = create_init(
        bob,
        model=StreamId.parse(case["model"]),
        content=case["content"],
        unique=bytes.fromhex(case["unique_hex"]),
        capability=event.capability,
    )
    assert again == event
    assert encode(again).hex() == case["car_hex"]


def test_wallet_may_sign_the_address_as_its_issuer_writes_it(bob: Identity) -> None:
    lower = grant(bob.did, issuer=ACCOUNT.did)
    signature = wallet()(lower.text(as_issued=True))
    assert ACCOUNT.address.lower() in lower.text(as_issued=True)
    block = encode_block(
        {"h": {"t": "caip122"}, "p": lower.to_value(), "s": {"t": "eip191", "s": "0x" + signature.hex()}}
    )
    assert Capability.read(block).grant == lower


# Fields


@given(st.integers(0, 253_402_300_799_999))
def test_time_comes_back_when_written(moment: int) -> None:
    assert from_iso(to_iso(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.67Z",
        "2026-01-02T03:04:05.678",
        "2026-01-02T03:04:05.678+00:00",
        "2026-01-02 03:04:05.678Z",
        "2026-02-30T03:04:05.678Z",
        "2026-01-02T24:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "２026-01-02T03:04:05.678Z",
    ],
)
def test_time_is_refused_when_in_another_form(text: str) -> None:
    with pytest.raises(MalformedData):
        from_iso(text)


@pytest.mark.parametrize("moment", [-1, 253_402_300_800_000])
def test_time_is_refused_when_it_has_no_form(moment: int) -> None:
    with pytest.raises(MalformedData):
        to_iso(moment)


@pytest.mark.parametrize(
    "change",
    [
        {"domain": ""},
        {"domain": "a b"},
        {"domain": "a/b"},
        {"domain": "é.example"},
        {"nonce": "1234567"},
        {"nonce": "12345678\n"},
        {"nonce": "1234 5678"},
        {"statement": ""},
        {"statement": "two\nlines"},
        {"statement": "é"},
        {"statement": "x\n\nURI: did:key:z6Mk"},
        {"request_id": "a b"},
        {"resources": ("ceramic://*\n- ceramic://other",)},
        {"resources": ("",)},
        {"audience": "did:web:example.org"},
        {"audience": "did:key:z6Mk"},
        {"issuer": "did:key:z6Mkn1vNVEZYu4dKzmXsX3BGuT3PGaKuCtWJ1kqxQTuuVMNc"},
        {"issuer": "did:pkh:eip155:01:0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"},
        {"issuer": "did:pkh:eip155:1:0x19E7e376e7c213b7e7e7e46cc70a5dd086daff2a"},
        {"issuer": "did:pkh:eip155:1:19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"},
        {"issuer": "did:pkh:solana:1:0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"},
    ],
)
def test_grant_is_refused_when_a_field_could_pass_for_another_or_names_nobody(
    bob: Identity, change: dict[str, Any]
) -> None:
    with pytest.raises((MalformedData, IdentityError)):
        grant(**{"audience": bob.did, **change})


def _edited(capability: Capability, path: str, value: Value) -> bytes:
    fields: Any = decode_block(capability.block)
    *parents, last = path.split(".")
    node = fields
    for name in parents:
        node = node[name]
    if value is _GONE:
        del node[last]
    else:
        node[last] = value
    return encode_block(fields)


_GONE: Any = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("p.domain", "evil.example"),
        ("p.aud", "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"),
        ("p.nonce", "1123456789"),
        ("p.iat", to_iso(START - 1)),
        ("p.exp", to_iso(END + 1)),
        ("p.exp", _GONE),
        ("p.nbf", to_iso(START)),
        ("p.statement", "yes"),
        ("p.requestId", "r"),
        ("p.resources", ["ceramic://*", "ceramic://*"]),
        ("p.resources", _GONE),
        ("p.iss", "did:pkh:eip155:1:0x0000000000000000000000000000000000000001"),
        ("p.iss", "did:pkh:eip155:10:0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"),
        ("s.s", "0x" + "11" * 64 + "1b"),
        ("s.s", "0x" + "00" * 65),
        ("s.s", "0x" + "11" * 64 + "23"),
    ],
)
def test_capability_is_refused_when_the_wallet_signed_something_else(
    capability: Capability, path: str, value: Value
) -> None:
    with pytest.raises(IdentityError):
        Capability.read(_edited(capability, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("h.t", "jws"),
        ("h.x", 1),
        ("s.t", "eip1271"),
        ("s.m", {}),
        ("s.s", "11" * 65),
        ("s.s", "0x" + "11" * 64),
        ("s.s", b"\x11" * 65),
        ("s", _GONE),
        ("x", 1),
        ("p.version", "2"),
        ("p.version", 1),
        ("p.exp", None),
        ("p.exp", "2026-02-02T03:04:05Z"),
        ("p.nbf", START),
        ("p.resources", "ceramic://*"),
        ("p.resources", [1]),
        ("p.nonce", _GONE),
        ("p.iat", _GONE),
        ("p.extra", "x"),
    ],
)
def test_capability_is_refused_when_its_form_is_another(
    capability: Capability, path: str, value: Value
) -> None:
    with pytest.raises(MalformedData):
        Capability.read(_edited(capability, path, value))


def test_capability_is_refused_when_too_large_or_signed_by_another_wallet(bob: Identity) -> None:
    long = grant(bob.did, resources=("ceramic://" + "x" * MAX_CAPABILITY,))
    with pytest.raises(MalformedData):
        Capability.sign(long, wallet())
    with pytest.raises(IdentityError):
        Capability.sign(grant(bob.did), wallet(b"\x12" * 32))
    with pytest.raises(IdentityError):
        Capability.sign(grant(bob.did), lambda text: wallet()(text)[:-1] + b"\x1f")


@pytest.mark.parametrize("shift", [0, 27])
def test_signature_is_read_when_its_parity_counts_from_0_or_27(capability: Capability, shift: int) -> None:
    fields: Any = decode_block(capability.block)
    raw = bytes.fromhex(fields["s"]["s"][2:])
    signature = "0x" + (raw[:-1] + bytes((raw[-1] - 27 + shift,))).hex()
    assert Capability.read(_edited(capability, "s.s", signature)).grant == capability.grant


# Events under a capability


def test_every_flipped_bit_is_refused_when_a_delegated_car_is_read(delegated: SignedEvent) -> None:
    data = encode(delegated)
    assert decode(data, authority=NOW) == delegated
    for i in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises((MalformedData, VerificationFailed, IdentityError)):
            decode(bytes(flipped), authority=NOW)


def test_event_is_refused_when_no_time_is_given_to_judge_by(delegated: SignedEvent) -> None:
    with pytest.raises(IdentityError, match="capability"):
        decode(encode(delegated))


def _parts(event: SignedEvent) -> tuple[bytes, bytes, bytes]:
    assert event.capability is not None
    return event.payload_block, event.envelope, event.capability.block


def test_event_is_refused_when_capability_is_missing_surplus_or_another(
    alice: Identity, bob: Identity, delegated: SignedEvent
) -> None:
    payload, envelope, block = _parts(delegated)
    assert from_blocks(payload, envelope, block, authority=NOW) == delegated
    with pytest.raises(MalformedData):
        from_blocks(payload, envelope, authority=NOW)
    plain = create_init(bob, model=DATA_MODEL, content={"a": 1}, unique=bytes(12))
    with pytest.raises(MalformedData):
        from_blocks(plain.payload_block, plain.envelope, block, authority=NOW)
    other = Capability.sign(grant(bob.did, nonce="9876543210"), wallet())
    with pytest.raises(VerificationFailed):
        from_blocks(payload, envelope, other.block, authority=NOW)
    # Somebody else's key under a capability that is not for it.
    stolen = sign_payload(alice, delegated.payload_cid, Cid.of(DAG_CBOR, block))
    with pytest.raises(IdentityError, match="is for"):
        from_blocks(payload, stolen, block, authority=NOW)
    # The right key without naming the capability: it does not control the stream.
    silent = sign_payload(bob, delegated.payload_cid)
    with pytest.raises(IdentityError, match="controlled"):
        from_blocks(payload, silent, authority=NOW)


def test_car_is_refused_when_its_blocks_are_in_another_order(delegated: SignedEvent) -> None:
    capability, payload, envelope = delegated.blocks()
    extra = Block.of(DAG_CBOR, encode_block({}))
    for blocks in [
        [payload, envelope],
        [payload, capability, envelope],
        [capability, envelope, payload],
        [capability, payload, envelope, extra],
        [extra, payload, envelope],
        [capability, capability, payload, envelope],
    ]:
        with pytest.raises((MalformedData, VerificationFailed)):
            decode(car.write(delegated.cid, blocks), authority=NOW)


@pytest.mark.parametrize(
    "resources",
    [
        None,
        (),
        ("ceramic://",),
        ("ceramic://*?model=kh4q0ozorrgaq2mezktnrmdwleo1d",),
        (f"ceramic://*?model={DATA_MODEL}&x=1",),
        (f"ceramic://{DATA_MODEL}",),
        (f"https://*?model={DATA_MODEL}",),
        ("*",),
    ],
)
def test_init_event_is_refused_when_resources_do_not_cover_its_model(
    bob: Identity, resources: tuple[str, ...] | None
) -> None:
    narrow = Capability.sign(grant(bob.did, resources=resources), wallet())
    with pytest.raises(IdentityError, match="cover"):
        create_init(bob, model=DATA_MODEL, content={}, unique=None, capability=narrow)


def test_stream_is_written_when_resources_name_it_and_not_when_they_name_another(bob: Identity) -> None:
    by_model = Capability.sign(grant(bob.did, resources=(f"ceramic://*?model={DATA_MODEL}",)), wallet())
    init = create_init(bob, model=DATA_MODEL, content={"n": 0}, unique=bytes(12), capability=by_model)
    patch = [JsonPatchOp(op="replace", path="/n", value=1)]

    def change(*resources: str) -> SignedEvent:
        narrow = Capability.sign(grant(bob.did, resources=resources), wallet())
        return create_data(bob, stream=init.stream_id, prev=init.cid, patch=patch, capability=narrow)

    for resources in [(init.stream_id.url,), (f"ceramic://*?model={DATA_MODEL}",), ("x:y", "ceramic://*")]:
        assert replay([init, change(*resources)]).content == {"n": 1}
    other = StreamId(type=MID, cid=Cid.of(DAG_CBOR, b"other"))
    for resources in [(other.url,), (f"ceramic://*?model={other}",), ()]:
        with pytest.raises(IdentityError, match="cover"):
            replay([init, change(*resources)])
    unauthorised = create_data(bob, stream=init.stream_id, prev=init.cid, patch=patch)
    with pytest.raises(IdentityError, match="controlled"):
        replay([init, unauthorised])


def test_event_is_refused_when_another_account_granted(bob: Identity, delegated: SignedEvent) -> None:
    point = PrivateKey(b"\x12" * 32).public_key.format(compressed=False)
    thief = Account.of("0x" + keccak256(point[1:])[-20:].hex())
    foreign = Capability.sign(grant(bob.did, issuer=thief.issuer), wallet(b"\x12" * 32))
    envelope = sign_payload(bob, delegated.payload_cid, foreign.cid)
    with pytest.raises(IdentityError, match="controlled"):
        from_blocks(delegated.payload_block, envelope, foreign.block, authority=NOW)


def test_controller_may_be_the_session_key_itself_when_a_capability_is_named(
    bob: Identity, capability: Capability
) -> None:
    own = create_init(bob, model=DATA_MODEL, content={"a": 1}, unique=None)
    envelope = sign_payload(bob, own.payload_cid, capability.cid)
    assert from_blocks(own.payload_block, envelope, capability.block, authority=NOW).signer == bob.did


# Time


@pytest.mark.parametrize(
    ("now", "valid"),
    [
        (START - SKEW - 1, False),
        (START - SKEW, True),
        (END + SKEW, True),
        (END + SKEW + 1, False),
        (10 * END, False),
    ],
)
def test_event_holds_only_when_its_time_is_within_the_capability(
    delegated: SignedEvent, now: int, valid: bool
) -> None:
    data = encode(delegated)
    if valid:
        assert decode(data, authority=Authority(now=now))
        assert decode(data, authority=Authority(now=10 * END, anchored={delegated.cid: now}))
    else:
        for authority in (
            Authority(now=now),
            Authority(now=START, anchored={delegated.cid: now}),
            Authority(now=now, anchored={delegated.payload_cid: START}),
        ):
            with pytest.raises(IdentityError):
                decode(data, authority=authority)


def test_event_holds_for_ever_when_the_capability_does_and_not_before(bob: Identity) -> None:
    later = START + 10 * SKEW
    eternal = Capability.sign(grant(bob.did, expires=None, not_before=later), wallet())
    event = create_init(bob, model=DATA_MODEL, content={}, unique=None, capability=eternal)
    assert decode(encode(event), authority=Authority(now=100 * END))
    assert decode(encode(event), authority=Authority(now=later - SKEW))
    with pytest.raises(IdentityError, match="not valid before"):
        decode(encode(event), authority=Authority(now=later - SKEW - 1))


# Revocation


def test_event_is_refused_when_its_account_or_key_revoked_the_capability(
    alice: Identity, bob: Identity, capability: Capability, delegated: SignedEvent
) -> None:
    by_account = Capability.sign(grant(alice.did, nonce="newsession"), wallet())
    content = revocation(capability)
    ends = [
        create_init(alice, model=DATA_MODEL, content=content, unique=None, capability=by_account),
        create_init(bob, model=DATA_MODEL, content=content, unique=None, capability=capability),
        create_init(bob, model=DATA_MODEL, content=content, unique=None),
    ]
    for end in ends:
        known = revocations([delegated, end], Authority(now=0, anchored={end.cid: START + 1000}))
        assert [(one.grant, one.at) for one in known] == [(capability.grant.cid, START + 1000)]
        before = Authority(now=END, anchored={delegated.cid: START + 999}, revocations=known)
        assert decode(encode(delegated), authority=before) == delegated
        for after in (
            Authority(now=START + 1000, revocations=known),
            Authority(now=START, anchored={delegated.cid: START + 1000}, revocations=known),
        ):
            with pytest.raises(IdentityError, match="revoked"):
                decode(encode(delegated), authority=after)


def test_revocation_does_nothing_when_a_stranger_or_a_malformed_one_says_so(
    alice: Identity, capability: Capability, delegated: SignedEvent
) -> None:
    other: list[dict[str, Value]] = [
        {"kind": "capability-revocation"},
        {"kind": "capability-revocation", "capability": 1},
        {"kind": "capability-revocation", "capability": "bafy"},
        {**revocation(capability), "more": 1},
        {"kind": "note", "capability": str(capability.grant.cid)},
        # A block, which can be spelled in another way.
        {"kind": "capability-revocation", "capability": str(capability.cid)},
    ]
    malformed = [create_init(alice, model=DATA_MODEL, content=content, unique=None) for content in other]
    assert revocations(malformed, NOW) == ()
    stranger = create_init(alice, model=DATA_MODEL, content=revocation(capability), unique=None)
    known = revocations([stranger], Authority(now=0))
    assert known == (Revocation(grant=capability.grant.cid, author=alice.did, at=0),)
    assert decode(encode(delegated), authority=replace(NOW, revocations=known)) == delegated
    elsewhere = Revocation(grant=delegated.cid, author=ACCOUNT.did, at=0)
    assert decode(encode(delegated), authority=replace(NOW, revocations=(elsewhere,))) == delegated


def respelled(capability: Capability) -> dict[str, Capability]:
    """The same wallet's signature in all blocks that who has one can make of it."""
    given: Any = decode_block(capability.block)
    signature = bytes.fromhex(given["s"]["s"][2:])
    high = ORDER - int.from_bytes(signature[32:64], "big")
    other = signature[:32] + high.to_bytes(32, "big") + bytes((55 - signature[64],))
    signed = {
        "capitals": "0x" + signature.hex().upper(),
        "v from 0": "0x" + (signature[:64] + bytes((signature[64] - 27,))).hex(),
        "n - s": "0x" + other.hex(),
    }
    blocks = {name: {**given, "s": {**given["s"], "s": text}} for name, text in signed.items()}
    blocks["type"] = {**given, "h": {"t": "caip122"}}
    blocks["issuer"] = {**given, "p": {**given["p"], "iss": ACCOUNT.did}}
    return {name: Capability.read(encode_block(block)) for name, block in blocks.items()}


def test_revocation_ends_a_capability_when_its_block_is_spelled_in_another_way(
    bob: Identity, capability: Capability
) -> None:
    end = create_init(bob, model=DATA_MODEL, content=revocation(capability), unique=None)
    ended = Authority(now=START, revocations=revocations([end], Authority(now=START)))
    others = respelled(capability)
    assert len({capability.cid, *(one.cid for one in others.values())}) == 6
    for name, other in others.items():
        event = create_init(bob, model=DATA_MODEL, content={}, unique=None, capability=other)
        assert decode(encode(event), authority=Authority(now=START)), name
        with pytest.raises(IdentityError, match="revoked"):
            decode(encode(event), authority=ended)
    # What the wallet granted apart from it goes on.
    more = Capability.sign(grant(bob.did, nonce="another00"), wallet())
    event = create_init(bob, model=DATA_MODEL, content={}, unique=None, capability=more)
    assert decode(encode(event), authority=ended) == event


# Logs


def test_log_keeps_delegated_events_when_written_and_read(
    bob: Identity, capability: Capability, delegated: SignedEvent, log: EventLog
) -> None:
    patch = [JsonPatchOp(op="replace", path="/a", value=2)]
    change = create_data(
        bob, stream=delegated.stream_id, prev=delegated.cid, patch=patch, capability=capability
    )
    for event in (delegated, change):
        log.append(event)
    data = log.to_bytes()
    again = EventLog.from_bytes(data, authority=NOW)
    assert list(again) == list(log)
    assert again.to_bytes() == data
    assert again.streams[delegated.stream_id].controller == ACCOUNT.did
    with pytest.raises(VerificationFailed, match="capability"):
        EventLog.from_bytes(data)
    with pytest.raises(VerificationFailed, match="expired"):
        EventLog.from_bytes(data, authority=Authority(now=10 * END))
    for i in range(8 * len(data) - 8 * 2600, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(FolkmootError):
            EventLog.from_bytes(bytes(flipped), authority=NOW)


# Accounts


@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_is_that_of_eip_55_when_address_is_its_example(address: str) -> None:
    assert pkh.checksum(address.lower()) == pkh.checksum(address) == address
    account = Account.parse(f"did:pkh:eip155:1:{address}")
    assert account == Account.parse(account.did)
    assert (account.issuer, account.did) == (
        f"did:pkh:eip155:1:{address}",
        f"did:pkh:eip155:1:{address.lower()}",
    )
    with pytest.raises(IdentityError, match="checksum"):
        Account.parse(f"did:pkh:eip155:1:0x{address[2:].swapcase()}")


@pytest.mark.parametrize("address", ["", "0x", "0x" + "g" * 40, "0x" + "a" * 39, "a" * 42])
def test_address_is_refused_when_it_is_none(address: str) -> None:
    with pytest.raises(IdentityError):
        Account.of(address)


def test_example_of_the_docs_runs_when_copied(bob: Identity) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ceramic.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    code = next(block for block in blocks if "Capability" in block)

    class Wallet:
        personal_sign = staticmethod(wallet())

    names: dict[str, Any] = {
        "address": ACCOUNT.address.lower(),
        "session": bob,
        "nonce": "0123456789",
        "now": START,
        "model": DATA_MODEL,
        "wallet": Wallet,
        "content": {"a": 1},
        "unique": bytes(12),
    }
    exec(compile(code, "docs/ceramic.md", "exec"), names)
    assert decode(encode(names["event"]), authority=NOW).author == ACCOUNT.did
