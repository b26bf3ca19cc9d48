"""Which of many events an epoch recorded: those that give the roots on chain, and no others.

An event node holds other federations' events too, forks, second signatures and junk. A root names no
event, but says whether a guess is right. What a round must hold is told by its receipt, which the
chain names; where more than one event would do, the choices are tried against the root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Final, TypeAlias

from aggregator.delegation import holds, require_revocation, speaker
from aggregator.events import event_leaf
from aggregator.ground import Ground
from aggregator.recorded import CLOSING, LOOSE, MODELS, Recorded, empty_groups, opening_authority
from aggregator.sources import Unpublished
from aggregator.statements import checked_lists
from aggregator.verified_secure import Place, commitments_in, transcript_of
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent
from ceramic_bridge.models import kind_of, model_ids
from ceramic_bridge.stream import StreamState, advance, start
from contracts.bindings.structs import RoundWords
from contracts.history import EpochHistory
from federation.errors import FolkmootError
from federation.hashing import Domain, commitment
from federation.merkle import MerkleTree
from federation.payloads import require_place
from federation.roster import Roster
from federation.rounds import Status
from federation.types import Did, Hash32

MOST_HASHES: Final = 1 << 21
"""How many hashes one root may cost: some dozen seconds."""

Choice: TypeAlias = "list[tuple[SignedEvent, ...]]"
"""Events of which one tuple was recorded, the likeliest first."""


class Candidates:
    """The events at hand that could be a federation's, sorted by what they could be."""

    def __init__(self, events: Iterable[SignedEvent], ground: Ground) -> None:
        """Sort events; what is of no use is passed over."""
        found = list({event.cid: event for event in events}.values())
        parties = ground.manifest.parties
        self.models = model_ids(found, publisher=Did(parties.community))
        ids = set(self.models.values())
        self.definitions = [event for event in found if event.stream_id in ids]
        self.documents: dict[tuple[str, Did], list[tuple[SignedEvent, InitPayload]]] = defaultdict(list)
        self.patches: dict[StreamId, list[SignedEvent]] = defaultdict(list)
        self.revocations: list[SignedEvent] = []
        federation = ground.deployment.federation.address
        for event in found:
            payload = event.payload
            if isinstance(payload, DataPayload):
                self.patches[payload.stream].append(event)
                continue
            try:
                did = speaker(event)
                if is_revocation(event):
                    require_revocation(event, ids)
                    self.revocations.append(event)
                elif payload.model in ids and payload.content.get("federation") == federation:
                    self.documents[kind_of(payload, self.models), did].append((event, payload))
            except FolkmootError:
                continue

    def of(
        self, kind: str, did: Did, domain: Domain, round_: int | None
    ) -> Iterator[tuple[SignedEvent, InitPayload]]:
        """Yield the documents of a kind that somebody signed for an epoch, and for a round if it has one."""
        for event, payload in self.documents.get((kind, did), ()):
            try:
                place = payload.content if round_ is not None else {**payload.content, "round": 0}
                require_place(place, domain, round_ or 0)
            except FolkmootError:
                continue
            yield event, payload


class Selection:
    """Selects the events of one epoch."""

    def __init__(
        self, found: Candidates, ground: Ground, past: EpochHistory, domain: Domain, roster: Roster
    ) -> None:
        self._found, self._ground, self._past = found, ground, past
        self._domain, self._roster = domain, roster
        self._aggregator = Did(ground.manifest.parties.aggregator)
        self._revealed: set[int] = set()
        self._used: set[Cid] = set()
        self._card: StreamState | None = None

    def selected(self) -> Recorded:
        """Select.

        Raises:
            Unpublished: An event that must be there is not at hand; it is named as well as can be.
            VerificationFailed: What is at hand does not give the roots on chain.
        """
        rounds = range(1, self._past.recorded + 1)
        chosen = Recorded(models=self._found.models, groups=empty_groups(max(1, self._past.recorded)))
        chosen.groups[MODELS].extend(self._found.definitions)
        if not rounds:
            # No root names them yet, but the roster's does say who is paid.
            chosen.groups["1"].extend(event for choice in self._imports() for event in choice[0])
        for round_ in rounds:
            words = self._ground.view.words(self._domain.epoch, round_)
            events = _matching(words.events_root, self._of_round(round_, words), f"round {round_}")
            chosen.groups[str(round_)].extend(events)
            self._used.update(event.cid for event in events)
            self._follow(events, chosen)
        shards = self._left(range(self._ground.manifest.validation.shards + 1))
        if self._past.revealed is None:
            chosen.groups[LOOSE].extend(self._parts_at_hand(shards))
        else:
            chosen.groups[CLOSING].extend(self._closing(chosen, shards))
            chosen.groups[LOOSE].extend(self._parts_at_hand(self._drawn() - self._revealed))
        for event, payload in chosen.of_kind("1", "data"):
            chosen.imports[speaker(event)] = payload
        return chosen

    def _follow(self, events: Sequence[SignedEvent], chosen: Recorded) -> None:
        """Remember the model card's newest version."""
        for event in events:
            if self._card is not None and event.stream_id == self._card.stream_id:
                self._card = advance(self._card, event)
                chosen.cards.append(event)
            elif self._card is None and self._is_card(event):
                self._card = start(event)
                chosen.cards.append(event)

    def _is_card(self, event: SignedEvent) -> bool:
        payload = event.payload
        return isinstance(payload, InitPayload) and payload.model == self._found.models["model-card"]

    def _of_round(self, round_: int, words: RoundWords) -> list[Choice]:
        receipts = [
            (event, payload)
            for event, payload in self._found.of("round-receipt", self._aggregator, self._domain, round_)
            if event.payload_cid.digest == words.receipt_hash
        ]
        if not receipts:
            raise Unpublished(f"round {round_}", "its receipt is not among the events", hint=_ELSEWHERE)
        choices: list[Choice] = [[(event,) for event, _ in receipts]]
        choices.append(self._card_of(round_, words))
        lists = checked_lists(receipts[0][1].content, self._ground.public.blob)
        lines, masked = lists["credits"], self._masked(round_, lists)
        choices += [
            self._masked_contribution(round_, words, Did(str(line["did"])), masked)
            if masked is not None
            else self._contribution(round_, words, {key: str(value) for key, value in line.items()})
            for line in (lines if isinstance(lines, tuple | list) else ())
            if isinstance(line, dict)
        ]
        if round_ == 1:
            choices += self._imports()
        if self._ground.manifest.validation.reveal == "round":
            choices += self._shard(words.shard, round_)
        authors = self._roster.quotas.keys()
        choices += [
            [(), (event,)]
            for event in self._found.revocations
            if event.cid not in self._used and speaker(event) in authors
        ]
        return choices

    def _card_of(self, round_: int, words: RoundWords) -> Choice:
        wanted = words.model_hash.hex()
        if self._card is None:
            documents = self._found.of("model-card", self._aggregator, self._domain, round_)
            found = [(e,) for e, payload in documents if payload.content.get("modelHash") == wanted]
        else:
            found = [(e,) for e, state in self._next_cards() if state.content.get("modelHash") == wanted]
        if not found:
            raise Unpublished(f"round {round_}", "its model card is not among the events", hint=_ELSEWHERE)
        return list(found)

    def _next_cards(self) -> Iterator[tuple[SignedEvent, StreamState]]:
        assert self._card is not None
        for event in self._found.patches[self._card.stream_id]:
            try:
                yield event, advance(self._card, event)
            except FolkmootError:
                continue

    def _contribution(self, round_: int, words: RoundWords, line: dict[str, str]) -> Choice:
        """Return what a member's line of the receipt says was recorded of it."""
        did, status = Did(line["did"]), line["status"]
        if status not in {Status.ACCEPTED, Status.SILENT, Status.REJECTED}:
            return [()]
        documents = [
            (event, str(payload.content["commitment"]))
            for event, payload in self._found.of("contribution", did, self._domain, round_)
            if payload.content.get("baseHash") == words.base_hash.hex()
        ]
        if status == Status.ACCEPTED:
            opened = commitment(
                self._domain,
                round_,
                did=did,
                base_hash=words.base_hash,
                delta_sha256=Hash32(bytes.fromhex(line["delta"])),
                salt=Hash32(bytes.fromhex(line["salt"])),
            ).hex()
            documents = [(event, value) for event, value in documents if value == opened]
        choice: Choice = [(event,) for event, _ in documents]
        if status == Status.REJECTED:
            # What was refused as a commitment is not recorded, what was refused later is.
            return [*choice, ()]
        if not choice:
            raise Unpublished(
                f"round {round_}", f"{did}'s contribution is not among the events", hint=_ELSEWHERE
            )
        return choice

    def _masked(self, round_: int, lists: Mapping[str, object]) -> Mapping[Did, Hash32] | None:
        """Return what members of a secure round committed to; None where deltas are summed in the open."""
        place = Place(
            manifest=self._ground.manifest,
            quotas=self._roster.quotas,
            domain=self._domain,
            round=round_,
            public=self._ground.public,
        )
        transcript = transcript_of(place, lists)
        return None if transcript is None else commitments_in(place, transcript)

    def _masked_contribution(
        self, round_: int, words: RoundWords, did: Did, masked: Mapping[Did, Hash32]
    ) -> Choice:
        """Return what a secure round recorded of a member: the commitment that its transcript has."""
        found = self._found.of("contribution", did, self._domain, round_) if did in masked else ()
        choice: Choice = [
            (event,)
            for event, payload in found
            if (payload.content.get("baseHash"), payload.content.get("commitment"))
            == (words.base_hash.hex(), masked[did].hex())
        ]
        # What the server refused stands in the transcript all the same, and is not recorded.
        return [*choice, ()]

    def _imports(self) -> list[Choice]:
        before = opening_authority(self._ground, self._past)
        choices: list[Choice] = []
        for did in sorted(self._roster.quotas):
            found = self._found.documents.get(("data", did), ())
            held: Choice = [(event,) for event, _ in reversed(found) if holds(event, before)]
            if held:
                choices.append([*held, ()])
        return choices

    def _shard(self, shard: int, round_: int | None) -> list[Choice]:
        """Return the providers' publications of a shard."""
        self._revealed.add(shard)
        choices: list[Choice] = []
        for i, provider in enumerate(self._ground.manifest.providers):
            found = [
                (event,)
                for event, payload in self._found.of("validation-shard", provider, self._domain, None)
                if (payload.content.get("shard"), payload.content.get("provider")) == (shard, i)
            ]
            if not found:
                where = f"round {round_}" if round_ is not None else "validation set"
                raise Unpublished(
                    where, f"provider {i}'s part of shard {shard} is not among the events", hint=_ELSEWHERE
                )
            choices.append(list(found))
        return choices

    def _drawn(self) -> set[int]:
        """Return the shards that rounds published, those that were proven wrong included."""
        if self._ground.manifest.validation.reveal == "epoch":
            return set()
        rounds = range(1, self._past.terms.rounds + 1)
        return {self._ground.view.drawn_shard(self._domain.epoch, round_) for round_ in rounds} - {0}

    def _left(self, shards: Iterable[int]) -> list[int]:
        """Return the shards whose publication no recorded round holds; the closing holds those not drawn."""
        gone = self._revealed if self._past.revealed is None else self._drawn()
        return [shard for shard in shards if shard not in gone]

    def _closing(self, chosen: Recorded, shards: Sequence[int]) -> list[SignedEvent]:
        assert self._past.revealed is not None
        choices = [choice for shard in shards for choice in self._shard(shard, None)]
        if self._card is not None:
            claims: Choice = [
                (event,)
                for event in self._found.patches[self._card.stream_id]
                if isinstance(event.payload, DataPayload)
                and any(operation.path == "/claims" for operation in event.payload.patch)
            ]
            if not claims:
                raise Unpublished("model card", "its last version is not among the events", hint=_ELSEWHERE)
            choices.append(claims)
        events = _matching(self._past.revealed.shards_hash, choices, "closing events")
        if not self._past.convicted:
            self._follow(events, chosen)
        return events

    def _parts_at_hand(self, shards: Iterable[int]) -> list[SignedEvent]:
        """Return what has been revealed although no root says what has to be."""
        events = []
        for shard in sorted(shards):
            for i, provider in enumerate(self._ground.manifest.providers):
                found = self._found.of("validation-shard", provider, self._domain, None)
                mine = [
                    event
                    for event, payload in found
                    if (payload.content.get("shard"), payload.content.get("provider")) == (shard, i)
                ]
                events += mine[:1]
        return events


_ELSEWHERE: Final = "another event node, or the federation's own events.car, may have it"


def _matching(root: Hash32, choices: Sequence[Choice], subject: str) -> list[SignedEvent]:
    """Return one of each choice such that all together give a root.

    Raises:
        Unpublished: None do.
    """
    leaves: dict[Cid, Hash32] = {}
    left = MOST_HASHES
    for events in _in_order_of_likelihood(choices):
        for event in events:
            if event.cid not in leaves:
                leaves[event.cid] = event_leaf(event)
        if events and MerkleTree.build([leaves[event.cid] for event in events]).root == root:
            return events
        left -= len(events)
        if left < 0:
            break
    raise Unpublished(
        subject, "its events at hand are not those that the chain recorded: some are missing", hint=_ELSEWHERE
    )


def _in_order_of_likelihood(choices: Sequence[Choice]) -> Iterator[list[SignedEvent]]:
    """Yield what can be chosen: the likeliest of each, then with one changed, then two, and so on."""
    open_ = [k for k, choice in enumerate(choices) if len(choice) > 1]
    for changed in range(len(open_) + 1):
        for places in combinations(open_, changed):
            for others in product(*(choices[k][1:] for k in places)):
                picked = [choice[0] for choice in choices]
                for k, other in zip(places, others, strict=True):
                    picked[k] = other
                yield [event for group in picked for event in group]
