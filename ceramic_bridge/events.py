"""Signed Ceramic events: create, encode, decode and verify.

Init events begin a stream, data events patch it (ceramic-one event specification, CIP-59;
byte-compatible with @ceramic-sdk 0.12). An event names its payload by the envelope, so the
payload's CID is always derived from what was signed. Where an account lets a session key sign,
the event carries the account's capability (CAIP-74), and both signatures are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge import car, jws, pkh
from ceramic_bridge.cacao import Capability
from ceramic_bridge.car import MAX_BLOCK, Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, META_MODEL, MID, MODEL, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, canonical
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.jsonpatch import JsonPatchOp, apply_patch
from ceramic_bridge.payloads import DataPayload, InitPayload, parse, parse_deterministic
from federation.errors import IdentityError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ceramic_bridge.authority import Authority
    from ceramic_bridge.did import Signer
    from federation.types import Did

__all__ = [
    "UNIQUE_BYTES",
    "DataPayload",
    "InitPayload",
    "JsonPatchOp",
    "SignedEvent",
    "UnsignedEvent",
    "apply_patch",
    "create_data",
    "create_deterministic",
    "create_init",
    "create_model",
    "decode",
    "encode",
    "from_blocks",
]

UNIQUE_BYTES: Final = 12
"""Length of the random bytes that tell two streams of equal content apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvent:
    """An event that was verified or is signed here; the functions of this module make no others.

    Attributes:
        cid: CID of the envelope. Never count or pay by it: a payload can be signed again.
        envelope: The DAG-JOSE block.
        payload_cid: CID of the payload block; count by it.
        payload_block: The DAG-CBOR block.
        signer: The key that signed.
        payload: What the payload block says.
        capability: What lets the key act for an account, if it does.
    """

    cid: Cid
    envelope: bytes
    payload_cid: Cid
    payload_block: bytes
    signer: Did
    payload: InitPayload | DataPayload
    capability: Capability | None = None

    @property
    def stream_id(self) -> StreamId:
        """The stream that the event begins or changes."""
        if isinstance(self.payload, DataPayload):
            return self.payload.stream
        kind = MODEL if self.payload.model == META_MODEL else MID
        return StreamId(type=kind, cid=self.cid)

    @property
    def author(self) -> Did:
        """On whose behalf the key says it signed: the capability's account, else the key itself.

        Whether it may is ``check_author``'s to say; a stream speaks for its controller only.
        """
        return self.signer if self.capability is None else self.capability.controller

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks in the order of files: capability if any, payload, envelope."""
        own = (
            Block(cid=self.payload_cid, data=self.payload_block),
            Block(cid=self.cid, data=self.envelope),
        )
        if self.capability is None:
            return own
        return (Block(cid=self.capability.cid, data=self.capability.block), *own)

    def check_author(self, *, controller: Did, model: StreamId) -> None:
        """Check that the signer may write to a stream of this controller and model.

        Raises:
            IdentityError: The signer is not the controller, nor authorised by it for the stream.
        """
        if self.signer == controller:
            return
        if self.capability is None or self.capability.controller != pkh.normalised(controller):
            raise IdentityError(f"event {self.cid} is signed by {self.author} but controlled by {controller}")
        if not self.capability.covers(model=model, stream=self.stream_id):
            raise IdentityError(f"the capability of event {self.cid} does not cover its stream or model")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedEvent:
    """A deterministic init event: it says nothing, so nobody needs to sign it.

    Attributes:
        cid: CID of the block.
        block: The DAG-CBOR block.
        payload: Controller, model and unique; the content is empty.
    """

    cid: Cid
    block: bytes
    payload: InitPayload

    @property
    def stream_id(self) -> StreamId:
        """The stream that the event begins."""
        return StreamId(type=MID, cid=self.cid)

    def blocks(self) -> tuple[Block, ...]:
        """Return the one block."""
        return (Block(cid=self.cid, data=self.block),)

    @classmethod
    def from_block(cls, block: bytes) -> UnsignedEvent:
        """Read a deterministic init event.

        Raises:
            MalformedData: The block is too large, or not the one encoding of one.
        """
        if len(block) > MAX_BLOCK:
            raise MalformedData(f"an event's block exceeds {MAX_BLOCK} bytes")
        payload = parse_deterministic(block)
        return cls(cid=Cid.of(DAG_CBOR, block), block=block, payload=payload)


def from_blocks(
    payload_block: bytes,
    envelope: bytes,
    capability_block: bytes | None = None,
    *,
    authority: Authority | None = None,
) -> SignedEvent:
    """Verify an event from its blocks.

    A data event's signer is only known to be somebody; whether it may write to the stream shows
    when the stream is replayed (``SignedEvent.check_author``).

    Args:
        payload_block: What was signed.
        envelope: The signature.
        capability_block: The capability that the envelope names, if it names one.
        authority: What decides whether a capability held; without it, none does.

    Raises:
        MalformedData: A block is too large, malformed, missing or surplus, or the content does
            not fit its kind.
        VerificationFailed: The envelope signs another payload, or names another capability.
        IdentityError: A signature is wrong, an init event's signer is not its controller, or a
            capability is for another key, does not cover the event or did not hold.
    """
    capability = None if capability_block is None else Block.of(DAG_CBOR, capability_block)
    payload = Block.of(DAG_CBOR, payload_block)
    return _verified(payload, Block.of(DAG_JOSE, envelope), capability, authority)


def _verified(
    payload: Block, envelope: Block, capability: Block | None, authority: Authority | None
) -> SignedEvent:
    if len(envelope.data) > MAX_BLOCK:
        raise MalformedData(f"an event's envelope exceeds {MAX_BLOCK} bytes")
    signed = jws.verify_envelope(envelope.data)
    if signed.payload != payload.cid:
        raise VerificationFailed(f"event {envelope.cid}", "its envelope signs another payload")
    event = _event(signed, payload, None, envelope, capability)
    if event.capability is not None:
        if authority is None:
            raise IdentityError(
                f"event {event.cid} is signed under a capability",
                hint="whether a capability holds depends on the time: give one to judge it by",
            )
        authority.check(event.cid, event.capability)
    return event


def _event(
    signed: jws.Envelope, payload: Block, value: Value, envelope: Block, capability: Block | None
) -> SignedEvent:
    """Check what an envelope's signer may say, once the envelope is known to be the signer's.

    ``value`` is what the payload decodes to, if that is known already, else ``None``.
    """
    if len(payload.data) > MAX_BLOCK:
        raise MalformedData(f"an event's payload exceeds {MAX_BLOCK} bytes")
    event = SignedEvent(
        cid=envelope.cid,
        envelope=envelope.data,
        payload_cid=payload.cid,
        payload_block=payload.data,
        signer=signed.signer,
        payload=parse(decode_block(payload.data) if value is None else value),
        capability=_capability(signed, capability),
    )
    if isinstance(event.payload, InitPayload):
        event.check_author(controller=event.payload.controller, model=event.payload.model)
    return event


def _capability(signed: jws.Envelope, block: Block | None) -> Capability | None:
    if signed.capability is None:
        if block is not None:
            raise MalformedData("an event's capability block is not named by its envelope")
        return None
    if block is None:
        raise MalformedData(f"an event lacks its capability {signed.capability}")
    capability = Capability.read(block.data)
    if capability.cid != signed.capability:
        raise VerificationFailed(f"capability {capability.cid}", f"the envelope names {signed.capability}")
    if capability.grant.audience != signed.signer:
        raise IdentityError(
            f"capability {capability.cid} is for {capability.grant.audience}, not {signed.signer}"
        )
    return capability


def _sign(identity: Signer, payload: Mapping[str, Value], capability: Capability | None) -> SignedEvent:
    data, value = canonical(payload)
    block = Block.of(DAG_CBOR, data)
    named = None if capability is None else Block(cid=capability.cid, data=capability.block)
    envelope = jws.sign_payload(identity, block.cid, None if named is None else named.cid)
    signed = jws.Envelope(
        signer=identity.did, payload=block.cid, capability=None if named is None else named.cid
    )
    return _event(signed, block, value, Block.of(DAG_JOSE, envelope), named)


def create_init(
    identity: Signer,
    *,
    model: StreamId,
    content: Mapping[str, Value],
    unique: bytes | None,
    context: StreamId | None = None,
    capability: Capability | None = None,
) -> SignedEvent:
    """Sign the first event of a stream.

    Args:
        identity: The key that signs; the stream's controller unless it acts for an account.
        model: Stream of the content's model.
        content: The document; checked if its ``kind`` is one of the project's.
        unique: 12 fresh random bytes; ``None`` makes the stream depend on its content only.
        context: A stream that the document belongs to.
        capability: Lets the key act for an account, which then controls the stream.

    Raises:
        MalformedData: The content has no encoding, is too large, or does not fit its kind.
        IdentityError: The capability is for another key or does not cover the model.
    """
    if unique is not None and len(unique) != UNIQUE_BYTES:
        raise MalformedData(f"unique must have {UNIQUE_BYTES} bytes, not {len(unique)}")
    controller = identity.did if capability is None else capability.controller
    payload = InitPayload(controller=controller, model=model, unique=unique, content=content, context=context)
    return _sign(identity, {"data": content, "header": payload.header()}, capability)


def create_deterministic(controller: Did, *, model: StreamId, unique: bytes | None) -> UnsignedEvent:
    """Return the init event that everybody computes alike; its document is written by data events.

    Args:
        controller: Who may write to the stream.
        model: Stream of the document's model.
        unique: What the model's account relation asks for: nothing (``single``), or the values
            of its fields (``set``).

    Raises:
        MalformedData: The event is too large.
    """
    payload = InitPayload(controller=controller, model=model, unique=unique, content={})
    return UnsignedEvent.from_block(encode_block({"data": None, "header": payload.header()}))


def create_model(
    identity: Signer, definition: Mapping[str, Value], *, capability: Capability | None = None
) -> SignedEvent:
    """Sign a model; the same identity and definition always give the same stream.

    Raises:
        MalformedData: The definition has no encoding or is too large.
        IdentityError: The capability is for another key or does not cover models.
    """
    return create_init(identity, model=META_MODEL, content=definition, unique=None, capability=capability)


def create_data(
    identity: Signer,
    *,
    stream: StreamId,
    prev: Cid,
    patch: Sequence[JsonPatchOp],
    capability: Capability | None = None,
) -> SignedEvent:
    """Sign a change to a stream.

    Args:
        identity: The key that signs; whether it may shows when the stream is replayed.
        stream: A model instance document; models cannot change.
        prev: CID of the stream's last event.
        patch: What changes.
        capability: Lets the key act for the account that controls the stream.

    Raises:
        MalformedData: The stream is a model, or the patch has no encoding or is too large.
        IdentityError: The capability is for another key.
    """
    if stream.type != MID:
        raise MalformedData(f"stream {stream} is not a document: only documents can change")
    payload = DataPayload(stream=stream, prev=prev, patch=tuple(patch))
    return _sign(identity, payload.to_value(), capability)


def encode(event: SignedEvent | UnsignedEvent) -> bytes:
    """Return the event as a CAR: root is the event; capability if any, payload, envelope."""
    return car.write(event.cid, event.blocks())


def decode(data: bytes, *, authority: Authority | None = None) -> SignedEvent:
    """Read one signed event's CAR and verify everything in it.

    Args:
        data: The file.
        authority: What decides whether a capability held; without it, none does.

    Raises:
        MalformedData: The CAR, a block or a field is malformed, too large, missing or surplus.
        VerificationFailed: A block or the payload does not have the hash it should.
        IdentityError: As ``from_blocks``.
    """
    root, blocks = car.read(data, contents=False)
    if len(blocks) not in (2, 3):
        raise MalformedData(f"a signed event's CAR must hold 2 or 3 blocks, not {len(blocks)}")
    *before, payload, envelope = blocks
    codecs = [block.cid.codec for block in blocks]
    if root != envelope.cid or codecs[-2:] != [DAG_CBOR, DAG_JOSE] or codecs[0] != DAG_CBOR:
        raise MalformedData("a signed event's CAR holds capability if any, payload and envelope, its root")
    return _verified(payload, envelope, before[0] if before else None, authority)
