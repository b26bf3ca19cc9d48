"""How an embedded chain begins: one canonical JSON document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.abi import to_address, to_bytes
from federation.errors import ChainError, VerificationFailed
from federation.types import Address, Wei

Word = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    alloc: dict[str, Annotated[str, Field(pattern=r"^[0-9]{1,36}$")]]
    base_fee_per_gas: Word
    block_time: Annotated[Word, Field(ge=1)]
    chain_id: Annotated[Word, Field(ge=1)]
    fork: Literal["cancun"]
    format: Literal["folkmoot-genesis-1"]
    gas_limit: Annotated[Word, Field(ge=5_000)]
    timestamp: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """The parameters and the first state of a chain.

    Attributes:
        chain_id: Its id (EIP-155).
        timestamp: Unix seconds of block 0.
        alloc: Wei for gas held by each account at block 0.
        block_time: Seconds from a block to the next, unless time is advanced.
        gas_limit: Gas per block.
        base_fee_per_gas: Wei, of block 0 (EIP-1559).
    """

    chain_id: int
    timestamp: int
    alloc: tuple[tuple[Address, Wei], ...]
    block_time: int = 12
    gas_limit: int = 30_000_000
    base_fee_per_gas: int = 10**9

    def encode(self) -> bytes:
        """Return the canonical document: sorted keys, no spaces, amounts as decimal strings."""
        document = {
            "alloc": {address: str(amount) for address, amount in self.alloc},
            "base_fee_per_gas": self.base_fee_per_gas,
            "block_time": self.block_time,
            "chain_id": self.chain_id,
            "fork": "cancun",
            "format": "folkmoot-genesis-1",
            "gas_limit": self.gas_limit,
            "timestamp": self.timestamp,
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Genesis:
        """Read a canonical document.

        Raises:
            VerificationFailed: It is malformed, or does not encode to the same bytes again.
        """
        try:
            document = _Document.model_validate_json(data)
            genesis = cls(
                chain_id=document.chain_id,
                timestamp=document.timestamp,
                alloc=tuple(
                    (to_address(to_bytes(Address(address))), Wei(int(amount)))
                    for address, amount in sorted(document.alloc.items())
                ),
                block_time=document.block_time,
                gas_limit=document.gas_limit,
                base_fee_per_gas=document.base_fee_per_gas,
            )
        except (ValidationError, ValueError, ChainError) as err:
            raise VerificationFailed("genesis", "is not a genesis document") from err
        if genesis.encode() != data:
            raise VerificationFailed("genesis", "is not in its canonical encoding")
        return genesis
