"""Which contracts a federation has: those that the operator named, or that ``chain deploy`` recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.agreement import federation_config
from contracts.deploy import Deployment
from contracts.session import address, deployments
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from aggregator.operator.config import OperatorConfig
    from contracts.chain import Reader
    from federation.manifest import Manifest
    from federation.types import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """Where they are.

    Attributes:
        federation: The federation's address.
        registry: Its registry's.
    """

    federation: Address
    registry: Address


def recorded(config: OperatorConfig, manifest: Manifest) -> Contracts | None:
    """Return where the contracts of a manifest are; None if that is not known here.

    Raises:
        ConfigError: The record of deployments is damaged.
    """
    if config.chain.federation:
        return Contracts(federation=address(config.chain.federation), registry=address(config.chain.registry))
    wanted = manifest.hash.hex()
    for record in reversed(deployments(manifest.chain.chain_id).load()):
        if record.manifest_sha256 == wanted:
            return Contracts(federation=record.federation, registry=record.registry)
    return None


def bind(chain: Reader, config: OperatorConfig, manifest: Manifest) -> Deployment:
    """Bind to a federation's contracts after comparing them with the manifest.

    Raises:
        ConfigError: Nobody said where they are.
        VerificationFailed: Other code is there, or it was deployed with another manifest.
        ChainError: The chain cannot be read.
    """
    found = recorded(config, manifest)
    if found is None:
        raise ConfigError(
            f"no contracts are recorded for the manifest of {manifest.name}",
            hint="folkmoot chain deploy federation.toml --key community\n"
            "or name them: folkmoot aggregator init NAME --federation ADDRESS --registry ADDRESS",
        )
    deployment = Deployment.at(chain, found.federation, found.registry)
    settings = deployment.federation.config()
    agreed = federation_config(
        manifest, token=settings.token, randomness=settings.randomness, judges=settings.judges
    )
    if settings != agreed:
        raise VerificationFailed(
            f"federation {found.federation}", "it was deployed with another manifest than this one"
        )
    return deployment
