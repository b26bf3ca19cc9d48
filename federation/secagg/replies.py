"""What members send back in one stage: what can be used, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from federation.secagg.messages import KeyList, Keys, Message
from federation.secagg.roll import require_enough, require_keys
from federation.secagg.terms import Finding, Reason, SecureRefused, Terms, Verify, refuse
from federation.types import Did

M = TypeVar("M", bound=Message)
Replies = Mapping[Did, bytes]
"""Each member's reply, by whom the transport says it is from."""


def take(
    replies: Replies, kind: type[M], author: Callable[[M], Did], check: Callable[[M], None]
) -> tuple[dict[Did, M], tuple[Finding, ...]]:
    """Return the replies that can be used, and why the others cannot."""
    taken, refused = {}, []
    for did in sorted(replies):
        try:
            message = kind.parse(replies[did])
            if author(message) != did:
                refuse(Reason.BAD_SIGNATURE)
            check(message)
        except SecureRefused as error:
            refused.append(Finding(did, error.reason))
        else:
            taken[did] = message
    return taken, tuple(refused)


def gather_keys(terms: Terms, replies: Replies, verify: Verify) -> tuple[KeyList, tuple[Finding, ...]]:
    """Return the list of participants, and who was refused.

    Its digest must be fixed before the randomness of the graph exists.

    Raises:
        TooFewParticipants: There are too few.
    """

    def check(message: Keys) -> None:
        if message.did not in terms.caps:
            refuse(Reason.NOT_ADMITTED)
        require_keys(terms, message, verify)

    taken, refused = take(replies, Keys, lambda m: m.did, check)
    require_enough(terms, taken)
    return KeyList(tuple(message.to_bytes() for message in taken.values())), refused
