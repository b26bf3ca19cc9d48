"""A federation that a member has joined: what it consented to, and where the others are.

Kept in the vault, because it decides what the guard answers: nobody without the vault's key can
change what the member agreed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge.cid import StreamId
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from federation.errors import ConfigError, VerificationFailed
from federation.manifest import Manifest
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.dagcbor import Value
    from client.vault import Vault

RECORD: Final = "membership"
"""Kind of the vault's records of memberships."""

_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One joined federation.

    Attributes:
        manifest: What was consented to, whole; its hash is in the contract.
        federation: The contract.
        registry: The contract that knows payees.
        payee: Where the member is paid.
        models: StreamIDs of the project's event models as the community published them, by kind.
        rpc: The node that the chain is read from: URL or path of a Unix socket.
        superlink: Where the aggregator's SuperLink listens: ``host:port``.
        root_certificate: PEM of the authority behind the SuperLink's certificate.
        public: Where the federation publishes its blobs: URL or folder.
        events: URL of the event node that the member publishes to and reads from; empty for none.
        unsafe_no_dp: Whether a federation without differential privacy was accepted.
    """

    manifest: Manifest
    federation: Address
    registry: Address
    payee: Address
    models: Mapping[str, StreamId]
    rpc: str
    superlink: str
    root_certificate: bytes
    public: str
    events: str = ""
    unsafe_no_dp: bool = False

    @property
    def name(self) -> str:
        """The manifest's name; a member joins one federation of a name."""
        return self.manifest.name

    def to_bytes(self) -> bytes:
        """Return the one form in which the vault keeps it: DAG-CBOR."""
        models: dict[str, Value] = {kind: stream.to_bytes() for kind, stream in self.models.items()}
        return encode(
            {
                "manifest": self.manifest.to_toml(),
                "federation": self.federation,
                "registry": self.registry,
                "payee": self.payee,
                "models": models,
                "rpc": self.rpc,
                "superlink": self.superlink,
                "certificate": self.root_certificate,
                "public": self.public,
                "events": self.events,
                "unsafeNoDp": self.unsafe_no_dp,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Membership:
        """Read what ``to_bytes`` wrote.

        Raises:
            VerificationFailed: It is something else.
        """
        try:
            found = decode(data, max_bytes=_MOST_BYTES)
        except MalformedData as error:
            raise VerificationFailed("membership", error.message) from error
        match found:
            case {
                "manifest": str() as manifest,
                "federation": str() as federation,
                "registry": str() as registry,
                "payee": str() as payee,
                "models": dict() as models,
                "rpc": str() as rpc,
                "superlink": str() as superlink,
                "certificate": bytes() as certificate,
                "public": str() as public,
                "events": str() as events,
                "unsafeNoDp": bool() as unsafe_no_dp,
            }:
                pass
            case _:
                raise VerificationFailed("membership", "a field is missing or of another kind")
        try:
            made = cls(
                manifest=Manifest.from_toml(manifest),
                federation=Address(federation),
                registry=Address(registry),
                payee=Address(payee),
                models={
                    kind: StreamId.from_bytes(raw) for kind, raw in models.items() if isinstance(raw, bytes)
                },
                rpc=rpc,
                superlink=superlink,
                root_certificate=certificate,
                public=public,
                events=events,
                unsafe_no_dp=unsafe_no_dp,
            )
        except ConfigError as error:
            raise VerificationFailed("membership", error.message) from error
        if made.to_bytes() != data:
            raise VerificationFailed("membership", "not in its one form")
        return made


def memberships(vault: Vault) -> dict[str, Membership]:
    """Return the federations that the vault's member has joined, by name.

    Raises:
        VerificationFailed: One was altered.
    """
    return {name: Membership.parse(data) for name, data in sorted(vault.records(RECORD).items())}
