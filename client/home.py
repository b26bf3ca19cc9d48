"""Where a member's things are: one folder, private to its user.

::

    vault.db            rows, keys, memberships and the privacy ledger, encrypted
    vault.db.mark       number of the vault's newest change, so that an older copy shows
    events.db           the member's own signed events, as any store of events
    guard/<name>.sock   where the guard answers the app of one federation
    node/<name>/        what its SuperNode needs: key, certificate, address
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.home import data_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClientHome:
    """The folder of one member on this machine.

    Attributes:
        path: The folder; mode 0700 once it is there.
    """

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> ClientHome:
        """Return the home of the user whose environment this is."""
        return cls(data_directory(environ) / "client")

    @property
    def vault(self) -> Path:
        """The vault's file."""
        return self.path / "vault.db"

    @property
    def events(self) -> Path:
        """The store of the member's own signed events."""
        return self.path / "events.db"

    @property
    def sockets(self) -> Path:
        """The folder of the guard's sockets."""
        return self.path / "guard"

    def socket(self, federation: str) -> Path:
        """Return where the guard answers the app of a federation.

        Args:
            federation: The manifest's name for it.
        """
        return socket_in(self.sockets, federation)

    @property
    def nodes(self) -> Path:
        """The folder of the nodes' folders."""
        return self.path / "node"

    def node(self, federation: str) -> Path:
        """Return what the SuperNode of a federation needs.

        Args:
            federation: The manifest's name for it.
        """
        return self.nodes / federation


def socket_in(folder: Path, federation: str) -> Path:
    """Return where a guard with a folder of its own answers the app of a federation."""
    return folder / f"{federation}.sock"
