"""Who gets into a round: every reply is checked, and refused with a reason that goes on the receipt.

A refusal never raises past the round and never stops it for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.delegation import authority_at, holds, require_authority, speaker
from aggregator.epoch import OpenEpoch
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.events import InitPayload, SignedEvent, decode
from ceramic_bridge.models import kind_of
from federation.delta import delta_hash, within_cap
from federation.errors import FolkmootError, IdentityError
from federation.hashing import commitment
from federation.messages import CommitReply, Rejected, RevealReply, reject
from federation.payloads import Contribution
from federation.types import Address, Did, Hash32

if TYPE_CHECKING:
    from flwr.app import Message

    from ceramic_bridge.authority import Authority
    from ceramic_bridge.cid import Cid, StreamId


MAX_GRANT: Final = 4096
"""Bytes in a member's capability, which the log repeats with each of its events."""

OPENING: Final = 3600
"""Seconds that ``openEpoch`` may take to get into a block. An import is judged at the block before
that one, so a capability that ends within this time is refused while its member can still renew it."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A member's admitted commitment and the event that carries it."""

    event: SignedEvent
    commitment: Hash32


@dataclass(frozen=True, slots=True)
class Imports:
    """The members' data events: those that count in an epoch, and why others do not."""

    admitted: tuple[SignedEvent, ...]
    refused: Mapping[Cid, str]


def admit_imports(
    events: Iterable[SignedEvent],
    *,
    federation: Address,
    members: Collection[Did],
    models: Mapping[str, StreamId],
    now: int,
) -> Imports:
    """Return the data events by which payees are agreed and that the first round records.

    Args:
        events: Verified but for the time of their capabilities; a member's first usable one counts.
        federation: The federation's contract.
        members: The admitted DIDs.
        models: StreamIDs of the event models, by kind.
        now: The latest block's Unix seconds.
    """
    admitted: dict[Did, SignedEvent] = {}
    refused: dict[Cid, str] = {}
    for event in events:
        try:
            did = _importer(event, federation, models)
            if did not in members or did in admitted:
                reject("no-member" if did not in members else "second-import")
            if not all(holds(event, authority_at(at)) for at in (now, now + OPENING)):
                reject("not-authorised")
            admitted[did] = event
        except Rejected as error:
            refused[event.cid] = error.message
    return Imports(tuple(admitted.values()), refused)


def _importer(event: SignedEvent, federation: Address, models: Mapping[str, StreamId]) -> Did:
    try:
        did = speaker(event)
        assert isinstance(event.payload, InitPayload)
        kind = kind_of(event.payload, models)
    except FolkmootError as error:
        raise Rejected("bad-event") from error
    if kind != "data" or event.payload.content["federation"] != federation:
        reject("not-an-import")
    return did


def admit_commit(
    message: Message | None,
    did: Did,
    epoch: OpenEpoch,
    round_: int,
    base_hash: Hash32,
    *,
    authority: Authority,
) -> Committed:
    """Return a member's commitment.

    Args:
        message: What it answered.
        did: The member.
        epoch: The open epoch.
        round_: The round.
        base_hash: The base that was sent out.
        authority: Judges capabilities as of the round's opening.

    Raises:
        Rejected: There is no usable one.
    """
    reply = CommitReply.parse(content_of(message))
    return admit_contribution(reply.event, did, epoch, round_, base_hash, authority=authority)


def admit_contribution(
    data: bytes, did: Did, epoch: OpenEpoch, round_: int, base_hash: Hash32, *, authority: Authority
) -> Committed:
    """Return the commitment that a member's contribution event carries.

    Args:
        data: The event.
        did: The member.
        epoch: The open epoch.
        round_: The round.
        base_hash: The base that was sent out.
        authority: Judges capabilities as of the round's opening.

    Raises:
        Rejected: It is none of this member and round.
    """
    try:
        event = decode(data, authority=UNDATED)
        if (
            not isinstance(event.payload, InitPayload)
            or kind_of(event.payload, epoch.models) != "contribution"
        ):
            reject("not-a-contribution")
        if speaker(event) != did:
            reject("wrong-signer")
        statement = Contribution.parse(event.payload.content, epoch.domain, round_)
    except Rejected:
        raise
    except FolkmootError as error:
        raise Rejected("bad-event") from error
    if statement.base_hash != base_hash:
        reject("stale-base")
    if event.capability is not None and len(event.capability.block) > MAX_GRANT:
        reject("capability-too-large")
    try:
        require_authority(event, authority)
    except IdentityError as error:
        raise Rejected("not-authorised") from error
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
    reply = RevealReply.parse(content_of(message), dim=epoch.manifest.model.dim)
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


def content_of(message: Message | None):  # type: ignore[no-untyped-def]  # Flower's types are not followed
    """Return what a member answered.

    Raises:
        Rejected: It answered nothing, or its client failed.
    """
    if message is None:
        reject("no-reply")
    if message.has_error() or not message.has_content():
        reject("client-error")
    return message.content
