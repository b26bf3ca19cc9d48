"""Wallets that authorise session keys, and a run in which some members are accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ceramic_bridge import car
from ceramic_bridge.authority import revocation
from ceramic_bridge.cacao import Capability
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, MODEL, Cid, StreamId
from ceramic_bridge.did import Identity, Signer
from ceramic_bridge.events import SignedEvent, create_init
from ceramic_bridge.jws import sign_payload
from client.identity import Session, propose_grant
from client.vault import Vault
from contracts.accounts import Account
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import Party, build_cast
from federation.hashing import keccak256, sha256
from tests.agreed import MODELS, agreed, identity
from tests.world import Quiet, made_up_mails

NOW = 1_767_225_600
"""Unix seconds: when wallets sign here unless told otherwise."""

NOTES = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"a model of revocations"))
"""A model that is none of the federation's."""


def wallet(name: str) -> Account:
    return Account(keccak256(f"wallet of {name}".encode()))


def session(owner: str = "owner", key: str | Identity = "key", **changes: Any) -> Session:
    """A session of the owner's account; changes are to the fields of the grant."""
    signer = identity(key) if isinstance(key, str) else key
    grant = propose_grant(
        wallet(owner).address,
        signer.did,
        agreed(),
        MODELS,
        domain="folkmoot.example",
        issued_at=NOW,
        entropy=lambda n: sha256(signer.did.encode())[:n],
    )
    signed = Capability.sign(replace(grant, **changes), wallet(owner).personal_sign)
    return Session(identity=signer, capability=signed)


def own_revocation(ended: Session, *, model: StreamId = NOTES, unique: bytes = bytes(12)) -> SignedEvent:
    """The session key ends its own capability, by itself."""
    assert ended.capability is not None
    return create_init(ended.identity, model=model, content=revocation(ended.capability), unique=unique)


def with_capability(event: SignedEvent, capability_of: Session, key: Signer) -> bytes:
    """The event's payload, signed by a key under some capability, whatever it allows."""
    capability = capability_of.capability
    assert capability is not None
    envelope = sign_payload(key, event.payload_cid, capability.cid)

    block = Block.of(DAG_JOSE, envelope)
    payload = Block(cid=event.payload_cid, data=event.payload_block)
    named = Block(cid=capability.cid, data=capability.block)
    return car.write(block.cid, [named, payload, block])


class WalletRun(Run):
    """A run in which members of some names are accounts.

    Attributes:
        grants: For each such member, changes to what its wallet signs.
        between: Called after each round.
    """

    def __init__(
        self,
        settings: Settings,
        grants: Mapping[str, Mapping[str, Any]],
        *,
        behaviours: Mapping[str, Any] | None = None,
        between: Callable[[WalletRun], None] = lambda run: None,
    ) -> None:
        cast = build_cast(made_up_mails(), settings)
        parties = [replace(p, behaviour=(behaviours or {}).get(p.name, p.behaviour)) for p in cast.parties]
        super().__init__(settings, replace(cast, parties=parties), Quiet())
        self.grants, self._between = grants, between

    def _session(self, party: Party, vault: Vault) -> Session:
        own = super()._session(party, vault)
        if party.name not in self.grants:
            return own
        grant = propose_grant(
            wallet(party.name).address,
            own.did,
            self.manifest,
            self.models,
            domain="folkmoot.example",
            issued_at=self.chain.timestamp,
            entropy=lambda n: sha256(party.name.encode())[:n],
        )
        signed = Capability.sign(replace(grant, **self.grants[party.name]), wallet(party.name).personal_sign)
        Session.save(vault, "first", seed=vault.get_secret("did-seed"), capability=signed)
        return Session.load(vault, "first")

    def session_of(self, name: str) -> Session:
        return next(actor.session for actor in self.actors if actor.party.name == name)

    def _observe(self, report: Any) -> None:
        super()._observe(report)
        self._between(self)

    def statuses(self, name: str) -> list[str]:
        did = self.session_of(name).did
        return [self.status_text(did, report) for report in self.reports]

    def _verify(self, summary: Any) -> tuple[str, bool]:
        return "not asked", True

    @classmethod
    def played(cls, out: Path, settings: Settings, *args: Any, **more: Any) -> WalletRun:
        run = cls(replace(settings, out=out), *args, **more)
        run.summary = run.execute()
        return run

    summary: dict[str, object]
