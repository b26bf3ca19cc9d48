"""What a provider puts into the aggregator's mailbox: named items, sealed to the aggregator, signed.

============= ================================================================= ==================
item          content                                                           when
============= ================================================================= ==================
commit        index of its parts, tip, public part, signature, word counts      before the epoch
consent       EIP-712 signature under the epoch's terms                         before the epoch
preimage-R    the hash chain's value for round R                                target block is there
part-R        its part of the shard drawn for round R                           after the draw
event-R       its event that makes that part public (``reveal = "round"``)      after the draw
reveal-S      its part of shard S and its event                                 rounds are over
============= ================================================================= ==================

A body is a row of JWEs, each after its length as big-endian uint32: a JWE has a bounded size, a part
has not. Each authenticates the item that it belongs to and its place in the row, so that nothing can be
cut off, exchanged or sent again for something else. A signature covers the whole body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge.jwe import Jwe, Reader, decrypt_bytes, encrypt_bytes
from federation.errors import PeerError
from federation.hashing import Domain, sha256

if TYPE_CHECKING:
    from federation.manifest import Manifest
    from federation.types import Did, Hash32

COMMIT: Final = "commit"
CONSENT: Final = "consent"

MOST_BYTES: Final = 32 << 20
"""Of a body: a commitment holds a public portion and a count for every word."""

_SMALL: Final = 1 << 12
_PIECE: Final = 192 << 10
"""Cleartext of one JWE, whose block may have 256,000 bytes."""

_ROUND: Final = re.compile(r"(preimage|part|event)-([1-9][0-9]{0,4})")
_SHARD: Final = re.compile(r"reveal-(0|[1-9][0-9]{0,8})")


def preimage(round_: int) -> str:
    """Return the name of the item with a round's preimage."""
    return f"preimage-{round_}"


def part(round_: int) -> str:
    """Return the name of the item with the part of a round's shard."""
    return f"part-{round_}"


def event(round_: int) -> str:
    """Return the name of the item with the event on a round's shard."""
    return f"event-{round_}"


def reveal(shard: int) -> str:
    """Return the name of the item that makes a part public at the end."""
    return f"reveal-{shard}"


def most_bytes(item: str, manifest: Manifest) -> int:
    """Return how long an item's body may be.

    Raises:
        PeerError: A provider has no such item under this manifest.
    """
    if item == CONSENT:
        return _SMALL
    if item == COMMIT:
        return MOST_BYTES
    if (found := _ROUND.fullmatch(item)) and int(found[2]) <= manifest.rounds:
        if found[1] == "event" and manifest.validation.reveal != "round":
            raise PeerError("the manifest keeps drawn shards sealed until the epoch ends")
        return _SMALL if found[1] == "preimage" else MOST_BYTES
    if (found := _SHARD.fullmatch(item)) and int(found[1]) <= manifest.validation.shards:
        return MOST_BYTES
    raise PeerError("a provider has no item of that name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """Which item of whom.

    Attributes:
        domain: The federation and epoch.
        provider: The provider's place in the manifest, from 0.
        item: The item's name.
    """

    domain: Domain
    provider: int
    item: str

    def signed_bytes(self, body_sha256: Hash32) -> bytes:
        """Return what a provider signs so that its body is taken."""
        name = sha256(self.item.encode())
        return self.domain.digest("validation-item", 0, self.provider, name, body_sha256)

    def seal(self, content: bytes, aggregator: Did) -> bytes:
        """Encrypt an item's content to the aggregator.

        Raises:
            IdentityError: One cannot encrypt to it.
        """
        count = max(1, -(-len(content) // _PIECE))
        blocks = [
            encrypt_bytes(
                content[i * _PIECE : (i + 1) * _PIECE], [aggregator], aad=self._place(i, count)
            ).to_block()
            for i in range(count)
        ]
        return joined(blocks)

    def unseal(self, body: bytes, reader: Reader) -> bytes:
        """Return the content of an item's body.

        Raises:
            PeerError: The body is no row of JWEs, or belongs to another item.
            IdentityError: It is not encrypted to this reader.
        """
        blocks, found = split(body), []
        for i, block in enumerate(blocks):
            sealed = Jwe.from_block(block)
            if sealed.aad != self._place(i, len(blocks)):
                raise PeerError(f"the body does not belong to {self.item}")
            found.append(decrypt_bytes(sealed, reader))
        return b"".join(found)

    def _place(self, i: int, count: int) -> bytes:
        # A body's own digest cannot stand in it, so the item's place is signed for an empty one.
        return self.signed_bytes(sha256(b"")) + i.to_bytes(4, "big") + count.to_bytes(4, "big")


def joined(pieces: Sequence[bytes]) -> bytes:
    """Return pieces, each after its length as big-endian uint32."""
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)


def split(data: bytes, *, count: int | None = None) -> list[bytes]:
    """Return the pieces that ``joined`` put together.

    Args:
        data: The pieces, each after its length.
        count: How many there must be; at least one if None.

    Raises:
        PeerError: They are cut short, or there are more or fewer.
    """
    pieces, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or at + 4 > len(data):
            raise PeerError("the pieces are cut short")
        pieces.append(data[at + 4 : end])
        at = end
    if not pieces or count not in (None, len(pieces)):
        raise PeerError(f"there are {len(pieces)} pieces")
    return pieces
