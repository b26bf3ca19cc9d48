"""What a member remembers of one attempt of a round, and what follows from it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from federation.secagg import keys, pairs, shamir
from federation.secagg.codec import Value, decode, encode
from federation.secagg.messages import (
    CommitList,
    Commitment,
    KeyList,
    NormAnswer,
    Pledge,
    PledgeList,
    ScalarAnswer,
    UnmaskRequest,
    pieces,
)
from federation.secagg.roll import Roll, active, read_commits, read_keys
from federation.secagg.terms import Reason, Terms, refuse
from federation.types import Did, Hash32

_STATE = ("s", "b32", "s", "b32", "b", "b", "b", "b", "b", "b", "b", "b", "i")


_NAMES = (
    "secret",
    "key_list",
    "beacon",
    "pledge_list",
    "commitment",
    "commit_list",
    "challenge",
    "request",
    "gradient",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a member must remember of an attempt; an empty field has not been agreed to yet.

    Attributes:
        terms: The attempt.
        did: Who.
        secret: 32 bytes from a cryptographic generator, never used for another attempt.
        key_list: The key list whose participants it works with.
        beacon: The public randomness that made the graph.
        pledge_list: The pledges it masks by.
        commitment: Its own, signed.
        commit_list: The commitments under the chain's root.
        challenge: The randomness of the norm check.
        request: The one set it helps to unmask.
        gradient: Hash of the one gradient it answers for.
        ended: Whether it has opened one of its secrets, and so left.
    """

    terms: Terms
    did: Did
    secret: bytes
    key_list: bytes = b""
    beacon: bytes = b""
    pledge_list: bytes = b""
    commitment: bytes = b""
    commit_list: bytes = b""
    challenge: bytes = b""
    request: bytes = b""
    gradient: bytes = b""
    ended: bool = False

    @classmethod
    def begin(cls, terms: Terms, did: Did, entropy: bytes) -> Self:
        """Take part in an attempt.

        Args:
            terms: The attempt, from the manifest and the chain.
            did: Who.
            entropy: 32 bytes from a cryptographic generator, drawn for this attempt.

        Raises:
            SecureRefused: The member is not admitted, or the entropy has another length.
        """
        if did not in terms.caps:
            refuse(Reason.NOT_ADMITTED)
        if len(entropy) != 32:
            refuse(Reason.MALFORMED)
        return cls(terms=terms, did=did, secret=entropy)

    def to_bytes(self) -> bytes:
        """Return the state as it is stored. It holds secrets: store it encrypted."""
        agreed: tuple[bytes, ...] = tuple(getattr(self, name) for name in _NAMES)
        place = self.terms.digest(Hash32(bytes(32)))
        return encode(("member", place, self.did, *agreed, int(self.ended)))

    @classmethod
    def parse(cls, terms: Terms, data: bytes) -> Self:
        """Read a stored state.

        Raises:
            SecureRefused: It is none, or of another attempt.
        """
        values = decode(data, _STATE)
        assert isinstance(values, tuple)
        kind, place, did, *rest, ended = values
        if kind != "member" or place != terms.digest(Hash32(bytes(32))):
            refuse(Reason.MALFORMED)
        texts = {
            name: bytes(value) for name, value in zip(_NAMES, rest, strict=True) if isinstance(value, bytes)
        }
        return cls(terms=terms, did=Did(str(did)), ended=bool(ended), **texts)

    def agree(self, name: str, value: bytes) -> Self:
        """Agree to one thing of a kind, once.

        Raises:
            SecureRefused: Another one of that kind was agreed to, or the attempt is over for this member.
        """
        if self.ended:
            refuse(Reason.ENDED)
        before = getattr(self, name)
        if before and before != value:
            refuse(Reason.SECOND_REQUEST)
        changes: Mapping[str, bytes] = {name: value}
        return replace(self, **changes)  # type: ignore[arg-type]  # every field agreed to is bytes

    def derive(self, label: str, *more: Value) -> bytes:
        """Return one of the attempt's secrets."""
        return keys.derive(self.terms, self.secret, label, *more)

    def roll(self) -> Roll:
        """Return the participants agreed to.

        Raises:
            SecureRefused: There are none yet.
        """
        if not self.key_list:
            refuse(Reason.OUT_OF_ORDER)
        return read_keys(self.terms, KeyList.parse(self.key_list), Hash32(self.beacon))

    def seed(self, roll: Roll, other: Did) -> bytes:
        """Return the seed of the mask shared with a neighbour."""
        return pairs.seed(self.terms, roll, self.did, self.derive(keys.MASK), other)

    def slot_secret(self, roll: Roll, other: Did) -> bytes:
        """Return the secret of the share key that is kept for a neighbour."""
        return self.derive(keys.SLOT, pairs.slot(roll, self.did, other))

    def channel(self, roll: Roll, other: Did) -> bytes:
        """Return the key that encrypts the shares that a neighbour and oneself deal each other."""
        return pairs.channel(self.terms, roll, self.did, self.slot_secret(roll, other), other)

    def split(self, roll: Roll, label: str) -> tuple[bytes, ...]:
        """Return shares of one of the secrets, in the order of the neighbours."""
        points = [roll.point(other) for other in roll.around[self.did]]

        def coefficient(power: int) -> bytes:
            return keys.derive(self.terms, self.secret, f"coefficient-{label}", power, length=64)

        threshold = roll.threshold(self.terms, self.did)
        return shamir.split(self.derive(label), points, threshold, coefficient)

    def share_commitments(self, label: str, near: tuple[Did, ...], shares: tuple[bytes, ...]) -> bytes:
        """Return commitments to shares, in the order of the neighbours."""
        both = zip(near, shares, strict=True)
        return b"".join(pairs.share_commitment(self.terms, label, share, self.did, to) for to, share in both)

    def pledges(self) -> PledgeList:
        """Return the pledges agreed to.

        Raises:
            SecureRefused: There are none yet.
        """
        if not self.pledge_list:
            refuse(Reason.OUT_OF_ORDER)
        return PledgeList.parse(self.pledge_list)

    def commits(self, commits: CommitList) -> dict[Did, Commitment]:
        """Return the commitments of a list, checked against the pledges agreed to.

        Raises:
            SecureRefused: One is wrong.
            TooFewParticipants: There are too few.
        """
        pledges = self.pledges()
        return read_commits(self.terms, pledges.members(), pledges.digest(self.terms), commits)

    def active(self, roll: Roll) -> tuple[Did, ...]:
        """Return the neighbours with whom one masks."""
        return active(roll, self.pledges().members(), self.did)

    def shares(self, roll: Roll, pledge: Pledge) -> tuple[bytes, bytes]:
        """Return one's shares of a neighbour's self seed and mask secret."""
        shares = self.dealt(roll, pledge)
        assert shares is not None  # looked at before anything was committed to
        return shares

    def holds(self, roll: Roll, pledge: Pledge | None) -> bool:
        """Tell whether a neighbour's pledge is true as far as one can see."""
        if pledge is None or not self.same_seed(roll, pledge):
            return False
        return self.dealt(roll, pledge) is not None

    def same_seed(self, roll: Roll, pledge: Pledge) -> bool:
        """Tell whether a neighbour pledged the true seed of the shared mask."""
        true = pairs.seed_commitment(self.terms, self.seed(roll, pledge.did))
        return pairs.pledged_seed(roll, pledge, self.did) == true

    def dealt(self, roll: Roll, pledge: Pledge) -> tuple[bytes, bytes] | None:
        """Return the shares that a pledge gives this member; None if they are false."""
        return pairs.shares_for(self.terms, roll, pledge, self.did, self.channel(roll, pledge.did))

    def edge(self, roll: Roll, answer: NormAnswer | ScalarAnswer, other: Did) -> bytes:
        """Return what an answer says of the edge to another member."""
        members: tuple[str, ...] = self.pledges().members()
        if isinstance(answer, ScalarAnswer):
            members = UnmaskRequest.parse(self.request).survivors
        near = [did for did in roll.around[answer.did] if did in members]
        size = 8 * (1 if isinstance(answer, ScalarAnswer) else self.terms.projections)
        if other not in near or len(answer.edges) != size * len(near):
            refuse(Reason.NO_CONFLICT)
        return pieces(answer.edges, size)[near.index(other)]
