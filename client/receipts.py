"""A member's lines on the receipts of rounds: read anywhere, believed only where the chain agrees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ceramic_bridge.admission import UNDATED
from ceramic_bridge.events import InitPayload, SignedEvent
from ceramic_bridge.log import MAX_LOG, EventLog
from ceramic_bridge.models import validate
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.reading import signed_by
from ceramic_bridge.schemas import validate_lists
from ceramic_bridge.store.base import Interest
from federation.errors import ConfigError, FolkmootError
from federation.payloads import receipt_lists
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ceramic_bridge.dagcbor import Value
    from client.membership import Membership
    from contracts.view import FederationView

_KIND: Final = "round-receipt"
_EVENTS: Final = "events.car"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a receipt says of a member.

    Attributes:
        epoch: Of the round.
        round: The round.
        status: What became of its delta.
        reason: Why it was rejected, else empty.
        score: s_i, ``SCORE_BITS`` fractional bits.
        credit: Signed wei.
        confirmed: Whether the chain recorded this receipt; None if it was not asked.
    """

    epoch: int
    round: int
    status: str
    reason: str
    score: int
    credit: int
    confirmed: bool | None

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "epoch": self.epoch,
            "round": self.round,
            "status": self.status,
            "reason": self.reason,
            "score": str(self.score),
            "credit_wei": str(self.credit),
            "confirmed": self.confirmed,
        }


def from_node(membership: Membership) -> Iterator[SignedEvent]:
    """Yield the aggregator's receipts that the community's event node has.

    Raises:
        PeerError: It cannot be asked.
    """
    aggregator = Did(membership.manifest.parties.aggregator)
    with RemoteNode(membership.events) as node:
        yield from signed_by(node, Interest(model=membership.models[_KIND], controller=aggregator))


def from_folder(folder: Path) -> Iterator[SignedEvent]:
    """Yield the events of a federation's public folder; none before its log is published.

    Raises:
        ConfigError: The log cannot be read.
        VerificationFailed: It is damaged.
    """
    try:
        with (folder / _EVENTS).open("rb") as file:
            data = file.read(MAX_LOG + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{_EVENTS} cannot be read: {(error.strerror or str(error)).lower()}") from error
    yield from EventLog.from_bytes(data, authority=UNDATED)


def lines(
    events: Iterable[SignedEvent],
    membership: Membership,
    did: Did,
    view: FederationView | None,
    fetch: Callable[[Hash32], bytes],
) -> dict[tuple[int, int], Line]:
    """Return what receipts say of a member, by epoch and round.

    Of several for a round it is the one that the chain has.

    Args:
        events: Verified events of any kind.
        membership: The federation.
        did: The member.
        view: The chain; None if it cannot be asked.
        fetch: Returns a public blob; receipts of many members name one.

    Raises:
        ChainError: The chain cannot be read.
        PeerError: A blob cannot be had, or is not what a receipt may name.
        VerificationFailed: Something else lies in its place.
    """
    found: dict[tuple[int, int], Line] = {}
    for event in events:
        content = _receipt(event, membership)
        if content is None:
            continue
        place = (int(str(content["epoch"])), int(str(content["round"])))
        digest = Hash32(event.payload_cid.digest)
        confirmed = None if view is None else view.words(*place).receipt_hash == digest
        lists = receipt_lists(content, fetch)
        validate_lists(cast("Value", lists))
        line = _line(lists, place, did, confirmed=confirmed)
        if line is not None and (place not in found or confirmed):
            found[place] = line
    return found


def _receipt(event: SignedEvent, membership: Membership) -> Mapping[str, object] | None:
    payload, manifest = event.payload, membership.manifest
    if not isinstance(payload, InitPayload) or payload.model != membership.models[_KIND]:
        return None
    wanted = (manifest.parties.aggregator, manifest.chain.chain_id, membership.federation)
    content = payload.content
    if (payload.controller, content.get("chainId"), content.get("federation")) != wanted:
        return None
    try:
        validate(_KIND, dict(content))
    except FolkmootError:
        return None
    return content


def _line(
    lists: Mapping[str, object], place: tuple[int, int], did: Did, *, confirmed: bool | None
) -> Line | None:
    reasons = {one["did"]: one["reason"] for one in _records(lists["rejections"])}
    for one in _records(lists["credits"]):
        if one["did"] == did:
            return Line(
                epoch=place[0],
                round=place[1],
                status=str(one["status"]),
                reason=str(reasons.get(did, "")),
                score=int(str(one["score"])),
                credit=int(str(one["credit"])),
                confirmed=confirmed,
            )
    return None


def _records(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
