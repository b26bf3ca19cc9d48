"""A federation that a member has joined: what it consented to, and where the others are.

Kept in the vault, because it decides what the guard answers: nobody without the vault's key can
change what the member agreed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.cid import StreamId
    from client.vault import Vault
    from federation.types import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One joined federation.

    Attributes:
        manifest: What was consented to, whole; its hash is in the contract.
        federation: The contract.
        payee: Where the member is paid.
        models: StreamIDs of the project's event models as the community published them, by kind.
        rpc: The node that the chain is read from: URL or path of a Unix socket.
        superlink: Where the aggregator's SuperLink listens: ``host:port``.
        root_certificate: PEM of the authority behind the SuperLink's certificate.
        public: Where the federation publishes its blobs: URL or folder.
        events: URL of the event node that the member publishes to and reads from; None for none.
        unsafe_no_dp: Whether a federation without differential privacy was accepted.
    """

    manifest: Manifest
    federation: Address
    payee: Address
    models: Mapping[str, StreamId]
    rpc: str
    superlink: str
    root_certificate: bytes
    public: str
    events: str | None = None
    unsafe_no_dp: bool = False

    @property
    def name(self) -> str:
        """The manifest's name; a member joins one federation of a name."""
        return self.manifest.name


def memberships(vault: Vault) -> Mapping[str, Membership]:
    """Return the federations that the vault's member has joined, by name.

    Raises:
        VerificationFailed: One was altered.
    """
    raise NotImplementedError
