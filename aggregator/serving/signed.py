"""Answers that outlive the connection: what the aggregator said, of which input, by which model, when.

A signed answer is an event as others are (an init event of a model-instance stream), so whatever
reads Ceramic's events can check it. It belongs to no round: nothing on chain counts it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ceramic_bridge.events import UNIQUE_BYTES, InitPayload, create_init, create_model, decode, encode
from federation.errors import FolkmootError, VerificationFailed
from federation.hashing import sha256
from federation.types import Address, Did, Hash32

if TYPE_CHECKING:
    from aggregator.serving.release import Release
    from aggregator.serving.scoring import Answer
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.did import Identity

KIND: Final = "answer"

_FIELDS: Final[Mapping[str, Mapping[str, str | int]]] = {
    "kind": {"type": "string", "maxLength": len(KIND), "pattern": f"^{KIND}$"},
    "chainId": {"type": "integer"},
    "federation": {"type": "string", "maxLength": 42, "pattern": "^0x[0-9a-fA-F]{40}$"},
    "epoch": {"type": "integer"},
    "round": {"type": "integer"},
    "modelHash": {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"},
    "receipt": {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"},
    "input": {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"},
    "logit": {"type": "string", "maxLength": 79, "pattern": "^(0|-?[1-9][0-9]*)$"},
    "chance": {"type": "integer"},
    "time": {"type": "integer"},
}

DEFINITION: Final[Mapping[str, Value]] = {
    "version": "2.0",
    "name": "FolkmootAnswer",
    "description": "What a released model said about an input",
    "interface": False,
    "implements": [],
    "accountRelation": {"type": "list"},
    "schema": {
        "type": "object",
        "properties": _FIELDS,
        "required": list(_FIELDS),
        "additionalProperties": False,
    },
}
"""The Ceramic model of answers, which whoever signs answers publishes too."""


def input_hash(words: Collection[int]) -> Hash32:
    """Return SHA-256 of what was asked: the distinct word indices, ascending, as little-endian int64.

    It has no salt: who can guess the text can confirm the guess.
    """
    return sha256(b"folkmoot.input.1" + np.array(sorted(words), dtype="<i8").tobytes())


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAnswer:
    """What a signed answer says.

    Attributes:
        federation: The contract, whose chain is ``chain_id``.
        chain_id: The chain's id.
        epoch: Of the model.
        round: After which the model was released.
        model_hash: SHA-256 of the model's bytes.
        receipt: SHA-256 of the payload of the round's receipt.
        input: ``input_hash`` of what was asked.
        logit: ``LOGIT_BITS`` fractional bits.
        chance: ``PROB_BITS`` fractional bits.
        time: Milliseconds since 1970, by the signer's clock.
        signer: Who said it.
    """

    federation: Address
    chain_id: int
    epoch: int
    round: int
    model_hash: Hash32
    receipt: Hash32
    input: Hash32
    logit: int
    chance: int
    time: int
    signer: Did


class AnswerSigner:
    """Signs answers as one DID."""

    def __init__(self, identity: Identity) -> None:
        """Take the key.

        Args:
            identity: The aggregator's.
        """
        self._identity, self._model = identity, create_model(identity, DEFINITION)

    @property
    def did(self) -> Did:
        """Who signs."""
        return self._identity.did

    @property
    def model_car(self) -> bytes:
        """The event of the answers' model, for whoever keeps answers in a store of events."""
        return encode(self._model)

    def sign(self, release: Release, words: Collection[int], answer: Answer, *, now: int) -> bytes:
        """Return the CAR of a signed answer.

        Args:
            release: The model that answered.
            words: What it was asked.
            answer: What it said.
            now: Milliseconds since 1970.
        """
        content: dict[str, Value] = {
            "kind": KIND,
            "chainId": release.domain.chain_id,
            "federation": release.domain.federation,
            "epoch": release.domain.epoch,
            "round": release.last.round,
            "modelHash": release.last.model_hash.hex(),
            "receipt": release.last.receipt_hash.hex(),
            "input": input_hash(words).hex(),
            "logit": str(answer.logit),
            "chance": answer.chance,
            "time": now,
        }
        unique = secrets.token_bytes(UNIQUE_BYTES)
        event = create_init(self._identity, model=self._model.stream_id, content=content, unique=unique)
        return encode(event)


def read_answer(car: bytes, *, signer: Did) -> SignedAnswer:
    """Return what a signed answer says.

    Args:
        car: The event.
        signer: Whose word it must be: the manifest's aggregator.

    Raises:
        VerificationFailed: It is no answer, was changed, or is somebody else's.
    """
    try:
        event = decode(car)
    except FolkmootError as error:
        raise VerificationFailed("answer", error.message) from error
    payload = event.payload
    if not isinstance(payload, InitPayload) or event.capability is not None or event.signer != signer:
        raise VerificationFailed("answer", f"is not signed by {signer}")
    content = payload.content
    match content:
        case {
            "kind": "answer",
            "chainId": int() as chain_id,
            "federation": str() as federation,
            "epoch": int() as epoch,
            "round": int() as round_,
            "modelHash": str() as model_hash,
            "receipt": str() as receipt,
            "input": str() as asked,
            "logit": str() as logit,
            "chance": int() as chance,
            "time": int() as time,
        } if len(content) == len(_FIELDS):
            try:
                return SignedAnswer(
                    federation=Address(federation),
                    chain_id=chain_id,
                    epoch=epoch,
                    round=round_,
                    model_hash=Hash32(bytes.fromhex(model_hash)),
                    receipt=Hash32(bytes.fromhex(receipt)),
                    input=Hash32(bytes.fromhex(asked)),
                    logit=int(logit),
                    chance=chance,
                    time=time,
                    signer=event.signer,
                )
            except ValueError as error:
                raise VerificationFailed("answer", "a field is malformed") from error
    raise VerificationFailed("answer", "is another kind of event")
