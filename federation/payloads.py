"""What the project's events say; envelopes, streams and JSON Schemas are the bridge's.

Hashes travel as lower-case hex, wei and scores as decimal strings (a JSON number is exact only to
2^53 - 1). ``content`` gives the fields of an event, ``parse`` reads them back, strictly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from federation.canonical import parse_table
from federation.errors import PeerError
from federation.hashing import Domain, sha256
from federation.rounds import RoundOutcome, Status
from federation.types import Address, Did, Hash32

Json: TypeAlias = "bool | int | str | tuple[Json, ...] | Mapping[str, Json] | None"
Content: TypeAlias = dict[str, Json]

NOTHING = Hash32(bytes(32))
"""Stands for a hash where there is nothing to hash."""

INLINE: Final = 500
"""Members of whom a receipt itself has room to speak; about more it speaks in a blob that it names."""

LISTS: Final = ("credits", "rejections", "suspended", "forced")
"""What a receipt says of members."""


def _hex(content: Mapping[str, object], key: str) -> Hash32:
    return Hash32(bytes.fromhex(_text(content, key)))


def _text(content: Mapping[str, object], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise PeerError(f"the event's {key!r} is not text")
    return value


def _number(content: Mapping[str, object], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or value < 0:
        raise PeerError(f"the event's {key!r} is not a natural number")
    return value


def _place(domain: Domain, round_: int) -> Content:
    return {
        "chainId": domain.chain_id,
        "federation": domain.federation,
        "epoch": domain.epoch,
        "round": round_,
    }


def require_place(content: Mapping[str, object], domain: Domain, round_: int) -> None:
    """Refuse an event that was signed for another chain, federation, epoch or round.

    Raises:
        PeerError: It was.
    """
    for key, value in _place(domain, round_).items():
        if content.get(key) != value:
            raise PeerError(f"the event is for {key} {content.get(key)}, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataImport:
    """A member imported rows into its vault.

    Attributes:
        federation: The federation it is for.
        payee: Where the member wants to be paid; counts only if that account registered the DID too.
        count: Rows in the vault.
        root: Merkle root over the vault's ciphertext rows.
        head: The previous root; zero for the first import.
        consent: SHA-256 of the manifest that the member consented to, if it says so here.
    """

    federation: Address
    payee: Address
    count: int
    root: Hash32
    head: Hash32
    consent: Hash32 | None = None

    def content(self) -> Content:
        """Return the event's fields."""
        consent = {} if self.consent is None else {"consent": self.consent.hex()}
        return {
            "kind": "data",
            "federation": self.federation,
            "payee": self.payee,
            "count": self.count,
            "root": self.root.hex(),
            "head": self.head.hex(),
            **consent,
        }

    @classmethod
    def parse(cls, content: Mapping[str, object], federation: Address) -> DataImport:
        """Read an event's fields.

        Raises:
            PeerError: It is for another federation, or a field is malformed.
        """
        if content.get("federation") != federation:
            raise PeerError(f"the event is for federation {content.get('federation')}, not {federation}")
        return cls(
            federation=federation,
            payee=Address(_text(content, "payee")),
            count=_number(content, "count"),
            root=_hex(content, "root"),
            head=_hex(content, "head"),
            consent=_hex(content, "consent") if "consent" in content else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A member committed to its delta.

    Attributes:
        domain: Where.
        round: In which round.
        base_hash: The base model it was trained from.
        commitment: To delta and salt.
        release: Which release of its dataset this is, over all federations, from 1; a vault with fewer
            is an older copy.
    """

    domain: Domain
    round: int
    base_hash: Hash32
    commitment: Hash32
    release: int

    def content(self) -> Content:
        """Return the event's fields."""
        return {
            "kind": "contribution",
            **_place(self.domain, self.round),
            "baseHash": self.base_hash.hex(),
            "commitment": self.commitment.hex(),
            "release": self.release,
        }

    @classmethod
    def parse(cls, content: Mapping[str, object], domain: Domain, round_: int) -> Contribution:
        """Read an event's fields.

        Raises:
            PeerError: It is for another place, or a field is malformed.
        """
        require_place(content, domain, round_)
        return cls(
            domain=domain,
            round=round_,
            base_hash=_hex(content, "baseHash"),
            commitment=_hex(content, "commitment"),
            release=_number(content, "release"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReveal:
    """A provider published its part of a shard."""

    domain: Domain
    shard: int
    provider: int
    blob: Hash32
    examples: int

    def content(self) -> Content:
        """Return the event's fields."""
        place = _place(self.domain, 0)
        del place["round"]
        return {
            "kind": "validation-shard",
            **place,
            "shard": self.shard,
            "provider": self.provider,
            "blob": self.blob.hex(),
            "examples": self.examples,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a round did, as the aggregator signs it.

    Attributes:
        domain: Where.
        base_hash: The base sent out.
        model_hash: The model after the round.
        delta_hash: SHA-256 of Delta, of zeros where the model did not move.
        trace_hash: SHA-256 of the trace's bytes.
        shard: The drawn shard.
        trace_root: The trace's Merkle root.
        outcome: The decisions.
        reveals: SHA-256 of every accepted delta, and the salt that opens its commitment.
        forced: Members whose accepted delta came by the chain alone, and is not under the reveal root.
        transcript: SHA-256 of all that a secure round received; None in central mode. The reveals are then
            the hashes of masked deltas, without a salt.
    """

    domain: Domain
    base_hash: Hash32
    model_hash: Hash32
    delta_hash: Hash32
    trace_hash: Hash32
    shard: int
    trace_root: Hash32
    outcome: RoundOutcome
    reveals: Mapping[Did, tuple[Hash32, Hash32]]
    forced: Collection[Did]
    transcript: Hash32 | None = None

    def content(self) -> Content:
        """Return the event's fields."""
        lists, table = self._lists(), self.table()
        return {
            "kind": "round-receipt",
            **_place(self.domain, self.outcome.round),
            "baseHash": self.base_hash.hex(),
            "modelHash": self.model_hash.hex(),
            "deltaHash": self.delta_hash.hex(),
            "shard": self.shard,
            "eta": str(self.outcome.eta),
            "improvement": str(self.outcome.improvement),
            **(lists if table is None else {**dict.fromkeys(lists, ()), "table": sha256(table).hex()}),
            "trace": self.trace_hash.hex(),
            "traceRoot": self.trace_root.hex(),
        }

    def table(self) -> bytes | None:
        """Return the blob that holds what is said of members; None if the receipt itself has room."""
        if len(self.outcome.members) <= INLINE and self.transcript is None:
            return None
        secure = {} if self.transcript is None else {"transcript": self.transcript.hex()}
        return json.dumps({**self._lists(), **secure}, sort_keys=True, separators=(",", ":")).encode()

    def _lists(self) -> Content:
        """Return what is said of members."""
        members = self.outcome.members
        return {
            "credits": tuple(
                {
                    "did": m.did,
                    "score": str(m.score),
                    "credit": str(m.credit),
                    "status": str(m.status),
                    "delta": self.reveals.get(m.did, (NOTHING, NOTHING))[0].hex(),
                    "salt": self.reveals.get(m.did, (NOTHING, NOTHING))[1].hex(),
                }
                for m in members
            ),
            "rejections": tuple(
                {"did": m.did, "reason": m.reason} for m in members if m.status is Status.REJECTED
            ),
            "suspended": tuple(sorted(self.outcome.state.suspended)),
            "forced": tuple(sorted(self.forced)),
        }


def receipt_lists(content: Mapping[str, object], fetch: Callable[[Hash32], bytes]) -> Mapping[str, object]:
    """Return what a receipt says of members, from where it says it.

    Args:
        content: The event's fields, of the form that the bridge checks.
        fetch: Returns the blob with a digest.

    Returns:
        A table with the receipt's lists; of one from elsewhere the form is still to be checked.

    Raises:
        PeerError: What it names is no table.
    """
    if "table" not in content:
        return {name: content[name] for name in LISTS}
    try:
        return parse_table(fetch(_hex(content, "table")))
    except ValueError as error:
        raise PeerError("the receipt names something that is no table of members") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A released model.

    Attributes:
        domain: Where.
        round: After which round.
        model_hash: SHA-256 of the model.
        dim: Number of weights.
        epsilon: The lifetime budget as the manifest writes it.
        contributors: Members whose deltas are in the model.
        receipts: Rounds with a receipt.
        claims: SHA-256 of what the publisher states beyond what can be recomputed; zero if nothing.
    """

    domain: Domain
    round: int
    model_hash: Hash32
    dim: int
    epsilon: str
    contributors: int
    receipts: int
    claims: Hash32

    def content(self) -> Content:
        """Return the event's fields."""
        return {
            "kind": "model-card",
            **_place(self.domain, self.round),
            "modelHash": self.model_hash.hex(),
            "dim": self.dim,
            "epsilon": self.epsilon,
            "contributors": self.contributors,
            "receipts": self.receipts,
            "claims": self.claims.hex(),
        }
