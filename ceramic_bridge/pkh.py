"""Ethereum accounts as ``did:pkh`` (CAIP-10 in the did:pkh method; EIP-55 checksums; EIP-191)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ceramic_bridge import secp256k1
from federation.errors import IdentityError
from federation.hashing import keccak256
from federation.types import Did

PREFIX: Final = "did:pkh:eip155:"
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_CHAIN: Final = re.compile(r"[1-9][0-9]{0,31}")


def checksum(address: str) -> str:
    """Return an address in the mixed case of EIP-55.

    Raises:
        IdentityError: It is not an address.
    """
    if not _ADDRESS.fullmatch(address):
        raise IdentityError(f"{address[:80]!r} is not an Ethereum address")
    digits = address[2:].lower()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if n >= "8" else c for c, n in zip(digits, nibbles, strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An Ethereum account.

    Attributes:
        chain: EIP-155 chain number, in decimal digits. Ceramic nodes treat only chain 1 alike
            in either case of the address, so use 1 wherever the account's money lives.
        address: The address with its EIP-55 checksum.
    """

    chain: str
    address: str

    @classmethod
    def of(cls, address: str, chain: int = 1) -> Account:
        """Return the account of an address in any case.

        Raises:
            IdentityError: It is not an address.
        """
        return cls(chain=str(chain), address=checksum(address))

    @classmethod
    def parse(cls, did: str) -> Account:
        """Read a ``did:pkh:eip155:<chain>:<address>``.

        Raises:
            IdentityError: It has another form, or a mixed-case address fails its checksum.
        """
        chain, _, address = did.removeprefix(PREFIX).partition(":")
        if not did.startswith(PREFIX) or not _CHAIN.fullmatch(chain) or not _ADDRESS.fullmatch(address):
            raise IdentityError(f"{did[:120]!r} is not a did:pkh of an Ethereum account")
        account = cls(chain=chain, address=checksum(address))
        if address not in (account.address, account.address.lower()):
            raise IdentityError(f"the address in {did[:120]!r} fails its EIP-55 checksum")
        return account

    @property
    def did(self) -> Did:
        """The DID as controllers write it: lower case."""
        return Did(f"{PREFIX}{self.chain}:{self.address.lower()}")

    @property
    def issuer(self) -> Did:
        """The DID as capabilities write it: EIP-55, which every known verifier accepts."""
        return Did(f"{PREFIX}{self.chain}:{self.address}")


def normalised(did: Did) -> Did:
    """Return a DID in the one case in which two spellings of an Ethereum account are equal."""
    return Did(did.lower()) if did.startswith(PREFIX) else did


def personal_message(text: str) -> bytes:
    """Return what ``personal_sign`` hashes (EIP-191, version 0x45)."""
    raw = text.encode()
    return b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw


def signer_of(text: str, signature: bytes) -> str:
    """Return who signed a text with ``personal_sign``.

    Args:
        text: What the wallet showed.
        signature: r, s and v: 65 bytes; v counts from 0 or from 27.

    Raises:
        IdentityError: No key makes such a signature.
    """
    if len(signature) != 65:
        raise IdentityError(f"a wallet's signature has 65 bytes, not {len(signature)}")
    v = signature[64] - 27 if signature[64] >= 27 else signature[64]
    point = secp256k1.recover(keccak256(personal_message(text)), signature[:64], v)
    return checksum("0x" + keccak256(point[1:])[-20:].hex())
