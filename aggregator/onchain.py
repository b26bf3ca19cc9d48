"""Acting on a chain on which others act too, and on which this aggregator may have acted before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from federation.errors import Reverted

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.chain import Chain, Receipt, Signer


def once(chain: Chain, done: Callable[[], bool], act: Callable[[Signer], Receipt], sender: Signer) -> None:
    """Make a call unless the chain shows that it is done.

    If the contract refuses it because somebody else was faster, or because an earlier process was
    and its transaction lacks confirmations, it is done too.

    Args:
        chain: Where.
        done: Tells whether confirmed blocks show that the call was made.
        act: Makes it.
        sender: Signs it.

    Raises:
        Reverted: It was refused, and is not done.
        ChainError: The chain cannot be reached, or the transaction is overdue.
    """
    if done():
        return
    try:
        act(sender)
    except Reverted:
        settle(chain)
        if not done():
            raise


def settle(chain: Chain) -> None:
    """Wait until all that the chain has now is confirmed."""
    head = chain.block_number
    while chain.settled < head:
        chain.mine()
