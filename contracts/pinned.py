"""A live chain as it stands at one block: read as often as needed, asked once, and never moving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from federation.errors import ChainError

if TYPE_CHECKING:
    from contracts.backends.rpc import RpcChain
    from contracts.chain import Inclusion, Log
    from federation.types import Address, Hash32


class PinnedChain:
    """A ``Reader`` that answers from one block of a node's chain.

    Everything it says is the node's word. Where a contract's state and its logs say the same thing
    twice, whoever reads should compare them.
    """

    def __init__(self, chain: RpcChain, number: int) -> None:
        """Pin a block.

        Args:
            chain: The node.
            number: The block; one that has its confirmations.

        Raises:
            ChainError: There is no such block.
        """
        self._chain, self._number = chain, number
        self._hashes: dict[int, Hash32] = {}
        self._times: dict[int, int] = {}
        self._logs: dict[Address, tuple[Log, ...]] = {}
        self._codes: dict[Address, bytes] = {}
        self._id = chain.chain_id
        self.block_hash(number)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._id

    @property
    def block_number(self) -> int:
        """The pinned block."""
        return self._number

    @property
    def settled(self) -> int:
        """The pinned block, which has its confirmations."""
        return self._number

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block up to the pinned one."""
        if number > self._number:
            raise ChainError(f"block {number} comes after block {self._number}")
        if number not in self._hashes:
            self._hashes[number] = self._chain.block_hash(number)
        return self._hashes[number]

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block."""
        if number not in self._times:
            self._times[number] = self._chain.block_time(number)
        return self._times[number]

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call on the state after the pinned block."""
        return self._chain.call_at(to, data, self._number)

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs up to the pinned block."""
        if address not in self._logs:
            found = self._chain.logs(address)
            kept = tuple(log for log in found if log.block_number <= self._number)
            if any(log.address.lower() != address.lower() for log in kept):
                raise ChainError("the node answers with the logs of another contract")
            self._logs[address] = kept
        return tuple(log for log in self._logs[address] if log.block_number >= from_block)

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by its hash; None unless a block up to the pinned one holds it."""
        found = self._chain.transaction(transaction_hash)
        return found if found is not None and found.block_number <= self._number else None

    def code(self, address: Address) -> bytes:
        """Return the code at an address, which never changes."""
        if address not in self._codes:
            self._codes[address] = self._chain.code(address)
        return self._codes[address]

    def require_still(self) -> None:
        """Refuse what was read if the chain has reorganised below the pinned block meanwhile.

        Raises:
            ChainError: It has.
        """
        for number, known in self._hashes.items():
            if self._chain.block_hash_or_none(number) != known:
                raise ChainError(
                    f"block {number} was replaced while it was read",
                    hint="try again, with more confirmations",
                )
