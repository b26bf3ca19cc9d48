"""Keys of one attempt of a round: everything a member draws follows from one 32-byte secret.

So a member that restarts sends the same keys, shares and masks again, and a state is small.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.hashing import sha256
from federation.secagg.codec import Value, encode
from federation.secagg.terms import Reason, Terms, refuse
from federation.types import Did, Hash32

MASK: Final = "mask-secret"
SLOT: Final = "slot-secret"
SELF: Final = "self-seed"
_NONCE: Final = bytes(12)


def derive(terms: Terms, secret: bytes, label: str, *more: Value, length: int = 32) -> bytes:
    """Return a key for one use in one attempt of a round (HKDF with SHA-256, RFC 5869)."""
    info = terms.digest(sha256(encode((label, *more))))
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


def public(secret: bytes) -> bytes:
    """Return the X25519 public key of a secret (RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def require_strong(key: bytes) -> None:
    """Check that a public key is none of the points with which everybody agrees on zero.

    Raises:
        SecureRefused: It is one.
    """
    try:
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        refuse(Reason.WEAK_KEY)


def agree(
    terms: Terms, secret: bytes, theirs: bytes, *, label: str, pair: tuple[Did, Did], roll: Hash32
) -> bytes:
    """Return what two members share and nobody else knows, for one use.

    Args:
        terms: The attempt.
        secret: Own X25519 secret.
        theirs: The other's public key.
        label: The use.
        pair: Both, in any order.
        roll: Digest of the key list.

    Raises:
        SecureRefused: The other's key is one of the points with which everybody agrees on zero.
    """
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
    except ValueError:
        refuse(Reason.WEAK_KEY)
    return derive(terms, shared, label, *sorted(pair), roll)


def hiding(terms: Terms, label: str, secret: bytes, *more: Value) -> Hash32:
    """Return the commitment to a secret of at least 32 random bytes."""
    return terms.digest(sha256(encode((f"commit-{label}", secret, *more))))


def seal(terms: Terms, channel: bytes, sender: Did, receiver: Did, content: bytes) -> bytes:
    """Encrypt what one member sends another: one message for each direction of a channel (RFC 8439)."""
    key = derive(terms, channel, "direction", sender, receiver)
    return ChaCha20Poly1305(key).encrypt(_NONCE, content, None)


def unseal(terms: Terms, channel: bytes, sender: Did, receiver: Did, sealed: bytes) -> bytes | None:
    """Return what one member sent another; None if it did not encrypt it with this channel's key."""
    key = derive(terms, channel, "direction", sender, receiver)
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        return None
