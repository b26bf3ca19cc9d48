"""Execute an exported chain again, from its genesis, believing nothing.

A block is accepted only if executing its transactions on the state before it gives the same bytes:
signatures, state root, receipts and every header field are recomputed (``contracts.backends.machine``).
Logs, code and calls come from that execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.backends.embedded import find_transaction, select_logs
from contracts.backends.machine import Built, Machine, mix_hash
from contracts.genesis import Genesis
from federation.errors import ChainError, VerificationFailed
from federation.hashing import keccak256

if TYPE_CHECKING:
    from contracts.chain import Inclusion, Log
    from federation.types import Address, Hash32

PARENT_HASH, TRANSACTIONS_ROOT, TIMESTAMP, MIX_HASH, HEADER_FIELDS = 0, 4, 11, 13, 20
"""Positions in a block header, and the number of its fields since Cancun (EIP-4844, EIP-4788)."""


class ReplayedChain:
    """A chain that was executed again; it can be read like a live one.

    Attributes:
        created: Creation code of each contract, in order; a creator comes before what it creates.
    """

    def __init__(self, machine: Machine, blocks: tuple[Built, ...]) -> None:
        self._machine = machine
        self._blocks = blocks
        self.created = dict(pair for block in blocks for pair in block.created)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._machine.genesis.chain_id

    @property
    def block_number(self) -> int:
        """The number of the last block."""
        return self._machine.number

    @property
    def settled(self) -> int:
        """The number of the last block."""
        return self._machine.number

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block.

        Raises:
            ChainError: The chain has no such block.
        """
        if not 0 <= number <= self.block_number:
            raise ChainError(f"the chain has no block {number}")
        return self._machine.hashes[number]

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block.

        Raises:
            ChainError: The chain has no such block.
        """
        self.block_hash(number)
        return self._machine.past(number).timestamp

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call after the last block.

        Raises:
            Reverted: The contract refuses it.
        """
        return self._machine.call(to, data, self._machine.timestamp + self._machine.genesis.block_time)

    def after(self, number: int) -> ReplayedChain:
        """Return the chain as it was after a block.

        Raises:
            ChainError: The chain has no such block.
        """
        self.block_hash(number)
        return ReplayedChain(self._machine.past(number), self._blocks[:number])

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs in chain order, from a block on."""
        return select_logs(self._blocks, address, from_block)

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by its hash; None if no block holds it."""
        return find_transaction(self._blocks, transaction_hash)

    def code(self, address: Address) -> bytes:
        """Return the code at an address after the last block."""
        return self._machine.code(address)


def replay(genesis: bytes, blocks: bytes) -> ReplayedChain:
    """Execute an exported chain again.

    Args:
        genesis: The canonical genesis document.
        blocks: The RLP list of all blocks after it; at least one.

    Raises:
        VerificationFailed: Its subject is ``genesis``, ``blocks`` or ``block N``, the first that is
            malformed, does not follow from the one before, or executes to something else.
    """
    items = _decode(blocks)
    machine = Machine(Genesis.decode(genesis))
    _check_links(machine.hashes[0], items)
    return ReplayedChain(machine, tuple(_execute(machine, item) for item in items))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """A block as exported, before it is believed."""

    number: int
    encoded: bytes
    header: list[bytes]
    transactions: list[bytes]

    def timestamp(self) -> int:
        raw = self.header[TIMESTAMP]
        if len(raw) > 8:
            raise self.failed("carries no time")
        return int.from_bytes(raw, "big")

    def failed(self, message: str) -> VerificationFailed:
        return VerificationFailed(f"block {self.number}", message)


def _decode(blocks: bytes) -> list[_Claimed]:
    import rlp
    from rlp.exceptions import RLPException

    try:
        decoded = rlp.decode(blocks)
    except RLPException as err:
        raise VerificationFailed("blocks", "are not an RLP list") from err
    if not isinstance(decoded, list) or not decoded:
        raise VerificationFailed("blocks", "are not a list of at least one block")
    if rlp.encode(decoded) != blocks:
        raise VerificationFailed("blocks", "are not in their canonical encoding")
    return [_parse(number, item) for number, item in enumerate(decoded, start=1)]


def _parse(number: int, item: object) -> _Claimed:
    import rlp

    match item:
        case [list() as header, list() as transactions, [], []]:
            pass
        case _:
            raise VerificationFailed(f"block {number}", "is not a block")
    if len(header) != HEADER_FIELDS or not all(isinstance(part, bytes) for part in (*header, *transactions)):
        raise VerificationFailed(f"block {number}", "is not a block of EIP-1559 transactions")
    return _Claimed(number=number, encoded=rlp.encode(item), header=header, transactions=transactions)


def _check_links(genesis_hash: Hash32, items: list[_Claimed]) -> None:
    """Check what needs no execution, so that most damage is found in milliseconds."""
    import rlp

    parent = genesis_hash
    for item in items:
        if item.header[PARENT_HASH] != parent:
            before = "genesis" if item.number == 1 else f"block {item.number - 1}"
            raise VerificationFailed(before, f"is not the block that block {item.number} follows")
        if item.header[MIX_HASH] != mix_hash(parent, item.timestamp()):
            raise item.failed("carries another time than its parent allows")
        if item.header[TRANSACTIONS_ROOT] != _transactions_root(item.transactions):
            raise item.failed("holds other transactions than its header says")
        parent = keccak256(rlp.encode(item.header))


def _transactions_root(transactions: list[bytes]) -> bytes:
    import rlp
    from trie.hexary import HexaryTrie

    tree = HexaryTrie({})
    for index, transaction in enumerate(transactions):
        tree[rlp.encode(index)] = transaction
    return tree.root_hash


def _execute(machine: Machine, item: _Claimed) -> Built:
    if item.timestamp() < machine.timestamp + machine.genesis.block_time:
        raise item.failed("comes too early")
    try:
        built = machine.build(item.transactions, item.timestamp())
    except ChainError as err:
        raise item.failed(err.message) from err
    except RecursionError as err:
        raise item.failed("nests calls too deep to execute") from err
    if built.encoded != item.encoded:
        raise item.failed("does not follow from the blocks before it")
    return built
