"""Events put on a chain: one transaction for a batch, time events that prove it, and the checks of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceramic_bridge.anchor import AnchorTransaction, AnchorTree, check
from ceramic_bridge.cid import SHA2_256
from ceramic_bridge.timeevents import AnchorProof
from contracts.bindings.event_anchor import AnchorStep, DidAnchor
from federation.errors import VerificationFailed
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ceramic_bridge.events import SignedEvent, UnsignedEvent
    from ceramic_bridge.timeevents import TimeEvent
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.chain import Reader, Signer


class ChainAnchors:
    """The anchors on one chain: an ``AnchorChain`` over any chain that can be read."""

    def __init__(self, chain: Reader) -> None:
        self._chain = chain

    def transaction(self, chain_id: str, tx_hash: bytes) -> AnchorTransaction | None:
        """Return a confirmed call; see ``AnchorChain.transaction``.

        Raises:
            ChainError: The chain cannot be read.
        """
        if chain_id != f"eip155:{self._chain.chain_id}":
            return None
        found = self._chain.transaction(Hash32(tx_hash))
        # One that creates a contract calls nobody.
        if found is None or found.to is None:
            return None
        return AnchorTransaction(
            succeeded=found.succeeded, to=found.to, data=found.data, time=found.timestamp
        )


def anchor_events(
    anchor: EventAnchor, sender: Signer, events: Sequence[SignedEvent | UnsignedEvent]
) -> tuple[TimeEvent, ...]:
    """Anchor a batch of events in one transaction.

    Args:
        anchor: The anchor contract.
        sender: Who pays for gas.
        events: The events, of any streams.

    Returns:
        The time event of each, in the same order.

    Raises:
        MalformedData: The batch is empty.
        VerificationFailed: The contract at the anchor's address did not anchor the root.
        ChainError: The chain refuses the transaction, or it is overdue.
    """
    tree = AnchorTree.build([event.cid for event in events])
    root = Hash32(tree.root.digest)
    receipt = anchor.anchor_dag_cbor(sender, root)
    logs = [log for log in receipt.logs if log.address == anchor.address]
    # A call succeeds at an address without code, too.
    if [found.root for found in DidAnchor.decode_logs(logs)] != [root]:
        raise VerificationFailed(f"contract {anchor.address}", "it does not anchor what it is sent")
    return time_events(tree, events, chain_id=anchor.reader.chain_id, tx_hash=receipt.transaction_hash)


def time_events(
    tree: AnchorTree, events: Sequence[SignedEvent | UnsignedEvent], *, chain_id: int, tx_hash: Hash32
) -> tuple[TimeEvent, ...]:
    """Return the time event of each event of a batch, in its order.

    Args:
        tree: The batch's tree.
        events: Its leaves.
        chain_id: The chain that holds the root (EIP-155).
        tx_hash: The transaction that holds it.
    """
    proof = AnchorProof.of(chain=chain_id, root=tree.root, tx_hash=tx_hash)
    return tuple(
        tree.time_event(index, init=event.stream_id.cid, proof=proof) for index, event in enumerate(events)
    )


def check_anchored(event: TimeEvent, anchor: EventAnchor) -> int:
    """Check a time event against its transaction and against what the anchor contract says.

    Args:
        event: The time event.
        anchor: The contract that its transaction must have called.

    Returns:
        When the anchored event is proven to have existed, in milliseconds since 1970.

    Raises:
        VerificationFailed: The chain does not confirm the transaction, or it does not hold the root,
            or the contract does not find the event under it.
        ChainError: The chain cannot be read.
    """
    time = check(event, ChainAnchors(anchor.reader), contract=anchor.address)
    if not is_included(event, anchor):
        raise VerificationFailed(f"time event {event.cid}", f"contract {anchor.address} does not confirm it")
    return time


def is_included(event: TimeEvent, anchor: EventAnchor) -> bool:
    """Tell whether the contract finds an anchored event under its root.

    Raises:
        ChainError: The chain cannot be read.
    """
    if event.prev.hash_code != SHA2_256:
        return False
    return anchor.includes_dag_cbor(
        Hash32(event.proof.root.digest),
        Hash32(event.prev.digest),
        [AnchorStep(before=before, behind=behind) for before, behind in event.steps()],
    )
