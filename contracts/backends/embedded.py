"""A chain inside the process: no node, no clock, no network; the same calls give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.backends.machine import Built, Machine
from contracts.chain import Inclusion, Log, Note, Receipt, Signer, Transaction, UnsignedTransaction
from contracts.genesis import Genesis
from contracts.signed import read_signed
from federation.errors import ChainError, Overtaken
from federation.hashing import keccak256
from federation.types import Address, Hash32, Wei

if TYPE_CHECKING:
    from collections.abc import Sequence

CHAIN_ID = 31337
GAS_MONEY = Wei(10**24)
MAX_FEE_PER_GAS = Wei(10**11)


class EmbeddedChain:
    """A ``Chain`` that makes one block per transaction, 12 seconds of its own clock apart."""

    def __init__(self, genesis_time: int, funded: Sequence[Address], *, chain_id: int = CHAIN_ID) -> None:
        """Start a chain at block 0.

        Args:
            genesis_time: Unix seconds of block 0.
            funded: Accounts that can pay for gas.
            chain_id: The chain's id (EIP-155).
        """
        alloc = tuple((address, GAS_MONEY) for address in sorted(set(funded)))
        self._genesis = Genesis(chain_id=chain_id, timestamp=genesis_time, alloc=alloc)
        self._machine = Machine(self._genesis)
        self._blocks: list[Built] = []
        self._skip = 0
        self._snapshots: dict[str, int] = {}
        self._taken = 0

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._genesis.chain_id

    @property
    def block_number(self) -> int:
        """The number of the latest block."""
        return self._machine.number

    @property
    def settled(self) -> int:
        """The number of the latest block: nothing is ever taken back by itself."""
        return self.block_number

    @property
    def timestamp(self) -> int:
        """Unix seconds of the latest block."""
        return self._machine.timestamp

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block.

        Raises:
            ChainError: There is no such block yet.
        """
        if not 0 <= number <= self.block_number:
            raise ChainError(f"there is no block {number} yet")
        return self._machine.hashes[number]

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block.

        Raises:
            ChainError: There is no such block yet.
        """
        self.block_hash(number)
        return self._machine.past(number).timestamp

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call as the next block would, without recording it."""
        return self._machine.call(to, data, self._next_time())

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs in chain order, from a block on."""
        return select_logs(self._blocks, address, from_block)

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by its hash; None if no block holds it."""
        return find_transaction(self._blocks, transaction_hash)

    def code(self, address: Address) -> bytes:
        """Return the code deployed at an address."""
        return self._machine.code(address)

    def send(self, transaction: Transaction, sender: Signer) -> Receipt:
        """Make the next block out of one transaction; see ``Chain.send``."""
        return self.deliver(transaction, sender, earlier=(), note=lambda _: None)

    def deliver(
        self, transaction: Transaction, sender: Signer, *, earlier: Sequence[bytes], note: Note
    ) -> Receipt:
        """Make the next block out of one transaction, written down before; see ``Chain.deliver``."""
        if not earlier:
            return self._append([self._sign(transaction, sender, note)]).receipts[0]
        names = {keccak256(raw) for raw in earlier}
        for block in self._blocks:
            for receipt in block.receipts:
                if receipt.transaction_hash in names:
                    return receipt
        nonce = read_signed(earlier[-1]).nonce
        if nonce < self._machine.nonce(sender.address):
            raise Overtaken(f"another transaction of {sender.address} took nonce {nonce}")
        return self._append([earlier[-1]]).receipts[0]

    def _sign(self, transaction: Transaction, sender: Signer, note: Note) -> bytes:
        raw = sender.sign_transaction(
            UnsignedTransaction(
                chain_id=self.chain_id,
                nonce=self._machine.nonce(sender.address),
                max_priority_fee_per_gas=Wei(0),
                max_fee_per_gas=MAX_FEE_PER_GAS,
                gas=transaction.gas,
                to=transaction.to,
                data=transaction.data,
            )
        )
        note(raw)
        return raw

    def mine(self, count: int = 1) -> None:
        """Make ``count`` empty blocks."""
        for _ in range(count):
            self._append([])

    def advance_time(self, seconds: int) -> None:
        """Put the next block ``seconds`` later than it would come."""
        if seconds < 0:
            raise ChainError("time does not run backwards")
        self._skip += seconds

    def snapshot(self) -> str:
        """Remember the present state, which costs nothing; returns its name."""
        self._taken += 1
        name = hex(self._taken)
        self._snapshots[name] = self.block_number
        return name

    def revert(self, snapshot: str) -> None:
        """Go back to a state that was remembered; see ``Chain.revert``.

        Raises:
            ChainError: There is no such state.
        """
        if snapshot not in self._snapshots:
            raise ChainError(f"there is no snapshot {snapshot}")
        number = self._snapshots[snapshot]
        names = list(self._snapshots)
        for name in names[names.index(snapshot) :]:
            del self._snapshots[name]
        self._machine.rewind(number)
        del self._blocks[number:]
        self._skip = 0

    def export(self) -> tuple[bytes, bytes]:
        """Return what ``contracts.replay`` needs: the genesis document and all later blocks, in RLP."""
        import rlp

        blocks = [rlp.decode(block.encoded) for block in self._blocks]
        return self._genesis.encode(), rlp.encode(blocks)

    def _append(self, raw: Sequence[bytes]) -> Built:
        built = self._machine.build(raw, self._next_time(), refuse_reverts=True)
        self._blocks.append(built)
        self._skip = 0
        return built

    def _next_time(self) -> int:
        return self.timestamp + self._genesis.block_time + self._skip


def select_logs(blocks: Sequence[Built], address: Address, from_block: int) -> tuple[Log, ...]:
    """Return one contract's logs out of executed blocks, in order."""
    return tuple(
        log
        for block in blocks
        if block.number >= from_block
        for receipt in block.receipts
        for log in receipt.logs
        if log.address == address
    )


def find_transaction(blocks: Sequence[Built], transaction_hash: Hash32) -> Inclusion | None:
    """Return a transaction out of executed blocks; None if none holds it."""
    for block in blocks:
        for receipt, inclusion in zip(block.receipts, block.inclusions, strict=True):
            if receipt.transaction_hash == transaction_hash:
                return inclusion
    return None
