"""A store's events on a chain: what has no time event yet, batch by batch, and nothing paid twice.

A batch is written down before its transaction is sent, and crossed out once its time events are in
the store. Whatever ends the process in between, the next run finds the batch, looks for its root in
the contract's logs, and makes the time events from there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from aggregator.anchoring import ChainAnchors, anchor_events, time_events
from ceramic_bridge.admission import is_signed, read_event
from ceramic_bridge.anchor import AnchorTree, check
from ceramic_bridge.cid import Cid
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from ceramic_bridge.events import SignedEvent, UnsignedEvent
from ceramic_bridge.store.base import EVERYTHING, Interest, Query
from ceramic_bridge.timeevents import TimeEvent
from contracts.bindings.event_anchor import DidAnchor
from federation.errors import ChainError, ConfigError, VerificationFailed
from federation.home import PRIVATE_FOLDER, write_private
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ceramic_bridge.store.base import Store
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.chain import Signer
    from federation.types import Address

BATCH: Final = 4096
"""Events in one transaction: twelve steps from each to the root."""

Counts: TypeAlias = Callable[[TimeEvent], bool]
"""Tells whether a time event proves something."""

_PAGE: Final = 500
_REORGANISED: Final = 64
"""Blocks by which a chain may have been taken back since a batch was written down."""

_MAX_FILE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events whose transaction may be on its way.

    Attributes:
        path: Where it is written down.
        block: The latest block before it was sent.
        events: The leaves of its tree, in order.
    """

    path: Path
    block: int
    events: tuple[Cid, ...]


class Journal:
    """The batches on their way to one contract, one file each."""

    def __init__(self, directory: Path, chain_id: int, contract: Address) -> None:
        """Name the folder; nothing is read yet.

        Args:
            directory: Where the journals of all contracts are.
            chain_id: The contract's chain.
            contract: The contract.
        """
        self._root = directory
        self._folder = directory / str(chain_id) / contract.lower()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes of this user from publishing meanwhile.

        Raises:
            ConfigError: One is at it, or the folder cannot be written.
        """
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            handle = os.open(self._root, os.O_RDONLY)
        except OSError as error:
            raise ConfigError(f"{self._root} cannot be written: {(error.strerror or '').lower()}") from error
        try:
            _lock(handle)
            yield
        finally:
            os.close(handle)

    def write(self, block: int, events: Sequence[Cid]) -> Batch:
        """Write a batch down; it outlives a crash.

        Raises:
            ConfigError: It cannot be written.
        """
        data = encode({"block": block, "events": list(events)})
        path = self._folder / f"{hashlib.sha256(data).hexdigest()}.batch"
        write_private(path, data, replace=True)
        return Batch(path=path, block=block, events=tuple(events))

    def batches(self) -> tuple[Batch, ...]:
        """Return the batches that are written down.

        Raises:
            ConfigError: A file is damaged.
        """
        return tuple(_read(path) for path in sorted(self._folder.glob("*.batch")))

    def cross_out(self, batch: Batch) -> None:
        """Forget a batch."""
        batch.path.unlink(missing_ok=True)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            "another process is publishing anchors", hint="wait for it, then try again"
        ) from error


def _read(path: Path) -> Batch:
    try:
        match decode(path.read_bytes(), max_bytes=_MAX_FILE):
            case {"block": int() as block, "events": [*events], **rest} if not rest and events:
                cids = tuple(cid for cid in events if isinstance(cid, Cid))
                if len(cids) == len(events):
                    return Batch(path=path, block=block, events=cids)
    except (OSError, MalformedData) as error:
        raise _damaged(path) from error
    raise _damaged(path)


def _damaged(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} cannot be read as a batch of events",
        hint="move it away; its events may then be anchored and paid for again",
    )


def entries(store: Store, interest: Interest = EVERYTHING) -> Iterator[tuple[Cid, bytes]]:
    """Yield the events of a store and their CARs, in its order."""
    token, complete = 0, False
    while not complete:
        page = store.page(Query(after=token, limit=_PAGE, interest=interest))
        yield from ((entry.cid, entry.car) for entry in page.entries)
        token, complete = page.token, page.complete


def unanchored(store: Store, counts: Counts, interest: Interest = EVERYTHING) -> tuple[Cid, ...]:
    """Return the init and data events of a store that have no time event, in its order.

    A store's own events were verified when they came; here their signatures are not checked again.

    Args:
        store: Where the events are.
        counts: Which time events prove something. Anybody can make one that does not, and it must not
            keep an event from being anchored.
        interest: Which events.
    """
    waiting: dict[Cid, None] = {}
    for cid, data in entries(store, interest):
        event = None if is_signed(data) else read_event(data)
        if not isinstance(event, TimeEvent):
            waiting[cid] = None
        # What it names came before it.
        elif event.prev in waiting and counts(event):
            del waiting[event.prev]
    return tuple(waiting)


def batches_of(count: int, size: int = BATCH) -> int:
    """Return how many transactions so many events take."""
    return -(-count // size)


def publish(
    store: Store,
    anchor: EventAnchor,
    sender: Signer,
    events: Sequence[Cid],
    journal: Journal,
    *,
    size: int = BATCH,
) -> int:
    """Anchor events of a store and add their time events to it.

    Args:
        store: Where the events are.
        anchor: The anchor contract.
        sender: Who pays for gas.
        events: Init and data events of the store.
        journal: Where batches are written down; hold it.
        size: Most events in one transaction.

    Returns:
        How many time events are new in the store.

    Raises:
        VerificationFailed: An event is not there, or the contract does not anchor.
        ChainError: The chain refuses a transaction, or it is overdue; batches before it are done.
        StoreError: Time events could not be written; the next run adds them.
    """
    rest, added = iter(events), 0
    while batch := tuple(islice(rest, size)):
        held = _load(store, batch)
        missing = [cid for cid in batch if cid not in held]
        if missing:
            raise VerificationFailed(f"event {missing[0]}", "the store does not have it")
        written = journal.write(anchor.reader.block_number, batch)
        added += _keep(store, anchor_events(anchor, sender, list(held.values())))
        journal.cross_out(written)
    return added


def recover(store: Store, anchor: EventAnchor, journal: Journal, counts: Counts) -> int:
    """Add the time events of batches that a crash left behind.

    Args:
        store: Where the events are; batches of another store are left for it.
        anchor: The anchor contract.
        journal: Where batches are written down; hold it.
        counts: Which time events prove something.

    Returns:
        How many time events are new in the store.

    Raises:
        ChainError: A batch's transaction is mined, but lacks confirmations; or the chain cannot be read.
    """
    batches = journal.batches()
    waiting, added = set(unanchored(store, counts)) if batches else set(), 0
    for batch in batches:
        held = _load(store, batch.events)
        if len(held) < len(set(batch.events)):
            continue
        if not waiting.isdisjoint(batch.events):
            times = _mined(anchor, batch, [held[cid] for cid in batch.events])
            if times is None:
                # Never sent, or still on its way: it stays until its events are anchored.
                continue
            added += _keep(store, times)
        journal.cross_out(batch)
    return added


def _mined(
    anchor: EventAnchor, batch: Batch, events: Sequence[SignedEvent | UnsignedEvent]
) -> tuple[TimeEvent, ...] | None:
    """Find a batch's transaction in the contract's logs and return what it proves."""
    tree = AnchorTree.build(batch.events)
    chain = ChainAnchors(anchor.reader)
    root = Hash32(tree.root.digest)
    logs = DidAnchor.decode_logs(anchor.logs(max(0, batch.block - _REORGANISED)))
    hashes = [found.log.transaction_hash for found in logs if found.root == root]
    for tx_hash in hashes:
        times = time_events(tree, events, chain_id=anchor.reader.chain_id, tx_hash=tx_hash)
        try:
            check(times[0], chain, contract=anchor.address)
        except VerificationFailed:
            # Somebody had another contract anchor the same root: no proof that others accept.
            continue
        return times
    if not hashes and anchor.anchored_at(root):
        raise ChainError(
            f"the transaction of {len(events)} events is mined but lacks confirmations",
            hint="try again after some more blocks; nothing was sent",
        )
    return None


def _load(store: Store, cids: Sequence[Cid]) -> dict[Cid, SignedEvent | UnsignedEvent]:
    found: dict[Cid, SignedEvent | UnsignedEvent] = {}
    for cid in cids:
        data = store.get(cid)
        event = None if data is None else read_event(data)
        if isinstance(event, SignedEvent | UnsignedEvent):
            found[cid] = event
    return found


def _keep(store: Store, times: Sequence[TimeEvent]) -> int:
    receipts = store.add(times)
    for receipt in receipts:
        if receipt.refusal is not None:
            raise receipt.refusal
    return sum(receipt.new for receipt in receipts)
