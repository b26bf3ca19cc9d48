"""Reference vectors and two identities."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_data, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_models, model_ids
from ceramic_bridge.session import open_store
from ceramic_bridge.store.pgurl import Place

if TYPE_CHECKING:
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.store.base import LocalStore
    from tests.database import Server

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


@dataclass(frozen=True)
class Kept:
    """Where a store is, and a way behind its back."""

    place: str
    server: Server | None = None

    def open(self) -> LocalStore:
        return open_store(self.place)

    def sql(self, *statements: str) -> list[Any]:
        """Execute statements; returns the rows of the last one."""
        if self.server is None:
            with closing(sqlite3.connect(self.place)) as db:
                return [db.execute(statement).fetchall() for statement in statements][-1]
        with closing(self.server.connect()) as link:
            link.run(f"SET search_path TO {Place.parse(self.place).schema}")
            return [link.run(statement) for statement in statements][-1]

    def intact(self) -> bool:
        return self.server is not None or self.sql("PRAGMA integrity_check") == [("ok",)]


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A place for a store in each of the databases."""
    if request.param == "sqlite":
        return Kept(str(tmp_path / "deep" / "events.sqlite"))
    return Kept(request.getfixturevalue("schema"), request.getfixturevalue("postgres"))
