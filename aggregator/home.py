"""Where an aggregator keeps one federation, file by file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from federation.home import data_directory

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AggregatorHome:
    """The folder of one federation.

    Attributes:
        path: The folder; for this user alone, but for ``public``.
    """

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], name: str) -> Self:
        """Return the folder of a federation by its name."""
        return cls(data_directory(environ) / "aggregator" / name)

    @property
    def manifest(self) -> Path:
        """The federation's manifest, canonical."""
        return self.path / "federation.toml"

    @property
    def config(self) -> Path:
        """What the operator has set."""
        return self.path / "operator.toml"

    @property
    def identity(self) -> Path:
        """The seed of the aggregator's DID."""
        return self.path / "identity"

    @property
    def control(self) -> Path:
        """What the operator wants of a running aggregator."""
        return self.path / "control.json"

    @property
    def running(self) -> Path:
        """Locked while an aggregator runs."""
        return self.path / "running"

    @property
    def models(self) -> Path:
        """The community's event models, signed by it."""
        return self.path / "models.car"

    @property
    def journal(self) -> Path:
        """What must outlive a crash."""
        return self.path / "journal.db"

    @property
    def mailbox(self) -> Path:
        """What providers have sent."""
        return self.path / "mailbox.db"

    @property
    def nodes(self) -> Path:
        """Which node is whose."""
        return self.path / "nodes.db"

    @property
    def events(self) -> Path:
        """The events of the federation, and which of them other nodes have."""
        return self.path / "events.db"

    @property
    def superlink(self) -> Path:
        """What the managed SuperLink keeps."""
        return self.path / "superlink"

    @property
    def relay(self) -> Path:
        """The socket at which a ServerApp finds this process."""
        return self.path / "relay.sock"

    @property
    def public(self) -> Path:
        """What anybody may read."""
        return self.path / "public"

    def roster(self, epoch: int) -> Path:
        """Return where an epoch's roster lies, signed by the community."""
        return self.path / "rosters" / f"epoch-{epoch}.json"

    def frozen(self, epoch: int) -> Path:
        """Return the mark that an epoch's roster is in use and cannot change."""
        return self.path / "rosters" / f"epoch-{epoch}.frozen"

    def imports(self, epoch: int, digest: str) -> Path:
        """Return where the members' data events lie that a roster was made from.

        Args:
            epoch: The roster's epoch.
            digest: Tells rosters of one epoch apart.
        """
        return self.path / "rosters" / f"epoch-{epoch}-{digest}.car"

    def staging(self, epoch: int) -> Path:
        """Return where an epoch's files wait until they may be public."""
        return self.path / "staging" / f"epoch-{epoch}"
