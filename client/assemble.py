"""From an open vault and a membership to the member that answers rounds.

The aggregator's side hands out nothing here that is believed: the contract's code and settings are
compared with the manifest that the member consented to, and every blob with the digest on chain.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import finalize

from ceramic_bridge.blobs import fetch_blob
from client.member import Member, Terms
from client.membership import memberships
from client.outbox import Outbox
from client.published import require_current
from client.trainer import engine_of
from client.wallet import names, session
from contracts.agreement import federation_config, require_agreed
from contracts.deploy import Deployment
from contracts.view import FederationView
from federation.errors import ChainError, VerificationFailed
from federation.features import pipeline_of
from federation.hashing import Domain
from federation.validation import parse_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from client.member import Keep
    from client.membership import Membership
    from client.vault import Vault
    from contracts.chain import Reader
    from federation.manifest import Manifest


def connect(rpc: str, manifest: Manifest) -> Reader:
    """Return the chain of a federation.

    Args:
        rpc: The node: URL or path of a Unix socket.
        manifest: Names the chain.

    Raises:
        ConfigError: The node's address is none.
        ChainError: It cannot be reached, or serves another chain.
    """
    from contracts.backends.rpc import RpcChain
    from contracts.backends.transport import NodeTransport

    transport = NodeTransport(rpc)
    try:
        chain = RpcChain(transport, chain_id=manifest.chain.chain_id)
    except BaseException:
        transport.close()
        raise
    # Whoever asks keeps the chain for as long as it needs it; a guard gets another one each epoch.
    finalize(chain, transport.close)
    return chain


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
    deployment.check_judges(membership.manifest)
    return deployment


def member_on(chain: Reader, vault: Vault, membership: Membership, *, keep: Keep | None = None) -> Member:
    """Read the open epoch's terms and mean, and return the member.

    Args:
        chain: The federation's.
        vault: The member's.
        membership: What it consented to.
        keep: Keeps what it signs.

    Raises:
        ChainError: No epoch is open, or the chain cannot be read.
        PeerError: The mean is not published.
        IdentityError: The member is an account, and its wallet authorised no key.
        VerificationFailed: The contract, the epoch's terms or the mean are not what they must be.
        ConfigError: The federation trains without privacy, or on words this software does not know.
    """
    manifest, federation = membership.manifest, bind(chain, membership).federation
    epoch = federation.epoch()
    if not epoch:
        raise ChainError("no epoch was opened yet", hint="wait for the aggregator")
    view, words = FederationView(federation), manifest.words
    promised = view.terms(epoch)
    require_agreed(manifest, promised)
    mean = fetch_blob(membership.public, promised.mean_hash, most=12 + 8 * words)
    terms = Terms(
        manifest=manifest,
        domain=Domain(chain_id=chain.chain_id, federation=federation.address, epoch=epoch),
        features=pipeline_of(manifest.model.features_sha256, words),
        mean=parse_mean(mean, dim=words),
        contribution_model=membership.models["contribution"],
        unsafe_no_dp=membership.unsafe_no_dp,
    )
    return Member(
        vault,
        session(vault, membership.name),
        terms,
        view,
        engine=engine_of(manifest),
        entropy=os.urandom,
        keep=keep,
    )


def open_member(
    vault: Vault, membership: Membership, *, events: Path, report: Callable[[str], None]
) -> Member:
    """Connect to the chain and return the member for the open epoch; see ``member_on``.

    Args:
        vault: The member's.
        membership: What it consented to.
        events: The store of its own signed events.
        report: Told of event nodes that do not answer.

    Raises:
        VaultRolledBack: The member has published more releases than the vault knows.
    """
    chain = connect(membership.rpc, membership.manifest)
    joined = {**memberships(vault), membership.name: membership}
    require_current(vault, events, joined, names(vault), name=membership.name, report=report)
    outbox = Outbox(events, membership.events, report)
    return member_on(chain, vault, membership, keep=outbox.keep)
