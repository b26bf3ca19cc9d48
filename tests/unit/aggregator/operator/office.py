"""Where an operator of the miniature community works."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from aggregator.home import AggregatorHome
from aggregator.operator.config import OperatorConfig
from aggregator.operator.founding import found
from aggregator.operator.identity import make_identity
from ceramic_bridge.events import SignedEvent
from client.identity import Session
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.payloads import NOTHING, DataImport
from federation.types import Address
from tests.agreed import AGGREGATOR, DOMAIN, MODELS, agreed, identity


@dataclass
class Office:
    """A folder with everything of an operator; ``FOLKMOOT_HOME`` is in it."""

    folder: Path

    @property
    def home(self) -> AggregatorHome:
        return AggregatorHome.of(os.environ, "small")

    def seed(self, name: str) -> Path:
        """The file of the seed of somebody of ``tests.agreed``."""
        path = self.folder / f"{name}.key"
        if not path.exists():
            make_identity(path, lambda _: sha256(name.encode()))
        return path

    def own_seed(self) -> None:
        """Be the aggregator of the miniature community."""
        if not self.home.identity.exists():
            make_identity(self.home.identity, lambda _: sha256(b"aggregator"))

    def found(self, manifest: Manifest | None = None, **sections: dict[str, object]) -> AggregatorHome:
        """Set the federation up, with these settings."""
        self.own_seed()
        table = OperatorConfig().model_dump()
        for section, changes in sections.items():
            table[section] |= changes
        found(self.home, manifest or agreed(), OperatorConfig.of(table))
        return self.home

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def data_event(
    name: str,
    *,
    count: int = 10,
    domain: Domain = DOMAIN,
    payee: Address | None = None,
    by: Session | None = None,
) -> SignedEvent:
    """What a member says of its rows; a later one has another count."""
    statement = DataImport(
        federation=domain.federation,
        payee=payee or Address("0x" + "77" * 20),
        count=count,
        root=sha256(f"{name} {count}".encode()),
        head=NOTHING,
    )
    unique = sha256(f"{name} {count}".encode())[:12]
    return (by or Session(identity=identity(name))).sign(
        statement.content(), model=MODELS["data"], unique=unique
    )


assert AGGREGATOR.did == agreed().parties.aggregator
