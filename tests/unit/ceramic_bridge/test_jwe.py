"""Encryption: the reference's bytes are read, strangers read nothing, readers can be added."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.cid import DAG_JOSE, Cid
from ceramic_bridge.dagcbor import MalformedData, Value, encode
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.did import EcdsaIdentity, Identity, _did_of, agreement_key
from ceramic_bridge.jwe import Jwe, add_reader, decrypt, decrypt_bytes, encrypt, encrypt_bytes
from federation.errors import FolkmootError, IdentityError

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT: dict[str, Value] = {"label": "spam", "blob": b"\x01\x02", "n": 0.5}
EVE = Identity(b"\xee" * 32)


def _counter() -> Callable[[int], bytes]:
    """Bytes that repeat from run to run; never from call to call."""
    calls = iter(range(1, 1000))
    return lambda size: next(calls).to_bytes(2, "big") * (size // 2)


@pytest.mark.parametrize(("name", "readers"), [("one_recipient", ["B"]), ("two_recipients", ["A", "B"])])
def test_content_matches_the_reference_when_keys_are_shared(
    vectors: dict[str, Any], alice: Identity, bob: Identity, name: str, readers: list[str]
) -> None:
    case = vectors["dag_jwe"][name]
    block = bytes.fromhex(case["block_hex"])
    jwe = Jwe.from_block(block)
    assert Jwe.from_value(case["jwe"]) == jwe
    assert (jwe.to_block(), jwe.to_value()) == (block, case["jwe"])
    if name == "one_recipient":
        assert str(Cid.of(DAG_JOSE, block)) == case["cid"]
    keys = {"A": alice, "B": bob}
    for reader in readers:
        assert encode(decrypt(jwe, keys[reader])).hex() == vectors["dag_jwe"]["cleartext_dagcbor_hex"]
    for stranger in {*keys} - {*readers}:
        with pytest.raises(IdentityError):
            decrypt(jwe, keys[stranger])


def test_bytes_match_the_reference_when_something_is_authenticated_beside_them(
    vectors: dict[str, Any], bob: Identity
) -> None:
    case = vectors["dag_jwe"]["raw_with_aad"]
    jwe = Jwe.from_value(case["jwe"])
    assert jwe.aad == case["aad_utf8"].encode()
    assert decrypt_bytes(jwe, bob) == case["cleartext_utf8"].encode()
    assert Jwe.from_block(jwe.to_block()) == jwe
    for aad in (None, b"", b"other"):
        with pytest.raises(IdentityError, match="changed"):
            decrypt_bytes(replace(jwe, aad=aad), bob)


@pytest.mark.parametrize("name", ["ed25519_A", "ed25519_B"])
def test_agreement_key_matches_the_reference_when_seed_is_shared(vectors: dict[str, Any], name: str) -> None:
    key = vectors["keys"][name]
    public, kid = agreement_key(key["did"])
    assert public.hex() == key["x25519_pub_hex"]
    assert kid == key["did_document"]["keyAgreement"][0]["id"]
    reader = Identity(bytes.fromhex(key["seed_hex"]))
    assert reader.agree(EVE_PUBLIC) == EVE.agree(public)


EVE_PUBLIC = agreement_key(EVE.did)[0]


@given(
    st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=30) | st.binary(max_size=30)),
    st.none() | st.binary(max_size=20),
)
def test_content_comes_back_when_encrypted(content: dict[str, Value], aad: bytes | None) -> None:
    jwe = encrypt(content, [EVE.did], aad=aad)
    for form in (jwe, Jwe.from_block(jwe.to_block()), Jwe.from_value(jwe.to_value())):
        assert decrypt(form, EVE) == content
    assert len(jwe.ciphertext) % 24 == 0


def test_encryption_is_fresh_each_time_and_repeats_only_with_its_entropy(alice: Identity) -> None:
    one, two = encrypt(CONTENT, [alice.did]), encrypt(CONTENT, [alice.did])
    assert one.ciphertext != two.ciphertext
    assert one.recipients[0].ephemeral != two.recipients[0].ephemeral
    assert encrypt(CONTENT, [alice.did], entropy=_counter()) == encrypt(
        CONTENT, [alice.did], entropy=_counter()
    )


def test_reader_is_added_when_one_can_read_and_the_data_stays(alice: Identity, bob: Identity) -> None:
    jwe = encrypt(CONTENT, [alice.did], aad=b"where")
    with pytest.raises(IdentityError):
        decrypt(jwe, bob)
    more = add_reader(jwe, alice, bob.did)
    assert replace(more, recipients=jwe.recipients) == jwe
    assert more.recipients[:1] == jwe.recipients
    for reader in (alice, bob):
        assert decrypt(more, reader) == CONTENT
    with pytest.raises(IdentityError):
        decrypt(more, EVE)
    assert decrypt(add_reader(more, bob, EVE.did), EVE) == CONTENT
    assert add_reader(more, alice, bob.did) is more
    with pytest.raises(IdentityError):
        add_reader(jwe, bob, EVE.did)
    with pytest.raises(IdentityError, match="changed"):
        add_reader(replace(jwe, tag=bytes(16)), alice, bob.did)


def test_encryption_is_refused_when_a_reader_has_no_key_to_agree_on(alice: Identity) -> None:
    carol = EcdsaIdentity(b"\x07" * 32)
    # The neutral point: everybody would know the shared secret.
    weak = _did_of(b"\x01" + bytes(31))
    for readers in ([], [carol.did], [alice.did, weak]):
        with pytest.raises(IdentityError):
            encrypt(CONTENT, readers)
    for public in (bytes(32), b"\x01" + bytes(31), b"", bytes(31)):
        with pytest.raises(IdentityError):
            alice.agree(public)


def test_one_entry_is_made_when_a_reader_is_named_twice(alice: Identity) -> None:
    assert len(encrypt(CONTENT, [alice.did, alice.did]).recipients) == 1


def test_every_flipped_bit_is_noticed_when_a_block_is_decrypted(alice: Identity) -> None:
    block = encrypt(CONTENT, [alice.did], aad=b"aad", entropy=_counter()).to_block()
    for i in range(8 * len(block)):
        flipped = bytearray(block)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises((MalformedData, IdentityError)):
            decrypt(Jwe.from_block(bytes(flipped)), alice)


@given(st.binary(max_size=200))
def test_only_typed_errors_arise_when_bytes_are_arbitrary(data: bytes) -> None:
    with pytest.raises(FolkmootError):
        decrypt(Jwe.from_block(data), EVE)
    # Whoever encrypts decides what is inside.
    with suppress(MalformedData):
        decrypt(encrypt_bytes(b"\x01\x71\x00" + data, [EVE.did]), EVE)


def test_reading_goes_on_when_another_entry_is_spoiled_or_hides_its_reader(
    alice: Identity, bob: Identity
) -> None:
    jwe = encrypt(CONTENT, [bob.did, alice.did])
    theirs, ours = jwe.recipients
    hidden = replace(ours, kid=None)
    assert decrypt(replace(jwe, recipients=(replace(theirs, kid=None), hidden)), alice) == CONTENT
    assert decrypt(replace(jwe, recipients=(replace(ours, tag=bytes(16)), ours)), alice) == CONTENT
    with pytest.raises(IdentityError):
        decrypt(replace(jwe, recipients=(replace(ours, kid=theirs.kid),)), alice)
    assert Jwe.from_block(replace(jwe, recipients=(hidden,)).to_block()).recipients == (hidden,)


def test_party_info_is_part_of_the_key_when_a_sender_gives_it(alice: Identity) -> None:
    jwe = encrypt(CONTENT, [alice.did])
    (ours,) = jwe.recipients
    other = replace(jwe, recipients=(replace(ours, info=(b"from", b"to")),))
    assert Jwe.from_block(other.to_block()) == other
    with pytest.raises(IdentityError):
        decrypt(other, alice)


_GONE: Any = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("protected", b'{"enc":"A256GCM"}'),
        ("protected", b'{"alg":"dir","enc":"XC20P"}'),
        ("protected", _GONE),
        ("iv", bytes(23)),
        ("tag", bytes(15)),
        ("tag", "x"),
        ("ciphertext", _GONE),
        ("aad", "x"),
        ("unprotected", {}),
        ("recipients", []),
        ("recipients", {}),
        ("recipients", _GONE),
        ("recipients.0", b""),
        ("recipients.0.encrypted_key", bytes(31)),
        ("recipients.0.more", 1),
        ("recipients.0.header", _GONE),
        ("recipients.0.header.alg", "ECDH-1PU+XC20PKW"),
        ("recipients.0.header.iv", "AA"),
        ("recipients.0.header.tag", bytes(16)),
        ("recipients.0.header.kid", 1),
        ("recipients.0.header.kid", None),
        ("recipients.0", {}),
        ("aad", None),
        ("recipients.0.header.enc", "XC20P"),
        ("recipients.0.header.epk.crv", "P-256"),
        ("recipients.0.header.epk.x", "A" * 42 + "B"),
        ("recipients.0.header.epk.x", "A" * 43 + "="),
        ("recipients.0.header.epk.y", "A"),
        ("recipients.0.header.epk", _GONE),
        ("recipients.0.header.apu", 1),
    ],
)
def test_block_is_refused_when_its_form_is_another(alice: Identity, path: str, value: Value) -> None:
    fields: Any = decode_block(encrypt(CONTENT, [alice.did]).to_block())
    *parents, last = (int(name) if name.isdigit() else name for name in path.split("."))
    node = fields
    for name in parents:
        node = node[name]
    if value is _GONE:
        del node[last]
    else:
        node[last] = value
    with pytest.raises(MalformedData):
        Jwe.from_block(encode(fields))


def test_block_is_refused_when_too_large(alice: Identity) -> None:
    jwe = encrypt_bytes(bytes(MAX_BLOCK), [alice.did])
    with pytest.raises(MalformedData):
        jwe.to_block()
    with pytest.raises(MalformedData):
        Jwe.from_block(bytes(MAX_BLOCK + 1))
    assert decrypt_bytes(jwe, alice) == bytes(MAX_BLOCK)


@pytest.mark.parametrize(
    "cleartext",
    [
        b"",
        b"\x01\x71",
        b"\x01\x55\x00\x01\xa0",
        b"\x01\x71\x00\x02\xa0",
        b"\x01\x71\x00\x01\xa0\x01",
        b"\x01\x71\x00\x81\x00\xa0",
        b"\x01\x71\x00\x02\x18\x17",
    ],
)
def test_cleartext_is_refused_when_not_one_block_and_zeros(alice: Identity, cleartext: bytes) -> None:
    with pytest.raises(MalformedData):
        decrypt(encrypt_bytes(cleartext, [alice.did]), alice)
    assert decrypt(encrypt_bytes(b"\x01\x71\x00\x01\xa0" + bytes(50), [alice.did]), alice) == {}
