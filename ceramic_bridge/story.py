"""What events say, for people: who said what, when, and under which authority."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ceramic_bridge.admission import Event, init_of, kind_of
from ceramic_bridge.events import DataPayload, SignedEvent
from ceramic_bridge.node.states import to_json
from ceramic_bridge.schemas import SEALED_ROWS
from ceramic_bridge.sealed import added_reader, readers_of
from ceramic_bridge.siwe import to_iso
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import IdentityError

if TYPE_CHECKING:
    from ceramic_bridge.authority import Authority
    from ceramic_bridge.cacao import Capability
    from ceramic_bridge.cid import Cid
    from ceramic_bridge.node.wire import Json
    from ceramic_bridge.payloads import InitPayload


def anchors_of(events: Iterable[Event]) -> dict[Cid, list[TimeEvent]]:
    """Return the time events that prove something about each event: its own, else its followers' first.

    What an anchored event builds on existed before it.
    """
    before: dict[Cid, Cid] = {}
    times: list[TimeEvent] = []
    for event in events:
        if isinstance(event, TimeEvent):
            before[event.cid] = event.prev
            times.append(event)
        elif isinstance(event.payload, DataPayload):
            before[event.cid] = event.payload.prev
    found: dict[Cid, list[TimeEvent]] = {}
    for time in times:
        found.setdefault(time.prev, []).append(time)
        # An event with an anchor has passed it on already.
        at = before.get(time.prev)
        while at is not None and at not in found:
            found[at] = [time]
            at = before.get(at)
    return found


def tell(
    event: Event,
    anchors: Mapping[Cid, Sequence[TimeEvent]],
    *,
    confirmed: Mapping[Cid, int] = MappingProxyType({}),
    authority: Authority | None = None,
) -> dict[str, Json]:
    """Return an account of one event.

    Args:
        event: The event.
        anchors: From ``anchors_of``, over all events at hand.
        confirmed: When the transactions of time events were, in milliseconds since 1970, for those
            that a chain confirmed.
        authority: By which its capability is judged; ``None`` leaves that open.
    """
    told: dict[str, Json] = {
        "event": str(event.cid),
        "kind": kind_of(event),
        "stream": str(init_of(event)) if isinstance(event, TimeEvent) else str(event.stream_id),
        "who": _who(event),
        "when": [_when(time, confirmed) for time in anchors.get(event.cid, ())],
        "what": _what(event, confirmed),
    }
    if isinstance(event, SignedEvent) and event.capability is not None:
        judged = None if authority is None else _judged(event.cid, event.capability, authority)
        told["authority"] = _authority(event.capability, judged)
    return told


def _who(event: Event) -> Json:
    if isinstance(event, SignedEvent):
        return {"author": event.author, "key": event.signer}
    if isinstance(event, TimeEvent):
        return None
    return {"author": event.payload.controller, "key": None}


def _authority(capability: Capability, judged: Json) -> Json:
    grant = capability.grant
    return {
        "capability": str(capability.cid),
        "domain": grant.domain,
        "from": to_iso(max(grant.issued_at, grant.not_before or 0)),
        "until": None if grant.expires is None else to_iso(grant.expires),
        "resources": list(grant.resources or ()),
        "judged": judged,
    }


def _judged(event: Cid, capability: Capability, authority: Authority) -> Json:
    problem = None
    try:
        authority.check(event, capability)
    except IdentityError as error:
        problem = error.message
    at = authority.anchored.get(event, authority.now)
    return {"at": to_iso(at), "anchored": event in authority.anchored, "problem": problem}


def _when(time: TimeEvent, confirmed: Mapping[Cid, int]) -> Json:
    return {
        "time_event": str(time.cid),
        "chain": time.proof.chain_id,
        "transaction": "0x" + time.proof.tx_hash.hex(),
        "confirmed": to_iso(confirmed[time.cid]) if time.cid in confirmed else None,
    }


def _what(event: Event, confirmed: Mapping[Cid, int]) -> Json:
    if isinstance(event, TimeEvent):
        moment = _pairs(_when(event, confirmed))
        return {"anchors": str(event.prev), **moment, "confirmed": moment["confirmed"] or "not asked"}
    if isinstance(event.payload, DataPayload):
        change: dict[str, Json] = {
            "prev": str(event.payload.prev),
            "patch": [to_json(op.to_value()) for op in event.payload.patch],
        }
        added = [reader for op in event.payload.patch if (reader := added_reader(op))]
        return {**change, "sealed": f"to {', '.join(added)} as well"} if added else change
    content = event.payload.content
    told = _model(event.payload)
    if content.get("kind") != SEALED_ROWS:
        return {**told, "content": to_json(content)}
    # A hundred kilobytes that say nothing to people.
    readers = readers_of(content)
    rest = {name: value for name, value in content.items() if name != "sealed"}
    count = f"to {len(readers)} reader{'s' * (len(readers) != 1)}: {', '.join(readers)}"
    return {**told, "content": to_json(rest), "sealed": count}


def _pairs(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value


def _model(payload: InitPayload) -> dict[str, Json]:
    return {"model": str(payload.model), "controller": payload.controller}


def lines(told: Mapping[str, Json], number: int) -> list[str]:
    """Write an account as indented lines of text."""
    out = [f"{number:>4}  {told['kind']}  {told['event']}", f"      stream {told['stream']}"]
    match told["who"]:
        case {"author": author, "key": None}:
            out.append(f"      who    {author}, unsigned: anybody computes this event alike")
        case {"author": author, "key": key}:
            out.append(f"      who    {author}" + ("" if author == key else f", by its key {key}"))
        case _:
            out.append("      who    nobody needs to: the path to the root speaks for itself")
    match told.get("authority"):
        case {
            "capability": cid,
            "domain": domain,
            "from": since,
            "until": until,
            "resources": list(resources),
            "judged": judged,
        }:
            out.append(f"      under  capability {cid}, given to {domain}")
            out.append(
                f"             from {since} until {until or 'revoked'}, for {', '.join(map(str, resources))}"
            )
            if judged is not None:
                out.append(f"             {_verdict(_pairs(judged))}")
    match told["when"]:
        case [] if told["kind"] != "time":
            out.append("      when   unproven: no anchor is at hand")
        case list(anchors):
            for anchor in anchors:
                mark = _pairs(anchor)
                out.append(f"      when   {_moment(mark)}")
    out += [f"      {name:<6} {_short(value)}" for name, value in _pairs(told["what"]).items()]
    return out


def _verdict(judged: Mapping[str, Json]) -> str:
    clock = "when it was anchored" if judged["anchored"] else "now, as no confirmed anchor is known"
    return f"judged at {judged['at']}, {clock}: {judged['problem'] or 'it holds'}"


def _moment(mark: Mapping[str, Json]) -> str:
    if mark["confirmed"] is None:
        return f"before transaction {mark['transaction']} of {mark['chain']} (not asked)"
    return f"anchored at {mark['confirmed']} (confirmed by chain {mark['chain']})"


def _short(value: Json, limit: int = 400) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
