"""What an event's payload block says: the first of a stream, or a change to it.

Absence is the only form of "none" (a null would be a second spelling of one payload), and an
unknown field is refused: ceramic-one refuses it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from ceramic_bridge.cid import MID, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, decode
from ceramic_bridge.jsonpatch import JsonPatchOp
from ceramic_bridge.schemas import validate_known
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class InitPayload:
    """The first event of a stream.

    Attributes:
        controller: The one DID that may write to the stream.
        model: Stream of the content's model; ``META_MODEL`` when the content is itself a model.
        unique: Bytes that make the stream's identifier unique, or ``None``.
        content: The document; empty when the event is deterministic, which has none.
        context: A stream that the document belongs to.
        should_index: Whether nodes should list the document; no rule reads it.
        model_version: Event of the model that the document was written for.
    """

    controller: Did
    model: StreamId
    unique: bytes | None
    content: Mapping[str, Value]
    context: StreamId | None = None
    should_index: bool | None = None
    model_version: Cid | None = None

    def header(self) -> dict[str, Value]:
        """Return the header as it stands in the block."""
        header: dict[str, Value] = {
            "controllers": [self.controller],
            "model": self.model.to_bytes(),
            "sep": "model",
        }
        if self.unique is not None:
            header["unique"] = self.unique
        if self.context is not None:
            header["context"] = self.context.to_bytes()
        return {**header, **_flags(self.should_index, self.model_version)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPayload:
    """A change to a stream.

    Attributes:
        stream: The stream changed.
        prev: CID of the event before this one.
        patch: What changes.
        should_index: As in ``InitPayload``, if it changes.
        model_version: As in ``InitPayload``, if it changes.
    """

    stream: StreamId
    prev: Cid
    patch: tuple[JsonPatchOp, ...]
    should_index: bool | None = None
    model_version: Cid | None = None

    def to_value(self) -> dict[str, Value]:
        """Return the payload as it stands in the block."""
        ops: list[Value] = [op.to_value() for op in self.patch]
        value: dict[str, Value] = {"id": self.stream.cid, "prev": self.prev, "data": ops}
        header = _flags(self.should_index, self.model_version)
        return {**value, "header": header} if header else value


def _flags(should_index: bool | None, model_version: Cid | None) -> dict[str, Value]:  # noqa: FBT001 -- Ceramic's own field
    flags: dict[str, Value] = {}
    if should_index is not None:
        flags["shouldIndex"] = should_index
    if model_version is not None:
        flags["modelVersion"] = model_version
    return flags


def _parse_flags(header: Mapping[str, Value]) -> tuple[bool | None, Cid | None]:
    should_index, model_version = header.get("shouldIndex"), header.get("modelVersion")
    if "shouldIndex" in header and not isinstance(should_index, bool):
        raise MalformedData("an event's shouldIndex must be a boolean")
    if "modelVersion" in header and not isinstance(model_version, Cid):
        raise MalformedData("an event's modelVersion must be a link")
    return (
        should_index if isinstance(should_index, bool) else None,
        model_version if isinstance(model_version, Cid) else None,
    )


def _bytes(header: Mapping[str, Value], name: str) -> bytes | None:
    if name not in header:
        return None
    value = header[name]
    if not isinstance(value, bytes):
        raise MalformedData(f"an init event's {name} must be bytes")
    return value


# There are few models, and many documents of each.
_stream_id = lru_cache(maxsize=1024)(StreamId.from_bytes)

_MORE_FIELDS = {"unique", "context", "shouldIndex", "modelVersion"}


def _parse_init(content: Mapping[str, Value], header: Value) -> InitPayload:
    match header:
        case {
            "controllers": [str() as controller],
            "model": bytes() as model,
            "sep": "model",
            **more,
        } if more.keys() <= _MORE_FIELDS:
            rest = cast("Mapping[str, Value]", more)
        case _:
            raise MalformedData(
                "an init event's header must hold one controller, model and sep, and known fields"
            )
    context = _bytes(rest, "context")
    should_index, model_version = _parse_flags(rest)
    validate_known(content)
    return InitPayload(
        controller=Did(controller),
        model=_stream_id(model),
        unique=_bytes(rest, "unique"),
        content=content,
        context=None if context is None else _stream_id(context),
        should_index=should_index,
        model_version=model_version,
    )


def parse(value: Value) -> InitPayload | DataPayload:
    """Read the payload of a signed event.

    Args:
        value: What the payload's block decodes to; the payload keeps parts of it.

    Raises:
        MalformedData: It is not a payload.
    """
    match value:
        case {"data": dict() as content, "header": header, **rest} if not rest:
            return _parse_init(content, header)
        case {"id": Cid() as init, "prev": Cid() as prev, "data": list() as ops, **rest} if (
            not rest or rest.keys() == {"header"}
        ):
            header = rest.get("header", {})
            if not isinstance(header, dict) or not header.keys() <= {"shouldIndex", "modelVersion"}:
                raise MalformedData("a data event's header may only hold shouldIndex and modelVersion")
            should_index, model_version = _parse_flags(header)
            return DataPayload(
                stream=StreamId(type=MID, cid=init),
                prev=prev,
                patch=tuple(JsonPatchOp.from_value(op) for op in ops),
                should_index=should_index,
                model_version=model_version,
            )
    raise MalformedData("a payload must be that of an init event or of a data event")


def parse_deterministic(block: bytes) -> InitPayload:
    """Read an unsigned init event: one that anybody computes from controller, model and unique.

    Raises:
        MalformedData: The block is not the one encoding of one.
    """
    match decode(block):
        case {"data": None, "header": header, **rest} if not rest:
            return _parse_init({}, header)
    raise MalformedData("an unsigned event must be a deterministic init event")
