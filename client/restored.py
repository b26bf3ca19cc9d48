"""Whether a vault was put back from a backup and not yet compared with what its member has published."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client.vault import Vault

_KIND = "restored"


def note_restored(vault: Vault, at: int) -> None:
    """Note that the vault was put back; nothing may be released until it was compared.

    Args:
        vault: The open vault.
        at: When; seconds since 1970.
    """
    vault.put_record(_KIND, "", at.to_bytes(8, "big"))


def restored_at(vault: Vault) -> int | None:
    """Return when the vault was put back; None where it was not, or was compared since."""
    found = vault.record(_KIND, "")
    return None if found is None else int.from_bytes(found, "big")


def note_compared(vault: Vault) -> None:
    """Note that the ledger is as far as the member's published events."""
    vault.delete_record(_KIND, "")
