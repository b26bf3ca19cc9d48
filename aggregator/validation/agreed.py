"""Whether a provider and a contract belong to a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.agreement import federation_config
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from contracts.bindings.federation import Federation
    from federation.manifest import Manifest
    from federation.types import Did


def require_listed(providers: tuple[Did, ...], did: Did) -> int:
    """Return a provider's place in a manifest.

    Raises:
        ConfigError: It is none of its providers.
    """
    if did not in providers:
        raise ConfigError(f"{did} is no provider of this federation")
    return providers.index(did)


def require_contract(manifest: Manifest, federation: Federation) -> None:
    """Refuse a contract that was deployed with another manifest, deadlines or bonds than were agreed.

    Raises:
        VerificationFailed: It was.
    """
    found = federation.config()
    agreed = federation_config(manifest, token=found.token, randomness=found.randomness, judges=found.judges)
    if found != agreed:
        raise VerificationFailed(
            f"federation {federation.address}", "it was deployed with another manifest than this one"
        )
