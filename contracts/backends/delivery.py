"""One transaction on its way into the chain: sent, sent again, replaced by a dearer one, confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.backends import wire
from contracts.backends.transport import RpcRefused, Transport
from federation.errors import ChainError, Overtaken
from federation.hashing import keccak256
from federation.types import Wei

if TYPE_CHECKING:
    from contracts.backends.patience import Clock, Patience
    from contracts.chain import Note, Signer, UnsignedTransaction

Price = Callable[["UnsignedTransaction"], tuple[Wei, Wei] | None]
"""Returns tip and fee per gas that may be offered now in place of a transaction's; None if no more may."""


def dearer(amount: Wei) -> Wei:
    """Return the least that nodes take in place of an amount: they ask for a tenth more."""
    return Wei(amount + amount // 8 + 1)


class Delivery:
    """A transaction and all that replace it: they share a nonce, so that at most one is ever executed."""

    def __init__(
        self,
        transport: Transport,
        signer: Signer,
        transaction: UnsignedTransaction,
        *,
        patience: Patience,
        clock: Clock,
        price: Price,
        note: Note,
        earlier: Sequence[bytes] = (),
    ) -> None:
        """Prepare a delivery.

        Args:
            transport: Carries requests to the node.
            signer: Who signs.
            transaction: What to sign; the last of ``earlier``, if there is any.
            patience: How long to wait for what.
            clock: Measures that.
            price: What may be offered for a dearer one.
            note: Is given each signed form before it goes out.
            earlier: What was signed before under the same nonce, the dearest last.
        """
        self._node = transport
        self._signer = signer
        self._transaction = transaction
        self._patience = patience
        self._clock = clock
        self._price = price
        self._note = note
        self._raws = list(earlier)
        """Signed; the dearest last."""

    def send(self) -> wire.Fields:
        """Have it signed, included and confirmed.

        Returns:
            The receipt, of a transaction that may have failed.

        Raises:
            Overtaken: Another transaction took its place.
            ChainError: The node refuses it, or it is overdue.
        """
        if not self._raws:
            self._sign(self._transaction)
            self._transmit()
        bump_at = self._clock.now() + self._patience.bump_after
        for _ in self._patience.looks(self._clock, f"transaction {_name(self._raws[0])}"):
            found = self._receipt()
            if found is not None:
                if self._is_confirmed(found):
                    return found
                continue
            self._revive()
            if self._clock.now() >= bump_at:
                self._bump()
                bump_at = self._clock.now() + self._patience.bump_after
        raise AssertionError("looking ends with an error")

    def _receipt(self) -> wire.Fields | None:
        for raw in reversed(self._raws):
            answer = self._node.request("eth_getTransactionReceipt", _name(raw))
            if answer is not None:
                return wire.fields(answer)
        return None

    def _is_confirmed(self, receipt: wire.Fields) -> bool:
        """Tell whether enough blocks hold it, on the chain that is the longest now."""
        if self._patience.confirmations == 1:
            return True
        number = wire.quantity(receipt.get("blockNumber"))
        head = wire.quantity(self._node.request("eth_blockNumber"))
        if head - number + 1 < self._patience.confirmations:
            return False
        block = self._node.request("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 -- the RPC's own argument: no transactions
        return block is not None and wire.fields(block).get("hash") == receipt.get("blockHash")

    def _revive(self) -> None:
        """Send it again if the network forgot it; a reorganisation can do that."""
        if self._is_known():
            return
        if self._nonces("latest") > self._transaction.nonce:
            # It may have been included between the two questions.
            if self._receipt() is None:
                raise self._overtaken()
            return
        self._transmit()

    def _transmit(self) -> None:
        refusal: RpcRefused | None = None
        for raw in reversed(self._raws):
            try:
                self._node.request("eth_sendRawTransaction", "0x" + raw.hex())
            except RpcRefused as err:
                refusal = refusal or err
            else:
                return
        # An answer that was lost makes the second attempt look like a repetition.
        if refusal is None or self._is_known():
            return
        if max(self._nonces("latest"), self._nonces("pending")) > self._transaction.nonce:
            # Not sent again under the next nonce: a node that lags would have it executed twice.
            raise self._overtaken() from refusal
        raise ChainError(f"the chain refuses the transaction: {refusal.message}") from refusal

    def _sign(self, transaction: UnsignedTransaction) -> bytes:
        raw = self._signer.sign_transaction(transaction)
        self._note(raw)
        # A transport that fails may have delivered it all the same.
        self._raws.append(raw)
        return raw

    def _bump(self) -> None:
        offer = self._price(self._transaction)
        if offer is None:
            return
        tip, fee = offer
        made = replace(self._transaction, max_priority_fee_per_gas=tip, max_fee_per_gas=fee)
        raw = self._sign(made)
        try:
            self._node.request("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcRefused:
            # What is on its way already is not worse for it; it may even have been included.
            return
        self._transaction = made

    def _is_known(self) -> bool:
        names = (_name(raw) for raw in reversed(self._raws))
        return any(self._node.request("eth_getTransactionByHash", name) is not None for name in names)

    def _nonces(self, block: str) -> int:
        return wire.quantity(self._node.request("eth_getTransactionCount", self._signer.address, block))

    def _overtaken(self) -> Overtaken:
        return Overtaken(
            f"another transaction of {self._signer.address} took nonce {self._transaction.nonce}",
            hint="somebody else sends with this key; look at what was sent, then try again",
        )


def _name(raw: bytes) -> str:
    return "0x" + keccak256(raw).hex()
