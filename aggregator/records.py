"""A round's record: its receipt, its version of the model card, and the events under its root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.events import events_root
from aggregator.onchain import once
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data, create_init
from federation.hashing import sha256
from federation.payloads import NOTHING, ModelCard, Receipt
from federation.rounds import Base, RoundOutcome, Status
from federation.trace import Trace, vector_hash
from federation.types import Hash32

if TYPE_CHECKING:
    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from aggregator.gathering import Gathered
    from contracts.view import FederationView


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """What a round has made, before it is recorded.

    Attributes:
        base: What was sent out.
        outcome: What was decided.
        trace: Every number of it.
        released: SHA-256 of the model after it.
        shard: The drawn shard.
        events: The events that it records before its receipt.
        gathered: How it came about.
    """

    base: Base
    outcome: RoundOutcome
    trace: Trace
    released: Hash32
    shard: int
    events: Sequence[SignedEvent]
    gathered: Gathered


class Recorder:
    """Signs and records the rounds of one epoch.

    Attributes:
        card: The model card's stream and its newest event, once there is one.
    """

    def __init__(self, ports: Ports, epoch: OpenEpoch, view: FederationView) -> None:
        self._ports, self._epoch, self._view = ports, epoch, view
        self.card: tuple[StreamId, Cid] | None = None

    def record(self, made: Made) -> frozenset[Hash32]:
        """Publish a round's events and record it on chain; doing it again changes nothing.

        Returns:
            SHA-256 of the blob that the receipt names, if it does.
        """
        ports, epoch, outcome = self._ports, self._epoch, made.outcome
        trace_root = made.trace.root(epoch.domain, outcome.round)
        receipt = Receipt(
            domain=epoch.domain,
            base_hash=made.base.hash,
            model_hash=made.released,
            delta_hash=vector_hash(outcome.aggregate),
            trace_hash=sha256(made.trace.to_bytes()),
            shard=made.shard,
            trace_root=trace_root,
            outcome=outcome,
            reveals=made.gathered.reveals,
            forced=made.gathered.forced,
            transcript=made.gathered.transcript,
        )
        table = receipt.table()
        named = frozenset() if table is None else frozenset({ports.public.put(table)})
        signed = create_init(
            ports.identity,
            model=epoch.models["round-receipt"],
            content=receipt.content(),
            unique=trace_root[:12],
        )
        card = self._release(outcome, made.released)
        events = [*made.events, signed, card]
        for event in events:
            ports.log.append(event)
        once(
            ports.chain,
            lambda: any(self._view.words(epoch.domain.epoch, outcome.round).model_hash),
            lambda sender: ports.federation.record_round(
                sender,
                model_hash=made.released,
                events_root=events_root(events),
                trace_root=trace_root,
                receipt_hash=Hash32(signed.payload_cid.digest),
            ),
            ports.sender,
        )
        self.card = (card.stream_id, card.cid)
        return named

    def claim(self, claims: Hash32) -> SignedEvent | None:
        """Return the card's last version, which names the operator's claims; None if nothing was released."""
        return None if self.card is None else self._patch({"claims": claims.hex()})

    def _release(self, outcome: RoundOutcome, released: Hash32) -> SignedEvent:
        epoch = self._epoch
        accepted = sum(m.status is Status.ACCEPTED for m in outcome.members)
        if self.card is not None:
            fields: dict[str, int | str] = {"round": outcome.round, "modelHash": released.hex()}
            return self._patch({**fields, "contributors": accepted, "receipts": outcome.round})
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
        return create_init(
            self._ports.identity,
            model=epoch.models["model-card"],
            content=card.content(),
            unique=released[:12],
        )

    def _patch(self, fields: Mapping[str, int | str]) -> SignedEvent:
        assert self.card is not None
        stream, previous = self.card
        operations = [JsonPatchOp(op="replace", path=f"/{k}", value=v) for k, v in fields.items()]
        return create_data(self._ports.identity, stream=stream, prev=previous, patch=operations)
