"""Signed Ceramic events: create, encode, decode and verify.

Init events begin a stream, data events patch it (ceramic-one event specification, CIP-59;
byte-compatible with @ceramic-sdk 0.12). An event names its payload by the envelope, so the
payload's CID is always derived from what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge import car, jws
from ceramic_bridge.car import MAX_BLOCK, Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, META_MODEL, MID, MODEL, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.jsonpatch import JsonPatchOp, apply_patch
from ceramic_bridge.schemas import validate_known
from federation.errors import IdentityError, VerificationFailed
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ceramic_bridge.did import Identity

__all__ = [
    "UNIQUE_BYTES",
    "DataPayload",
    "InitPayload",
    "JsonPatchOp",
    "SignedEvent",
    "apply_patch",
    "create_data",
    "create_init",
    "create_model",
    "decode",
    "encode",
    "from_blocks",
]

UNIQUE_BYTES: Final = 12
"""Length of the random bytes that tell two streams of equal content apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitPayload:
    """The first event of a stream.

    Attributes:
        controller: The one DID that may write to the stream.
        model: Stream of the content's model; ``META_MODEL`` when the content is itself a model.
        unique: Bytes that make the stream's identifier unique, or ``None``.
        content: The document.
    """

    controller: Did
    model: StreamId
    unique: bytes | None
    content: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPayload:
    """A change to a stream.

    Attributes:
        stream: The stream changed.
        prev: CID of the event before this one.
        patch: What changes.
    """

    stream: StreamId
    prev: Cid
    patch: tuple[JsonPatchOp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvent:
    """A verified event; the functions of this module make no others.

    Attributes:
        cid: CID of the envelope. Never count or pay by it: a payload can be signed again.
        envelope: The DAG-JOSE block.
        payload_cid: CID of the payload block; count by it.
        payload_block: The DAG-CBOR block.
        signer: Who signed.
        payload: What the payload block says.
    """

    cid: Cid
    envelope: bytes
    payload_cid: Cid
    payload_block: bytes
    signer: Did
    payload: InitPayload | DataPayload

    @property
    def stream_id(self) -> StreamId:
        """The stream that the event begins or changes."""
        if isinstance(self.payload, DataPayload):
            return self.payload.stream
        kind = MODEL if self.payload.model == META_MODEL else MID
        return StreamId(type=kind, cid=self.cid)

    def blocks(self) -> tuple[Block, Block]:
        """Return the payload block and the envelope block, in the order in which files hold them."""
        return (
            Block(cid=self.payload_cid, data=self.payload_block),
            Block(cid=self.cid, data=self.envelope),
        )


def _parse_init(content: Mapping[str, Value], header: Value) -> InitPayload:
    match header:
        case {
            "controllers": [str() as controller],
            "model": bytes() as model,
            "sep": "model",
            **rest,
        } if rest.keys() <= {"unique"}:
            pass
        case _:
            raise MalformedData("an init event's header must hold one controller, model, sep and unique")
    # Absence is the only form of "none": a null would be a second spelling of one payload.
    unique: bytes | None = None
    if rest:
        given = rest["unique"]
        if not isinstance(given, bytes):
            raise MalformedData("an init event's unique must be bytes")
        unique = given
    validate_known(content)
    return InitPayload(
        controller=Did(controller), model=StreamId.from_bytes(model), unique=unique, content=content
    )


def _parse(block: bytes) -> InitPayload | DataPayload:
    match decode_block(block):
        case {"data": dict() as content, "header": header, **rest} if not rest:
            return _parse_init(content, header)
        case {"id": Cid() as init, "prev": Cid() as prev, "data": list() as ops, **rest} if not rest:
            patch = tuple(JsonPatchOp.from_value(op) for op in ops)
            return DataPayload(stream=StreamId(type=MID, cid=init), prev=prev, patch=patch)
    raise MalformedData("a payload must be that of an init event or of a data event")


def from_blocks(payload_block: bytes, envelope: bytes) -> SignedEvent:
    """Verify an event from its two blocks.

    Raises:
        MalformedData: A block is too large or malformed, or the content does not fit its kind.
        VerificationFailed: The envelope signs another payload.
        IdentityError: The signature is wrong, or an init event's signer is not its controller.
    """
    if max(len(payload_block), len(envelope)) > MAX_BLOCK:
        raise MalformedData(f"an event's block exceeds {MAX_BLOCK} bytes")
    cid = Cid.of(DAG_JOSE, envelope)
    signer, payload_cid = jws.verify_envelope(envelope)
    if payload_cid != Cid.of(DAG_CBOR, payload_block):
        raise VerificationFailed(f"event {cid}", "its envelope signs another payload")
    payload = _parse(payload_block)
    if isinstance(payload, InitPayload) and payload.controller != signer:
        raise IdentityError(f"event {cid} is signed by {signer} but controlled by {payload.controller}")
    return SignedEvent(
        cid=cid,
        envelope=envelope,
        payload_cid=payload_cid,
        payload_block=payload_block,
        signer=signer,
        payload=payload,
    )


def _sign(identity: Identity, payload: Mapping[str, Value]) -> SignedEvent:
    block = encode_block(payload)
    return from_blocks(block, jws.sign_payload(identity, Cid.of(DAG_CBOR, block)))


def create_init(
    identity: Identity, *, model: StreamId, content: Mapping[str, Value], unique: bytes | None
) -> SignedEvent:
    """Sign the first event of a stream.

    Args:
        identity: The stream's controller.
        model: Stream of the content's model.
        content: The document; checked if its ``kind`` is one of the project's.
        unique: 12 fresh random bytes; ``None`` makes the stream depend on its content only.

    Raises:
        MalformedData: The content has no encoding, is too large, or does not fit its kind.
    """
    if unique is not None and len(unique) != UNIQUE_BYTES:
        raise MalformedData(f"unique must have {UNIQUE_BYTES} bytes, not {len(unique)}")
    header: dict[str, Value] = {"controllers": [identity.did], "model": model.to_bytes(), "sep": "model"}
    if unique is not None:
        header["unique"] = unique
    return _sign(identity, {"data": content, "header": header})


def create_model(identity: Identity, definition: Mapping[str, Value]) -> SignedEvent:
    """Sign a model; the same identity and definition always give the same stream.

    Raises:
        MalformedData: The definition has no encoding or is too large.
    """
    return create_init(identity, model=META_MODEL, content=definition, unique=None)


def create_data(
    identity: Identity, *, stream: StreamId, prev: Cid, patch: Sequence[JsonPatchOp]
) -> SignedEvent:
    """Sign a change to a stream.

    Args:
        identity: The stream's controller; whether it is shows when the stream is replayed.
        stream: A model instance document; models cannot change.
        prev: CID of the stream's last event.
        patch: What changes.

    Raises:
        MalformedData: The stream is a model, or the patch has no encoding or is too large.
    """
    if stream.type != MID:
        raise MalformedData(f"stream {stream} is not a document: only documents can change")
    ops: list[Value] = [op.to_value() for op in patch]
    return _sign(identity, {"id": stream.cid, "prev": prev, "data": ops})


def encode(event: SignedEvent) -> bytes:
    """Return the event as a CAR: root is the event, payload first, envelope last."""
    return car.write(event.cid, event.blocks())


def decode(data: bytes) -> SignedEvent:
    """Read one event's CAR and verify everything in it.

    Raises:
        MalformedData: The CAR, a block or a field is malformed, too large, missing or surplus.
        VerificationFailed: A block or the payload does not have the hash it should.
        IdentityError: The signature is wrong, or an init event's signer is not its controller.
    """
    root, blocks = car.read(data)
    if len(blocks) != 2:
        raise MalformedData(f"an event's CAR must hold 2 blocks, not {len(blocks)}")
    payload, envelope = blocks
    event = from_blocks(payload.data, envelope.data)
    if root != event.cid or (payload, envelope) != event.blocks():
        raise MalformedData(f"the CAR's root or blocks are not those of event {event.cid}")
    return event
