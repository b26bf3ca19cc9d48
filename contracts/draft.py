"""Writing down what a binding would send, without a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from federation.errors import ChainError
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.chain import Chain, Receipt, Signer, Transaction
    from contracts.contract import Contract

Bound = TypeVar("Bound", bound="Contract")


class _Noted(Exception):
    def __init__(self, transaction: Transaction) -> None:
        super().__init__()
        self.transaction = transaction


class _NotePad:
    def send(self, transaction: Transaction, _: Signer) -> NoReturn:
        raise _Noted(transaction)


def draft(contract: type[Bound], act: Callable[[Bound, Signer], Receipt]) -> bytes:
    """Return the data of the call that ``act`` makes to a contract.

    Args:
        contract: The binding.
        act: Makes one sending call with the bound contract and the signer it is given.

    Raises:
        ChainError: It sends nothing.
    """
    bound = contract(cast("Chain", _NotePad()), Address(""))
    try:
        act(bound, cast("Signer", None))
    except _Noted as noted:
        return noted.transaction.data
    raise ChainError("nothing was sent")
