"""The messages of a secure round: what each says, its canonical bytes, and what its author signs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

from federation.errors import FolkmootError
from federation.hashing import sha256
from federation.secagg.codec import Shape, Value, decode, encode
from federation.secagg.shamir import SHARE_BYTES
from federation.secagg.terms import Reason, Sign, Terms, Verify, refuse
from federation.types import Did, Hash32

SEALED_BYTES = 2 * SHARE_BYTES + 16
"""Two shares and the tag of their encryption."""


def pieces(data: bytes, size: int) -> list[bytes]:
    """Return what stands side by side, each of a size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


class Message:
    """A frozen dataclass whose fields, in order, are of ``SHAPE``."""

    __slots__ = ()

    KIND: ClassVar[str]
    SHAPE: ClassVar[tuple[Shape, ...]]

    def _values(self) -> tuple[Value, ...]:
        assert dataclasses.is_dataclass(self)
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def to_bytes(self) -> bytes:
        """Return the message as it is sent."""
        return encode((self.KIND, *self._values()))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; nothing of it is checked but its form.

        Raises:
            SecureRefused: It has another form.
        """
        values = decode(data, ("s", *cls.SHAPE))
        assert isinstance(values, tuple)
        if values[0] != cls.KIND:
            refuse(Reason.MALFORMED)
        make: Callable[..., Self] = cls
        return make(*values[1:])

    def digest(self, terms: Terms) -> Hash32:
        """Return the hash that names this message in one attempt of a round."""
        return terms.digest(sha256(self.to_bytes()))


@dataclass(frozen=True, slots=True)
class _Authored(Message):
    did: Did


@dataclass(frozen=True, slots=True)
class Signed(_Authored):
    """A message with its author's signature as the last field; made with an empty one."""

    def _signature(self) -> bytes:
        value = self._values()[-1]
        assert isinstance(value, bytes)
        return value

    def signed_digest(self, terms: Terms) -> Hash32:
        """Return what the author signs: everything but the signature."""
        return terms.digest(sha256(encode((self.KIND, *self._values()[:-1]))))

    def sign(self, terms: Terms, sign: Sign) -> Self:
        """Return the message with its author's signature."""
        make: Callable[..., Self] = type(self)
        return make(*self._values()[:-1], sign(self.signed_digest(terms)))

    def require_signed(self, terms: Terms, verify: Verify) -> None:
        """Check who says so.

        Raises:
            SecureRefused: The author has not signed this for this attempt of the round.
        """
        try:
            verify(self.did, self.signed_digest(terms), self._signature())
        except FolkmootError:
            refuse(Reason.BAD_SIGNATURE)


@dataclass(frozen=True, slots=True)
class Keys(Signed):
    """A member's X25519 keys for one attempt.

    Attributes:
        mask_key: For masks.
        share_keys: To encrypt shares, side by side: one for each neighbour that it may have. So the secret
            of one can be opened, and tells what these two dealt each other, nothing of third members.
    """

    KIND = "keys"
    SHAPE = ("s", "b32", "b", "b")
    mask_key: bytes
    share_keys: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyList(Message):
    """Everybody's ``Keys``, sorted by DID. It names the participants."""

    KIND = "key-list"
    SHAPE = (["b"],)
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Pledge(Signed):
    """A member's commitments and encrypted shares, side by side in the order of its neighbours.

    Attributes:
        key_list: Digest of the key list it works with.
        seeds: Hashes of the pairwise mask seeds.
        sealed: For each neighbour its shares of the self seed and of the mask secret, encrypted.
        self_shares: Hashes of the shares of the self seed.
        key_shares: Hashes of the shares of the mask secret.
        self_seed: Hash of the self seed.
    """

    KIND = "pledge"
    SHAPE = ("s", "b32", "b", "b", "b", "b", "b32", "b")
    key_list: bytes
    seeds: bytes
    sealed: bytes
    self_shares: bytes
    key_shares: bytes
    self_seed: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class PledgeList(Message):
    """Who masks: everybody's pledge by digest, and in full those of the receiver's neighbours.

    Attributes:
        key_list: Digest of the key list.
        entries: (DID, digest of its pledge), sorted.
        pledges: Bytes of pledges; different for each receiver and no part of the digest.
    """

    KIND = "pledge-list"
    SHAPE = ("b32", [("s", "b32")], ["b"])
    key_list: bytes
    entries: tuple[tuple[str, bytes], ...]
    pledges: tuple[bytes, ...] = ()

    def members(self) -> tuple[Did, ...]:
        """Return who masks."""
        return tuple(Did(did) for did, _ in self.entries)

    def digest(self, terms: Terms) -> Hash32:
        """Return the hash that names the list, whoever receives it."""
        return terms.digest(sha256(encode((self.KIND, self.key_list, self.entries))))


@dataclass(frozen=True, slots=True)
class Commitment(Signed):
    """A member's commitment to its masked delta, and to the lists that it was masked by."""

    KIND = "commitment"
    SHAPE = ("s", "b32", "b32", "b")
    pledge_list: bytes
    upload: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class CommitList(Message):
    """Everybody's ``Commitment``, sorted by DID."""

    KIND = "commit-list"
    SHAPE = (["b"],)
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Upload(_Authored):
    """A masked delta: little-endian 64-bit words."""

    KIND = "upload"
    SHAPE = ("s", "b")
    words: bytes

    def commitment(self, terms: Terms) -> Hash32:
        """Return the hash that the member commits to."""
        return self.digest(terms)


@dataclass(frozen=True, slots=True)
class NormAnswer(Signed):
    """Projections of a member's masks: of its self mask, then of each active neighbour's, 8 bytes each."""

    KIND = "norm-answer"
    SHAPE = ("s", "b32", "b", "b", "b")
    seed: bytes
    own: bytes
    edges: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class UnmaskRequest(Message):
    """Whose deltas are summed; all others who pledged count as dropped. Sorted."""

    KIND = "unmask-request"
    SHAPE = (["s"],)
    survivors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnmaskAnswer(Signed):
    """What opens the sum, in the order of the active neighbours.

    Attributes:
        self_seed: The author's own; empty if it counts as dropped.
        seeds: The pairwise seed of each neighbour that dropped; empty for a survivor.
        shares: A survivor's share of its self seed, or a dropped one's of its mask secret.
    """

    KIND = "unmask-answer"
    SHAPE = ("s", "b", ["b"], [f"b{SHARE_BYTES}"], "b")
    self_seed: bytes
    seeds: tuple[bytes, ...]
    shares: tuple[bytes, ...]
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class ScalarAnswer(Signed):
    """Inner products of one gradient with the masks of the surviving active neighbours, 8 bytes each."""

    KIND = "scalar-answer"
    SHAPE = ("s", "b32", "b", "b")
    gradient: bytes
    edges: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class EdgeOpening(_Authored):
    """A pairwise mask seed, opened because its two ends signed different scalars."""

    KIND = "edge-opening"
    SHAPE = ("s", "s", "b32")
    other: Did
    seed: bytes


@dataclass(frozen=True, slots=True)
class KeysOpening(_Authored):
    """A secret of a member's, opened because a neighbour's pledge is false or contradicts its own.

    The member leaves the attempt with this, before it has masked anything. One of the two is empty.

    Attributes:
        against: The neighbour.
        mask_secret: Tells which seed both should have pledged.
        slot_secret: Of the share key kept for this neighbour; tells what they dealt each other.
    """

    KIND = "keys-opening"
    SHAPE = ("s", "s", "b", "b")
    against: Did
    mask_secret: bytes = b""
    slot_secret: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; nothing of it is checked but its form.

        Raises:
            SecureRefused: It has another form, or does not open exactly one secret.
        """
        opening = super(KeysOpening, cls).parse(data)  # slots: the bare form would name another class
        if (len(opening.mask_secret), len(opening.slot_secret)) not in {(32, 0), (0, 32)}:
            refuse(Reason.MALFORMED)
        return opening
