"""A member's own signed events: kept on this machine first, then handed to the community's node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.reading import signed_by
from ceramic_bridge.store.base import Interest
from ceramic_bridge.store.sqlite import SqliteStore
from client.published import QUICK
from federation.errors import FolkmootError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.events import SignedEvent
    from federation.types import Did


class Outbox:
    """Keeps and publishes; the node may be out of reach, the own store may not."""

    def __init__(self, path: Path, url: str, report: Callable[[str], None]) -> None:
        """Name the places; nothing is opened yet.

        Args:
            path: The store of the member's own events.
            url: The community's event node; empty for none.
            report: Told of what was not published, in words for the member.
        """
        self._path, self._url, self._report = path, url, report

    def keep(self, event: SignedEvent) -> None:
        """Keep an event, then publish it if the node takes it.

        Raises:
            StoreError: It cannot be kept.
        """
        self.keep_all([event])

    def keep_all(self, events: Sequence[SignedEvent]) -> int:
        """Keep events, then publish them; return how many the node took.

        Raises:
            StoreError: They cannot be kept.
        """
        with SqliteStore(self._path) as store:
            for receipt in store.add(events):
                if receipt.refusal is not None:
                    raise receipt.refusal
        if not self._url:
            return 0
        try:
            with RemoteNode(self._url, patience=QUICK) as node:
                return self._hand_over(node, events)
        except FolkmootError as error:
            self._report(f"not published: {error.message}; folkmoot client sync tries again")
            return 0

    def publish_all(self, dids: Collection[Did], models: Collection[StreamId]) -> tuple[int, int]:
        """Hand over the own events of some models that the node does not have.

        Returns:
            How many the node took, and how many it refused.

        Raises:
            PeerError: The node cannot be reached.
        """
        taken = missing = 0
        with SqliteStore(self._path) as store, RemoteNode(self._url) as node:
            for interest in (Interest(model=model, controller=did) for did in dids for model in models):
                for event in signed_by(store, interest):
                    if node.get(event.cid) is None:
                        missing += 1
                        taken += self._hand_over(node, [event])
        return taken, missing - taken

    def _hand_over(self, node: RemoteNode, events: Sequence[SignedEvent]) -> int:
        receipts = node.add(events)
        for receipt in receipts:
            if receipt.refusal is not None:
                self._report(f"not published: {receipt.refusal.message}")
        return sum(receipt.refusal is None for receipt in receipts)
