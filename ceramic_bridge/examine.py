"""Verify a file of events from its bytes alone, and say what was checked and what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ceramic_bridge.admission import Event, init_of, kind_of
from ceramic_bridge.bundle import unpack
from ceramic_bridge.cid import Cid
from ceramic_bridge.conflict import resolve
from ceramic_bridge.did import algorithm
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.judging import NO_ENDS, Ends, authority_over, judge
from ceramic_bridge.story import anchors_of
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.authority import Authority

Asked: TypeAlias = Callable[[Sequence[Event]], Mapping[Cid, int]]
"""Returns when the transactions of the time events among some events were, in milliseconds since 1970,
for those that a chain confirmed."""


Ended: TypeAlias = Callable[[Sequence[Event]], Ends]
"""Returns revocations in other streams, of the capabilities of some events."""


def nobody(events: Sequence[Event]) -> Mapping[Cid, int]:  # noqa: ARG001 -- an ``Asked``
    """Confirm nothing: no chain was asked."""
    return {}


def nothing(events: Sequence[Event]) -> Ends:  # noqa: ARG001 -- an ``Ended``
    """Know of no revocation beside the events themselves."""
    return NO_ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file holds, if nothing in it is wrong.

    Attributes:
        events: The events, in the file's order.
        checked: What was checked, one sentence each.
        open: What these bytes alone cannot tell, one sentence each.
    """

    events: tuple[Event, ...]
    checked: tuple[str, ...]
    open: tuple[str, ...]


def examine(data: bytes, *, now: int, asked: Asked = nobody, ended: Ended = nothing) -> Verdict:
    """Verify a file of events: one event's CAR, a log or an export.

    Args:
        data: The file.
        now: The reader's clock, in milliseconds since 1970, to which capabilities are held that no
            confirmed anchor dates.
        asked: Says which of the file's time events a chain confirmed.
        ended: Says which revocations there are beside the file's own.

    Raises:
        MalformedData: The bytes are not the one encoding of events.
        VerificationFailed: A hash, a signature, an authority or a stream is wrong; the error names
            the first such event.
    """
    events = unpack(data)
    confirmed = asked(events)
    checked = [
        f"{len(data)} bytes: every block has the hash that names it, and is the one encoding of its content",
        *_signatures(events),
    ]
    authority = authority_over(events, confirmed, now, ended(events))
    unknown = _capabilities(events, authority, confirmed, checked)
    unknown += _streams(events, authority, checked)
    times = [event for event in events if isinstance(event, TimeEvent)]
    if times:
        checked.append(f"{len(times)} time events: each path leads from the anchored root to its event")
        unknown += _transactions(times, confirmed, checked)
    anchors = anchors_of(events)
    if any(event.cid not in anchors for event in _signed(events)):
        unknown.append("when the events without an anchor were made: nothing here proves it")
    return Verdict(events=events, checked=tuple(checked), open=tuple(unknown))


def _signatures(events: Sequence[Event]) -> list[str]:
    signed = [event for event in events if isinstance(event, SignedEvent)]
    kinds = Counter(algorithm(event.signer) for event in signed)
    return [f"{count} {name} signatures: each signs its payload" for name, count in sorted(kinds.items())]


def _transactions(times: Sequence[TimeEvent], confirmed: Mapping[Cid, int], checked: list[str]) -> list[str]:
    known = [event for event in times if event.cid in confirmed]
    if known:
        chains = ", ".join(sorted({event.proof.chain_id for event in known}))
        checked.append(f"{len(known)} time events: confirmed by {chains}, as the store keeps it")
    asked = [event for event in times if event.cid not in confirmed]
    roots = len({event.proof.cid for event in asked})
    chains = ", ".join(sorted({event.proof.chain_id for event in asked}))
    return [f"whether {roots} transactions with the roots exist: only {chains} can tell"] if asked else []


def _capabilities(
    events: Sequence[Event], authority: Authority, confirmed: Mapping[Cid, int], checked: list[str]
) -> list[str]:
    """Hold delegated events to their anchors and the clock; what others could save is left open."""
    delegated = [event for event in events if isinstance(event, SignedEvent) and event.capability]
    if not delegated:
        return []
    anchors, unknown = anchors_of(events), []
    for cid, error in judge(delegated, authority).refused.items():
        if all(time.cid in confirmed for time in anchors.get(cid, ())):
            raise VerificationFailed(f"event {cid}", error.message, hint=error.hint) from error
        unknown.append(f"event {cid} stands only if its anchor does: {error.message}")
    wallets = len({event.capability.cid for event in delegated if event.capability})
    checked.append(
        f"{wallets} capabilities: signed by the account, for the key that signs, "
        f"over the streams of {len(delegated)} events"
    )
    unknown.append("whether the capabilities were revoked by events that are not at hand")
    return unknown


def _signed(events: Sequence[Event]) -> list[SignedEvent]:
    return [event for event in events if isinstance(event, SignedEvent)]


def _streams(events: Sequence[Event], authority: Authority, checked: list[str]) -> list[str]:
    streams: dict[Cid, list[Event]] = {}
    for event in events:
        streams.setdefault(init_of(event), []).append(event)
    unknown, whole = [], 0
    for init, own in streams.items():
        if not any(kind_of(event) == "init" for event in own):
            unknown.append(f"stream {init}: its init event is not in the file, so who may write is open")
            continue
        found = resolve(own, authority.anchored)
        for cid, reason in found.rejected.items():
            raise VerificationFailed(f"event {cid}", reason)
        for fork in found.equivocations:
            names = " and ".join(str(event.cid) for event in fork.events)
            raise VerificationFailed(
                f"stream {init}", f"equivocation: {names} both follow {fork.prev}, by the same controller"
            )
        whole += 1
    if whole:
        checked.append(f"{whole} streams: each event is by its controller's authority and follows another")
    return unknown
