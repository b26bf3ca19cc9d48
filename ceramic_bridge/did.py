"""Keys as ``did:key``: ed25519 and secp256k1 (W3C CCG did:key method, multicodec prefixes)."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.bindings import (
    crypto_sign,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

from ceramic_bridge import multibase, secp256k1
from ceramic_bridge.errors import MalformedData
from federation.errors import IdentityError
from federation.types import Did

_PREFIX: Final = "did:key:"
_ED25519: Final = b"\xed\x01"
_SECP256K1: Final = b"\xe7\x01"
_X25519: Final = b"\xec\x01"


class Signer(Protocol):
    """Somebody who can sign as a ``did:key``."""

    @property
    def did(self) -> Did:
        """The public name of the key."""

    @property
    def algorithm(self) -> str:
        """The JOSE name of the signature: ``EdDSA`` or ``ES256K``."""

    def sign(self, message: bytes) -> bytes:
        """Return a 64-byte signature."""


def _did_of(key: bytes, codec: bytes = _ED25519) -> Did:
    return Did(_PREFIX + multibase.encode("z", codec + key))


def _raw(did: Did) -> bytes:
    # 60 characters hold more than either kind of key; the bound keeps the arithmetic small.
    if not did.startswith(_PREFIX) or len(did) > len(_PREFIX) + 60:
        raise IdentityError(f"{did[:80]!r} is not a did:key")
    try:
        return multibase.decode(did.removeprefix(_PREFIX), "z")
    except MalformedData as error:
        raise IdentityError(f"{did[:80]!r} is not a did:key") from error


@lru_cache(maxsize=4096)
def public_key(did: Did) -> bytes:
    """Return the 32-byte ed25519 key that a DID names.

    Raises:
        IdentityError: The DID is not the canonical ``did:key`` of an ed25519 key.
    """
    raw = _raw(did)
    if raw[:2] != _ED25519 or len(raw) != 34:
        raise IdentityError(f"{did[:80]!r} is not a did:key of an ed25519 key")
    return raw[2:]


@lru_cache(maxsize=4096)
def _algorithm(did: Did) -> tuple[str, bytes]:
    raw = _raw(did)
    if raw[:2] == _SECP256K1:
        secp256k1.check_point(raw[2:])
        return "ES256K", raw[2:]
    return "EdDSA", public_key(did)


def algorithm(did: Did) -> str:
    """Return the JOSE name of the signatures of a ``did:key``.

    Raises:
        IdentityError: The DID names neither an ed25519 nor a secp256k1 key.
    """
    return _algorithm(did)[0]


def key_id(did: Did) -> str:
    """Return the ``kid`` of a ``did:key``: the DID and, as fragment, its key again."""
    return f"{did}#{did.removeprefix(_PREFIX)}"


def verify(did: Did, message: bytes, signature: bytes) -> None:
    """Check a signature.

    Ed25519 is that of RFC 8032 with libsodium's canonical-form checks; ES256K takes s or n - s.

    Raises:
        IdentityError: The signature is not the DID's over ``message``, or the DID names no key.
    """
    name, key = _algorithm(did)
    if name == "ES256K":
        if secp256k1.verify(key, message, signature):
            return
    elif len(signature) == 64:
        with suppress(CryptoError):
            crypto_sign_open(signature + message, key)
            return
    raise IdentityError(f"the signature is not by {did}")


@lru_cache(maxsize=4096)
def agreement_key(did: Did) -> tuple[bytes, str]:
    """Return the key to which one encrypts for a DID, and its name.

    Returns:
        The 32-byte X25519 key (the ed25519 key's birational image) and its ``kid``.

    Raises:
        IdentityError: The DID names no ed25519 key, or a weak one.
    """
    try:
        key = crypto_sign_ed25519_pk_to_curve25519(public_key(did))
    except (CryptoError, RuntimeError) as error:
        raise IdentityError(f"one cannot encrypt to {did}") from error
    return key, f"{did}#{multibase.encode('z', _X25519 + key)}"


class Identity:
    """An ed25519 key that signs as a ``did:key`` and opens what is encrypted to it.

    Attributes:
        did: The public name of the key.
    """

    __slots__ = ("_agreement", "_key", "did")

    algorithm: Final = "EdDSA"

    def __init__(self, seed: bytes) -> None:
        """Derive the key.

        Args:
            seed: 32 secret bytes; whoever has them can sign as this DID.

        Raises:
            IdentityError: The seed is not 32 bytes.
        """
        if len(seed) != 32:
            raise IdentityError(f"a seed has 32 bytes, not {len(seed)}")
        public, self._key = crypto_sign_seed_keypair(seed)
        secret = crypto_sign_ed25519_sk_to_curve25519(self._key)
        self._agreement = X25519PrivateKey.from_private_bytes(secret)
        self.did: Did = _did_of(public)

    def sign(self, message: bytes) -> bytes:
        """Return the deterministic 64-byte ed25519 signature of a message (RFC 8032)."""
        # libsodium puts the signature before the message.
        return bytes(crypto_sign(message, self._key)[:64])

    def agree(self, public: bytes) -> bytes:
        """Return the X25519 secret shared with another key (RFC 7748).

        Args:
            public: The other X25519 key, 32 bytes.

        Raises:
            IdentityError: The key is weak or has another length.
        """
        try:
            return self._agreement.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError as error:
            raise IdentityError("a key to agree on a secret with is weak or malformed") from error

    def __repr__(self) -> str:
        return f"Identity({self.did})"


class EcdsaIdentity:
    """A secp256k1 key that signs as a ``did:key``; nothing can be encrypted to it.

    Attributes:
        did: The public name of the key.
    """

    __slots__ = ("_key", "did")

    algorithm: Final = "ES256K"

    def __init__(self, secret: bytes) -> None:
        """Take the key.

        Args:
            secret: 32 secret bytes; whoever has them can sign as this DID.

        Raises:
            IdentityError: The bytes are no secret of the curve.
        """
        self._key = secp256k1.private_key(secret)
        self.did: Did = _did_of(self._key.public_key.format(), _SECP256K1)

    def sign(self, message: bytes) -> bytes:
        """Return the deterministic low-s signature of a message (RFC 6979, RFC 8812)."""
        return secp256k1.sign(self._key, message)

    def __repr__(self) -> str:
        return f"EcdsaIdentity({self.did})"
