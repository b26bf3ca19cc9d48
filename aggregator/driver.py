"""The round driver: commit, reveal, draw, open, score, record, over any Flower grid and any chain.

The arithmetic is the kernel's (``federation.rounds``); this file moves messages, transactions,
events and blobs, in the order of PROTOCOL's phases.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aggregator.admission import Committed, admit_commit, admit_reveal, answered
from aggregator.epoch import OpenEpoch
from aggregator.events import events_root
from aggregator.exchange import exchange
from aggregator.provider import ProviderPort
from aggregator.public import PublicDirectory
from aggregator.sessions import Sessions
from aggregator.shards import Shards
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, create_init
from contracts.bindings.federation import Federation
from contracts.chain import Chain, Signer
from contracts.view import FederationView
from federation.delta import delta_bytes, delta_hash, parse_delta, within_cap
from federation.evaluation import Received, Start, evaluation_of
from federation.fixedpoint import Ints
from federation.hashing import did_hash, sha256
from federation.membertree import MemberTree
from federation.messages import (
    ACKNOWLEDGE,
    COMMIT,
    REVEAL,
    Acknowledgement,
    CommitRequest,
    Rejected,
    RevealReply,
    RevealRequest,
)
from federation.models.linear import Design, model_bytes
from federation.payloads import NOTHING, ModelCard, Receipt
from federation.rounds import Base, EpochState, RoundOutcome, Status
from federation.trace import Position, Trace, vector_hash
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from flwr.serverapp import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the driver works with; every one can be replaced.

    Attributes:
        grid: Carries messages.
        nodes: Flower node of each member.
        chain: Carries transactions.
        federation: The contract, bound to that chain.
        sender: Signs transactions as the aggregator.
        identity: Signs events as the aggregator.
        providers: Open shards, in the manifest's order.
        log: Takes events.
        public: Takes blobs.
        timeout: Seconds to wait for members in each phase.
    """

    grid: Grid
    nodes: Mapping[Did, int]
    chain: Chain
    federation: Federation
    sender: Signer
    identity: Identity
    providers: Sequence[ProviderPort]
    log: EventSink
    public: PublicDirectory
    timeout: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundReport:
    """A finished round, for whoever watches.

    Attributes:
        base: What was sent out.
        outcome: What was decided.
        shard: The drawn shard's number.
        shard_design: Its examples.
        committed: Members that committed to a delta.
        model: The new model's weights.
        model_hash: Its hash.
    """

    base: Base
    outcome: RoundOutcome
    shard: int
    shard_design: Design
    committed: frozenset[Did]
    model: Ints
    model_hash: Hash32


class EventSink(Protocol):
    """Takes signed events; one that it has is taken again without harm."""

    def append(self, event: SignedEvent) -> None:
        """Keep an event."""
        ...


class Observer(Protocol):
    """Watches rounds as they end."""

    def __call__(self, report: RoundReport, /) -> None:
        """Take one finished round."""
        ...


class RoundDriver:
    """Runs the rounds of one open epoch.

    Attributes:
        sessions: The members' session keys; takes their revocations.
    """

    def __init__(
        self, ports: Ports, epoch: OpenEpoch, *, initial: Ints, opening_events: Sequence[SignedEvent]
    ) -> None:
        self._ports, self._epoch = ports, epoch
        self._view = FederationView(ports.federation)
        self._shards = Shards(ports, epoch, self._view)
        self._rules = epoch.manifest.rules
        self._evaluation = evaluation_of(epoch.manifest)
        self._known = [Position(shard=0, design=epoch.public)]
        self._state = EpochState.first(initial=initial, quotas=epoch.roster.quotas)
        self._card: tuple[StreamId, Cid] | None = None
        # Events signed before the first round, the members' imports, are recorded with it.
        self._pending = list(opening_events)
        self.sessions = Sessions(epoch.roster.quotas.keys(), epoch.models.values(), opening_events)

    @property
    def state(self) -> EpochState:
        """The epoch as it stands."""
        return self._state

    def run(self, observer: Observer) -> None:
        """Run every round that is left."""
        while self._state.round <= self._epoch.manifest.rounds:
            observer(self.run_round())

    def run_round(self) -> RoundReport:
        """Run the next round to its record on chain."""
        ports, epoch, state = self._ports, self._epoch, self._state
        round_ = state.round
        start = Start(state=state, rules=self._rules, known=tuple(self._known))
        base = self._evaluation.open(start)
        ports.public.put(model_bytes(base.weights, base.intercept))
        ports.federation.open_round(ports.sender, base.hash)
        self._pending += self.sessions.open_round(self._view.opened_at(epoch.domain.epoch, round_))

        absent = dict.fromkeys(state.suspended, (Status.SUSPENDED, ""))
        committed = self._commits(base, absent)
        replies = self._reveals(base, committed, absent)
        drawn, opened = self._draw(round_)
        forced = self._forced(replies.keys(), absent)
        replies |= forced

        deltas = {did: reply.delta for did, reply in replies.items()}
        seed = self._view.draw_seed(epoch.domain.epoch, round_)
        received = Received(deltas=deltas, absent=absent, norm_bound=epoch.norm_bound, seed=seed)
        outcome, trace = self._evaluation.close(start, base, received, drawn)
        self._known.append(drawn)
        self._state = outcome.state
        released = ports.public.put(self._evaluation.released(outcome.state, self._known))
        for delta in deltas.values():
            ports.public.put(delta_bytes(delta))
        reveals = {did: (delta_hash(reply.delta), reply.salt) for did, reply in replies.items()}
        self._record(
            base,
            outcome,
            trace,
            shard=drawn.shard,
            released=released,
            opened=opened,
            committed=committed,
            reveals=reveals,
            forced=forced,
        )
        return RoundReport(
            base=base,
            outcome=outcome,
            shard=drawn.shard,
            shard_design=drawn.design,
            committed=frozenset(committed),
            model=outcome.state.weights,
            model_hash=released,
        )

    def _commits(self, base: Base, absent: dict[Did, tuple[Status, str]]) -> dict[Did, Committed]:
        ports, epoch, round_ = self._ports, self._epoch, self._state.round
        request = CommitRequest(domain=epoch.domain, round=round_, base=base).records()
        asked = {did: request for did in epoch.roster.quotas if did not in absent and did in ports.nodes}
        replies = self._exchange(asked, COMMIT)
        committed: dict[Did, Committed] = {}
        for did, message in replies.items():
            try:
                committed[did] = admit_commit(
                    message, did, epoch, round_, base.hash, authority=self.sessions.authority
                )
            except Rejected as error:
                silent = not answered(replies, did)
                absent[did] = (Status.ABSENT, "") if silent else (Status.REJECTED, error.message)
        self.sessions.saw(found.event for found in committed.values())
        ports.federation.close_commits(ports.sender, _commit_tree(committed).root)
        return committed

    def _reveals(
        self, base: Base, committed: Mapping[Did, Committed], absent: dict[Did, tuple[Status, str]]
    ) -> dict[Did, RevealReply]:
        ports, epoch, round_ = self._ports, self._epoch, self._state.round
        requests = {
            did: RevealRequest(domain=epoch.domain, round=round_, proof=proof).records()
            for did, proof in _commit_tree(committed).proofs().items()
        }
        messages = self._exchange(requests, REVEAL)
        revealed: dict[Did, RevealReply] = {}
        for did, message in messages.items():
            try:
                revealed[did] = admit_reveal(
                    message, did, epoch, round_, base_hash=base.hash, committed=committed[did].commitment
                )
            except Rejected as error:
                silent = not answered(messages, did)
                absent[did] = (Status.SILENT, "") if silent else (Status.REJECTED, error.message)
        hashes = {did: delta_hash(reply.delta) for did, reply in revealed.items()}
        ports.federation.close_reveals(ports.sender, MemberTree.build(hashes).root)
        self._acknowledge(revealed)
        return revealed

    def _acknowledge(self, revealed: Mapping[Did, RevealReply]) -> None:
        domain, round_ = self._epoch.domain, self._state.round
        receipts = {}
        for did, reply in revealed.items():
            digest = delta_hash(reply.delta)
            signed = Acknowledgement.signed_bytes(domain, round_, did_hash(did), digest)
            receipts[did] = Acknowledgement(
                domain=domain,
                round=round_,
                delta_sha256=digest,
                signature=self._ports.identity.sign(signed),
            ).records()
        self._exchange(receipts, ACKNOWLEDGE)

    def _draw(self, round_: int) -> tuple[Position, list[SignedEvent]]:
        ports, epoch = self._ports, self._epoch
        while ports.chain.block_number < ports.federation.draw_target():
            ports.chain.mine()
        ports.federation.draw_shard(ports.sender, [p.preimage(round_) for p in ports.providers])
        return self._shards.open(self._view.drawn_shard(epoch.domain.epoch, round_), round_)

    def _forced(
        self, revealed: Collection[Did], absent: dict[Did, tuple[Status, str]]
    ) -> dict[Did, RevealReply]:
        """Return the deltas that members revealed on chain alone; they count like any other.

        Asked after the draw, when no more can come.
        """
        epoch, found = self._epoch, {}
        names = {did_hash(did): did for did in epoch.roster.quotas}
        for event in self._view.forced(epoch.domain.epoch, self._state.round):
            did = names.get(event.did_hash)
            if did is None or did in revealed or did in self._state.suspended:
                continue
            delta = parse_delta(event.delta)
            if within_cap(delta, epoch.cap(did)):
                found[did] = RevealReply(delta=delta, salt=event.salt)
                del absent[did]
            else:
                absent[did] = (Status.REJECTED, "over-cap")
        return found

    def _record(
        self,
        base: Base,
        outcome: RoundOutcome,
        trace: Trace,
        *,
        shard: int,
        released: Hash32,
        opened: Sequence[SignedEvent],
        committed: Mapping[Did, Committed],
        reveals: Mapping[Did, tuple[Hash32, Hash32]],
        forced: Collection[Did],
    ) -> None:
        ports, epoch = self._ports, self._epoch
        ports.public.put(trace.to_bytes())
        trace_root = trace.root(epoch.domain, outcome.round)
        receipt = Receipt(
            domain=epoch.domain,
            base_hash=base.hash,
            model_hash=released,
            delta_hash=vector_hash(outcome.aggregate),
            trace_hash=sha256(trace.to_bytes()),
            shard=shard,
            trace_root=trace_root,
            outcome=outcome,
            reveals=reveals,
            forced=forced,
        )
        signed = create_init(
            ports.identity,
            model=epoch.models["round-receipt"],
            content=receipt.content(),
            unique=trace_root[:12],
        )
        events = [*opened, *self._pending, *(c.event for c in committed.values()), signed]
        events.append(self._release_card(outcome, released))
        self._pending = []
        for event in events:
            ports.log.append(event)
        ports.federation.record_round(
            ports.sender,
            model_hash=released,
            events_root=events_root(events),
            trace_root=trace_root,
            receipt_hash=Hash32(signed.payload_cid.digest),
        )

    def _release_card(self, outcome: RoundOutcome, released: Hash32) -> SignedEvent:
        epoch = self._epoch
        accepted = sum(m.status is Status.ACCEPTED for m in outcome.members)
        if self._card is None:
            card = ModelCard(
                domain=epoch.domain,
                round=outcome.round,
                model_hash=released,
                dim=epoch.manifest.model.dim,
                epsilon=epoch.manifest.privacy.epsilon,
                contributors=accepted,
                receipts=outcome.round,
                claims=NOTHING,
            )
            event = create_init(
                self._ports.identity,
                model=epoch.models["model-card"],
                content=card.content(),
                unique=released[:12],
            )
        else:
            patch: dict[str, int | str] = {
                "round": outcome.round,
                "modelHash": released.hex(),
                "contributors": accepted,
                "receipts": outcome.round,
            }
            event = self._patch_card(patch)
        self._card = (event.stream_id, event.cid)
        return event

    def _patch_card(self, fields: Mapping[str, int | str]) -> SignedEvent:
        assert self._card is not None
        stream, previous = self._card
        operations = [JsonPatchOp(op="replace", path=f"/{k}", value=v) for k, v in fields.items()]
        return create_data(self._ports.identity, stream=stream, prev=previous, patch=operations)

    def close(self, claims: bytes) -> None:
        """Reveal the validation set and publish what the operator states beyond the recomputable.

        Args:
            claims: Canonical bytes of those statements; their hash goes on the model card.
        """
        ports = self._ports
        events = [*self._shards.reveal(), self._patch_card({"claims": ports.public.put(claims).hex()})]
        for event in events:
            ports.log.append(event)
        ports.federation.reveal_epoch(ports.sender, events_root(events))

    def _exchange(self, requests: Mapping[Did, object], message_type: str):  # type: ignore[no-untyped-def]  # Flower's types
        ports = self._ports
        group = f"{self._epoch.domain.epoch}.{self._state.round}"
        return exchange(
            ports.grid,
            ports.nodes,
            requests,
            message_type=message_type,
            group=group,
            timeout=ports.timeout,
        )


def _commit_tree(committed: Mapping[Did, Committed]) -> MemberTree:
    return MemberTree.build({did: found.commitment for did, found in committed.items()})
