"""From an open vault and a membership to the member that answers rounds.

The aggregator's side hands out nothing here that is believed: the contract's code and settings are
compared with the manifest that the member consented to, and every blob with the digest on chain.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ceramic_bridge.did import Identity
from client.blobs import fetch_blob
from client.identity import Session
from client.member import Member, Terms
from client.trainer import engine_of
from contracts.agreement import federation_config
from contracts.deploy import Deployment
from contracts.view import FederationView
from federation.errors import ChainError, VerificationFailed
from federation.features import FeatureSpec
from federation.hashing import Domain
from federation.validation import parse_mean

if TYPE_CHECKING:
    from client.membership import Membership
    from client.vault import Vault
    from contracts.chain import Reader


def connect(membership: Membership) -> Reader:
    """Return the chain of a federation.

    Raises:
        ConfigError: The node's address is none.
        ChainError: It cannot be reached, or serves another chain.
    """
    from contracts.backends.rpc import RpcChain
    from contracts.backends.transport import NodeTransport

    return RpcChain(NodeTransport(membership.rpc), chain_id=membership.manifest.chain.chain_id)


def bind(chain: Reader, membership: Membership) -> Deployment:
    """Return a federation's contracts once they are known to be what the member consented to.

    Raises:
        VerificationFailed: Other code is there, or it was deployed with another manifest.
        ChainError: The chain cannot be read.
    """
    deployment = Deployment.at(chain, membership.federation, membership.registry)
    config = deployment.federation.config()
    agreed = federation_config(
        membership.manifest, token=config.token, randomness=config.randomness, judges=config.judges
    )
    if config != agreed:
        raise VerificationFailed(
            f"federation {membership.federation}",
            "it was deployed with another manifest than you consented to",
            hint="ask the community for its manifest, and join anew if you agree",
        )
    return deployment


def member_on(chain: Reader, vault: Vault, membership: Membership) -> Member:
    """Read the open epoch's terms and mean, and return the member.

    Raises:
        ChainError: No epoch is open, or the chain cannot be read.
        PeerError: The mean is not published.
        VerificationFailed: The contract or the mean is not what it must be.
        ConfigError: The federation trains without privacy, or on words this software does not know.
    """
    manifest, federation = membership.manifest, bind(chain, membership).federation
    epoch = federation.epoch()
    if not epoch:
        raise ChainError("no epoch was opened yet", hint="wait for the aggregator")
    view, words = FederationView(federation), manifest.words
    mean = fetch_blob(membership.public, view.terms(epoch).mean_hash, most=12 + 8 * words)
    terms = Terms(
        manifest=manifest,
        domain=Domain(chain_id=chain.chain_id, federation=federation.address, epoch=epoch),
        features=FeatureSpec(dim=words),
        mean=parse_mean(mean, dim=words),
        contribution_model=membership.models["contribution"],
        unsafe_no_dp=membership.unsafe_no_dp,
    )
    identity = Identity(vault.get_secret("did-seed"))
    return Member(
        vault, Session(identity=identity), terms, view, engine=engine_of(manifest), entropy=os.urandom
    )


def open_member(vault: Vault, membership: Membership) -> Member:
    """Connect to the chain and return the member for the open epoch; see ``member_on``."""
    return member_on(connect(membership), vault, membership)
