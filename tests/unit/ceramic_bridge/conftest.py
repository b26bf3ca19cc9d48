"""Reference vectors and two identities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_data, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_models, model_ids

if TYPE_CHECKING:
    from ceramic_bridge.dagcbor import Value

VECTORS = Path(__file__).parents[2] / "vectors" / "ceramic_js.json"


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    return dict(json.loads(VECTORS.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def alice() -> Identity:
    return Identity(bytes(range(32)))


@pytest.fixture(scope="session")
def bob() -> Identity:
    return Identity(b"\xb0" * 32)


@pytest.fixture(scope="session")
def models(alice: Identity) -> dict[str, SignedEvent]:
    return create_models(alice)


@pytest.fixture(scope="session")
def contribution(alice: Identity, models: dict[str, SignedEvent]) -> SignedEvent:
    ids = model_ids(models.values(), publisher=alice.did)
    content: dict[str, Value] = {
        "kind": "contribution",
        "chainId": 31337,
        "federation": "0x" + "ab" * 20,
        "epoch": 1,
        "round": 0,
        "baseHash": "00" * 32,
        "commitment": "11" * 32,
        "release": 1,
    }
    return create_init(alice, model=ids["contribution"], content=content, unique=bytes(12))


@pytest.fixture(scope="session")
def update(alice: Identity, contribution: SignedEvent) -> SignedEvent:
    patch = [JsonPatchOp(op="replace", path="/commitment", value="22" * 32)]
    return create_data(alice, stream=contribution.stream_id, prev=contribution.cid, patch=patch)


@pytest.fixture
def log(models: dict[str, SignedEvent], contribution: SignedEvent, update: SignedEvent) -> EventLog:
    log = EventLog()
    for event in (models["contribution"], contribution, update):
        log.append(event)
    return log
