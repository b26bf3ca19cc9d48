"""Which events an epoch recorded, by the round that did: from a log that holds no others, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aggregator.delegation import authority_at, require_authority, require_revocation, speaker
from aggregator.ground import Ground
from aggregator.public import EVENTS
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.authority import Authority, is_revocation
from ceramic_bridge.cid import StreamId
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import kind_of, model_ids
from contracts.history import EpochHistory
from federation.errors import IdentityError, PeerError, VerificationFailed
from federation.hashing import Domain
from federation.payloads import require_place
from federation.types import Did

MODELS, CLOSING, LOOSE = "models", "closing", "loose"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """An epoch's events.

    Attributes:
        models: StreamIDs of the event models, by kind.
        groups: Events by what records them: "models", a round's number, or "closing"; "loose" are parts
            of the validation set under no root, since their epoch or round ended early.
        cards: The versions of the model card.
        imports: Each member's import of its data.
    """

    models: Mapping[str, StreamId]
    groups: Mapping[str, list[SignedEvent]]
    cards: list[SignedEvent] = field(default_factory=list)
    imports: dict[Did, InitPayload] = field(default_factory=dict)

    def of_kind(self, group: str, kind: str) -> list[tuple[SignedEvent, InitPayload]]:
        """Return a group's documents of one kind."""
        return [
            (event, event.payload)
            for event in self.groups[group]
            if isinstance(event.payload, InitPayload)
            and not is_revocation(event)
            and kind_of(event.payload, self.models) == kind
        ]

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))


def empty_groups(rounds: int) -> dict[str, list[SignedEvent]]:
    """Return the groups of an epoch of so many rounds, without any event."""
    return {MODELS: [], CLOSING: [], LOOSE: [], **{str(r): [] for r in range(1, rounds + 1)}}


def opening_authority(ground: Ground, past: EpochHistory) -> Authority:
    """Return what judges imports: the time of the block before the epoch opened."""
    return authority_at(ground.chain.block_time(past.opened_in - 1))


def in_order(ground: Ground, past: EpochHistory, domain: Domain) -> Recorded:
    """Read the events of a run's one epoch, which are all that its log may hold.

    Raises:
        VerificationFailed: An event is wrong, is surplus, or stands where it should not.
    """
    # Whether capabilities held is judged below, event by event, at the time that the chain gives it.
    log = EventLog.from_bytes(ground.public.file(EVENTS), authority=UNDATED)
    return _InOrder(ground, past, domain, log).sorted()


class _InOrder:
    def __init__(self, ground: Ground, past: EpochHistory, domain: Domain, log: EventLog) -> None:
        self._ground, self._domain, self._log = ground, domain, log
        self._rounds = ground.manifest.rounds
        self._before = opening_authority(ground, past)
        self._opened_in_round = self._read_draws()
        self.found = Recorded(
            models=model_ids(log, publisher=Did(ground.manifest.parties.community)),
            groups=empty_groups(self._rounds),
        )

    def _read_draws(self) -> Mapping[int, int]:
        """Return the rounds whose drawn shards are made public there and then, by shard."""
        if self._ground.manifest.validation.reveal == "epoch":
            return {}
        rounds = range(1, self._rounds + 1)
        drawn = {self._ground.view.drawn_shard(self._domain.epoch, round_): round_ for round_ in rounds}
        return {shard: round_ for shard, round_ in drawn.items() if shard}

    def sorted(self) -> Recorded:
        cards, groups = self.found.cards, self.found.groups
        for event in self._log:
            payload = event.payload
            if isinstance(payload, DataPayload):
                if not cards or event.stream_id != cards[0].stream_id:
                    raise VerificationFailed(f"event {event.cid}", "changes a stream that never changes")
                if event.capability is not None:
                    raise VerificationFailed(f"event {event.cid}", "needs no capability")
                cards.append(event)
            else:
                try:
                    self._place(event, payload)
                except (PeerError, IdentityError) as error:
                    raise VerificationFailed(f"event {event.cid}", error.message) from error
        if len(cards) != self._rounds + 1:
            raise VerificationFailed(
                EVENTS, f"{len(cards)} versions of the model card, not {self._rounds + 1}"
            )
        for i, card in enumerate(cards):
            groups[str(i + 1) if i < self._rounds else CLOSING].append(card)
        return self.found

    def _place(self, event: SignedEvent, payload: InitPayload) -> None:
        content, did, groups, cards = payload.content, speaker(event), self.found.groups, self.found.cards
        if event.stream_id in self.found.models.values():
            groups[MODELS].append(event)
            return
        if is_revocation(event):
            require_revocation(event, self.found.models.values())
            if len(cards) >= self._rounds:
                raise PeerError("is a revocation that comes after the rounds")
            groups[str(len(cards) + 1)].append(event)
            return
        kind = kind_of(payload, self.found.models)
        if kind == "model-card":
            require_place(content, self._domain, 1)
            if cards or did != self._ground.manifest.parties.aggregator:
                raise PeerError("is not the one model card, signed by the aggregator")
            cards.append(event)
        elif kind == "validation-shard":
            require_place({**content, "round": 0}, self._domain, 0)
            groups[self._place_shard(content["shard"])].append(event)
        elif kind == "data":
            if content["federation"] != self._domain.federation or did in self.found.imports:
                raise PeerError("is not a member's one import for this federation")
            require_authority(event, self._before)
            self.found.imports[did] = payload
            groups["1"].append(event)
        else:
            round_ = content["round"]
            if str(round_) not in groups or not isinstance(round_, int):
                raise PeerError(f"belongs to no round: {round_!r}")
            require_place(content, self._domain, round_)
            groups[str(round_)].append(event)

    def _place_shard(self, shard: object) -> str:
        """Return the group to which a shard's publication belongs, now that the log has come this far."""
        round_ = self._opened_in_round.get(shard) if isinstance(shard, int) else None
        closed = self._rounds if round_ is None else round_ - 1
        # Each round ends with a version of the model card.
        if len(self.found.cards) != closed:
            when = "before" if len(self.found.cards) < closed else "after"
            raise PeerError(f"publishes shard {shard} {when} its time")
        return CLOSING if round_ is None else str(round_)
