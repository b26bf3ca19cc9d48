"""Recorded rounds, as the aggregator's own receipts tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from aggregator.operator.amounts import tokens
from ceramic_bridge.blobs import fetch_blob
from ceramic_bridge.events import InitPayload, SignedEvent
from ceramic_bridge.models import model_ids
from ceramic_bridge.reading import signed_by
from ceramic_bridge.store.base import Interest
from ceramic_bridge.store.sqlite import SqliteStore
from federation.contribution import SCORE_BITS
from federation.payloads import receipt_lists
from federation.types import Did

if TYPE_CHECKING:
    from aggregator.home import AggregatorHome
    from federation.manifest import Manifest
    from federation.types import Address


_MOST_TABLE: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """One member in a round.

    Attributes:
        did: The member.
        status: What became of its delta.
        reason: Why it was rejected; empty else.
        score: Its score, in Brier score.
        credit: Signed wei.
    """

    did: Did
    status: str
    reason: str
    score: float
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLine:
    """One recorded round.

    Attributes:
        epoch: Its epoch.
        round: Its number.
        shard: The drawn shard.
        eta: The step taken.
        improvement: G, in Brier score.
        model: SHA-256 of the released model, in hex.
        receipt: The event.
        members: Everybody on the roster, by DID.
    """

    epoch: int
    round: int
    shard: int
    eta: int
    improvement: float
    model: str
    receipt: str
    members: tuple[MemberLine, ...]

    @property
    def credited(self) -> int:
        """Positive credits, in wei."""
        return sum(max(0, member.credit) for member in self.members)

    def counts(self) -> Mapping[str, int]:
        """Return how many members had each status."""
        return Counter(member.status for member in self.members)

    def counts_text(self) -> str:
        """Return that for people."""
        return ", ".join(f"{number} {status}" for status, number in sorted(self.counts().items()))

    def lines(self) -> Iterator[str]:
        """Yield the round as text for a person."""
        yield f"epoch {self.epoch}, round {self.round}: shard {self.shard}, step {self.eta}"
        yield f"improvement {self.improvement:.6f}, {self.counts_text()}, {tokens(self.credited)} credited"
        yield f"model {self.model}"
        yield f"receipt {self.receipt}"
        for member in self.members:
            why = f" ({member.reason})" if member.reason else ""
            yield f"  {member.did}  {member.status}{why}  score {member.score:+.6f}  {tokens(member.credit)}"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values; wei as text."""
        return {
            "epoch": self.epoch,
            "round": self.round,
            "shard": self.shard,
            "eta": self.eta,
            "improvement": self.improvement,
            "model": self.model,
            "receipt": self.receipt,
            "credited_wei": str(self.credited),
            "counts": dict(self.counts()),
            "members": [
                {
                    "did": member.did,
                    "status": member.status,
                    "reason": member.reason,
                    "score": member.score,
                    "credit_wei": str(member.credit),
                }
                for member in self.members
            ],
        }


def rounds_of(
    home: AggregatorHome, manifest: Manifest, federation: Address, chain_id: int, *, epoch: int | None = None
) -> list[RoundLine]:
    """Return the rounds that this aggregator has signed receipts for, in order.

    A round under way may have one before the chain has recorded it.

    Args:
        home: Where its events are.
        manifest: Names aggregator and community.
        federation: The contract.
        chain_id: Its chain.
        epoch: Only this epoch's; all if None.

    Raises:
        StoreError: The events cannot be read.
        PeerError: What a receipt of many members names is not among the public files.
    """
    if not home.events.is_file() or not home.models.is_file():
        return []
    from aggregator.operator.sources import read_car

    models = model_ids(read_car(home.models), publisher=Did(manifest.parties.community))
    found: dict[tuple[int, int], RoundLine] = {}
    interest = Interest(model=models["round-receipt"], controller=Did(manifest.parties.aggregator))
    with SqliteStore(home.events) as store:
        for event in signed_by(store, interest, own=True):
            content = event.payload.content if isinstance(event.payload, InitPayload) else {}
            place = (content.get("chainId"), content.get("federation"))
            if place == (chain_id, federation):
                # The event was checked when it was kept, and a table is known by its hash.
                lists = receipt_lists(content, partial(fetch_blob, str(home.public), most=_MOST_TABLE))
                line = _line(event, {**content, **lists})
                found[line.epoch, line.round] = line
    return [found[key] for key in sorted(found) if epoch in {None, key[0]}]


def _line(event: SignedEvent, content: Mapping[str, object]) -> RoundLine:
    reasons = {str(one["did"]): str(one["reason"]) for one in _rows(content, "rejections")}
    members = tuple(
        MemberLine(
            did=Did(str(one["did"])),
            status=str(one["status"]),
            reason=reasons.get(str(one["did"]), ""),
            score=int(str(one["score"])) / (1 << SCORE_BITS),
            credit=int(str(one["credit"])),
        )
        for one in _rows(content, "credits")
    )
    return RoundLine(
        epoch=int(str(content["epoch"])),
        round=int(str(content["round"])),
        shard=int(str(content["shard"])),
        eta=int(str(content["eta"])),
        improvement=int(str(content["improvement"])) / (1 << SCORE_BITS),
        model=str(content["modelHash"]),
        receipt=str(event.cid),
        members=members,
    )


def _rows(content: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    rows = content[key]
    assert isinstance(rows, (list, tuple))
    return [row for row in rows if isinstance(row, Mapping)]
