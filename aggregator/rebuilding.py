"""A lost journal, written again from what others keep: the chain, the event log, the blobs, the providers.

What nobody else keeps cannot be rebuilt: why a round that is under way refused an answer, who had
answered it and is gone since, and a capability's revocation that no round has recorded yet. With an
answer less, or one more, the round under way is not the one on chain: it is cancelled, and the rounds
before it are paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aggregator.collect import CLOSED, COMMITTED, REFUSED, REVEALED
from aggregator.delegation import speaker
from aggregator.epoch import Opening
from aggregator.journal import pack
from aggregator.secure.rebuilding import secure_steps
from aggregator.settlement import agreed_payees, wanted_payees
from aggregator.terms import terms_hash
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.events import InitPayload, SignedEvent, encode
from ceramic_bridge.models import kind_of
from federation.errors import ConfigError, FolkmootError
from federation.payloads import receipt_lists
from federation.roster import Roster
from federation.rounds import Status
from federation.secagg.transcript import Transcript
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from aggregator.epochrun import EpochPlan
    from aggregator.journal import Journal
    from contracts.bindings.contributor_registry import ContributorRegistry
    from contracts.bindings.structs import EpochTerms
    from contracts.view import FederationView
    from federation.hashing import Domain
    from federation.manifest import Manifest


def rebuild_opening(
    ports: Ports,
    manifest: Manifest,
    plan: EpochPlan,
    domain: Domain,
    *,
    terms: EpochTerms,
    registry: ContributorRegistry,
) -> Opening:
    """Return what an epoch opened with.

    Args:
        ports: What to work with.
        manifest: What the community agreed.
        plan: As when the epoch was opened, with the same imports.
        domain: The federation and epoch.
        terms: What ``openEpoch`` was told.
        registry: Who agreed to be paid for whom.

    Raises:
        ConfigError: A blob is lost, or somebody is paid elsewhere since.
        PeerError: A provider does not sign again.
    """
    opening = Opening(
        roster=Roster.parse(_blob(ports, terms.roster_hash)),
        payees=agreed_payees(registry, wanted_payees(plan.imports)),
        mean=_blob(ports, terms.mean_hash),
        commitments=_blob(ports, terms.public_hash),
        tips=terms.provider_tips,
        consents=tuple(provider.consent(domain, terms_hash(terms)) for provider in ports.providers),
    )
    if opening.terms(manifest) != terms:
        raise ConfigError(
            f"epoch {domain.epoch} cannot be taken up without its journal: imports or payees have changed",
            hint="put the journal back from a backup, or wait until the epoch's deadlines end it",
        )
    return opening


@dataclass(slots=True)
class _Round:
    """What the log says of one round."""

    contributions: dict[Did, SignedEvent] = field(default_factory=dict)
    revocations: list[SignedEvent] = field(default_factory=list)
    receipt: InitPayload | None = None


def rebuild_rounds(ports: Ports, epoch: OpenEpoch, view: FederationView, journal: Journal) -> None:
    """Write down the members' answers in rounds that the chain has recorded, and the journal does not know.

    Running such a round again computes the rest, and finds the chain agreeing with all of it, or not.

    Raises:
        ConfigError: A recorded round's receipt, or a delta, is lost.
    """
    number = epoch.domain.epoch
    recorded = [r for r in range(1, epoch.manifest.rounds + 1) if any(view.words(number, r).model_hash)]
    lost = [r for r in recorded if journal.recall(number, r, CLOSED + REVEALED) is None]
    if not lost:
        return
    if ports.history is None:
        raise ConfigError(f"round {lost[0]} is recorded, but neither in the journal nor in an event log")
    rounds = _sort(epoch, ports.history(), view)
    for round_ in lost:
        found = rounds.get(round_, _Round())
        if found.receipt is None:
            raise ConfigError(
                f"the receipt of round {round_} is lost", hint="add the federation's events to the log"
            )
        for step, value in _steps(ports, found):
            journal.record(number, round_, step, value)


def _sort(epoch: OpenEpoch, events: Iterable[SignedEvent], view: FederationView) -> Mapping[int, _Round]:
    """Group the log's events by round; revocations stand before the receipt of the round that counts them."""
    rounds: dict[int, _Round] = {}
    last, number = 0, epoch.domain.epoch
    for event in events:
        if is_revocation(event):
            rounds.setdefault(last + 1, _Round()).revocations.append(event)
            continue
        place = _place(event, epoch)
        if place is None or not isinstance(event.payload, InitPayload):
            continue
        kind, round_ = place
        found = rounds.setdefault(round_, _Round())
        if kind == "contribution":
            found.contributions[speaker(event)] = event
        elif Hash32(event.payload_cid.digest) == view.words(number, round_).receipt_hash:
            found.receipt, last = event.payload, round_
    return rounds


def _place(event: SignedEvent, epoch: OpenEpoch) -> tuple[str, int] | None:
    """Return the kind and the round of an event that a round of this epoch records."""
    if not isinstance(event.payload, InitPayload):
        return None
    content = event.payload.content
    try:
        kind = kind_of(event.payload, epoch.models)
    except FolkmootError:
        return None
    here = content.get("federation") == epoch.domain.federation and content.get("epoch") == epoch.domain.epoch
    round_ = content.get("round")
    wanted = kind in {"contribution", "round-receipt"} and here and isinstance(round_, int)
    return (kind, int(str(round_))) if wanted else None


def _steps(ports: Ports, found: _Round) -> Iterator[tuple[str, bytes]]:
    """Yield the steps of a round as its journal had them."""
    assert found.receipt is not None
    content = receipt_lists(found.receipt.content, lambda digest: _blob(ports, digest))
    reasons = {str(r["did"]): str(r["reason"]) for r in _lines(content, "rejections")}
    forced = content.get("forced")
    yield "revocations", pack([encode(event) for event in found.revocations])
    for did, event in found.contributions.items():
        yield COMMITTED + did, encode(event)
    if "transcript" in content:
        transcript = Transcript.parse(_blob(ports, Hash32(bytes.fromhex(str(content["transcript"])))))
        for upload in transcript.uploads.values():
            ports.public.put(_blob(ports, upload))
        yield from secure_steps(transcript, found.contributions)
        yield CLOSED + REVEALED, b""
        return
    for line in _lines(content, "credits"):
        did, status = Did(str(line["did"])), str(line["status"])
        if status == Status.ACCEPTED and not (isinstance(forced, list) and did in forced):
            digest, salt = (bytes.fromhex(str(line[key])) for key in ("delta", "salt"))
            ports.public.put(_blob(ports, Hash32(digest)))
            yield REVEALED + did, digest + salt
        elif status == Status.REJECTED:
            yield (
                REFUSED + (REVEALED if did in found.contributions else COMMITTED) + did,
                reasons[did].encode(),
            )
    yield CLOSED + COMMITTED, b""
    yield CLOSED + REVEALED, b""
    yield "acknowledged", b""


def _lines(content: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = content.get(key)
    return [line for line in found if isinstance(line, dict)] if isinstance(found, list) else []


def _blob(ports: Ports, digest: Hash32) -> bytes:
    for place in (ports.public, ports.published):
        data = None if place is None else place.get(digest)
        if data is not None:
            return data
    raise ConfigError(f"blob {digest.hex()} is lost", hint="put the staging and public directories back")
