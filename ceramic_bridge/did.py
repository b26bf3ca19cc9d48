"""Ed25519 identities as ``did:key`` (W3C CCG did:key method, multicodec ed25519-pub)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from federation.errors import IdentityError
from federation.types import Did

_PREFIX: Final = "did:key:z"
_ED25519_PUB: Final = b"\xed\x01"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {char: i for i, char in enumerate(_BASE58)}


def _did_of(key: bytes) -> Did:
    # The multicodec prefix is never zero, so base58's leading-zero rule cannot apply.
    number = int.from_bytes(_ED25519_PUB + key, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return Did(_PREFIX + digits)


@lru_cache(maxsize=4096)
def public_key(did: Did) -> bytes:
    """Return the 32-byte ed25519 key that a DID names.

    Raises:
        IdentityError: The DID is not the canonical ``did:key`` of an ed25519 key.
    """
    body = did.removeprefix(_PREFIX)
    if len(body) != 47 or any(char not in _DIGITS for char in body):
        raise IdentityError(f"{did[:80]!r} is not a did:key of an ed25519 key")
    number = 0
    for char in body:
        number = number * 58 + _DIGITS[char]
    raw = number.to_bytes(35, "big")
    key = raw[-32:]
    if _did_of(key) != did:
        raise IdentityError(f"{did[:80]!r} is not a did:key of an ed25519 key")
    return key


def verify(did: Did, message: bytes, signature: bytes) -> None:
    """Check an ed25519 signature (RFC 8032, with libsodium's canonical-form checks).

    Raises:
        IdentityError: The signature is not the DID's over ``message``.
    """
    key = VerifyKey(public_key(did))
    try:
        key.verify(message, signature)
    except (CryptoError, ValueError) as error:
        raise IdentityError(f"the signature is not by {did}") from error


class Identity:
    """A key that signs as a ``did:key``.

    Attributes:
        did: The public name of the key.
    """

    __slots__ = ("_key", "did")

    def __init__(self, seed: bytes) -> None:
        """Derive the key.

        Args:
            seed: 32 secret bytes; whoever has them can sign as this DID.

        Raises:
            IdentityError: The seed is not 32 bytes.
        """
        if len(seed) != 32:
            raise IdentityError(f"a seed has 32 bytes, not {len(seed)}")
        self._key = SigningKey(seed)
        self.did: Did = _did_of(bytes(self._key.verify_key))

    def sign(self, message: bytes) -> bytes:
        """Return the deterministic 64-byte ed25519 signature of a message (RFC 8032)."""
        return bytes(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return f"Identity({self.did})"
