"""The events that say where a model comes from: receipts of rounds, and members' imports."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from aggregator.delegation import speaker
from aggregator.public import EVENTS
from aggregator.sources import MOST_BYTES, MOST_EVENTS
from ceramic_bridge import car
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE
from ceramic_bridge.dagcbor import MalformedData, decode
from ceramic_bridge.events import InitPayload, from_blocks
from ceramic_bridge.log import MAX_LOG
from ceramic_bridge.store.base import Query
from federation.errors import FolkmootError, PeerError, VerificationFailed
from federation.payloads import DataImport
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from aggregator.serving.shelf import Shelf
    from ceramic_bridge.car import Block
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.events import SignedEvent
    from ceramic_bridge.store.base import Page
    from federation.types import Address, Did

_PAGE: Final = 500


class Pages(Protocol):
    """A store of events, here or elsewhere."""

    def page(self, query: Query) -> Page:
        """Return the events after a position."""
        ...


class EventSource(Protocol):
    """Where events come from."""

    def fresh(self) -> Iterator[tuple[Block, ...]]:
        """Yield the blocks of each signed event, envelope last, perhaps with others before its own.

        Those of before may come again.
        """
        ...


class LogFile:
    """The one file of a log in a public directory."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def fresh(self) -> Iterator[tuple[Block, ...]]:
        """Yield the blocks of each signed event."""
        blocks = car.read(self._shelf.file(EVENTS), MAX_LOG, max_block=MAX_LOG, contents=False)[1]
        # The first block lists the events.
        yield from _grouped(blocks[1:])


class EventPages:
    """An event node, or the store of one."""

    def __init__(self, pages: Pages) -> None:
        self._pages, self._token = pages, 0

    def fresh(self) -> Iterator[tuple[Block, ...]]:
        """Yield the blocks of each signed event that came since the last time.

        Raises:
            PeerError: The node cannot be read, or never comes to an end.
        """
        events = size = 0
        while True:
            page = self._pages.page(Query(after=self._token, limit=_PAGE))
            for entry in page.entries:
                events, size = events + 1, size + len(entry.car)
                yield from _grouped(car.read(entry.car, contents=False)[1])
            self._token = page.token
            if page.complete or not page.entries:
                return
            if events > MOST_EVENTS or size > MOST_BYTES:
                raise PeerError(f"the event node has over {MOST_EVENTS} events or {MOST_BYTES} bytes")


def _grouped(blocks: Iterable[Block]) -> Iterator[tuple[Block, ...]]:
    pending: list[Block] = []
    for block in blocks:
        pending.append(block)
        if block.cid.codec == DAG_JOSE:
            yield tuple(pending[-3:])
            pending = []


class EventBook:
    """Keeps of all events those that a model card tells of; the others are not even verified."""

    def __init__(self, source: EventSource, federation: Address) -> None:
        """Open a book; nothing is read yet.

        Args:
            source: Where the events come from.
            federation: Whose events count.
        """
        self._source, self._federation = source, federation
        self._seen: set[Hash32] = set()
        self._receipts: dict[Hash32, list[tuple[Block, ...]]] = {}
        self._imports: dict[Did, DataImport] = {}

    def refresh(self) -> None:
        """Read what is new.

        Raises:
            PeerError: It cannot be read.
            VerificationFailed: What is there is no log of events.
        """
        for blocks in self._source.fresh():
            payload, envelope = blocks[-2:] if len(blocks) > 1 else (blocks[0], blocks[0])
            digest = Hash32(envelope.cid.digest)
            if digest not in self._seen and payload.cid.codec == DAG_CBOR:
                self._sort(blocks, payload)
                self._seen.add(digest)

    def _sort(self, blocks: tuple[Block, ...], payload: Block) -> None:
        # What strangers put on a node need not be well-formed; it says nothing about anybody.
        with suppress(FolkmootError):
            match decode(payload.data):
                case {"data": {"kind": "round-receipt", "federation": self._federation}}:
                    self._receipts.setdefault(Hash32(payload.cid.digest), []).append(blocks)
                case {"data": {"kind": "data", "federation": self._federation}}:
                    event = _verified(blocks)
                    self._imports[speaker(event)] = DataImport.parse(_content(event), self._federation)

    def receipt(self, digest: Hash32, signer: Did) -> Mapping[str, Value]:
        """Return the receipt that the chain recorded.

        Args:
            digest: SHA-256 of its payload.
            signer: Who must have signed it.

        Raises:
            VerificationFailed: It was not published, or somebody else signed it.
        """
        # One payload can be signed in several envelopes, also by somebody who may not.
        for blocks in self._receipts.get(digest, ()):
            with suppress(FolkmootError):
                event = _verified(blocks)
                if speaker(event) == signer:
                    return _content(event)
        raise VerificationFailed(f"receipt {digest.hex()}", "was not published, signed by the aggregator")

    def imports(self, members: Collection[Did]) -> Mapping[Did, DataImport]:
        """Return what each of these members last said about its data; its own word, not proven."""
        return {did: found for did, found in sorted(self._imports.items()) if did in members}


def _verified(blocks: tuple[Block, ...]) -> SignedEvent:
    *before, payload, envelope = (block.data for block in blocks)
    try:
        return from_blocks(payload, envelope, authority=UNDATED)
    except MalformedData:
        # What stands before may be its capability, or the end of another event, e.g. of a time event.
        if not before:
            raise
        return from_blocks(payload, envelope, before[-1], authority=UNDATED)


def _content(event: SignedEvent) -> Mapping[str, Value]:
    assert isinstance(event.payload, InitPayload)
    return event.payload.content
