"""How the privacy ledger writes a release down, and what it hands out for one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from client.keys import bind
from client.release import Release

_HEAD = struct.Struct(">Q32s")


class Status(StrEnum):
    """How far a release went; each state counts as spent."""

    RESERVED = "reserved"
    STORED = "stored"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The right to draw noise once, for one release.

    Attributes:
        release: What was reserved.
        number: Which release of the dataset it is, over all federations, from 1.
    """

    release: Release
    number: int


class Stored(NamedTuple):
    """A release that can be sent.

    Attributes:
        number: As ``Reservation.number``.
        payload: What was stored.
    """

    number: int
    payload: bytes


class Head(NamedTuple):
    """Of the whole ledger: how many rows there are, and the link of the last."""

    rows: int = 0
    link: bytes = bytes(32)

    def encode(self) -> bytes:
        """Return what is sealed."""
        return _HEAD.pack(*self)

    @classmethod
    def decode(cls, data: bytes) -> Head:
        """Read what was sealed."""
        return cls(*_HEAD.unpack(data))


class Facts(NamedTuple):
    """The columns of a row that never change, in the order of the table."""

    seq: int
    federation: str
    epoch: int
    round: int
    base_hash: bytes
    unit: str
    sigma: float
    clip: float
    rate: float
    steps: int

    @classmethod
    def of(cls, release: Release, seq: int) -> Facts:
        """Return the row of a release."""
        return cls(
            seq,
            release.federation,
            release.epoch,
            release.round,
            release.base_hash,
            release.unit,
            release.sigma,
            release.clip,
            release.rate,
            release.steps,
        )

    @property
    def release(self) -> Release:
        """What the row is about."""
        values = self._asdict()
        del values["seq"]
        return Release(**values)

    def encode(self) -> bytes:
        """Return what the row's link is computed over."""
        numbers = struct.pack(
            ">QQQdddQ", self.seq, self.epoch, self.round, self.sigma, self.clip, self.rate, self.steps
        )
        return bind(numbers, self.federation.encode(), self.base_hash, self.unit.encode())
