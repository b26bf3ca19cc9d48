"""The project's kinds of events as Ceramic models (CIP-92 model definitions, version 2.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ceramic_bridge.cid import META_MODEL, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, encode
from ceramic_bridge.events import InitPayload, SignedEvent, create_model
from ceramic_bridge.schemas import SCHEMAS, SEALED_ROWS, validate
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ceramic_bridge.did import Identity
    from federation.types import Did

__all__ = ["DEFINITIONS", "KINDS", "create_models", "kind_of", "model_ids", "validate"]

_DESCRIPTIONS: Final = {
    "data": "A member imported rows: their number and the Merkle root of their ciphertexts",
    "contribution": "A member committed to its delta for a round",
    "validation-shard": "A provider's part of a validation shard, revealed",
    "round-receipt": "What a round did to the model and what each member is credited",
    "model-card": "A released model and the privacy spent on it",
    SEALED_ROWS: "A batch of a member's rows, encrypted to the member",
}

KINDS: Final = tuple(kind for kind in SCHEMAS if kind != SEALED_ROWS)
"""The names of the kinds that rounds record."""


def _definition(kind: str) -> Mapping[str, Value]:
    return {
        "version": "2.0",
        "name": "Folkmoot" + kind.title().replace("-", ""),
        "description": _DESCRIPTIONS[kind],
        "interface": False,
        "implements": [],
        "accountRelation": {"type": "list"},
        "schema": SCHEMAS[kind],
    }


DEFINITIONS: Final[Mapping[str, Mapping[str, Value]]] = {kind: _definition(kind) for kind in SCHEMAS}
"""The model definition of each kind."""


def create_models(identity: Identity) -> dict[str, SignedEvent]:
    """Sign the models that rounds record; one publisher's models always have the same streams.

    Returns:
        The init event of each model, by kind, in the order of ``KINDS``.
    """
    return {kind: create_model(identity, DEFINITIONS[kind]) for kind in KINDS}


def create_sealed_model(identity: Identity) -> SignedEvent:
    """Sign the model of sealed rows, by which members' nodes find them."""
    return create_model(identity, DEFINITIONS[SEALED_ROWS])


def model_ids(events: Iterable[SignedEvent], *, publisher: Did) -> dict[str, StreamId]:
    """Find the streams of a publisher's models.

    Args:
        events: Any events, e.g. a whole log or the values of ``create_models``.
        publisher: Whose models count; anybody can publish the same definitions.

    Returns:
        The model's stream of each kind.

    Raises:
        VerificationFailed: The publisher's model of a kind is missing.
    """
    found = _published(events, publisher)
    for kind in KINDS:
        if kind not in found:
            raise VerificationFailed(f"model {kind}", f"{publisher} published none")
    return {kind: found[kind] for kind in KINDS}


def sealed_model_id(events: Iterable[SignedEvent], *, publisher: Did) -> StreamId | None:
    """Find the stream of a publisher's model of sealed rows; a community need not have one."""
    return _published(events, publisher).get(SEALED_ROWS)


def _published(events: Iterable[SignedEvent], publisher: Did) -> dict[str, StreamId]:
    kinds = {encode(definition): kind for kind, definition in DEFINITIONS.items()}
    found: dict[str, StreamId] = {}
    for event in events:
        payload = event.payload
        # The controller's word, not the signer's: a key may sign for an account too.
        if not isinstance(payload, InitPayload) or payload.controller != publisher:
            continue
        if payload.model == META_MODEL:
            kind = kinds.get(encode(payload.content))
            if kind is not None:
                found.setdefault(kind, event.stream_id)
    return found


def kind_of(payload: InitPayload, ids: Mapping[str, StreamId]) -> str:
    """Return the kind of a document, which its model and its content must agree on.

    Args:
        payload: A document's init payload.
        ids: The models' streams, from ``model_ids``.

    Raises:
        MalformedData: The model is not of these, or the content is not of the model's kind.
    """
    for kind, model in ids.items():
        if model == payload.model:
            validate(kind, payload.content)
            return kind
    raise MalformedData(f"{payload.model} is not the model of any kind")
