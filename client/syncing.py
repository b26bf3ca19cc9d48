"""A member's rows on event nodes, encrypted to itself: sent from one machine, taken over on another."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ceramic_bridge import sealed
from ceramic_bridge.dagcbor import decode, encode
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.ownrows import OwnBatch, own_batches
from ceramic_bridge.schemas import SEALED_ROWS
from client import own
from client.vault import Source
from client.wallet import names
from federation.errors import PeerError, VerificationFailed
from federation.hashing import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.store.base import Store
    from client.membership import Membership
    from client.outbox import Outbox
    from client.vault import StoredRow, Vault

_TAKEN: Final = "synced"
_SENT: Final = "sent"
_PLACE: Final = struct.Struct(">QQ")
_CHUNK: Final = 2000
_MOST_UNREAD: Final = 1000
_MOST_LISTED: Final = 20


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What a run with one federation's node did.

    Attributes:
        name: The federation.
        batches: Batches of rows taken over for the first time.
        added: New rows.
        duplicates: Rows that were there already, or came twice.
        unread: Events left out; ``reasons`` has the first of them.
        reasons: Event and reason.
        published: Own events that the node did not have, and took.
        refused: Own events that it refused.
    """

    name: str
    batches: int = 0
    added: int = 0
    duplicates: int = 0
    unread: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)
    published: int = 0
    refused: int = 0

    def lines(self) -> Iterator[str]:
        """Yield it as text."""
        yield (
            f"{self.name}: {self.added} rows added, {self.duplicates} duplicates, "
            f"{self.unread} events left out, {self.published} published"
        )
        for event, reason in self.reasons:
            yield f"  {event}: {reason}"
        if self.unread > len(self.reasons):
            yield f"  and {self.unread - len(self.reasons)} more"
        if self.refused:
            yield f"  the event node refused {self.refused} of your events"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "batches": self.batches,
            "added": self.added,
            "duplicates": self.duplicates,
            "unread": self.unread,
            "reasons": [{"event": event, "reason": reason} for event, reason in self.reasons],
            "published": self.published,
            "refused": self.refused,
        }


def sync(vault: Vault, membership: Membership, outbox: Outbox) -> SyncReport:
    """Take over the member's own rows from a federation's node, and hand it what it lacks.

    Each batch is taken over once, so that rows that were forgotten here do not come back. What is
    interrupted goes on with the next run.

    Raises:
        PeerError: The node cannot be reached, or sends too much that is not the member's.
        VerificationFailed: The vault was altered.
    """
    report = SyncReport(name=membership.name)
    model = membership.models.get(SEALED_ROWS)
    if model is not None:
        with RemoteNode(membership.events) as node:
            take(vault, membership, node, model, report)
    report.published, report.refused = outbox.publish_all(names(vault), tuple(membership.models.values()))
    return report


def take(vault: Vault, membership: Membership, node: Store, model: StreamId, report: SyncReport) -> None:
    """Take over the batches of a node that were not taken over before.

    Args:
        vault: Where rows go, a batch at a time.
        membership: The federation.
        node: Where batches are; nothing of it is believed.
        model: The community's model of sealed rows.
        report: Counts.

    Raises:
        PeerError: The node cannot be reached, or sends too much that is not the member's.
    """
    taken = _taken(vault, membership)
    for found in own_batches(node, own.identity(vault), membership.federation, model=model):
        if not isinstance(found, OwnBatch):
            report.unread += 1
            if report.unread > _MOST_UNREAD:
                raise PeerError(f"{membership.name}'s event node sends too much that is not yours")
            if len(report.reasons) < _MOST_LISTED:
                report.reasons.append((str(found.event), found.reason))
            continue
        stream = found.stream.to_bytes()
        if stream in taken:
            continue
        source = Source(name=_source(membership), digest=sha256(stream), imported=int(time.time()))
        done = vault.import_rows(found.batch.rows, source)
        report.batches += 1
        report.added += done.added
        report.duplicates += done.duplicates
        taken.add(stream)
        _note_taken(vault, membership, taken)


def send(vault: Vault, membership: Membership, outbox: Outbox) -> int:
    """Encrypt the rows that were not sent yet to the member itself, and publish them.

    Args:
        vault: The open vault.
        membership: The federation, whose community has a model of sealed rows.
        outbox: Keeps the events and publishes them.

    Returns:
        How many rows.

    Raises:
        DataError: A row is too large for an event.
        StoreError: The events cannot be kept.
    """
    last, before = _sent(vault, membership)
    identity, federation, count = own.identity(vault), membership.federation, 0
    model = membership.models[SEALED_ROWS]
    for chunk in _chunks(vault, membership, last):
        rows = [stored.row for stored in chunk]
        first = before + count
        events = list(sealed.publish(identity, rows, model=model, federation=federation, first=first))
        outbox.keep_all(events)
        # A batch that this vault sent is not taken over again.
        taken = _taken(vault, membership) | {event.stream_id.to_bytes() for event in events}
        _note_taken(vault, membership, taken)
        count += len(chunk)
        vault.put_record(_SENT, _key(membership), _PLACE.pack(chunk[-1].number, before + count))
    return count


def _chunks(vault: Vault, membership: Membership, last: int) -> Iterator[list[StoredRow]]:
    chunk: list[StoredRow] = []
    # The rows are read before anything is written: the vault may be used by others meanwhile.
    waiting = [
        stored
        for stored in vault.stored_rows()
        if stored.number > last and stored.source.name != _source(membership)
    ]
    for stored in waiting:
        chunk.append(stored)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _source(membership: Membership) -> str:
    return f"sync {membership.federation}"


def _key(membership: Membership) -> str:
    return f"{membership.manifest.chain.chain_id}:{membership.federation}"


def _sent(vault: Vault, membership: Membership) -> tuple[int, int]:
    """Return the number of the last row that was sent, and how many were."""
    stored = vault.record(_SENT, _key(membership))
    if stored is None:
        return 0, 0
    if len(stored) != _PLACE.size:
        raise VerificationFailed("vault", "its note of what was sent has the wrong length")
    last, count = _PLACE.unpack(stored)
    return int(last), int(count)


def _taken(vault: Vault, membership: Membership) -> set[bytes]:
    stored = vault.record(_TAKEN, _key(membership))
    if stored is None:
        return set()
    streams = decode(stored, max_bytes=len(stored))
    if not isinstance(streams, list):
        raise VerificationFailed("vault", "its note of what was taken over is something else")
    return {stream for stream in streams if isinstance(stream, bytes)}


def _note_taken(vault: Vault, membership: Membership, taken: set[bytes]) -> None:
    streams = sorted(taken)
    vault.put_record(_TAKEN, _key(membership), encode(list(streams)))
