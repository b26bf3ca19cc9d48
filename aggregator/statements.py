"""What a round's events say of it: its receipt line by line, and what members committed to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.events import InitPayload
from ceramic_bridge.schemas import validate_lists
from contracts.bindings.federation import RevealForced
from contracts.bindings.structs import RoundWords
from federation.errors import PeerError, VerificationFailed
from federation.payloads import receipt_lists
from federation.roster import Roster
from federation.rounds import EpochState, Status
from federation.secagg.terms import Verify
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from ceramic_bridge.dagcbor import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureFacts:
    """What the receipt and the chain say of a secure round (``federation.secagg``).

    Attributes:
        transcript: SHA-256 of all that its server received.
        announced: Words announced from its opening on, until the block whose hash drew its shard.
        beacon: The hash of the block that follows the key list's announcement by the draw's delay; None
            where none was announced in time for anybody to mask by it.
        challenge: Likewise, of the block that follows the one that closed its commitments.
        verify: Checks members' signatures, of those who act by a capability as of this round.
    """

    transcript: Hash32
    announced: frozenset[Hash32]
    beacon: Hash32 | None
    challenge: Hash32
    verify: Verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What a round's events say, every signature and root checked, before anything is recomputed.

    Attributes:
        words: What the round committed on chain.
        seed: Of its draw.
        beacon: By which its cohort was drawn; None where everybody is asked.
        revealed: Deltas that members revealed on chain.
        receipt: Its receipt.
        lists: What it says of members, from wherever it says it.
        lines: The receipt's line of each member.
        commitments: What members committed to.
        secure: Of a secure round, in which nobody sees a delta.
    """

    words: RoundWords
    seed: Hash32
    beacon: Hash32 | None
    revealed: tuple[RevealForced, ...]
    receipt: InitPayload
    lists: Mapping[str, object]
    lines: Mapping[Did, Mapping[str, str]]
    commitments: Mapping[Did, Hash32]
    secure: SecureFacts | None = None

    @property
    def trace_hash(self) -> Hash32:
        """SHA-256 of the published trace."""
        return Hash32(bytes.fromhex(str(self.receipt.content["trace"])))

    @property
    def forced(self) -> frozenset[Did]:
        """Members whose delta came by the chain alone."""
        return frozenset(Did(str(did)) for did in listed(self.lists, "forced"))


def checked_lists(
    content: Mapping[str, object], blob: Callable[[Hash32, str], bytes]
) -> Mapping[str, object]:
    """Return what a receipt says of members, in itself or in a blob, of the form that it must have.

    Args:
        content: The receipt's fields.
        blob: Returns the public blob with a digest; is told what for.

    Raises:
        VerificationFailed: The blob was not published, or is no such table.
    """
    try:
        lists = receipt_lists(content, lambda digest: blob(digest, "a receipt's table"))
        validate_lists(cast("Value", lists))
    except (PeerError, MalformedData) as error:
        raise VerificationFailed("receipt", error.message) from error
    return lists


def listed(content: Mapping[str, object], key: str) -> list[object]:
    """Return a list of a receipt, whose form the bridge has checked."""
    found = content[key]
    assert isinstance(found, list)
    return found


def lines_of(content: Mapping[str, object], roster: Roster) -> dict[Did, Mapping[str, str]]:
    """Return the receipt's line of every member; the bridge has checked their form."""
    credits = listed(content, "credits")
    lines: dict[Did, Mapping[str, str]] = {
        Did(line["did"]): line for line in credits if isinstance(line, dict)
    }
    if lines.keys() != roster.quotas.keys() or len(lines) != len(credits):
        raise VerificationFailed("receipt", "does not have one line for every admitted member")
    return lines


def reasons_of(content: Mapping[str, object]) -> dict[Did, str]:
    """Return why members were rejected."""
    return {Did(r["did"]): str(r["reason"]) for r in listed(content, "rejections") if isinstance(r, dict)}


def status_of(line: Mapping[str, str]) -> Status:
    """Return the status that a receipt's line names.

    Raises:
        VerificationFailed: It is none.
    """
    try:
        return Status(line["status"])
    except ValueError as error:
        raise VerificationFailed("receipt", f"{line['status']!r} is no status") from error


def absent_of(
    lines: Mapping[Did, Mapping[str, str]],
    state: EpochState,
    commitments: Mapping[Did, Hash32],
    content: Mapping[str, object],
) -> dict[Did, tuple[Status, str]]:
    """Return status and reason of every member without an accepted delta.

    Why a delta was refused before it was published is the aggregator's word; that a suspended or
    silent member is one is checked.
    """
    reasons = reasons_of(content)
    absent: dict[Did, tuple[Status, str]] = {}
    for did, line in lines.items():
        status = status_of(line)
        wrong = (
            (status is Status.SUSPENDED) != (did in state.suspended)
            or (status is Status.SILENT and did not in commitments)
            or (status is Status.ABSENT and did in commitments)
            or (status is Status.REJECTED) != (did in reasons)
        )
        if wrong:
            raise VerificationFailed(f"round {state.round}", f"{did} cannot be {status} there")
        if status is not Status.ACCEPTED:
            absent[did] = (status, reasons.get(did, ""))
    return absent
