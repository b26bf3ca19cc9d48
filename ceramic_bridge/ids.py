"""Identifiers of one event: CommitID (CIP-59) and EventID (CIP-124, as ceramic-one writes it)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge import multibase, varint
from ceramic_bridge.cid import MAX_TEXT, STREAM_CODEC, Cid, StreamId
from ceramic_bridge.errors import MalformedData

if TYPE_CHECKING:
    from federation.types import Did

MAINNET: Final = 0
CLAY: Final = 1
DEV_UNSTABLE: Final = 2
IN_MEMORY: Final = 0xFF
LOCAL: Final = 0x1_0000_0000
"""A local network has the number ``LOCAL + n``."""

_EVENT_TYPE: Final = 5
_SEPARATOR, _CONTROLLER, _INIT = 8, 8, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitId:
    """A stream as of one of its events.

    Attributes:
        stream: The stream.
        event: CID of the event; the stream's init event for its beginning.
    """

    stream: StreamId
    event: Cid

    @classmethod
    def from_bytes(cls, data: bytes) -> CommitId:
        """Read the binary form.

        Raises:
            MalformedData: The bytes are not exactly one CommitID.
        """
        stream, end = StreamId.read(data)
        # A zero stands for the init event; writing its CID would be a second form.
        if data[end:] == b"\0":
            return cls(stream=stream, event=stream.cid)
        event = Cid.from_bytes(data[end:])
        if event == stream.cid:
            raise MalformedData("a CommitID must write the init event as a zero")
        return cls(stream=stream, event=event)

    @classmethod
    def parse(cls, text: str) -> CommitId:
        """Read the base36 text form.

        Raises:
            MalformedData: The text is not the form that ``str`` gives.
        """
        if len(text) > MAX_TEXT:
            raise MalformedData(f"a CommitID of {len(text)} characters exceeds the limit of {MAX_TEXT}")
        return cls.from_bytes(multibase.decode(text, "k"))

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        commit = b"\0" if self.event == self.stream.cid else self.event.to_bytes()
        return self.stream.to_bytes() + commit

    def __str__(self) -> str:
        return multibase.encode("k", self.to_bytes())


@dataclass(frozen=True, slots=True, kw_only=True)
class EventId:
    """An event's key in the order in which Ceramic nodes compare what they have.

    The parts before the CID are ends of hashes: they sort events by model, controller and
    stream, and prove nothing.

    Attributes:
        network: Number of the network, e.g. ``MAINNET``.
        separator: Last 8 bytes of the SHA-256 of ``model`` and the model's StreamID.
        controller: Last 8 bytes of the SHA-256 of the controller's DID.
        init: Last 4 bytes of the init event's CID.
        event: The event.
    """

    network: int
    separator: bytes
    controller: bytes
    init: bytes
    event: Cid

    @classmethod
    def of(cls, *, network: int, model: StreamId, controller: Did, init: Cid, event: Cid) -> EventId:
        """Return the key of an event."""
        return cls(
            network=network,
            separator=hashlib.sha256(b"model" + model.to_bytes()).digest()[-_SEPARATOR:],
            controller=hashlib.sha256(controller.encode()).digest()[-_CONTROLLER:],
            init=init.to_bytes()[-_INIT:],
            event=event,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> EventId:
        """Read the binary form.

        Raises:
            MalformedData: The bytes are not exactly one EventID.
        """
        if data[:3] != STREAM_CODEC + bytes((_EVENT_TYPE,)):
            raise MalformedData("an EventID must begin with the bytes ce 01 05")
        network, at = varint.decode(data, 3)
        ends = [at + _SEPARATOR, at + _SEPARATOR + _CONTROLLER, at + _SEPARATOR + _CONTROLLER + _INIT]
        return cls(
            network=network,
            separator=data[at : ends[0]],
            controller=data[ends[0] : ends[1]],
            init=data[ends[1] : ends[2]],
            event=Cid.from_bytes(data[ends[2] :]),
        )

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Read the base16 text form (``f`` and lower-case digits).

        Raises:
            MalformedData: The text is not the form that ``str`` gives.
        """
        return cls.from_bytes(multibase.decode(text, "f"))

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        head = STREAM_CODEC + bytes((_EVENT_TYPE,)) + varint.encode(self.network)
        return head + self.separator + self.controller + self.init + self.event.to_bytes()

    def __str__(self) -> str:
        return multibase.encode("f", self.to_bytes())
