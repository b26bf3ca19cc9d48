"""Typed binding of MootToken.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    ECDSAInvalidSignature,
    ECDSAInvalidSignatureLength,
    ECDSAInvalidSignatureS,
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    ERC20InvalidApprover,
    ERC20InvalidReceiver,
    ERC20InvalidSender,
    ERC20InvalidSpender,
    ERC2612ExpiredSignature,
    ERC2612InvalidSigner,
    InvalidAccountNonce,
    InvalidShortString,
    NotMinter,
    StringTooLong,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "Approval",
    "ECDSAInvalidSignature",
    "ECDSAInvalidSignatureLength",
    "ECDSAInvalidSignatureS",
    "EIP712DomainChanged",
    "ERC20InsufficientAllowance",
    "ERC20InsufficientBalance",
    "ERC20InvalidApprover",
    "ERC20InvalidReceiver",
    "ERC20InvalidSender",
    "ERC20InvalidSpender",
    "ERC2612ExpiredSignature",
    "ERC2612InvalidSigner",
    "InvalidAccountNonce",
    "InvalidShortString",
    "MootToken",
    "NotMinter",
    "StringTooLong",
    "Transfer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Event):
    """Event ``Approval``."""

    SIGNATURE: ClassVar[str] = "Approval(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    owner: Address
    spender: Address
    value: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, owner=values[0], spender=values[1], value=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class EIP712DomainChanged(Event):
    """Event ``EIP712DomainChanged``."""

    SIGNATURE: ClassVar[str] = "EIP712DomainChanged()"
    INDEXED: ClassVar[tuple[bool, ...]] = ()

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        assert not values
        return cls(log=log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Event):
    """Event ``Transfer``."""

    SIGNATURE: ClassVar[str] = "Transfer(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    from_: Address
    to: Address
    value: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, from_=values[0], to=values[1], value=values[2])


class MootToken(Contract):
    """Calls of ``MootToken``."""

    ARTIFACT: ClassVar[str] = "MootToken"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def domain_separator(self) -> Hash32:
        """Read ``DOMAIN_SEPARATOR``."""
        found: Hash32 = self._read("DOMAIN_SEPARATOR()", ("bytes32",))[0]
        return found

    def allowance(self, owner: Address, spender: Address) -> int:
        """Read ``allowance``."""
        found: int = self._read("allowance(address,address)", ("uint256",), owner, spender)[0]
        return found

    def approve(self, sender: Signer, spender: Address, value: int) -> Receipt:
        """Send ``approve``."""
        return self._send(sender, "approve(address,uint256)", spender, value)

    def balance_of(self, account: Address) -> int:
        """Read ``balanceOf``."""
        found: int = self._read("balanceOf(address)", ("uint256",), account)[0]
        return found

    def decimals(self) -> int:
        """Read ``decimals``."""
        found: int = self._read("decimals()", ("uint8",))[0]
        return found

    def eip712_domain(self) -> tuple[bytes, str, str, int, Address, Hash32, tuple[int, ...]]:
        """Read ``eip712Domain``."""
        return self._read(
            "eip712Domain()", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        )

    def mint(self, sender: Signer, to: Address, amount: int) -> Receipt:
        """Create tokens.

        Deployer only.
        """
        return self._send(sender, "mint(address,uint256)", to, amount)

    def minter(self) -> Address:
        """Read ``minter``."""
        found: Address = self._read("minter()", ("address",))[0]
        return found

    def name(self) -> str:
        """Read ``name``."""
        found: str = self._read("name()", ("string",))[0]
        return found

    def nonces(self, owner: Address) -> int:
        """Read ``nonces``."""
        found: int = self._read("nonces(address)", ("uint256",), owner)[0]
        return found

    def permit(
        self,
        sender: Signer,
        *,
        owner: Address,
        spender: Address,
        value: int,
        deadline: int,
        v: int,
        r: Hash32,
        s: Hash32,
    ) -> Receipt:
        """Send ``permit``."""
        return self._send(
            sender,
            "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
            owner,
            spender,
            value,
            deadline,
            v,
            r,
            s,
        )

    def symbol(self) -> str:
        """Read ``symbol``."""
        found: str = self._read("symbol()", ("string",))[0]
        return found

    def total_supply(self) -> int:
        """Read ``totalSupply``."""
        found: int = self._read("totalSupply()", ("uint256",))[0]
        return found

    def transfer(self, sender: Signer, to: Address, value: int) -> Receipt:
        """Send ``transfer``."""
        return self._send(sender, "transfer(address,uint256)", to, value)

    def transfer_from(self, sender: Signer, from_: Address, to: Address, value: int) -> Receipt:
        """Send ``transferFrom``."""
        return self._send(sender, "transferFrom(address,address,uint256)", from_, to, value)
