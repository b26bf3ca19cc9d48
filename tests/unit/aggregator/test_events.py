"""A round's events by stream and payload, so that a second envelope counts for nothing."""

from __future__ import annotations

from aggregator.events import event_key, event_leaf, events_root, events_tree
from ceramic_bridge.events import create_init
from federation.hashing import sha256
from federation.merkle import root_from_proof
from tests.agreed import COMMUNITY, MODEL_EVENTS, MODELS, identity

EVENTS = list(MODEL_EVENTS.values())


def test_every_event_is_under_the_root_when_its_proof_is_walked():
    tree = events_tree(EVENTS)
    assert tree.root == events_root(iter(EVENTS))
    for i, event in enumerate(EVENTS):
        assert root_from_proof(event_leaf(event), tree.proof(i)) == tree.root
        assert root_from_proof(event_leaf(event), tree.proof((i + 1) % len(EVENTS))) != tree.root


def test_root_is_the_same_when_events_come_in_another_order():
    assert events_root(EVENTS[::-1]) == events_root(EVENTS)
    assert events_root(EVENTS[1:]) != events_root(EVENTS)


def test_key_is_made_of_stream_and_payload_when_an_event_is_asked():
    event = EVENTS[0]
    stream, payload = event_key(event)
    assert stream == sha256(event.stream_id.to_bytes())
    assert payload == event.payload_cid.digest


def test_leaf_differs_when_signer_content_or_stream_does():
    content = {
        "kind": "data",
        "federation": "0x" + "ab" * 20,
        "payee": "0x" + "ab" * 20,
        "count": 1,
        "root": "00" * 32,
        "head": "00" * 32,
    }
    made = [
        create_init(COMMUNITY, model=MODELS["data"], content=content, unique=None),
        create_init(COMMUNITY, model=MODELS["data"], content={**content, "count": 2}, unique=None),
        create_init(COMMUNITY, model=MODELS["data"], content=content, unique=bytes(12)),
        create_init(identity("x"), model=MODELS["data"], content=content, unique=None),
    ]
    assert len({event_leaf(e) for e in made}) == 4
