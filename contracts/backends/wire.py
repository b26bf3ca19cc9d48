"""What nodes write in JSON-RPC answers (Ethereum execution API), read strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from contracts.abi import to_address
from contracts.chain import Inclusion, Log, Receipt, Transaction
from federation.errors import ChainError
from federation.types import Address, Hash32

Fields = Mapping[str, object]


def quantity(value: object) -> int:
    """Read a QUANTITY: ``0x`` and hex digits.

    Raises:
        ChainError: It is none.
    """
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return int(value, 16)
    except ValueError:
        pass
    raise _malformed("a number")


def data(value: object) -> bytes:
    """Read DATA: ``0x`` and pairs of hex digits.

    Raises:
        ChainError: It is none.
    """
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise _malformed("bytes")


def hash32(value: object) -> Hash32:
    """Read 32 bytes of DATA.

    Raises:
        ChainError: It is something else.
    """
    raw = data(value)
    if len(raw) != 32:
        raise _malformed("a hash")
    return Hash32(raw)


def fields(value: object) -> Fields:
    """Read an object.

    Raises:
        ChainError: It is none.
    """
    if not isinstance(value, dict):
        raise _malformed("an object")
    return cast("Fields", value)


def items(value: object) -> Sequence[object]:
    """Read an array.

    Raises:
        ChainError: It is none.
    """
    if not isinstance(value, list):
        raise _malformed("an array")
    return value


def log(value: object) -> Log:
    """Read a log of a block that is part of the chain.

    Raises:
        ChainError: It is malformed, still pending, or was taken back.
    """
    entry = fields(value)
    if entry.get("removed") or entry.get("blockNumber") is None:
        raise ChainError("the node returned a log that is not on the chain", hint="try again")
    return Log(
        address=to_address(_address(entry.get("address"))),
        topics=tuple(hash32(topic) for topic in items(entry.get("topics"))),
        data=data(entry.get("data")),
        block_number=quantity(entry["blockNumber"]),
        index=quantity(entry.get("logIndex")),
        transaction_hash=hash32(entry.get("transactionHash")),
    )


def receipt(value: Fields) -> Receipt:
    """Read the receipt of a transaction that succeeded.

    Raises:
        ChainError: It is malformed.
    """
    created = value.get("contractAddress")
    return Receipt(
        transaction_hash=hash32(value.get("transactionHash")),
        block_number=quantity(value.get("blockNumber")),
        gas_used=quantity(value.get("gasUsed")),
        logs=tuple(log(entry) for entry in items(value.get("logs"))),
        contract_address=None if created is None else to_address(data(created)),
    )


def inclusion(sent: Fields, receipt: Fields, block: Fields) -> Inclusion:
    """Read how a transaction went, from what a node says about it, its receipt and its block.

    Raises:
        ChainError: One of them is malformed.
    """
    to = sent.get("to")
    return Inclusion(
        succeeded=quantity(receipt.get("status")) == 1,
        to=None if to is None else to_address(_address(to)),
        data=data(sent.get("input")),
        block_number=quantity(block.get("number")),
        timestamp=quantity(block.get("timestamp")),
    )


def call(transaction: Transaction, sender: Address | None = None) -> dict[str, str]:
    """Write the call object of ``eth_call`` and ``eth_estimateGas``."""
    made = {"data": "0x" + transaction.data.hex(), "gas": hex(transaction.gas)}
    if transaction.to is not None:
        made["to"] = transaction.to
    if sender is not None:
        made["from"] = sender
    return made


def _address(value: object) -> bytes:
    raw = data(value)
    if len(raw) != 20:
        raise _malformed("an address")
    return raw


def _malformed(wanted: str) -> ChainError:
    return ChainError(
        f"the node's answer holds something else than {wanted}", hint="is it an Ethereum node's address?"
    )
