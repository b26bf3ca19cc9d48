"""One transaction, asked for by its hash: what a node says about it, where its answers agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.backends import wire
from federation.errors import ChainError

if TYPE_CHECKING:
    from contracts.backends.transport import Transport
    from contracts.chain import Inclusion
    from federation.types import Hash32


def find_included(node: Transport, transaction_hash: Hash32, *, confirmations: int) -> Inclusion | None:
    """Return a transaction, if a block of the node's present chain holds it.

    Args:
        node: Whom to ask.
        transaction_hash: keccak-256 of the signed transaction.
        confirmations: Blocks that must hold or follow it, its own included.

    Raises:
        ChainError: An answer is malformed, or about another transaction.
    """
    name = "0x" + transaction_hash.hex()
    sent = _answer(node, "eth_getTransactionByHash", name)
    receipt = _answer(node, "eth_getTransactionReceipt", name)
    if sent is None or receipt is None or sent.get("blockHash") is None:
        return None
    for named in (sent.get("hash"), receipt.get("transactionHash")):
        if wire.hash32(named) != transaction_hash:
            raise ChainError(
                f"the node was asked for transaction {name} and answered with another",
                hint="ask another node",
            )
    number = wire.quantity(receipt.get("blockNumber"))
    if wire.quantity(node.request("eth_blockNumber")) - number + 1 < confirmations:
        return None
    block = _answer(node, "eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 -- the RPC's own argument: no transactions
    if block is None:
        return None
    # A reorganisation between two answers leaves them about different blocks: then none is certain.
    held_by = {wire.hash32(one) for one in (block.get("hash"), sent["blockHash"], receipt.get("blockHash"))}
    return wire.inclusion(sent, receipt, block) if len(held_by) == 1 else None


def _answer(node: Transport, method: str, *params: object) -> wire.Fields | None:
    found = node.request(method, *params)
    return None if found is None else wire.fields(found)
