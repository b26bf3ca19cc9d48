"""The vault's keys: passphrase -> Argon2id -> two wrapped keys -> one subkey per use.

Both keys are random and do not change with the passphrase. The data key seals what is stored, and
each key epoch has a new one. The root key lasts as long as the vault: what must outlive a change
of the data key (the ledger's chain, names, the watermark) is computed with it. Blobs are sealed with
XChaCha20-Poly1305 (24-byte random nonces, so no counter can repeat), bound to the vault, the key
epoch, the use and the place they belong to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from nacl import bindings as sodium
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from client.noise import Entropy, draw
from federation.errors import ConfigError, IdentityError, VerificationFailed

VERSION = 2
"""Of the vault's formats; part of everything that is authenticated."""

_MIB = 1 << 20
_NONCE = sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_PERSON = b"folkmoot vault 2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kdf:
    """The cost of Argon2id (RFC 9106).

    Bounds hold for every vault that is made or opened. Below two passes over 8 MiB (an eighth of
    libsodium's INTERACTIVE memory, near the least that OWASP's password guide allows) a guess
    costs an attacker too little. The upper bounds keep a forged header from exhausting the machine.

    Attributes:
        passes: Passes over the memory.
        memory: Bytes.
    """

    MODERATE: ClassVar[Kdf]
    MINIMUM: ClassVar[Kdf]

    passes: int
    memory: int

    def __post_init__(self) -> None:
        if not (2 <= self.passes <= 16 and 8 * _MIB <= self.memory <= 1024 * _MIB):
            raise IdentityError(
                f"key derivation with {self.passes} passes over {self.memory} bytes is out of bounds",
                hint="use 2 to 16 passes over 8 MiB to 1 GiB",
            )

    def derive(self, passphrase: bytes, salt: bytes) -> bytes:
        """Return the 32-byte key that wraps the vault's keys.

        Raises:
            ConfigError: There is not enough memory.
        """
        try:
            key: bytes = argon2id.kdf(32, passphrase, salt, opslimit=self.passes, memlimit=self.memory)
        except CryptoError as error:
            raise ConfigError(f"no {self.memory >> 20} MiB of memory to derive the vault's key") from error
        return key


Kdf.MODERATE = Kdf(passes=argon2id.OPSLIMIT_MODERATE, memory=argon2id.MEMLIMIT_MODERATE)
Kdf.MINIMUM = Kdf(passes=2, memory=8 * _MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a vault keeps in the clear to be opened; all of it is authenticated by the wrapped keys.

    Attributes:
        vault_id: 16 random bytes.
        epoch: Number of the data key, from 1.
        kdf: Cost of Argon2id.
        salt: 16 random bytes for Argon2id.
        wrapped: The sealed keys, root and data: nonce and ciphertext.
    """

    vault_id: bytes
    epoch: int
    kdf: Kdf
    salt: bytes
    wrapped: bytes


class Sealer:
    """Seals blobs for one use in one vault."""

    def __init__(self, use: str, key: bytes, scope: bytes, entropy: Entropy) -> None:
        self._use, self._key, self._entropy = use, key, entropy
        self._binding = bind(b"folkmoot.vault", bytes([VERSION]), scope, use.encode())

    def seal(self, place: bytes, plaintext: bytes) -> bytes:
        """Return nonce and ciphertext, openable only at the same place of the same vault.

        Args:
            place: Where the blob belongs, e.g. its row; authenticated, not stored.
            plaintext: What to seal.
        """
        nonce = draw(self._entropy, _NONCE)
        sealed: bytes = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, self._binding + place, nonce, self._key
        )
        return nonce + sealed

    def open(self, place: bytes, blob: bytes) -> bytes:
        """Return the plaintext.

        Raises:
            VerificationFailed: The blob was altered, or belongs elsewhere.
        """
        try:
            plaintext: bytes = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                blob[_NONCE:], self._binding + place, blob[:_NONCE], self._key
            )
        except (CryptoError, TypeError) as error:
            raise VerificationFailed(
                f"vault {self._use}",
                "stored data was altered or moved",
                hint="restore the vault file from a backup",
            ) from error
        return plaintext


class Keyring:
    """The keys of an open vault, and what is derived from them.

    Attributes:
        vault_id: The vault they are of.
        epoch: Number of the data key, from 1.
    """

    def __init__(self, vault_id: bytes, epoch: int, root: bytes, data: bytes, entropy: Entropy) -> None:
        self.vault_id, self.epoch, self._root, self._data = vault_id, epoch, root, data
        self._entropy = entropy

    def subkey(self, use: str) -> bytes:
        """Return the 32-byte key for one use that stays the same in every key epoch."""
        return _derive(self._root, use)

    def data_subkey(self, use: str) -> bytes:
        """Return the 32-byte key for one use in this key epoch."""
        return _derive(self._data, use)

    def sealer(self, use: str) -> Sealer:
        """Return the sealer for one use in this key epoch."""
        return Sealer(use, self.data_subkey(use), _scope(self.vault_id, self.epoch), self._entropy)

    def lasting_sealer(self, use: str) -> Sealer:
        """Return the sealer for one use outside the vault's file, in every key epoch."""
        return Sealer(use, self.subkey(use), self.vault_id, self._entropy)

    def next(self) -> Keyring:
        """Return the keys of the next key epoch: a fresh data key, the same root key."""
        return Keyring(self.vault_id, self.epoch + 1, self._root, draw(self._entropy, 32), self._entropy)

    def wrap(self, passphrase: bytes, kdf: Kdf) -> Header:
        """Return the header that opens these keys with a passphrase, under a fresh salt.

        Raises:
            IdentityError: The passphrase is empty.
        """
        if not passphrase:
            raise IdentityError("the passphrase is empty", hint="choose a long one, and keep it")
        salt = draw(self._entropy, argon2id.SALTBYTES)
        wrapper = _wrapper(_scope(self.vault_id, self.epoch), kdf, passphrase, salt, self._entropy)
        return Header(
            vault_id=self.vault_id,
            epoch=self.epoch,
            kdf=kdf,
            salt=salt,
            wrapped=wrapper.seal(b"", self._root + self._data),
        )


def bind(*parts: bytes) -> bytes:
    """Return parts joined so that no two lists of parts give the same bytes (4-byte lengths)."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def new_keys(entropy: Entropy) -> Keyring:
    """Make the keys of a new vault."""
    return Keyring(draw(entropy, 16), 1, draw(entropy, 32), draw(entropy, 32), entropy)


def unlock(header: Header, passphrase: bytes, entropy: Entropy) -> Keyring:
    """Open the keys of a vault.

    Raises:
        IdentityError: The passphrase is wrong, or the header was altered.
    """
    wrong = IdentityError(
        "wrong passphrase, or the vault's header was altered", hint="try again, or restore a backup"
    )
    if len(header.salt) != argon2id.SALTBYTES or not 0 < header.epoch < 1 << 63:
        raise wrong
    wrapper = _wrapper(_scope(header.vault_id, header.epoch), header.kdf, passphrase, header.salt, entropy)
    try:
        keys = wrapper.open(b"", header.wrapped)
    except VerificationFailed as error:
        raise wrong from error
    return Keyring(header.vault_id, header.epoch, keys[:32], keys[32:], entropy)


def _derive(key: bytes, use: str) -> bytes:
    """Return a subkey: BLAKE2b (RFC 7693) keyed with the key it comes from."""
    return hashlib.blake2b(use.encode(), key=key, digest_size=32, person=_PERSON).digest()


def _scope(vault_id: bytes, epoch: int) -> bytes:
    return bind(vault_id, epoch.to_bytes(8, "big"))


def _wrapper(scope: bytes, kdf: Kdf, passphrase: bytes, salt: bytes, entropy: Entropy) -> Sealer:
    cost = kdf.passes.to_bytes(4, "big") + kdf.memory.to_bytes(8, "big")
    return Sealer("key", kdf.derive(passphrase, salt), bind(scope, cost, salt), entropy)
