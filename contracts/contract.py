"""What the generated bindings in ``contracts/bindings`` have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts import abi
from contracts.artifact import load_artifact
from contracts.chain import Chain, Log, Reader, Receipt, Sender, Signer, Transaction
from federation.errors import ChainError, Reverted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from federation.types import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that a contract emitted.

    Attributes:
        log: Where it stands on the chain.
    """

    SIGNATURE: ClassVar[str]
    INDEXED: ClassVar[tuple[bool, ...]]

    log: Log

    @classmethod
    def decode_logs(cls, logs: Iterable[Log]) -> tuple[Self, ...]:
        """Return the events of this kind among logs, in order.

        Raises:
            ChainError: A log has this event's topic but not its encoding.
        """
        first = abi.topic(cls.SIGNATURE)
        return tuple(cls._from_values(log, cls._values(log)) for log in logs if log.topics[:1] == (first,))

    @classmethod
    def _values(cls, log: Log) -> tuple[Any, ...]:
        types = abi.parameter_types(cls.SIGNATURE)
        indexed = [kind for kind, flag in zip(types, cls.INDEXED, strict=True) if flag]
        plain = [kind for kind, flag in zip(types, cls.INDEXED, strict=True) if not flag]
        # Indexed values of this project are single words, so that a topic is its value's encoding.
        topics = iter(abi.decode(indexed, b"".join(log.topics[1:])))
        data = iter(abi.decode(plain, log.data))
        return tuple(next(topics if flag else data) for flag in cls.INDEXED)

    @classmethod
    @abstractmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        """Build from decoded values; the generated class of each event says how."""


class CustomError(Reverted):
    """A custom error of a contract; each kind is a class in ``contracts.bindings.errors``."""

    SIGNATURE: ClassVar[str]
    HINT: ClassVar[str]

    def __init__(self, *values: object) -> None:
        super().__init__(self.SIGNATURE[: self.SIGNATURE.index("(")], values, hint=self.HINT)
        shown = ", ".join(_shown(value) for value in values)
        self.message = f"the contract refused the call: {self.name}({shown})"
        self.args = (self.message,)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        # Exceptions are copied to another process by their message, of which these are not made.
        return type(self), self.args_

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded values."""
        return cls(*values)


class Contract:
    """A contract at an address, over any chain that can be read.

    Attributes:
        address: Where it is deployed.
    """

    ARTIFACT: ClassVar[str]

    def __init__(self, chain: Reader, address: Address) -> None:
        self._chain = chain
        self.address = address

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    @property
    def reader(self) -> Reader:
        """The chain that the contract is on."""
        return self._chain

    def logs(self, from_block: int = 0) -> tuple[Log, ...]:
        """Return the contract's logs, for the events' ``decode_logs``."""
        return self._chain.logs(self.address, from_block)

    def _read(self, signature: str, outputs: tuple[str, ...], *values: object) -> tuple[Any, ...]:
        return abi.decode(outputs, self._chain.call(self.address, _call_data(signature, values)))

    def _send(self, sender: Signer, signature: str, *values: object) -> Receipt:
        data = _call_data(signature, values)
        return _live(self._chain).send(Transaction(to=self.address, data=data), sender)

    @classmethod
    def _deploy(cls, chain: Chain, sender: Signer, types: tuple[str, ...], *values: object) -> Self:
        data = load_artifact(cls.ARTIFACT).bytecode + abi.encode(types, values)
        address = chain.send(Transaction(to=None, data=data), sender).contract_address
        if address is None:
            raise ChainError(f"the chain created no {cls.ARTIFACT}")
        return cls(chain, address)


def _shown(value: object) -> str:
    """Write a value as people look for it: hashes as in explorers, members of enums by name."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value.name if isinstance(value, IntEnum) else str(value)


def _call_data(signature: str, values: tuple[object, ...]) -> bytes:
    return abi.selector(signature) + abi.encode(abi.parameter_types(signature), values)


def _live(chain: Reader) -> Sender:
    if not isinstance(chain, Sender):
        raise ChainError("this chain can only be read", hint="send transactions to a live chain")
    return chain
