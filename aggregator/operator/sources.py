"""Where events come from: a community's event node, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ceramic_bridge.bundle import unpack
from ceramic_bridge.events import InitPayload, SignedEvent
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.reading import signed_by
from federation.errors import ConfigError

if TYPE_CHECKING:
    from ceramic_bridge.store.base import Interest


def signed_events(place: str, interest: Interest) -> list[SignedEvent]:
    """Return the verified signed events of a place that are of interest, oldest first.

    Args:
        place: URL of an event node, or path of a CAR file.
        interest: Which; must name a model.

    Raises:
        ConfigError: The file cannot be read.
        PeerError: The node cannot be asked.
        VerificationFailed: An event of the file is wrong.
    """
    if "://" in place:
        with RemoteNode(place) as node:
            return list(signed_by(node, interest))
    return [event for event in read_car(Path(place)) if _wanted(event, interest)]


def read_car(path: Path) -> list[SignedEvent]:
    """Return the verified signed events of a CAR file.

    Raises:
        ConfigError: It cannot be read.
        VerificationFailed: An event is wrong.
    """
    from ceramic_bridge.session import read_file

    if not path.is_file():
        raise ConfigError(f"{path} is no file of events", hint="name a CAR file, or the URL of an event node")
    return [event for event in unpack(read_file(path)) if isinstance(event, SignedEvent)]


def _wanted(event: SignedEvent, interest: Interest) -> bool:
    payload = event.payload
    return (
        isinstance(payload, InitPayload)
        and interest.model in {None, payload.model}
        and interest.controller in {None, payload.controller}
    )
