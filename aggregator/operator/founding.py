"""The folder of a federation: written once, whole; settings may change later, what was agreed may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.operator.identity import read_identity
from federation.errors import ConfigError
from federation.home import PRIVATE_FOLDER, write_private

if TYPE_CHECKING:
    from aggregator.home import AggregatorHome
    from aggregator.operator.config import OperatorConfig
    from ceramic_bridge.did import Identity
    from federation.manifest import Manifest


def require_own(manifest: Manifest, identity: Identity) -> None:
    """Refuse a manifest whose aggregator is somebody else.

    Raises:
        ConfigError: It is.
    """
    if manifest.parties.aggregator != identity.did:
        raise ConfigError(
            f"the manifest's aggregator is {manifest.parties.aggregator}, and this one is {identity.did}",
            hint=f'write aggregator = "{identity.did}" into [parties], or put that DID\'s seed in its place',
        )


def found(home: AggregatorHome, manifest: Manifest, config: OperatorConfig) -> None:
    """Write manifest and settings; the seed is there already.

    Raises:
        ConfigError: The manifest is another's, or the folder holds another manifest.
    """
    require_own(manifest, read_identity(home.identity))
    text = manifest.to_toml()
    if home.manifest.is_file():
        if home.manifest.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{home.path} holds another manifest, which cannot change",
                hint="a changed agreement is another federation: give it another name",
            )
    else:
        home.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(home.manifest, text.encode(), replace=False)
    write_private(home.config, config.to_toml().encode(), replace=True)
