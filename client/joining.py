"""Joining a federation: check it against the chain, sign what was consented to, keep it in the vault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge.cid import META_MODEL
from ceramic_bridge.dagcbor import decode, encode
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.models import model_ids, sealed_model_id
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.reading import signed_by
from ceramic_bridge.schemas import SEALED_ROWS
from ceramic_bridge.store.base import Interest
from client.membership import RECORD
from client.wallet import session
from federation.errors import ConfigError, PrivacyBudgetExhausted, VerificationFailed
from federation.hashing import sha256
from federation.payloads import NOTHING, DataImport
from federation.types import Address, Did

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.cid import StreamId
    from client.forecast import Forecast
    from client.membership import Membership
    from client.outbox import Outbox
    from client.vault import Vault
    from contracts.deploy import Deployment
    from federation.manifest import Manifest

_STATEMENT: Final = "statement"
_SUPERLINK: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The member's word about its rows and its consent.

    Attributes:
        event: The signed event.
        published: Whether the event node took it.
    """

    event: SignedEvent
    published: bool


def find_models(manifest: Manifest, events: str) -> dict[str, StreamId]:
    """Return the streams of the community's event models, as its event node has them.

    The community's signature is part of a stream's name: a node can withhold a model, not replace it.

    Args:
        manifest: Names the community.
        events: URL of the event node.

    Raises:
        PeerError: The node cannot be asked.
        VerificationFailed: A model is missing there.
    """
    community = Did(manifest.parties.community)
    with RemoteNode(events) as node:
        found = list(signed_by(node, Interest(model=META_MODEL, controller=community)))
    return models_among(manifest, found)


def models_among(manifest: Manifest, events: list[SignedEvent]) -> dict[str, StreamId]:
    """Return the streams of the community's event models among verified events.

    Raises:
        VerificationFailed: One that rounds need is missing; that of sealed rows may be.
    """
    community = Did(manifest.parties.community)
    found = model_ids(events, publisher=community)
    sealed = sealed_model_id(events, publisher=community)
    return found if sealed is None else {**found, SEALED_ROWS: sealed}


def require_superlink(text: str) -> str:
    """Return an address ``host:port``.

    Raises:
        ConfigError: It is none.
    """
    found = _SUPERLINK.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 1 << 16:
        raise ConfigError(f"{text!r} is no address of a SuperLink", hint="it looks like example.org:9092")
    return text


def require_certificate(pem: bytes) -> bytes:
    """Return the PEM of certificates.

    Raises:
        ConfigError: It is something else.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ConfigError(
            "the root certificates are no certificates", hint="ask the community for a PEM file"
        ) from error
    return pem


def require_one_token(deployment: Deployment) -> None:
    """Refuse a registry that takes stakes in another token than the federation pays in.

    Raises:
        VerificationFailed: It does.
    """
    if deployment.registry.token() != deployment.token.address:
        raise VerificationFailed(
            f"registry {deployment.registry.address}", "it is of another token than the federation"
        )


def require_affordable(cost: Forecast) -> None:
    """Refuse to join where not one round fits the dataset's budget.

    Raises:
        PrivacyBudgetExhausted: So it is.
    """
    if not cost.affordable:
        raise PrivacyBudgetExhausted(
            f"not one round fits: one costs epsilon {cost.one:.3g}, and {cost.spent:.3g} of your "
            f"{cost.budget.epsilon:.3g} are spent",
            hint="join a federation with more noise",
        )


def save(vault: Vault, membership: Membership) -> None:
    """Keep a membership, in place of an earlier one of the name."""
    vault.put_record(RECORD, membership.name, membership.to_bytes())


def forget(vault: Vault, name: str) -> bool:
    """Leave a federation; false where the member was none. What was spent stays spent."""
    return vault.delete_record(RECORD, name)


def say(vault: Vault, membership: Membership, outbox: Outbox) -> Said | None:
    """Sign how many rows there are, their root, whom to pay, and what was consented to.

    Args:
        vault: The open vault.
        membership: The federation.
        outbox: Keeps the event and publishes it.

    Returns:
        The event; None where the member has said the same already.

    Raises:
        IdentityError: The member is an account, and its wallet authorised no key.
        StoreError: The event cannot be kept.
    """
    last = _last(vault, membership)
    statement = DataImport(
        federation=membership.federation,
        payee=membership.payee,
        count=vault.count,
        root=vault.root(),
        head=NOTHING if last is None else last.root,
        consent=membership.manifest.hash,
    )
    author = session(vault, membership.name)
    same = last is not None and (last.payee, last.count, last.root, last.consent) == (
        statement.payee,
        statement.count,
        statement.root,
        statement.consent,
    )
    if same and _author(vault, membership) == author.did:
        return None
    content = statement.content()
    digest = sha256(encode(dict(content)))
    event = author.sign(content, model=membership.models["data"], unique=digest[:12])
    published = outbox.keep_all([event]) == 1
    record = encode({"content": dict(content), "author": author.did})
    vault.put_record(_STATEMENT, membership.name, record)
    return Said(event=event, published=published)


def _stored(vault: Vault, membership: Membership) -> tuple[Mapping[str, object], str] | None:
    stored = vault.record(_STATEMENT, membership.name)
    if stored is None:
        return None
    match decode(stored):
        case {"content": dict() as content, "author": str() as author}:
            return content, author
    raise VerificationFailed("statement", "what the vault says of it is something else")


def _last(vault: Vault, membership: Membership) -> DataImport | None:
    """Return what the member said last in this federation; another one of its name does not count."""
    found = _stored(vault, membership)
    if found is None or found[0].get("federation") != membership.federation:
        return None
    return DataImport.parse(found[0], Address(membership.federation))


def _author(vault: Vault, membership: Membership) -> str | None:
    found = _stored(vault, membership)
    return None if found is None else found[1]
