"""ECDSA on secp256k1 with 64-byte signatures, r then s (RFC 6979 nonces; RFC 8812 ES256K).

From (r, s) anybody can make (r, n - s), which also verifies. Signing gives only the low s;
verifying takes either, because other signers emit both. So nothing may be counted by its
signature, nor by a hash over one.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from coincurve import PrivateKey, PublicKey

from federation.errors import IdentityError

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def private_key(secret: bytes) -> PrivateKey:
    """Return the key of a secret.

    Raises:
        IdentityError: The secret is not 32 bytes of a number from 1 to the order less 1.
    """
    if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < ORDER:
        raise IdentityError("a secp256k1 secret is 32 bytes of a number from 1 to the order less 1")
    return PrivateKey(secret)


@lru_cache(maxsize=4096)
def _public_key(key: bytes) -> PublicKey:
    try:
        return PublicKey(key)
    except ValueError as error:
        raise IdentityError(f"{key.hex()} is not a point of secp256k1") from error


def check_point(key: bytes) -> None:
    """Check that 33 bytes are a compressed point.

    Raises:
        IdentityError: They are not.
    """
    if len(key) != 33:
        raise IdentityError(f"a compressed point has 33 bytes, not {len(key)}")
    _public_key(key)


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Return the deterministic low-s signature over the SHA-256 of a message."""
    return key.sign_recoverable(message)[:64]


def _integer(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes((len(raw),)) + raw


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature, with low or high s, is a key's over the SHA-256 of a message.

    Args:
        key: A compressed point.
        message: What was signed.
        signature: 64 bytes.

    Raises:
        IdentityError: The key is not a point.
    """
    point = _public_key(key)
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not 0 < r < ORDER or not 0 < s < ORDER:
        return False
    body = _integer(r) + _integer(min(s, ORDER - s))
    return point.verify(b"\x30" + bytes((len(body),)) + body, message, _sha256)


def recover(digest: bytes, signature: bytes, parity: int) -> bytes:
    """Return the uncompressed point (65 bytes) that signed a digest.

    Args:
        digest: 32 bytes.
        signature: 64 bytes.
        parity: 0 or 1; which of the two candidate points.

    Raises:
        IdentityError: There is no such point.
    """
    if parity not in (0, 1):
        raise IdentityError(f"a signature's recovery bit is 0 or 1, not {parity}")
    try:
        key = PublicKey.from_signature_and_message(signature + bytes((parity,)), digest, hasher=None)
    except ValueError as error:
        raise IdentityError("the signature recovers to no key") from error
    return key.format(compressed=False)
