"""From an open vault and a membership to the member that answers rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client.member import Member
    from client.membership import Membership
    from client.vault import Vault


def open_member(vault: Vault, membership: Membership) -> Member:
    """Connect to the chain, read the open epoch's terms and mean, and return the member.

    Raises:
        ChainError: The chain cannot be read, or no epoch is open.
        VerificationFailed: The contract or a blob is not what the membership names.
    """
    raise NotImplementedError
