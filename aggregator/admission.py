"""Who gets into a round: every reply is checked, and refused with a reason that goes on the receipt.

A refusal never raises past the round and never stops it for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.epoch import OpenEpoch
from ceramic_bridge.events import InitPayload, SignedEvent, decode
from ceramic_bridge.models import kind_of
from federation.delta import delta_hash, within_cap
from federation.errors import FolkmootError
from federation.hashing import commitment
from federation.messages import CommitReply, Rejected, RevealReply, reject
from federation.payloads import Contribution
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from flwr.app import Message


@dataclass(frozen=True, slots=True)
class Committed:
    """A member's admitted commitment and the event that carries it."""

    event: SignedEvent
    commitment: Hash32


def admit_commit(
    message: Message | None, did: Did, epoch: OpenEpoch, round_: int, base_hash: Hash32
) -> Committed:
    """Return a member's commitment.

    Raises:
        Rejected: There is no usable one.
    """
    reply = CommitReply.parse(_answered(message))
    try:
        event = decode(reply.event)
        if event.signer != did:
            reject("wrong-signer")
        if (
            not isinstance(event.payload, InitPayload)
            or kind_of(event.payload, epoch.models) != "contribution"
        ):
            reject("not-a-contribution")
        statement = Contribution.parse(event.payload.content, epoch.domain, round_)
    except Rejected:
        raise
    except FolkmootError as error:
        raise Rejected("bad-event") from error
    if statement.base_hash != base_hash:
        reject("stale-base")
    return Committed(event, statement.commitment)


def admit_reveal(
    message: Message | None,
    did: Did,
    epoch: OpenEpoch,
    round_: int,
    *,
    base_hash: Hash32,
    committed: Hash32,
) -> RevealReply:
    """Return a member's delta: the committed one, of the right shape, and within its cap.

    Raises:
        Rejected: It is not.
    """
    reply = RevealReply.parse(_answered(message), dim=epoch.manifest.model.dim)
    digest = commitment(
        epoch.domain,
        round_,
        did=did,
        base_hash=base_hash,
        delta_sha256=delta_hash(reply.delta),
        salt=reply.salt,
    )
    if digest != committed:
        reject("commitment-mismatch")
    if not within_cap(reply.delta, epoch.cap(did)):
        reject("over-cap")
    return reply


def answered(messages: Mapping[Did, Message | None], did: Did) -> bool:
    """Tell whether a member sent any reply of its own."""
    message = messages.get(did)
    return message is not None and not message.has_error()


def _answered(message: Message | None):  # type: ignore[no-untyped-def]  # Flower's types are not followed
    if message is None:
        reject("no-reply")
    if message.has_error() or not message.has_content():
        reject("client-error")
    return message.content
