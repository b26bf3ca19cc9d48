"""Who provides validation data: a lottery that nobody can steer and everybody can draw again.

First the list of candidates is announced, with the number of a block that does not exist yet: the
announcement's digest is anchored on chain, so that nobody can draw until the outcome pleases. Then
that block's hash gives every candidate a ticket, and the lowest tickets win. The rule is in
docs/protocol.md.

Every candidate has one ticket. Weighing them, e.g. by tokens, would hand the sealed data to a few
large holders, who could well be one; a provider is trusted, and elected to be independent. Who may
stand is for the community to say, since it is the list that keeps one person from standing twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ceramic_bridge.did import public_key
from contracts.abi import to_address, to_bytes
from federation.canonical import require_shallow
from federation.errors import ChainError, ConfigError, IdentityError, VerificationFailed
from federation.hashing import abi_words, did_hash, keccak256, purpose, sha256
from federation.types import Address, Did, Hash32

FEWEST: Final = 3
"""Providers of a federation."""

_FORMAT: Final = "folkmoot-election-1"
Model = TypeVar("Model", bound=BaseModel)
_DidText = Annotated[str, Field(pattern="^did:key:z[1-9A-HJ-NP-Za-km-z]+$")]
_Account = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Candidate:
    """Somebody who stands.

    Attributes:
        did: Its ``did:key``, of an ed25519 key.
        account: The account that would stake its bond.
    """

    did: Did
    account: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is said before anybody can know the outcome.

    Attributes:
        chain_id: Whose block decides.
        block: Which block.
        seats: How many are elected.
        candidates: Who stands, in ascending order of DIDs.

    Raises:
        ConfigError: Nobody could be elected under it.
    """

    chain_id: int
    block: int
    seats: int
    candidates: tuple[Candidate, ...]

    def __post_init__(self) -> None:
        if self.seats < FEWEST:
            raise ConfigError(f"{self.seats} seats are too few: a federation needs {FEWEST} providers")
        if len(self.candidates) < self.seats:
            raise ConfigError(f"{len(self.candidates)} candidates are too few for {self.seats} seats")
        dids = [candidate.did for candidate in self.candidates]
        if dids != sorted(set(dids)):
            raise ConfigError("a candidate stands twice, or the candidates are not in order")
        if len({candidate.account for candidate in self.candidates}) != len(dids):
            raise ConfigError("two candidates have the same account")

    @classmethod
    def of(cls, candidates: Sequence[Candidate], *, chain_id: int, block: int, seats: int) -> Self:
        """Return an announcement of candidates in any order."""
        return cls(chain_id=chain_id, block=block, seats=seats, candidates=tuple(sorted(candidates)))

    def to_bytes(self) -> bytes:
        """Return canonical JSON: sorted keys, no spaces, a line feed."""
        return _dump(self._table())

    @property
    def digest(self) -> Hash32:
        """SHA-256 of the canonical bytes: what is anchored before the block."""
        return sha256(self.to_bytes())

    def _table(self) -> dict[str, object]:
        return {
            "format": _FORMAT,
            "chain_id": self.chain_id,
            "block": self.block,
            "seats": self.seats,
            "candidates": [{"did": c.did, "account": c.account} for c in self.candidates],
        }

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the announcement that canonical bytes hold.

        Raises:
            VerificationFailed: They are none.
            ConfigError: Nobody could be elected under it.
        """
        return cls._from(_read(_Announced, data), data)

    @classmethod
    def _from(cls, found: _Announced, data: bytes) -> Self:
        try:
            candidates = tuple(candidate(one.did, one.account) for one in found.candidates)
        except (ConfigError, IdentityError) as error:
            raise VerificationFailed("election", error.message) from error
        made = cls(chain_id=found.chain_id, block=found.block, seats=found.seats, candidates=candidates)
        if type(found) is _Announced and made.to_bytes() != data:
            raise VerificationFailed("election", "the announcement is not in canonical form")
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An election that was held: everything that somebody needs to hold it again.

    Attributes:
        announcement: What was said before.
        beacon: The hash of its block.
        anchor: The contract that holds the announcement's digest.
        elected: Who won, in the order that numbers the providers.
        reserves: All others, in the order in which they follow should one decline.
    """

    announcement: Announcement
    beacon: Hash32
    anchor: Address
    elected: tuple[Did, ...]
    reserves: tuple[Did, ...]

    @classmethod
    def hold(cls, announcement: Announcement, beacon: Hash32, anchor: Address) -> Self:
        """Draw the tickets."""
        order = draw(announcement, beacon)
        return cls(
            announcement=announcement,
            beacon=beacon,
            anchor=anchor,
            elected=order[: announcement.seats],
            reserves=order[announcement.seats :],
        )

    def to_bytes(self) -> bytes:
        """Return canonical JSON, as the announcement's, with the outcome."""
        table = self.announcement._table()  # noqa: SLF001 -- of the same file
        return _dump(
            {
                **table,
                "beacon": self.beacon.hex(),
                "anchor": self.anchor,
                "elected": list(self.elected),
                "reserves": list(self.reserves),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return a statement after drawing its tickets again.

        Raises:
            VerificationFailed: It is malformed, or others were elected.
        """
        found = _read(_Stated, data)
        try:
            announcement = Announcement._from(found, data)  # noqa: SLF001 -- of the same file
            anchor = to_address(to_bytes(Address(found.anchor)))
        except (ConfigError, ChainError) as error:
            raise VerificationFailed("election", error.message) from error
        made = cls.hold(announcement, Hash32(bytes.fromhex(found.beacon)), anchor)
        if [*made.elected, *made.reserves] != [*found.elected, *found.reserves]:
            raise VerificationFailed("election", f"the tickets elect {', '.join(made.elected)}")
        if made.to_bytes() != data:
            raise VerificationFailed("election", "the statement is not in canonical form")
        return made


def draw(announcement: Announcement, beacon: Hash32) -> tuple[Did, ...]:
    """Return the candidates in the order of their tickets.

    Args:
        announcement: Who stands.
        beacon: The hash of the announced block.
    """
    seed = keccak256(
        abi_words(purpose("election"), announcement.chain_id, announcement.block, beacon, announcement.digest)
    )
    tickets = {c.did: keccak256(abi_words(seed, did_hash(c.did))) for c in announcement.candidates}
    return tuple(sorted(tickets, key=tickets.__getitem__))


def candidate(did: str, account: str) -> Candidate:
    """Return a candidate as written in a list.

    Raises:
        IdentityError: The DID is not the ``did:key`` of an ed25519 key.
        ConfigError: The account is no address.
    """
    public_key(Did(did))
    try:
        return Candidate(did=Did(did), account=to_address(to_bytes(Address(account))))
    except ChainError as error:
        raise ConfigError(error.message) from error


def require_no_members(announcement: Announcement, members: Collection[Did]) -> None:
    """Refuse candidates who are members: whoever trains must not hold what training is measured by.

    Raises:
        ConfigError: One is, by DID or by account.
    """
    listed = {member.lower() for member in members}
    chain = announcement.chain_id
    for one in announcement.candidates:
        if one.did in members or f"did:pkh:eip155:{chain}:{one.account}".lower() in listed:
            raise ConfigError(f"{one.did} is a member", hint="members cannot provide validation data")


class _Listed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    did: _DidText
    account: _Account


class _Announced(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-election-1"]
    chain_id: Annotated[int, Field(gt=0, lt=1 << 63)]
    block: Annotated[int, Field(gt=0, lt=1 << 63)]
    seats: Annotated[int, Field(le=32)]
    candidates: Annotated[list[_Listed], Field(max_length=100_000)]


class _Stated(_Announced):
    beacon: _Hex32
    anchor: _Account
    elected: list[_DidText]
    reserves: list[_DidText]


def _read(kind: type[Model], data: bytes) -> Model:
    try:
        require_shallow(data)
        return kind.model_validate_json(data)
    except (ValidationError, ValueError) as error:
        raise VerificationFailed("election", "not such a file") from error


def _dump(table: dict[str, object]) -> bytes:
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode() + b"\n"
