"""Opening shards: a drawn one in its round, the rest at the end, or the provider is accused.

The manifest's ``reveal`` says when a drawn shard becomes public: with the rest ("epoch"), or by its
providers' own events as soon as it is opened ("round"). What they say is the same in both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from aggregator.journal import pack, unpack
from aggregator.onchain import once
from aggregator.outbox import called
from ceramic_bridge.events import InitPayload, SignedEvent, decode, encode
from contracts.view import FederationView
from federation.errors import PeerError, VerificationFailed
from federation.hashing import sha256
from federation.payloads import ShardReveal
from federation.trace import Position
from federation.types import Hash32

if TYPE_CHECKING:
    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from aggregator.journal import Memory

T = TypeVar("T")

PART: Final = "part/"
SHOWN: Final = "shown/"


class Shards:
    """The shards of one open epoch, as its aggregator gets them."""

    def __init__(self, ports: Ports, epoch: OpenEpoch, view: FederationView, memory: Memory) -> None:
        self._ports, self._epoch, self._view, self._memory = ports, epoch, view, memory

    def open(self, number: int, round_: int) -> tuple[Position, list[SignedEvent]]:
        """Open the shard that was drawn for a round.

        Each part is in the journal once it came; it becomes public when the manifest says.

        Returns:
            The shard, and the events under the round's root that made it public, if it is.

        Raises:
            PeerError: A provider does not open its part; unless it does so on chain in time, its
                bond is lost.
            VerificationFailed: A part is not what was committed, or its event says otherwise.
        """
        ports, epoch = self._ports, self._epoch
        parts = [self._part(i, number, round_) for i in range(len(ports.providers))]
        drawn = Position(shard=number, design=epoch.shard(parts, number))
        if epoch.manifest.validation.reveal == "epoch":
            return drawn, []
        model = epoch.models["validation-shard"]
        events = []
        for i, provider in enumerate(ports.providers):
            kept = self._memory.recall(epoch.domain.epoch, round_, f"{SHOWN}{i}")
            event = (
                decode(kept)
                if kept is not None
                else self._ask(i, number, partial(provider.publish, number, round_, self._view, model))
            )
            self._check(event, parts[i], i, number)
            self._memory.record(epoch.domain.epoch, round_, f"{SHOWN}{i}", encode(event))
            events.append(event)
        for event, data in zip(events, parts, strict=True):
            ports.public.put(data)
            ports.log.append(event)
        return drawn, events

    def reveal(self) -> list[SignedEvent]:
        """Publish what is not public yet, once the rounds are over.

        Raises:
            PeerError: A provider does not publish its parts.
        """
        epoch, model = self._epoch, self._epoch.models["validation-shard"]
        events = []
        for i, provider in enumerate(self._ports.providers):
            kept = self._memory.recall(epoch.domain.epoch, 0, f"{SHOWN}{i}")
            if kept is None:
                found = provider.reveal(self._view, model)
                for data, _ in found:
                    self._ports.public.put(data)
                kept = pack([encode(event) for _, event in found])
                self._memory.record(epoch.domain.epoch, 0, f"{SHOWN}{i}", kept)
            events += [decode(raw) for raw in unpack(kept)]
        return events

    def _part(self, i: int, number: int, round_: int) -> bytes:
        """Return a provider's part of the drawn shard, and write it down."""
        epoch, provider = self._epoch, self._ports.providers[i]
        kept = self._memory.recall(epoch.domain.epoch, round_, f"{PART}{i}")
        if kept is not None:
            return kept
        part = self._ask(i, number, partial(provider.open, number, round_, self._view))
        # A wrong one is not kept: its provider may still send the right one.
        epoch.index.open(part, shard=number, provider=i, domain=epoch.domain, dim=len(epoch.mean))
        self._memory.record(epoch.domain.epoch, round_, f"{PART}{i}", part)
        return part

    def _check(self, event: SignedEvent, part: bytes, i: int, shard: int) -> None:
        """Check a provider's event before its round records it: with a wrong one nobody could verify it."""
        epoch, payload = self._epoch, event.payload
        opened = epoch.index.open(part, shard=shard, provider=i, domain=epoch.domain, dim=len(epoch.mean))
        statement = ShardReveal(
            domain=epoch.domain, shard=shard, provider=i, blob=sha256(part), examples=len(opened.examples)
        )
        expected = (epoch.manifest.providers[i], epoch.models["validation-shard"], statement.content())
        if not isinstance(payload, InitPayload) or (event.signer, payload.model, payload.content) != expected:
            raise VerificationFailed(f"provider {i}", f"its event on shard {shard} is not what it opened")

    def _ask(self, i: int, shard: int, ask: Callable[[], T]) -> T:
        """Ask a provider for its part; accuse it on chain, where it may still open, if it does not answer."""
        ports, epoch = self._ports, self._epoch
        try:
            return ask()
        except PeerError as error:
            with called(ports.chain, f"of {i}"):
                ports.federation.consent(ports.sender, i, epoch.terms, epoch.consents[i])
                once(
                    ports.chain,
                    lambda: ports.federation.accused() == i,
                    lambda sender: ports.federation.accuse(sender, i, epoch.terms),
                    ports.sender,
                )
            limit = ports.federation.deadline()
            raise PeerError(
                f"provider {i} does not open shard {shard}: {error.message}",
                hint=f"it is accused: it must open its part on chain before {limit} (Unix seconds)",
            ) from error


def revealed_blob(event: SignedEvent) -> Hash32:
    """Return SHA-256 of the part that a provider's event makes public."""
    assert isinstance(event.payload, InitPayload)
    return Hash32(bytes.fromhex(str(event.payload.content["blob"])))
