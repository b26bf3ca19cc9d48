"""What a member has signed and published, and whether its vault is as new as that.

Three places may know: the store beside the vault, and the communities' event nodes. The highest
number of a release counts; who withholds events can only make the check see less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ceramic_bridge.events import InitPayload
from ceramic_bridge.node.client import Patience, RemoteNode
from ceramic_bridge.reading import signed_by
from ceramic_bridge.store.base import Interest
from ceramic_bridge.store.sqlite import SqliteStore
from client.ledger import PrivacyLedger
from client.restored import note_compared, restored_at
from federation.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.reading import Pages
    from client.membership import Membership
    from client.vault import Vault
    from federation.types import Did

QUICK: Final = Patience(silence=5, seconds=15)
"""For a node that is asked while a round waits."""


def highest_release(store: Pages, dids: Collection[Did], contributions: StreamId | None) -> int:
    """Return the highest number of a release among a member's contributions; 0 if there is none.

    Args:
        store: Where to look.
        dids: The member's names: its key, and its account if it has one.
        contributions: StreamID of the contribution model; none for those of any community.

    Raises:
        PeerError: The store is a node that cannot be asked, or never comes to an end.
    """
    highest = 0
    for did in dids:
        for event in signed_by(store, Interest(model=contributions, controller=did)):
            payload = event.payload
            if not isinstance(payload, InitPayload) or payload.controller != did:
                continue
            release = payload.content.get("release")
            if payload.content.get("kind") == "contribution" and isinstance(release, int):
                highest = max(highest, release)
    return highest


def require_current(
    vault: Vault,
    events: Path,
    joined: Mapping[str, Membership],
    dids: Collection[Did],
    *,
    name: str,
    report: Callable[[str], None],
) -> None:
    """Refuse to release anything with an older copy of the vault.

    A node out of reach holds nobody up, unless the vault was put back from a backup: then each
    community's node must answer once, because what the backup has forgotten is spent all the same.

    Args:
        vault: The open vault.
        events: The store of the member's own events.
        joined: Its memberships, by name.
        dids: Its names.
        name: The federation that is about to be answered.
        report: Told of a node that does not answer.

    Raises:
        VaultRolledBack: The member has published more releases than the vault knows.
        PeerError: The vault was put back, and a node cannot be asked.
        ConfigError: It was put back, and a community has no node to ask.
    """
    restored = restored_at(vault) is not None
    highest = 0
    if events.is_file():
        with SqliteStore(events) as store:
            highest = highest_release(store, dids, None)
    for membership in joined.values() if restored else (joined[name],):
        if membership.events:
            try:
                with RemoteNode(membership.events, patience=QUICK) as node:
                    found = highest_release(node, dids, membership.models["contribution"])
                highest = max(highest, found)
            except PeerError as error:
                if restored:
                    raise PeerError(
                        f"the vault was put back from a backup, and {membership.name}'s event node cannot "
                        f"say what was published since: {error.message}",
                        hint="try again when it answers; nothing is trained before",
                    ) from error
                report(f"{membership.name}: {error.message}; your published releases were not compared")
        elif restored:
            raise ConfigError(
                f"the vault was put back from a backup, and {membership.name} has no event node that says "
                "what was published since",
                hint="name one: folkmoot client join federation.toml --events URL; or leave with --forget",
            )
    PrivacyLedger(vault).require_current(highest)
    if restored:
        note_compared(vault)
