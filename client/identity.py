"""Who signs for a member: its own key, or a key that its Ethereum account authorised once.

The wallet signs one text (``propose_grant``); from then on the session's key signs alone. The grant
covers a member's two kinds of event and nothing else: whoever steals the key can neither spend
money, nor change the payee of an open epoch, nor end another key's authority.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ceramic_bridge.authority import Authority
from ceramic_bridge.cacao import Capability
from ceramic_bridge.delegated import sign_digest
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_init
from ceramic_bridge.pkh import Account
from ceramic_bridge.siwe import Grant, to_iso
from federation.errors import ConfigError, IdentityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.did import Signer
    from client.noise import Entropy
    from client.vault import Vault
    from federation.manifest import Manifest
    from federation.types import Address, Did

KINDS: Final = ("data", "contribution")
"""The kinds of event that a member signs; a grant covers their models."""

JOINING: Final = 7 * 86_400
"""Seconds that a grant leaves, unless told otherwise, between the wallet's signature and the epoch."""

# Open, commit, reveal, draw, record; and the answer to an accusation.
_PHASES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A key that signs for a member.

    Attributes:
        identity: The key.
        capability: Lets the key act for an account; without one it acts for itself.
    """

    identity: Signer
    capability: Capability | None = None

    def __post_init__(self) -> None:
        if self.capability is not None and self.capability.grant.audience != self.identity.did:
            raise IdentityError("the wallet authorised another key than this session's")

    @property
    def did(self) -> Did:
        """Whom the key signs for: the account, else the key's own DID."""
        return self.identity.did if self.capability is None else self.capability.controller

    def sign(self, content: Mapping[str, Value], *, model: StreamId, unique: bytes | None) -> SignedEvent:
        """Sign a document.

        Raises:
            MalformedData: The content does not fit its kind.
            IdentityError: The capability does not cover the model.
        """
        return create_init(
            self.identity, model=model, content=content, unique=unique, capability=self.capability
        )

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a digest that names its own purpose and place; see ``ceramic_bridge.delegated``."""
        return sign_digest(self.identity, self.capability, digest)

    def require_authority(self, at: int) -> None:
        """Refuse to go on where nobody would accept the key's signature.

        Args:
            at: When the round opened, in Unix seconds: by this time every verifier judges.

        Raises:
            IdentityError: The capability was not yet or no longer valid.
        """
        if self.capability is None:
            return
        try:
            Authority(now=1000 * at).check(self.capability.cid, self.capability)
        except IdentityError as error:
            raise IdentityError(
                f"the wallet's authorisation of this key did not hold at {to_iso(1000 * at)}",
                hint="let the wallet authorise a key again",
            ) from error

    def shortfall(self, manifest: Manifest, round_: int, opened_at: int) -> str | None:
        """Say so if the authorisation may end before the epoch's last round opens.

        Args:
            manifest: Its deadlines bound how long the other rounds can take.
            round_: A round.
            opened_at: When it opened, in Unix seconds.
        """
        ends = None if self.capability is None else self.capability.grant.expires
        last = 1000 * (opened_at + rounds_seconds(manifest, manifest.rounds - round_))
        if ends is None or ends >= last:
            return None
        return (
            f"the wallet's authorisation of this key ends at {to_iso(ends)}, but the epoch's last round may "
            f"open as late as {to_iso(last)}: let the wallet authorise a key again before it ends"
        )

    @classmethod
    def save(cls, vault: Vault, name: str, *, seed: bytes, capability: Capability) -> Self:
        """Keep a session in the vault, so that the wallet is not needed after a restart.

        Args:
            vault: The member's vault.
            name: The session's; a vault never replaces a secret, so each authorisation has its own.
            seed: The secret of the ed25519 key that signs.
            capability: What the wallet signed for it.

        Raises:
            IdentityError: The capability is for another key, or there is another session of that name.
        """
        session = cls(identity=Identity(seed), capability=capability)
        vault.put_secret(f"session/{name}/seed", seed)
        vault.put_secret(f"session/{name}/capability", capability.block)
        return session

    @classmethod
    def load(cls, vault: Vault, name: str) -> Self:
        """Return a session that a vault keeps.

        Raises:
            IdentityError: There is none of that name.
            VerificationFailed: It was altered.
        """
        return cls(
            identity=Identity(vault.get_secret(f"session/{name}/seed")),
            capability=Capability.read(vault.get_secret(f"session/{name}/capability")),
        )


def rounds_seconds(manifest: Manifest, rounds: int) -> int:
    """Return the longest that some rounds can take under the manifest's deadlines."""
    return rounds * _PHASES * manifest.deadlines.phase


def propose_grant(
    account: Address,
    key: Did,
    manifest: Manifest,
    models: Mapping[str, StreamId],
    *,
    domain: str,
    issued_at: int,
    entropy: Entropy,
    lifetime: int | None = None,
) -> Grant:
    """Return what the wallet is asked to sign: this key may sign a member's events, for a while.

    Args:
        account: The wallet's account.
        key: The session's key.
        manifest: The federation's.
        models: StreamIDs of its event models, by kind.
        domain: The application that asks, as an authority (RFC 3986); wallets show it.
        issued_at: Now, in Unix seconds.
        entropy: Where the nonce comes from.
        lifetime: Seconds until it ends; unless given, enough to join and for the longest epoch.

    Raises:
        ConfigError: The lifetime is not positive.
        IdentityError: The account is no address.
    """
    if lifetime is None:
        lifetime = JOINING + rounds_seconds(manifest, manifest.rounds)
    if lifetime <= 0:
        raise ConfigError("an authorisation must last at least a second")
    return Grant(
        issuer=Account.of(account).issuer,
        audience=key,
        domain=domain,
        nonce=entropy(16).hex(),
        issued_at=1000 * issued_at,
        expires=1000 * (issued_at + lifetime),
        statement=f"Let this key sign my contributions to the federation {manifest.name} and nothing else",
        resources=tuple(f"ceramic://*?model={models[kind]}" for kind in KINDS),
    )
