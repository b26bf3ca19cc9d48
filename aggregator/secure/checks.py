"""Which replies of a secure round are taken: each is looked at when it comes, before it is written down.

What passes here is judged again, with all others, by ``federation.secagg.server``: the same rules for
whoever replays a transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from federation.secagg import pairs
from federation.secagg.messages import (
    Commitment,
    EdgeOpening,
    Keys,
    KeysOpening,
    Message,
    NormAnswer,
    Pledge,
    ScalarAnswer,
    UnmaskAnswer,
    Upload,
)
from federation.secagg.replies import take
from federation.secagg.ring import gradient_hash
from federation.secagg.roll import read_pledge, require_keys
from federation.secagg.terms import Reason, Terms, Verify, refuse
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from federation.fixedpoint import Ints
    from federation.secagg.server import Server

M = TypeVar("M", bound=Message)

Check = Callable[[Did, tuple[bytes, ...]], bytes]
"""Returns what is written down of a reply's parts; raises ``SecureRefused`` or ``Rejected``."""


def single(parts: tuple[bytes, ...]) -> bytes:
    """Return the one part of a reply."""
    if len(parts) != 1:
        refuse(Reason.MALFORMED)
    return parts[0]


def require(did: Did, raw: bytes, kind: type[M], author: Callable[[M], Did], check: Callable[[M], None]) -> M:
    """Return a member's message if it can be used.

    Raises:
        SecureRefused: It cannot.
    """
    taken, refused = take({did: raw}, kind, author, check)
    for finding in refused:
        refuse(finding.reason)
    return taken[did]


def keys(terms: Terms, verify: Verify) -> Check:
    """Take keys for this attempt."""
    return _taken(Keys, lambda m: require_keys(terms, m, verify))


def pledge(server: Server) -> Check:
    """Take a pledge on this key list."""
    return _taken(Pledge, lambda m: read_pledge(server.terms, server.roll, m, server.verify))


def commitment(server: Server, did: Did, raw: bytes) -> Commitment:
    """Return a commitment to a delta that was masked by these pledges.

    Raises:
        SecureRefused: It is none.
    """
    named = server.pledge_list(did).digest(server.terms)

    def check(message: Commitment) -> None:
        message.require_signed(server.terms, server.verify)
        if message.pledge_list != named:
            refuse(Reason.OTHER_PLEDGE_LIST)

    return require(did, raw, Commitment, lambda m: m.did, check)


def upload(server: Server, put: Callable[[bytes], Hash32]) -> Check:
    """Take the masked delta that was committed to; it is a blob, and its hash is written down."""
    check = _taken(Upload, server.check_upload)
    return lambda did, parts: put(check(did, parts))


def norm(server: Server, challenge: Hash32) -> Check:
    """Take an answer to this round's challenge."""
    return _taken(NormAnswer, lambda m: server.check_norm(m, challenge))


def unmask(server: Server) -> Check:
    """Take what opens this round's sum."""
    return _taken(UnmaskAnswer, server.check_unmask)


def scalars(server: Server, gradient: Ints) -> Check:
    """Take products with this round's gradient."""
    named = gradient_hash(gradient)
    return _taken(ScalarAnswer, lambda m: server.check_scalars(m, named))


def keys_opening(did: Did, parts: tuple[bytes, ...], *, against: Did) -> bytes:
    """Take an opening of the one pair that was asked for."""
    opening = require(did, single(parts), KeysOpening, lambda m: m.did, lambda _: None)
    if opening.against != against:
        refuse(Reason.NO_CONFLICT)
    return parts[0]


def is_complaint(did: Did, parts: Sequence[bytes]) -> bool:
    """Tell whether a member accuses a neighbour of a false pledge, instead of committing."""
    return len(parts) == 1 and bool(take({did: parts[0]}, KeysOpening, lambda m: m.did, lambda _: None)[0])


def edge_opening(server: Server, did: Did, parts: tuple[bytes, ...], *, other: Did) -> bytes:
    """Take the true seed of the edge that was asked for."""

    def check(opening: EdgeOpening) -> None:
        if opening.other != other:
            refuse(Reason.NO_CONFLICT)
        pledged = pairs.pledged_seed(server.roll, server.pledges[did], other)
        if pairs.seed_commitment(server.terms, opening.seed) != pledged:
            refuse(Reason.FALSE_SECRET)

    require(did, single(parts), EdgeOpening, lambda m: m.did, check)
    return parts[0]


A = TypeVar("A", Keys, Pledge, Upload, NormAnswer, UnmaskAnswer, ScalarAnswer)


def _taken(kind: type[A], check: Callable[[A], None]) -> Check:
    def taken(did: Did, parts: tuple[bytes, ...]) -> bytes:
        require(did, single(parts), kind, lambda m: m.did, check)
        return parts[0]

    return taken
