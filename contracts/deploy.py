"""Put a community's contracts on a chain, and recognise them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.artifact import load_artifact
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.bindings.federation import Federation
from contracts.bindings.moot_token import MootToken
from contracts.bindings.reward_pool import RewardPool
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from contracts.chain import Chain, Reader, Signer
    from federation.types import Address, Hash32


LONGEST_EPOCH = 60 * 86400
"""Seconds that a stake stays locked beyond the challenge window, so that no epoch outlasts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The contracts of one federation, bound to the chain they are on."""

    token: MootToken
    registry: ContributorRegistry
    federation: Federation
    pool: RewardPool

    @classmethod
    def at(cls, chain: Reader, federation: Address, registry: Address) -> Deployment:
        """Bind to contracts that are deployed already, on any chain that can be read.

        Args:
            chain: Where they are.
            federation: The federation, which names its pool; the pool names its token.
            registry: The registry the federation's members use.

        Raises:
            VerificationFailed: Something else is deployed at one of the addresses.
        """
        check_code(chain, federation, "Federation")
        check_code(chain, registry, "ContributorRegistry")
        bound = Federation(chain, federation)
        pool = RewardPool(chain, bound.pool())
        check_code(chain, pool.address, "RewardPool")
        token = MootToken(chain, pool.token())
        check_code(chain, token.address, "MootToken")
        return cls(token=token, registry=ContributorRegistry(chain, registry), federation=bound, pool=pool)


def deploy_federation(
    chain: Chain,
    community: Signer,
    aggregator: Address,
    *,
    manifest_hash: Hash32,
    challenge_window: int,
    draw_delay: int,
) -> Deployment:
    """Deploy a test token, a registry and a federation with its pool.

    Args:
        chain: Where to.
        community: Sends the transactions, and may mint the token.
        aggregator: The only account that may move the federation's rounds along.
        manifest_hash: SHA-256 of the manifest.
        challenge_window: Seconds from a proposal to its finalization.
        draw_delay: Blocks from the close of reveals to the block whose hash is drawn with, 1 to 256.

    Raises:
        Reverted: A parameter is out of range.
    """
    token = MootToken.deploy(chain, community)
    lock = challenge_window + LONGEST_EPOCH
    registry = ContributorRegistry.deploy(chain, community, token=token.address, lock=lock)
    federation = Federation.deploy(
        chain,
        community,
        manifest_hash=manifest_hash,
        aggregator=aggregator,
        token=token.address,
        challenge_window=challenge_window,
        draw_delay=draw_delay,
    )
    pool = RewardPool(chain, federation.pool())
    return Deployment(token=token, registry=registry, federation=federation, pool=pool)


def check_creation(creation_code: bytes, address: Address, artifact_name: str) -> None:
    """Compare the code that created a contract with a committed artifact's.

    Deployed code alone does not show what a constructor of somebody's own left in storage.

    Args:
        creation_code: What the creating transaction ran.
        address: What it created.
        artifact_name: Which contract that should be.

    Raises:
        VerificationFailed: It was created by other code, or with arguments of another number.
    """
    artifact = load_artifact(artifact_name)
    constructor = next((item for item in artifact.abi if item.get("type") == "constructor"), {})
    inputs = constructor.get("inputs", ())
    words = len(inputs) if isinstance(inputs, (list, tuple)) else 0
    length = len(artifact.bytecode) + 32 * words
    if not creation_code.startswith(artifact.bytecode) or len(creation_code) != length:
        raise VerificationFailed(f"{artifact_name} at {address}", "it was not created by the artifact's code")


def check_code(reader: Reader, address: Address, artifact_name: str) -> None:
    """Compare deployed code with a committed artifact, immutables masked.

    Immutables are the constructor's arguments: whoever relies on one reads it through its view.

    Raises:
        VerificationFailed: The code at the address is another; the subject names contract and address.
    """
    artifact = load_artifact(artifact_name)
    if artifact.mask(reader.code(address)) != artifact.deployed_bytecode:
        raise VerificationFailed(f"{artifact_name} at {address}", "its code is not that of the artifact")
