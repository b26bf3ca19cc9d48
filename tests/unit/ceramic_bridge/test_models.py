"""Models: one stream per kind and publisher, bound to the contents that claim them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ceramic_bridge.cid import META_MODEL, MODEL
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.events import InitPayload, SignedEvent, create_init, create_model, decode, encode
from ceramic_bridge.models import DEFINITIONS, KINDS, create_models, kind_of, model_ids
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity


def test_models_have_the_same_streams_when_published_again(
    alice: Identity, bob: Identity, models: dict[str, SignedEvent]
) -> None:
    assert create_models(alice) == models
    assert tuple(models) == KINDS
    ours, theirs = (
        set(model_ids(create_models(who).values(), publisher=who.did).values()) for who in (alice, bob)
    )
    assert len(ours) == 5
    assert not ours & theirs


@pytest.mark.parametrize("kind", KINDS)
def test_model_is_a_list_model_of_version_2_when_created(kind: str, models: dict[str, SignedEvent]) -> None:
    event = models[kind]
    assert decode(encode(event)) == event
    assert event.stream_id.type == MODEL
    assert isinstance(event.payload, InitPayload)
    assert event.payload.model == META_MODEL
    assert event.payload.content["version"] == "2.0"
    assert event.payload.content["accountRelation"] == {"type": "list"}
    names = [definition["name"] for definition in DEFINITIONS.values()]
    assert len(set(names)) == len(names)


def test_only_the_publishers_models_count_when_others_publish_the_same(
    alice: Identity, bob: Identity, models: dict[str, SignedEvent], contribution: SignedEvent
) -> None:
    expected = {kind: event.stream_id for kind, event in models.items()}
    mixed = [*create_models(bob).values(), contribution, *models.values()]
    assert model_ids(mixed, publisher=alice.did) == expected
    with pytest.raises(VerificationFailed):
        model_ids(create_models(bob).values(), publisher=alice.did)
    with pytest.raises(VerificationFailed, match="model-card"):
        model_ids(list(models.values())[:-1], publisher=alice.did)
    altered = create_model(alice, {**DEFINITIONS["data"], "description": "other"})
    with pytest.raises(VerificationFailed):
        model_ids([altered, *list(models.values())[1:]], publisher=alice.did)


def test_kind_is_refused_when_model_and_content_disagree(
    alice: Identity, bob: Identity, models: dict[str, SignedEvent], contribution: SignedEvent
) -> None:
    ids = model_ids(models.values(), publisher=alice.did)
    assert isinstance(contribution.payload, InitPayload)
    assert kind_of(contribution.payload, ids) == "contribution"
    foreign = create_models(bob)["contribution"].stream_id
    for model in (ids["data"], foreign):
        event = create_init(alice, model=model, content=contribution.payload.content, unique=bytes(12))
        assert isinstance(event.payload, InitPayload)
        with pytest.raises(MalformedData):
            kind_of(event.payload, ids)
