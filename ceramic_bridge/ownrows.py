"""A member's own sealed rows, read back from a store or a node and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ceramic_bridge.admission import init_of, kind_of, read_event
from ceramic_bridge.conflict import resolve
from ceramic_bridge.sealed import Batch, open_batch, readers_of
from ceramic_bridge.store.base import Interest, Query
from federation.errors import FolkmootError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid, StreamId
    from ceramic_bridge.did import Identity
    from ceramic_bridge.store.base import Store
    from federation.types import Address, Did


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBatch:
    """A batch that was opened.

    Attributes:
        stream: Where it stands.
        batch: The rows and how many come before; batches come in the store's order, and one may
            come twice if it was published twice.
        readers: Who can read it.
    """

    stream: StreamId
    batch: Batch
    readers: tuple[Did, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An event that was left out.

    Attributes:
        event: Which.
        reason: Why; it quotes nothing that was decrypted.
    """

    event: Cid
    reason: str


Found: TypeAlias = OwnBatch | Unread


def own_batches(store: Store, identity: Identity, federation: Address, *, model: StreamId) -> Iterator[Found]:
    """Read all of a member's own sealed rows for a federation.

    One stream is in memory at a time. Nothing damaged or foreign ends the reading.

    Args:
        store: Where; a node is not believed, everything is verified again.
        identity: The member.
        federation: What the rows are for; batches for others are passed over.
        model: The community's model of sealed rows.

    Raises:
        PeerError: The node cannot be reached.
        StoreError: The store cannot be read.
    """
    mine = Interest(model=model, controller=identity.did)
    seen: set[Cid] = set()
    for found in _events(store, mine):
        if isinstance(found, Unread):
            yield found
        elif kind_of(found) == "init" and found.cid not in seen:
            seen.add(found.cid)
            yield from _open(store, found, identity, federation, mine)


def _events(store: Store, interest: Interest) -> Iterator[Event | Unread]:
    token, complete = 0, False
    while not complete:
        page = store.page(Query(after=token, interest=interest))
        for entry in page.entries:
            try:
                event = read_event(entry.car)
            except FolkmootError as error:
                yield Unread(event=entry.cid, reason=error.message)
                continue
            if event.cid != entry.cid:
                yield Unread(event=entry.cid, reason=f"event {event.cid} came in its place")
                continue
            yield event
        complete = page.complete or page.token <= token
        token = page.token


def _open(
    store: Store, init: Event, identity: Identity, federation: Address, mine: Interest
) -> Iterator[Found]:
    # What cannot be read at all is reported by the reading of all streams.
    stream = replace(mine, stream=init.stream_id)
    own = [one for one in _events(store, stream) if not isinstance(one, Unread) and init_of(one) == init.cid]
    resolved = resolve([init, *own])
    state, content = resolved.state, resolved.state.content
    for cid, reason in resolved.rejected.items():
        yield Unread(event=cid, reason=reason)
    try:
        if (state.controller, state.model) != (identity.did, mine.model):
            raise VerificationFailed("sealed rows", f"a document of {state.controller}")
        if content.get("federation", federation) == federation:
            batch = open_batch(content, identity, controller=state.controller)
            yield OwnBatch(stream=state.stream_id, batch=batch, readers=readers_of(content))
    except FolkmootError as error:
        yield Unread(event=init.cid, reason=error.message)
