"""What a release is, and how the privacy ledger writes one down."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from client.keys import bind
from federation.errors import ConfigError
from federation.privacy import SENSITIVITY, History, Sampled, increment
from federation.secureprivacy import booked_sigma

if TYPE_CHECKING:
    from federation.hashing import Domain
    from federation.manifest import Manifest
    from federation.types import Address, Hash32

_HEAD = struct.Struct(">Q32s")
_MOST_STEPS = 1 << 32


class Status(StrEnum):
    """How far a release went; each state counts as spent."""

    RESERVED = "reserved"
    STORED = "stored"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One noisy delta that a member is about to make.

    Attributes:
        federation: Which federation, e.g. a CAIP-10 account of its contract; in lower case, so that one
            federation has one name.
        epoch: Its epoch.
        round: Its round.
        base_hash: Hash of the model the delta is trained from; 32 bytes.
        sigma: Noise multiplier of a step; 0 for a release without noise, which spends everything. Of a secure
            round the one that binds (``federation.secureprivacy.booked_sigma``): of what becomes public of
            this member, unless its community's budget is on the sum.
        clip: Clipping norm (L2) of one unit.
        unit: What is clipped: each "example"'s step, or the whole "member"'s delta.
        rate: Probability with which an example takes part in a step; 1 for full batches.
        steps: Steps in this release.
    """

    federation: str
    epoch: int
    round: int
    base_hash: Hash32
    sigma: float
    clip: float
    unit: Literal["example", "member"] = "example"
    rate: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        whole = all(0 <= number < 1 << 63 for number in (self.epoch, self.round))
        whole &= self.federation == self.federation.lower()
        whole &= 1 <= self.steps <= _MOST_STEPS and len(self.base_hash) == 32
        real = math.isfinite(self.sigma) and math.isfinite(self.clip) and 0 < self.rate <= 1
        # Nobody has proven what one member's delta clipped as a whole hides about its samples.
        known = self.unit == "example" or (self.unit == "member" and self.rate == 1)
        if not (whole and real and known and self.sigma >= 0 and self.clip > 0):
            raise ConfigError(f"not a release: {self}")

    def after(self, history: History) -> History:
        """Return a history with this release in it."""
        sigma = self.sigma / SENSITIVITY[self.unit]
        if self.rate < 1 and sigma:
            return history.and_sampled(Sampled(sigma=sigma, rate=self.rate, steps=self.steps))
        return history.and_full(self.steps * increment(sigma))


def ledger_name(chain_id: int, federation: Address) -> str:
    """Return the name under which the ledger knows a federation."""
    return f"{chain_id}:{federation}".lower()


def release_of(manifest: Manifest, domain: Domain, round_: int, base_hash: Hash32) -> Release:
    """Return the release that a round asks of each member.

    Args:
        manifest: What the community agreed.
        domain: The federation's chain, contract and epoch.
        round_: The round.
        base_hash: Hash of the model the delta is trained from.
    """
    privacy, sampling = manifest.privacy, manifest.sampling
    return Release(
        federation=ledger_name(domain.chain_id, domain.federation),
        epoch=domain.epoch,
        round=round_,
        base_hash=base_hash,
        sigma=booked_sigma(manifest),
        clip=privacy.clip,
        unit=privacy.unit,
        rate=sampling.rate if sampling else 1.0,
        steps=sampling.steps if sampling else 1,
    )


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
