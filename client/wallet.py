"""A member that is an Ethereum account: which one, what its wallet was asked, what it has signed.

The wallet's key is never on this machine: it signs one text elsewhere, for one federation and for a
while (``client.identity.propose_grant``), and the vault keeps the signature.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ceramic_bridge.cacao import Capability
from ceramic_bridge.dagcbor import decode, encode
from ceramic_bridge.siwe import Grant
from client import own
from client.identity import KINDS, Session, propose_grant
from federation.errors import IdentityError
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.cid import StreamId
    from client.noise import Entropy
    from client.vault import Vault
    from federation.manifest import Manifest
    from federation.types import Did

DOMAIN: Final = "folkmoot.local"
"""Who asks, as the wallet shows it: this program, on the member's own machine."""

_WALLET: Final = "wallet"
_ASKED: Final = "wallet-asked"
_SIGNED: Final = "wallet-signed"
_SIGNATURE: Final = re.compile(r"(0x)?[0-9a-fA-F]{130}")


def set_wallet(vault: Vault, account: Address) -> None:
    """Note that the member is this account, and not only a key."""
    vault.put_record(_WALLET, "", account.encode())


def wallet(vault: Vault) -> Address | None:
    """Return the member's account; None where it is its key alone."""
    found = vault.record(_WALLET, "")
    return None if found is None else Address(found.decode())


def names(vault: Vault) -> tuple[Did, ...]:
    """Return the DIDs under which the member may have signed: its key's, and its account's."""
    from ceramic_bridge.pkh import Account

    key, account = own.identity(vault).did, wallet(vault)
    return (key,) if account is None else (key, Account.of(account).did)


def session(vault: Vault, federation: str) -> Session:
    """Return who signs for the member in a federation.

    Args:
        vault: The open vault.
        federation: The manifest's name for it.

    Raises:
        IdentityError: The member is an account, and its wallet authorised no key for the federation.
        VerificationFailed: The vault was altered.
    """
    if wallet(vault) is None:
        return Session(identity=own.identity(vault))
    name = vault.record(_SIGNED, federation)
    if name is None:
        raise IdentityError(
            f"your wallet has not authorised this machine's key for {federation}",
            hint="join the federation again: folkmoot client join federation.toml",
        )
    return Session.load(vault, name.decode())


def ask(
    vault: Vault, manifest: Manifest, models: Mapping[str, StreamId], *, now: int, entropy: Entropy
) -> Grant:
    """Return what the wallet shall sign for a federation; until it has, the same text each day.

    Args:
        vault: The open vault; the member is an account.
        manifest: The federation's.
        models: StreamIDs of its event models, by kind.
        now: Unix seconds.
        entropy: Where the nonce comes from.
    """
    account = wallet(vault)
    if account is None:
        raise IdentityError("the member has no wallet", hint="name it when you make the vault")
    fresh = propose_grant(
        account,
        own.identity(vault).did,
        manifest,
        models,
        domain=DOMAIN,
        issued_at=now,
        entropy=entropy,
    )
    asked = vault.record(_ASKED, manifest.name)
    if asked is not None:
        before = Grant.from_value(decode(asked))
        same = (before.resources, before.audience, before.issuer, before.statement) == (
            fresh.resources,
            fresh.audience,
            fresh.issuer,
            fresh.statement,
        )
        if same and 0 <= fresh.issued_at - before.issued_at < 86_400_000:
            return before
    vault.put_record(_ASKED, manifest.name, encode(fresh.to_value()))
    return fresh


def answer(vault: Vault, federation: str, signature: str) -> Session:
    """Keep what the wallet signed.

    Args:
        vault: The open vault.
        federation: The manifest's name for it; ``ask`` came before.
        signature: Of ``Grant.text`` by ``personal_sign``: 65 bytes in hex.

    Raises:
        IdentityError: Nothing was asked, it is no signature, or another account's or of another text.
    """
    asked = vault.record(_ASKED, federation)
    text = signature.strip()
    if asked is None:
        raise IdentityError("your wallet was not asked to sign anything", hint="join without a signature")
    if not _SIGNATURE.fullmatch(text):
        raise IdentityError("this is no signature of a wallet", hint="it is 0x and 130 hex digits")
    raw = bytes.fromhex(text.removeprefix("0x"))
    grant = Grant.from_value(decode(asked))
    capability = Capability.sign(grant, lambda _: raw)
    name = f"{federation}/{grant.nonce}"
    made = Session.save(vault, name, seed=own.seed(vault), capability=capability)
    vault.put_record(_SIGNED, federation, name.encode())
    vault.delete_record(_ASKED, federation)
    return made


def authorised(vault: Vault, manifest: Manifest, models: Mapping[str, StreamId], *, until: int) -> bool:
    """Tell whether the wallet's authorisation covers the federation's events up to a time (Unix seconds).

    A member that is its key alone needs none.
    """
    if wallet(vault) is None:
        return True
    if vault.record(_SIGNED, manifest.name) is None:
        return False
    held = session(vault, manifest.name)
    assert held.capability is not None
    grant = held.capability.grant
    wanted = {f"ceramic://*?model={models[kind]}" for kind in KINDS}
    lasts = grant.expires is None or grant.expires >= 1000 * until
    return lasts and wanted <= set(grant.resources or ())
