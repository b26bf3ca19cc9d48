"""Many small events, and a node to send them to, for the tests of stores and nodes."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ceramic_bridge.anchor import AnchorTree
from ceramic_bridge.cid import DAG_CBOR, MODEL, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, create_init
from ceramic_bridge.node.server import NodeServer
from ceramic_bridge.timeevents import AnchorProof, TimeEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ceramic_bridge.store.sqlite import SqliteStore

ALICE = Identity(bytes(range(32)))
BOB = Identity(b"\xb0" * 32)
NOTES = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"notes"))
OTHER = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"other"))


def note(number: int, *, author: Identity = ALICE, model: StreamId = NOTES, text: str = "") -> SignedEvent:
    """The first event of a stream of its own."""
    unique = number.to_bytes(12, "big")
    return create_init(author, model=model, content={"text": text or f"note {number}"}, unique=unique)


def edit(init: SignedEvent, text: str, *, author: Identity = ALICE, prev: Cid | None = None) -> SignedEvent:
    """A change to a note."""
    patch = [JsonPatchOp(op="replace", path="/text", value=text)]
    return create_data(author, stream=init.stream_id, prev=prev or init.cid, patch=patch)


def anchor(*events: SignedEvent) -> list[TimeEvent]:
    """Time events of a batch, whose transaction no chain has."""
    tree = AnchorTree.build([event.cid for event in events])
    proof = AnchorProof.of(chain=31337, root=tree.root, tx_hash=b"\xcd" * 32)
    return [tree.time_event(i, init=event.stream_id.cid, proof=proof) for i, event in enumerate(events)]


@contextmanager
def serving(store: SqliteStore, **options: Any) -> Iterator[str]:
    """Serve a store on a free port of this machine; gives the URL."""
    ready, box = threading.Event(), {}

    async def main() -> None:
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
        server = NodeServer(store, now=lambda: time.time_ns() // 10**6, **options)

        def welcome(host: str, port: int) -> None:
            box["url"] = f"http://{host}:{port}"
            ready.set()

        await server.serve("127.0.0.1", 0, ready=welcome, stop=box["stop"])

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    try:
        yield box["url"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)
        assert not thread.is_alive()
