"""Opening shards: a drawn one in its round, the rest at the end, or the provider is accused.

The manifest's ``reveal`` says when a drawn shard becomes public: with the rest ("epoch"), or by its
providers' own events as soon as it is opened ("round"). What they say is the same in both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from aggregator.journal import pack, unpack
from aggregator.outbox import called
from ceramic_bridge.events import InitPayload, SignedEvent, decode, encode
from contracts import abi
from contracts.bindings.errors import AlreadyAccused
from contracts.bindings.federation import AccusationCleared, Federation
from contracts.bindings.structs import Context, PartEntry
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

_OPEN_PART: Final = f"openPart({Context.ABI},uint32,bytes,{PartEntry.ABI})"

PART: Final = "part/"
SHOWN: Final = "shown/"


class Shards:
    """The shards of one open epoch, as its aggregator gets them.

    Attributes:
        parts: SHA-256 of the parts of the shards that were opened, by round.
    """

    def __init__(self, ports: Ports, epoch: OpenEpoch, view: FederationView, memory: Memory) -> None:
        self._ports, self._epoch, self._view, self._memory = ports, epoch, view, memory
        self.parts: dict[int, tuple[Hash32, ...]] = {}

    def open(self, number: int, round_: int) -> tuple[Position, list[SignedEvent]]:
        """Open the shard that was drawn for a round.

        Each part is in the journal once it came; it becomes public when the manifest says.

        Returns:
            The shard, and the events under the round's root that made it public, if it is.

        Raises:
            PeerError: A provider does not open its part, or another than it committed; unless it does so
                on chain in time, its bond is lost.
        """
        ports, epoch = self._ports, self._epoch
        parts = [self._part(i, number, round_) for i in range(len(ports.providers))]
        drawn = Position(shard=number, design=epoch.shard(parts, number))
        self.parts[round_] = tuple(map(sha256, parts))
        if epoch.manifest.validation.reveal == "epoch":
            return drawn, []
        events = [self._event(i, number, round_, part) for i, part in enumerate(parts)]
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
        """Return a provider's part of the drawn shard, from it or from the chain, and write it down."""
        epoch, place = self._epoch, (self._epoch.domain.epoch, round_)
        kept = self._memory.recall(*place, f"{PART}{i}")
        if kept is not None:
            return kept

        def opened() -> bytes:
            try:
                part = self._ports.providers[i].open(number, round_, self._view)
            except PeerError:
                shown = opened_on_chain(
                    self._ports.federation, *place, i, since=self._view.opened_in(place[0])
                )
                if shown is None:
                    raise
                part = shown
            epoch.index.open(part, shard=number, provider=i, domain=epoch.domain, dim=len(epoch.mean))
            return part

        part = self._ask(i, number, opened)
        self._memory.record(*place, f"{PART}{i}", part)
        return part

    def _event(self, i: int, number: int, round_: int, part: bytes) -> SignedEvent:
        """Return a provider's event on its part of the drawn shard, and write it down."""
        place, model = (self._epoch.domain.epoch, round_), self._epoch.models["validation-shard"]
        kept = self._memory.recall(*place, f"{SHOWN}{i}")
        if kept is not None:
            return decode(kept)

        def published() -> SignedEvent:
            event = self._ports.providers[i].publish(number, round_, self._view, model)
            self._check(event, part, i, number)
            return event

        event = self._ask(i, number, published)
        self._memory.record(*place, f"{SHOWN}{i}", encode(event))
        return event

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
        except (PeerError, VerificationFailed) as error:
            with called(ports.chain, f"of {i}"):
                ports.federation.consent(ports.sender, i, epoch.terms, epoch.consents[i])
                with suppress(AlreadyAccused):
                    # It is accused, or was and defended itself: then all that is left is to wait for it.
                    ports.federation.accuse(ports.sender, i, epoch.terms)
            limit = ports.federation.deadline()
            raise PeerError(
                f"provider {i} does not open shard {shard}: {error.message}",
                hint=f"it is accused: it must open its part on chain before {limit} (Unix seconds)",
            ) from error


def opened_on_chain(
    federation: Federation, epoch: int, round_: int, provider: int, *, since: int
) -> bytes | None:
    """Return the part of the drawn shard by which an accused provider cleared itself; None if it has not.

    Args:
        federation: The contract.
        epoch: The epoch.
        round_: The round under way.
        provider: The provider's place.
        since: The block that opened the epoch.
    """
    for event in AccusationCleared.decode_logs(federation.logs(since)):
        if (event.epoch, event.round_, event.provider) == (epoch, round_, provider):
            sent = federation.reader.transaction(event.log.transaction_hash)
            if sent is not None and sent.data[:4] == abi.selector(_OPEN_PART):
                part = abi.decode(abi.parameter_types(_OPEN_PART), sent.data[4:])[2]
                return part if isinstance(part, bytes) else None
    return None


def revealed_blob(event: SignedEvent) -> Hash32:
    """Return SHA-256 of the part that a provider's event makes public."""
    assert isinstance(event.payload, InitPayload)
    return Hash32(bytes.fromhex(str(event.payload.content["blob"])))
