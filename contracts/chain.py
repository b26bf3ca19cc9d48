"""What the project asks of a chain: read it, send to it, let time pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.types import Address, Hash32, Wei

GAS_LIMIT = 16_000_000
"""Gas offered with every transaction: above the dearest call, below the 2^24 cap of EIP-7825."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event log, as the chain recorded it.

    Attributes:
        address: The contract that emitted it.
        topics: The event's topic, then its indexed values.
        data: The ABI encoding of the other values.
        block_number: The block that holds it.
        index: Its position among the block's logs.
        transaction_hash: The transaction that emitted it.
    """

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block_number: int
    index: int
    transaction_hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a successful transaction did.

    Attributes:
        transaction_hash: keccak-256 of the signed transaction.
        block_number: The block that holds it.
        gas_used: Gas it paid for.
        logs: Its logs, in order.
        contract_address: The contract it created, if it created one.
    """

    transaction_hash: Hash32
    block_number: int
    gas_used: int
    logs: tuple[Log, ...]
    contract_address: Address | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """A transaction that a block holds, whoever sent it and however it went.

    Attributes:
        succeeded: Whether it was executed without reverting.
        to: The account it called, or None if it created one.
        data: Call data, or creation code with its arguments.
        block_number: The block that holds it.
        timestamp: Unix seconds of that block.
    """

    succeeded: bool
    to: Address | None
    data: bytes
    block_number: int
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What a sender wants to happen; the chain backend adds nonce and fees.

    Attributes:
        to: The contract to call, or None to create one.
        data: Call data, or creation code with its arguments.
        gas: Most gas it may use.
    """

    to: Address | None
    data: bytes
    gas: int = GAS_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedTransaction:
    """Every field of an EIP-1559 transaction that is signed; fees in wei per gas."""

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: Wei
    max_fee_per_gas: Wei
    gas: int
    to: Address | None
    data: bytes


class Signer(Protocol):
    """Somebody who can send transactions: a key here, a wallet elsewhere."""

    @property
    def address(self) -> Address:
        """The account that pays for gas."""

    def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed transaction, ready to be sent (EIP-2718)."""


class Reader(Protocol):
    """A chain that can be read: a live one, or one replayed from its blocks."""

    @property
    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""

    @property
    def block_number(self) -> int:
        """The number of the latest block."""

    @property
    def settled(self) -> int:
        """The number of the newest block whose logs are shown: it has the wanted confirmations."""

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block."""

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block."""

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call against the latest state without recording it.

        Raises:
            Reverted: The contract refuses it.
        """

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs in chain order, from a block on."""

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by the hash of its signed form; None if no confirmed block holds it."""

    def code(self, address: Address) -> bytes:
        """Return the code deployed at an address; empty if there is none."""


@runtime_checkable
class Sender(Protocol):
    """Where transactions go."""

    def send(self, transaction: Transaction, sender: Signer) -> Receipt:
        """Have a transaction signed, included and executed.

        A transaction that a contract refuses is never included.

        Raises:
            Reverted: The contract refuses it.
            ChainError: The chain refuses it for another reason.
        """


class Note(Protocol):
    """Writes a signed transaction down."""

    def __call__(self, raw: bytes, /) -> None:
        """Take one; it must outlive a crash once this returns."""


@runtime_checkable
class Chain(Reader, Sender, Protocol):
    """A live chain."""

    def deliver(
        self, transaction: Transaction, sender: Signer, *, earlier: Sequence[bytes], note: Note
    ) -> Receipt:
        """Send as ``send`` does, but write every signed form down before it leaves this process.

        Args:
            transaction: What is wanted.
            sender: Who signs.
            earlier: What was signed for it before, e.g. by a process that died; they share a nonce. If
                there is any, nothing is signed under another nonce.
            note: Is given each signed form before it goes out, dearer replacements included.

        Raises:
            Overtaken: Another transaction took its nonce, so none of these can be executed any more.
            Reverted: The contract refuses it.
            ChainError: As for ``send``; what was written down may still be executed.
        """

    @property
    def timestamp(self) -> int:
        """Unix seconds of the latest block."""

    def mine(self, count: int = 1) -> None:
        """Wait for (on a development chain: make) ``count`` more blocks."""

    def advance_time(self, seconds: int) -> None:
        """Let at least ``seconds`` pass before the next block."""

    def snapshot(self) -> str:
        """Remember the present state, and return a name for it.

        Raises:
            ChainError: This is no development chain.
        """

    def revert(self, snapshot: str) -> None:
        """Go back to a state that was remembered; time that was advanced since is forgotten too.

        Its name is used up, and so are those of the states remembered after it.

        Raises:
            ChainError: There is no such state, or this is no development chain.
        """
