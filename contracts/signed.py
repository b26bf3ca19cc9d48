"""What a signed transaction says: read back from its bytes (EIP-2718, EIP-1559)."""

from __future__ import annotations

from typing import Final

from contracts.abi import to_address
from contracts.chain import UnsignedTransaction
from federation.errors import ChainError
from federation.types import Wei

_KIND: Final = b"\x02"
_FIELDS: Final = 12


def read_signed(raw: bytes) -> UnsignedTransaction:
    """Return the fields that were signed.

    Args:
        raw: A signed EIP-1559 transaction without an access list, as ``Signer.sign_transaction`` makes.

    Raises:
        ChainError: It is something else.
    """
    import rlp
    from rlp.exceptions import RLPException

    try:
        fields = rlp.decode(raw[1:]) if raw[:1] == _KIND else None
    except RLPException as error:
        raise ChainError("a signed transaction cannot be read") from error
    if not isinstance(fields, list) or len(fields) != _FIELDS:
        raise ChainError("a signed transaction is of another kind than this software signs")
    chain_id, nonce, tip, fee, gas, to, _value, data = fields[:8]
    return UnsignedTransaction(
        chain_id=_number(chain_id),
        nonce=_number(nonce),
        max_priority_fee_per_gas=Wei(_number(tip)),
        max_fee_per_gas=Wei(_number(fee)),
        gas=_number(gas),
        to=to_address(to) if to else None,
        data=bytes(data),
    )


def _number(field: bytes) -> int:
    return int.from_bytes(field, "big")
