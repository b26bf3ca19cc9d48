"""What keeps a round from opening, and is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aggregator.happenings import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from federation.manifest import Manifest
    from federation.types import Did

PAUSED: Final = "paused"
LONELY: Final = "waiting-for-members"


def obstacle(wanted: Wanted, members: Iterable[Did], nodes: Mapping[Did, int], manifest: Manifest) -> str:
    """Name the happening that tells why the next round does not open now; empty if nothing is in its way.

    A round that nobody can take part in would use up a shard of the validation set all the same.

    Args:
        wanted: What the operator wants.
        members: Who may take part.
        nodes: Whose nodes are let in.
        manifest: May say with how many commitments a round goes on, and how few are ever summed.
    """
    if wanted is Wanted.CANCEL:
        return ""
    if wanted is Wanted.PAUSE:
        return PAUSED
    least = max(
        1 if manifest.cohort is None else manifest.cohort.minimum,
        1 if manifest.secure is None else manifest.secure.minimum,
    )
    return "" if sum(did in nodes for did in members) >= least else LONELY
