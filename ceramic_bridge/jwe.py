"""Encryption to DIDs: DagJWE, readable by Ceramic's libraries (RFC 7516 with ECDH-ES+XC20PKW).

The content is encrypted once under a fresh key, and that key is wrapped for each reader; a
reader added later gets the key wrapped, and the content stays the same bytes. It cannot be taken
back. Nothing here says who wrote the content: that is what the event around it is signed for.
Readers, sizes to 24 bytes and times stay visible, and there is no forward secrecy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, cast

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.utils import random as _random

from ceramic_bridge import did as dids
from ceramic_bridge import varint
from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MalformedData, Value, decode, encode
from ceramic_bridge.multibase import base64url, from_base64url
from federation.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from federation.types import Did

ALGORITHM: Final = "ECDH-ES+XC20PKW"
PROTECTED: Final = b'{"enc":"XC20P"}'
"""The only protected header; whatever else one could say is said by the recipients."""

PADDING: Final = 24
"""Cleartexts are padded to a multiple of this many bytes, if nobody asks for more."""

_IDENTITY_CID: Final = b"\x01\x71\x00"
_KEY, _IV, _TAG, _CURVE = 32, 24, 16, 32
_ALGORITHM_PART: Final = len(ALGORITHM).to_bytes(4, "big") + ALGORITHM.encode()
_KEY_BITS: Final = (8 * _KEY).to_bytes(4, "big")
_PROTECTED_TEXT: Final = base64url(PROTECTED)
_FIELDS: Final = frozenset({"protected", "iv", "ciphertext", "tag", "aad", "recipients"})
_ENTRY: Final = frozenset({"encrypted_key", "header"})
_HEADER: Final = frozenset({"alg", "iv", "tag", "epk", "kid", "apu", "apv"})
_CURVE_FIELDS: Final = frozenset({"kty", "crv", "x"})


class Reader(Protocol):
    """Somebody to whom one can encrypt."""

    @property
    def did(self) -> Did:
        """The public name of the key."""

    def agree(self, public: bytes) -> bytes:
        """Return the X25519 secret shared with another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The content's key, wrapped for one reader.

    Attributes:
        encrypted_key: The key, 32 bytes.
        iv: Nonce of the wrapping, 24 bytes.
        tag: Tag of the wrapping, 16 bytes.
        ephemeral: The sender's one-time X25519 key, 32 bytes.
        kid: The reader's key, or ``None`` if the sender hides it.
        info: What the sender says of itself and of the reader (``apu``, ``apv``), mostly nothing.
    """

    encrypted_key: bytes
    iv: bytes
    tag: bytes
    ephemeral: bytes
    kid: str | None
    info: tuple[bytes, bytes] = (b"", b"")

    def header(self) -> dict[str, Value]:
        """Return the header as it stands in the block and in JSON."""
        header: dict[str, Value] = {
            "alg": ALGORITHM,
            "iv": base64url(self.iv),
            "tag": base64url(self.tag),
            "epk": {"kty": "OKP", "crv": "X25519", "x": base64url(self.ephemeral)},
        }
        if self.kid is not None:
            header["kid"] = self.kid
        for name, value in zip(("apu", "apv"), self.info, strict=True):
            if value:
                header[name] = base64url(value)
        return header


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwe:
    """An encrypted content and who can read it.

    Attributes:
        ciphertext: The content, as long as its cleartext.
        iv: Nonce, 24 bytes.
        tag: Tag, 16 bytes.
        aad: What is authenticated beside it in the clear, or ``None``.
        recipients: Its key, wrapped for each reader.
    """

    ciphertext: bytes
    iv: bytes
    tag: bytes
    aad: bytes | None
    recipients: tuple[Recipient, ...]

    def to_block(self) -> bytes:
        """Return the DAG-JOSE block.

        Raises:
            MalformedData: It is too large.
        """
        return _bounded(encode(self._value(binary=True)))

    def to_value(self) -> dict[str, Value]:
        """Return the JSON form, which documents hold."""
        return self._value(binary=False)

    def _value(self, *, binary: bool) -> dict[str, Value]:
        form: Callable[[bytes], Value] = bytes if binary else base64url
        value: dict[str, Value] = {
            "protected": form(PROTECTED),
            "iv": form(self.iv),
            "ciphertext": form(self.ciphertext),
            "tag": form(self.tag),
            "recipients": [
                {"encrypted_key": form(one.encrypted_key), "header": one.header()} for one in self.recipients
            ],
        }
        return value if self.aad is None else {**value, "aad": form(self.aad)}

    @classmethod
    def from_block(cls, block: bytes) -> Jwe:
        """Read the DAG-JOSE block.

        Raises:
            MalformedData: It is too large, or not the one encoding of a DagJWE of this module.
        """
        return cls._read(decode(_bounded(block)), PROTECTED, _from_bytes)

    @classmethod
    def from_value(cls, value: Value) -> Jwe:
        """Read the JSON form.

        Raises:
            MalformedData: It is not that of a DagJWE of this module.
        """
        return cls._read(value, _PROTECTED_TEXT, _from_text)

    @classmethod
    def _read(cls, value: Value, protected: Value, data: Callable[[Value, int | None], bytes]) -> Jwe:
        match value:
            case {
                "protected": given,
                "iv": iv,
                "ciphertext": ciphertext,
                "tag": tag,
                "recipients": list() as recipients,
            } if given == protected and recipients and _has_only(value, _FIELDS):
                named = cast("Mapping[str, Value]", value)
                return cls(
                    ciphertext=data(ciphertext, None),
                    iv=data(iv, _IV),
                    tag=data(tag, _TAG),
                    aad=data(named["aad"], None) if "aad" in named else None,
                    recipients=tuple([_recipient(one, data) for one in recipients]),
                )
        raise MalformedData("a JWE must hold protected (XC20P and no more), iv, ciphertext, tag, recipients")


def _bounded(block: bytes) -> bytes:
    if len(block) > MAX_BLOCK:
        raise MalformedData(f"a JWE's block exceeds {MAX_BLOCK} bytes")
    return block


def _has_only(value: Value, fields: frozenset[str]) -> bool:
    return isinstance(value, dict) and value.keys() <= fields


def _from_bytes(value: Value, size: int | None) -> bytes:
    if not isinstance(value, bytes) or size not in (None, len(value)):
        raise MalformedData("a JWE's field must be bytes of the right length")
    return value


def _from_text(value: Value, size: int | None) -> bytes:
    if not isinstance(value, str):
        raise MalformedData("a JWE's field must be base64url")
    data = from_base64url(value)
    if size not in (None, len(data)):
        raise MalformedData("a JWE's field must be base64url of the right length")
    return data


def _info(header: Mapping[str, Value], name: str) -> bytes:
    return _from_text(header[name], None) if name in header else b""


def _recipient(value: Value, data: Callable[[Value, int | None], bytes]) -> Recipient:
    # A recipient's header is text in either form.
    match value:
        case {
            "encrypted_key": key,
            "header": {
                "alg": "ECDH-ES+XC20PKW",
                "iv": iv,
                "tag": tag,
                "epk": {"kty": "OKP", "crv": "X25519", "x": x} as curve,
            } as header,
        } if _has_only(value, _ENTRY) and _has_only(curve, _CURVE_FIELDS) and _has_only(header, _HEADER):
            named = cast("Mapping[str, Value]", header)
            kid = named.get("kid")
            if isinstance(kid, str) or "kid" not in named:
                return Recipient(
                    encrypted_key=data(key, _KEY),
                    iv=_from_text(iv, _IV),
                    tag=_from_text(tag, _TAG),
                    ephemeral=_from_text(x, _CURVE),
                    kid=kid if isinstance(kid, str) else None,
                    info=(_info(named, "apu"), _info(named, "apv")),
                )
    raise MalformedData(f"a JWE's recipient must hold a key wrapped by {ALGORITHM} with X25519")


def _wrapping_key(shared: bytes, info: tuple[bytes, bytes]) -> bytes:
    """Derive the key that wraps the content's key (NIST SP 800-56A one-step, RFC 7518, 4.6.2)."""
    sender, reader = info
    named = len(sender).to_bytes(4, "big") + sender + len(reader).to_bytes(4, "big") + reader
    return hashlib.sha256(b"\0\0\0\x01" + shared + _ALGORITHM_PART + named + _KEY_BITS).digest()


def _seal(key: bytes, iv: bytes, cleartext: bytes, aad: bytes | None) -> tuple[bytes, bytes]:
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(cleartext, aad, iv, key)
    return sealed[:-_TAG], sealed[-_TAG:]


def _open(key: bytes, iv: bytes, sealed: bytes, aad: bytes | None) -> bytes:
    return bytes(bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, aad, iv, key))


def _wrap(content_key: bytes, reader: Did, entropy: Callable[[int], bytes]) -> Recipient:
    public, kid = dids.agreement_key(reader)
    secret, iv = entropy(_CURVE), entropy(_IV)
    shared = bindings.crypto_scalarmult(secret, public)
    wrapped, tag = _seal(_wrapping_key(shared, (b"", b"")), iv, content_key, None)
    return Recipient(
        encrypted_key=wrapped, iv=iv, tag=tag, ephemeral=bindings.crypto_scalarmult_base(secret), kid=kid
    )


def _unwrap(jwe: Jwe, reader: Reader) -> bytes:
    _, kid = dids.agreement_key(reader.did)
    for one in jwe.recipients:
        if one.kid in (kid, None):
            try:
                key = _wrapping_key(reader.agree(one.ephemeral), one.info)
                return _open(key, one.iv, one.encrypted_key + one.tag, None)
            except (CryptoError, IdentityError):
                # Wrapped for somebody else, or spoiled: another entry may be good.
                continue
    raise IdentityError(f"the content is not encrypted to {reader.did}")


def _authenticated(aad: bytes | None) -> bytes:
    return (_PROTECTED_TEXT if aad is None else f"{_PROTECTED_TEXT}.{base64url(aad)}").encode()


def encrypt_bytes(
    cleartext: bytes,
    readers: Sequence[Did],
    *,
    aad: bytes | None = None,
    entropy: Callable[[int], bytes] = _random,
) -> Jwe:
    """Encrypt bytes to one or many readers.

    Args:
        cleartext: What to encrypt; its length stays visible.
        readers: Ed25519 ``did:key``s; who is not among them never reads it unless added.
        aad: What to authenticate beside it in the clear, e.g. where it belongs.
        entropy: Fresh random bytes; anything else in tests only.

    Raises:
        IdentityError: There is no reader, or one cannot be encrypted to.
    """
    if not readers:
        raise IdentityError("a content must be encrypted to at least one reader")
    key, iv = entropy(_KEY), entropy(_IV)
    ciphertext, tag = _seal(key, iv, cleartext, _authenticated(aad))
    recipients = tuple(_wrap(key, reader, entropy) for reader in dict.fromkeys(readers))
    return Jwe(ciphertext=ciphertext, iv=iv, tag=tag, aad=aad, recipients=recipients)


def decrypt_bytes(jwe: Jwe, reader: Reader) -> bytes:
    """Decrypt bytes.

    Raises:
        IdentityError: They are not encrypted to this reader, or were changed.
    """
    key = _unwrap(jwe, reader)
    try:
        return _open(key, jwe.iv, jwe.ciphertext + jwe.tag, _authenticated(jwe.aad))
    except CryptoError as error:
        raise IdentityError("the encrypted content was changed") from error


def _padded(size: int) -> int:
    return size + -size % PADDING


def encrypt(
    content: Mapping[str, Value],
    readers: Sequence[Did],
    *,
    aad: bytes | None = None,
    padded: Callable[[int], int] = _padded,
    entropy: Callable[[int], bytes] = _random,
) -> Jwe:
    """Encrypt a document to one or many readers.

    Args:
        content: The document.
        readers: As ``encrypt_bytes``.
        aad: As ``encrypt_bytes``.
        padded: How long a cleartext of a length is made with zeros; its result stays visible.
        entropy: As ``encrypt_bytes``.

    Raises:
        MalformedData: The document has no encoding.
        IdentityError: There is no reader, or one cannot be encrypted to.
    """
    block = encode(content)
    cleartext = _IDENTITY_CID + varint.encode(len(block)) + block
    cleartext += bytes(padded(len(cleartext)) - len(cleartext))
    return encrypt_bytes(cleartext, readers, aad=aad, entropy=entropy)


def decrypt(jwe: Jwe, reader: Reader) -> Value:
    """Decrypt a document.

    Raises:
        IdentityError: It is not encrypted to this reader, or was changed.
        MalformedData: The cleartext is not one document.
    """
    cleartext = decrypt_bytes(jwe, reader)
    if not cleartext.startswith(_IDENTITY_CID):
        raise MalformedData("the cleartext is not a DAG-CBOR block in an identity CID")
    size, at = varint.decode(cleartext, len(_IDENTITY_CID))
    if at + size > len(cleartext) or cleartext[at + size :].strip(b"\0"):
        raise MalformedData("the cleartext is not one DAG-CBOR block and zeros")
    return decode(cleartext[at : at + size])


def add_reader(jwe: Jwe, reader: Reader, new: Did, *, entropy: Callable[[int], bytes] = _random) -> Jwe:
    """Let one more DID read: wrap the key for it; the content stays the same bytes.

    Args:
        jwe: An encrypted content.
        reader: Somebody who can read it.
        new: Who shall read it as well.
        entropy: Fresh random bytes; anything else in tests only.

    Returns:
        The same content with one more recipient, or ``jwe`` if the DID is among them.

    Raises:
        IdentityError: The reader cannot read it, or one cannot encrypt to the new DID.
    """
    _, kid = dids.agreement_key(new)
    if any(one.kid == kid for one in jwe.recipients):
        return jwe
    decrypt_bytes(jwe, reader)
    return replace(jwe, recipients=(*jwe.recipients, _wrap(_unwrap(jwe, reader), new, entropy)))
