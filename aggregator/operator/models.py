"""The community's event models: signed by it, found by everybody, kept here for the rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.operator.sources import read_car, signed_events
from ceramic_bridge.bundle import pack
from ceramic_bridge.cid import META_MODEL
from ceramic_bridge.models import create_models, create_sealed_model, model_ids
from ceramic_bridge.store.base import Interest
from federation.errors import ConfigError, IdentityError, VerificationFailed
from federation.home import write_private
from federation.types import Did

if TYPE_CHECKING:
    from aggregator.home import AggregatorHome
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.did import Identity
    from ceramic_bridge.events import SignedEvent
    from federation.manifest import Manifest


def sign_models(community: Identity) -> list[SignedEvent]:
    """Sign the models of a community; the same key always makes the same ones."""
    return [*create_models(community).values(), create_sealed_model(community)]


def keep_models(home: AggregatorHome, manifest: Manifest, events: list[SignedEvent]) -> None:
    """Keep a community's models.

    Raises:
        IdentityError: They are not all there under the community's signature.
        ConfigError: They cannot be written.
    """
    community = Did(manifest.parties.community)
    try:
        model_ids(events, publisher=community)
    except VerificationFailed as error:
        raise IdentityError(
            f"these are not the event models of {community}", hint="the community signs them with its own key"
        ) from error
    write_private(home.models, pack(events), replace=True)


def load_models(
    home: AggregatorHome, manifest: Manifest, node: str
) -> tuple[dict[str, StreamId], list[SignedEvent]]:
    """Return the community's models, by kind and as events, from this folder or from its event node.

    Raises:
        ConfigError: Nobody has them.
        PeerError: The event node cannot be asked.
    """
    community = Did(manifest.parties.community)
    if not home.models.is_file():
        found = signed_events(node, Interest(model=META_MODEL, controller=community)) if node else []
        try:
            keep_models(home, manifest, found)
        except IdentityError as error:
            raise ConfigError(
                f"the event models of {community} are neither here nor on its event node",
                hint="folkmoot aggregator models NAME --community-key FILE",
            ) from error
    events = read_car(home.models)
    return model_ids(events, publisher=community), events
