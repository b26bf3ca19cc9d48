"""The plain values that cross package borders, named so that mypy tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Did = NewType("Did", str)
"""A decentralised identifier, e.g. ``did:key:z6Mk...``."""

Address = NewType("Address", str)
"""An EVM address: ``0x`` and 40 hex digits, EIP-55 checksummed."""

Wei = NewType("Wei", int)
"""The smallest unit of the reward token; signed where a credit may be negative."""

Hash32 = NewType("Hash32", bytes)
"""Exactly 32 bytes: a SHA-256 or keccak-256 digest, or a salt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example of a member's data.

    Attributes:
        text: The message.
        label: Its class; True is spam.
    """

    text: str
    label: bool
