"""From members' data events and a table of quotas to the roster of an epoch, which the community signs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.admission import admit_imports
from aggregator.delegation import speaker
from aggregator.settlement import agreed_payees, wanted_payees
from ceramic_bridge.did import verify
from ceramic_bridge.events import InitPayload
from federation.errors import ConfigError, FolkmootError, TooFewParticipants
from federation.roster import Roster
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.events import SignedEvent
    from contracts.bindings.contributor_registry import ContributorRegistry
    from federation.hashing import Domain

_LARGEST: Final = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may take part in an epoch, before the community has signed it.

    Attributes:
        quotas: Quota of each member, in examples.
        imports: Its data events, which the first round records.
        unpaid: Members whose payee is not registered: they would earn nothing.
        left_out: Why others are not among them, by DID.
    """

    quotas: Mapping[Did, int]
    imports: tuple[SignedEvent, ...]
    unpaid: tuple[Did, ...]
    left_out: Mapping[Did, str]


def read_quotas(text: str) -> dict[Did, int]:
    """Read a table of quotas: two columns, DID and number of examples, with a header or without.

    Raises:
        ConfigError: A row is wrong; the message names its line.
    """
    quotas: dict[Did, int] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[0].lower() == "did"):
            continue
        if len(cells) != 2 or not cells[0].startswith("did:"):
            raise ConfigError(f"line {number} of the quotas is not a DID and a number")
        if not (cells[1].isdecimal() and cells[1].isascii() and 0 < int(cells[1]) <= _LARGEST):
            raise ConfigError(f"line {number} of the quotas: {cells[1]!r} is no number of examples")
        if Did(cells[0]) in quotas:
            raise ConfigError(f"line {number} of the quotas names {cells[0]} again")
        quotas[Did(cells[0])] = int(cells[1])
    if not quotas:
        raise ConfigError("the table of quotas names nobody")
    return quotas


def admit(
    events: Sequence[SignedEvent],
    quotas: Mapping[Did, int] | int,
    *,
    domain: Domain,
    models: Mapping[str, StreamId],
    registry: ContributorRegistry,
    now: int,
) -> Admission:
    """Decide who may take part in an epoch.

    Args:
        events: Members' data events, verified, oldest first; a member's newest one counts.
        quotas: Quota by member; or the most that any member gets, who gets no more than it says to have.
        domain: The epoch.
        models: StreamIDs of the event models, by kind.
        registry: Knows who is paid for whom.
        now: The latest block's Unix seconds.

    Raises:
        TooFewParticipants: Nobody is left.
    """
    newest = _newest(events, domain)
    wanted = set(newest) if isinstance(quotas, int) else set(quotas)
    found = admit_imports(
        newest.values(), federation=domain.federation, members=wanted, models=models, now=now
    )
    said = {speaker(event): event for event in found.admitted}
    left_out = dict.fromkeys(wanted - said.keys(), "no data event of this federation")
    for did, event in newest.items():
        if did in left_out and event.cid in found.refused:
            left_out[did] = found.refused[event.cid]
    admitted: dict[Did, int] = {}
    for did, event in sorted(said.items()):
        quota = min(quotas, _count(event)) if isinstance(quotas, int) else quotas[did]
        if quota > 0:
            admitted[did] = quota
        else:
            left_out[did] = "has no rows"
    if not admitted:
        raise TooFewParticipants(
            "nobody can be admitted",
            hint="members join with folkmoot client join, which publishes their data events",
        )
    imports = tuple(said[did] for did in admitted)
    paid = agreed_payees(registry, wanted_payees(imports))
    return Admission(
        quotas=admitted,
        imports=imports,
        unpaid=tuple(did for did in admitted if did not in paid),
        left_out=left_out,
    )


def require_signed(roster: Roster, community: Did, domain: Domain) -> None:
    """Refuse a roster that the community did not sign for an epoch.

    Raises:
        IdentityError: It did not.
    """
    verify(community, Roster.signed_bytes(roster.quotas, domain), roster.signature)


def _newest(events: Sequence[SignedEvent], domain: Domain) -> dict[Did, SignedEvent]:
    found: dict[Did, SignedEvent] = {}
    for event in events:
        payload = event.payload
        if not isinstance(payload, InitPayload) or payload.content.get("federation") != domain.federation:
            continue  # a community may have several federations, and a member be in all of them
        try:
            found[speaker(event)] = event
        except FolkmootError:
            continue  # signed by nobody who may
    return found


def _count(event: SignedEvent) -> int:
    assert isinstance(event.payload, InitPayload)
    count = event.payload.content["count"]
    assert isinstance(count, int)
    return count
