"""Any EVM network behind a node: nonces, fees, confirmations, and reads that notice a reorganisation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

from contracts import abi
from contracts.backends import wire
from contracts.backends.delivery import Delivery, dearer
from contracts.backends.inclusion import find_included
from contracts.backends.patience import Clock, Patience, SystemClock
from contracts.backends.transport import RpcRefused, Transport
from contracts.chain import Inclusion, Log, Note, Receipt, Signer, Transaction, UnsignedTransaction
from contracts.signed import read_signed
from federation.errors import ChainError
from federation.types import Address, Hash32, Wei

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REREADS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a transaction may cost at most: gas, and wei per gas."""

    gas: int
    max_priority_fee_per_gas: Wei
    max_fee_per_gas: Wei

    @property
    def cost(self) -> Wei:
        """Wei the sender must hold."""
        return Wei(self.gas * self.max_fee_per_gas)


class RpcChain:
    """A ``Chain`` behind a node that speaks JSON-RPC."""

    def __init__(
        self,
        transport: Transport,
        *,
        chain_id: int | None = None,
        patience: Patience | None = None,
        most_per_gas: Wei | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Connect.

        Args:
            transport: Carries requests to the node.
            chain_id: The chain it must serve; any if None.
            patience: How long to wait for what.
            most_per_gas: Wei per gas above which nothing is sent; without limit if None.
            clock: Measures that.

        Raises:
            ChainError: The node cannot be reached, or serves another chain.
        """
        self._node = transport
        self._patience = patience or Patience()
        self._most_per_gas = most_per_gas
        self._clock: Clock = clock or SystemClock()
        self._budget: Wei | None = None
        self._sending: defaultdict[Address, Lock] = defaultdict(Lock)
        self._chain_id = wire.quantity(transport.request("eth_chainId"))
        if chain_id is not None and chain_id != self._chain_id:
            raise ChainError(
                f"the node serves chain {self._chain_id}, not chain {chain_id}",
                hint="connect to a node of the chain that is meant",
            )

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._chain_id

    @property
    def block_number(self) -> int:
        """The number of the latest block."""
        return wire.quantity(self._node.request("eth_blockNumber"))

    @property
    def settled(self) -> int:
        """The number of the newest block that has its confirmations."""
        return max(0, self.block_number - self._patience.confirmations + 1)

    @property
    def timestamp(self) -> int:
        """Unix seconds of the latest block."""
        return wire.quantity(self._header("latest").get("timestamp"))

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block.

        Raises:
            ChainError: There is no such block yet.
        """
        if number < 0:
            raise ChainError(f"there is no block {number}")
        return wire.hash32(self._header(hex(number)).get("hash"))

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block.

        Raises:
            ChainError: There is no such block yet.
        """
        if number < 0:
            raise ChainError(f"there is no block {number}")
        return wire.quantity(self._header(hex(number)).get("timestamp"))

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call on the latest block without recording it."""
        return self._simulate({"to": to, "data": "0x" + data.hex()}, "latest")

    def call_at(self, to: Address, data: bytes, number: int) -> bytes:
        """Run a call on the state after a block; of old blocks, only an archive node has it."""
        return self._simulate({"to": to, "data": "0x" + data.hex()}, hex(number))

    def code(self, address: Address) -> bytes:
        """Return the code deployed at an address."""
        return wire.data(self._node.request("eth_getCode", address, "latest"))

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by its hash; None unless a block holds it that has its confirmations.

        Raises:
            ChainError: The node's answers are malformed, or are about another transaction.
        """
        return find_included(self._node, transaction_hash, confirmations=self._patience.confirmations)

    def balance(self, address: Address) -> Wei:
        """Return the wei an account can pay for gas with."""
        return Wei(wire.quantity(self._node.request("eth_getBalance", address, "latest")))

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs in chain order, from a block on.

        Blocks that lack confirmations are left out. The rest is read in pages, and read again if the
        chain reorganised meanwhile, so that all logs belong to one chain of blocks.

        Raises:
            ChainError: The node refuses even single blocks, or the chain does not hold still.
        """
        for _ in range(REREADS):
            number = self.settled
            pinned = self.block_hash_or_none(number)
            found: list[Log] = []
            for page in self._pages(address, from_block, number):
                found += page
                if self.block_hash_or_none(number) != pinned:
                    break
            else:
                return tuple(sorted(found, key=lambda log: (log.block_number, log.index)))
        raise ChainError("the chain keeps reorganising while its logs are read", hint="try again later")

    def block_hash_or_none(self, number: int) -> Hash32 | None:
        """Return the hash of a block, or None if the chain has become shorter."""
        found = self._node.request("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 -- the RPC's own argument: no transactions
        return None if found is None else wire.hash32(wire.fields(found).get("hash"))

    def quote(self, transaction: Transaction, sender: Address) -> Quote:
        """Return what a transaction would cost now, without sending it.

        Raises:
            Reverted: A contract would refuse it.
            ChainError: Gas costs more than the limit that was set.
        """
        return self.price(self._gas(transaction, sender))

    def price(self, gas: int) -> Quote:
        """Return what so much gas would cost now.

        Raises:
            ChainError: It costs more than the limit that was set.
        """
        tip, fee = self._fees()
        if self._most_per_gas is not None and fee > self._most_per_gas:
            raise ChainError(
                f"gas may cost {fee} wei, more than the limit of {self._most_per_gas} wei",
                hint="wait until it is cheaper, or raise --max-fee; a node that lies can ask for anything",
            )
        return Quote(gas=gas, max_priority_fee_per_gas=tip, max_fee_per_gas=fee)

    def next_nonce(self, address: Address) -> int:
        """Return the nonce of an account's next transaction.

        Raises:
            ChainError: Earlier transactions of the account are still pending.
        """
        included = wire.quantity(self._node.request("eth_getTransactionCount", address, "latest"))
        pending = wire.quantity(self._node.request("eth_getTransactionCount", address, "pending"))
        if pending > included:
            raise ChainError(
                f"account {address} has {pending - included} pending transaction(s) from nonce {included} on",
                hint="wait until they are included, or replace them with a wallet",
            )
        return included

    def check_balance(self, address: Address, cost: Wei) -> None:
        """Refuse a cost that an account cannot pay.

        Raises:
            ChainError: It holds less.
        """
        held = self.balance(address)
        if held < cost:
            raise ChainError(
                f"account {address} is underfunded: it holds {held} wei, and gas may cost {cost} wei",
                hint="send it some of the chain's own coin",
            )

    def limit_cost(self, most: Wei) -> None:
        """Let all that is sent from now on cost at most so many wei together."""
        self._budget = most

    def send(self, transaction: Transaction, sender: Signer) -> Receipt:
        """Have a transaction signed, included and confirmed; see ``Chain.send``.

        Threads may send for one account: they wait for each other. What no block holds for some time
        is replaced by a dearer copy, within the limits that were set.

        Raises:
            Reverted: A contract refuses it.
            ChainError: The account is underfunded or has pending transactions, the node refuses, the
                transaction is overdue, or gas costs more than a limit that was set.
        """
        return self.deliver(transaction, sender, earlier=(), note=lambda _: None)

    def deliver(
        self, transaction: Transaction, sender: Signer, *, earlier: Sequence[bytes], note: Note
    ) -> Receipt:
        """Send, and write every signed form down before it leaves; see ``Chain.deliver``."""
        with self._sending[sender.address]:
            unsigned = read_signed(earlier[-1]) if earlier else self._unsigned(transaction, sender.address)
            delivery = Delivery(
                self._node,
                sender,
                unsigned,
                patience=self._patience,
                clock=self._clock,
                price=self._dearer,
                note=note,
                earlier=earlier,
            )
            found = delivery.send()
            self._spend(found)
        if wire.quantity(found.get("status")) != 1:
            self._explain(transaction, sender.address, found)
        return wire.receipt(found)

    def _unsigned(self, transaction: Transaction, sender: Address) -> UnsignedTransaction:
        quote = self._within_budget(self.quote(transaction, sender))
        nonce = self.next_nonce(sender)
        self.check_balance(sender, quote.cost)
        return UnsignedTransaction(
            chain_id=self._chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=quote.max_priority_fee_per_gas,
            max_fee_per_gas=quote.max_fee_per_gas,
            gas=quote.gas,
            to=transaction.to,
            data=transaction.data,
        )

    def mine(self, count: int = 1) -> None:
        """Wait for ``count`` more blocks.

        Raises:
            ChainError: One is overdue.
        """
        for wanted in range(self.block_number + 1, self.block_number + count + 1):
            for _ in self._patience.looks(self._clock, f"block {wanted}"):
                if self.block_number >= wanted:
                    break

    def advance_time(self, seconds: int) -> None:
        """Wait until ``seconds`` have passed since the latest block."""
        if seconds < 0:
            raise ChainError("time does not run backwards")
        until = self.timestamp + seconds
        while (left := until - self._clock.now()) > 0:
            self._clock.sleep(left)

    def snapshot(self) -> str:
        """Refuse: what happened on a public chain stays.

        Raises:
            ChainError: Always.
        """
        raise ChainError(
            f"chain {self._chain_id} cannot be taken back to an earlier state",
            hint="the embedded chain and anvil can",
        )

    def revert(self, snapshot: str) -> None:
        """Refuse, as ``snapshot`` does.

        Raises:
            ChainError: Always.
        """
        raise ChainError(f"there is no snapshot {snapshot}: this is no development chain")

    def _header(self, block: str) -> wire.Fields:
        found = self._node.request("eth_getBlockByNumber", block, False)  # noqa: FBT003 -- the RPC's own argument: no transactions
        if found is None:
            raise ChainError(f"there is no block {int(block, 16) if block[:2] == '0x' else block} yet")
        return wire.fields(found)

    def _simulate(self, call: dict[str, str], block: str) -> bytes:
        try:
            return wire.data(self._node.request("eth_call", call, block))
        except RpcRefused as err:
            raise _translated(err) from err

    def _gas(self, transaction: Transaction, sender: Address) -> int:
        try:
            used = wire.quantity(self._node.request("eth_estimateGas", wire.call(transaction, sender)))
        except RpcRefused as err:
            raise _translated(err) from err
        # The state may change until the transaction is included, so a quarter is added.
        return min(used + used // 4, transaction.gas)

    def _fees(self) -> tuple[Wei, Wei]:
        base = wire.quantity(self._header("latest").get("baseFeePerGas"))
        tip = wire.quantity(self._node.request("eth_maxPriorityFeePerGas"))
        # Twice the base fee stays enough for five full blocks (EIP-1559: at most 1/8 more per block).
        return Wei(tip), Wei(2 * base + tip)

    def _within_budget(self, quote: Quote) -> Quote:
        """Offer no more than is left; that the base fee may double is a reserve, which may be smaller."""
        if self._budget is None or quote.cost <= self._budget:
            return quote
        most = Wei(self._budget // quote.gas)
        if 2 * most < quote.max_fee_per_gas + quote.max_priority_fee_per_gas:
            raise ChainError(
                f"gas may cost {quote.cost} wei, more than the {self._budget} wei that are left",
                hint="gas has become dearer since you agreed; try again",
            )
        return replace(quote, max_fee_per_gas=most)

    def _spend(self, found: wire.Fields) -> None:
        if self._budget is not None:
            price = wire.quantity(found.get("effectiveGasPrice"))
            self._budget = Wei(max(0, self._budget - wire.quantity(found.get("gasUsed")) * price))

    def _dearer(self, stuck: UnsignedTransaction) -> tuple[Wei, Wei] | None:
        tip, fee = self._fees()
        tip = max(tip, dearer(stuck.max_priority_fee_per_gas))
        fee = max(fee, dearer(stuck.max_fee_per_gas), tip)
        if self._most_per_gas is not None and fee > self._most_per_gas:
            return None
        if self._budget is not None and fee * stuck.gas > self._budget:
            return None
        return tip, fee

    def _explain(self, transaction: Transaction, sender: Address, found: wire.Fields) -> None:
        """Raise what an included but failed transaction failed with, as well as it can be known."""
        number = wire.quantity(found.get("blockNumber"))
        self._simulate(wire.call(transaction, sender), hex(number))
        raise ChainError(
            f"transaction {found.get('transactionHash')} failed in block {number}",
            hint="the chain changed before it was included; look, then try again",
        )

    def _pages(self, address: Address, first: int, last: int) -> Iterator[list[Log]]:
        size = self._patience.page
        if first > last:
            yield []
        while first <= last:
            end = min(first + size - 1, last)
            wanted = {"address": address, "fromBlock": hex(first), "toBlock": hex(end)}
            try:
                page = wire.items(self._node.request("eth_getLogs", wanted))
            except RpcRefused:
                # Nodes limit blocks or results, each in words of its own.
                if size == 1:
                    raise
                size = max(1, size // 2)
                continue
            yield [wire.log(entry) for entry in page]
            first = end + 1


def _translated(error: RpcRefused) -> ChainError:
    return abi.reverted(error.data) if error.reverted else error
