"""What a vault says about its member: who signs, and who is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from federation.errors import IdentityError

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity
    from client.vault import Vault
    from contracts.accounts import Account
    from federation.types import Address

_SEED, _KEY, _PAYEE = "did-seed", "payee-key", "payee"


def make_identity(vault: Vault, seed: bytes) -> Identity:
    """Keep the seed of a member's DID (32 secret bytes) and return the identity."""
    vault.put_secret(_SEED, seed)
    return identity(vault)


def identity(vault: Vault) -> Identity:
    """Return the member's identity; its X25519 key for what is encrypted to it follows from the seed.

    Raises:
        IdentityError: The vault has none.
    """
    from ceramic_bridge.did import Identity

    return Identity(seed(vault))


def seed(vault: Vault) -> bytes:
    """Return the secret of the member's key (32 bytes).

    Raises:
        IdentityError: The vault has none.
    """
    return vault.get_secret(_SEED)


def make_payee(vault: Vault, key: bytes) -> Account:
    """Keep the key (32 secret bytes) of an account that is paid, and return the account."""
    from contracts.accounts import Account

    account = Account(key)
    vault.put_secret(_KEY, key)
    set_payee(vault, account.address)
    return account


def set_payee(vault: Vault, address: Address) -> None:
    """Name the account that is paid."""
    vault.put_record(_PAYEE, "", address.encode())


def payee(vault: Vault) -> Address | None:
    """Return the account that is paid; None where none was named."""
    from federation.types import Address

    found = vault.record(_PAYEE, "")
    return None if found is None else Address(found.decode())


def has_payee_key(vault: Vault, payee: Address) -> bool:
    """Tell whether the vault holds the key of the account that is paid."""
    try:
        return payee_account(vault).address == payee
    except IdentityError:
        return False


def payee_account(vault: Vault) -> Account:
    """Return the payee's account where its key is in the vault.

    Raises:
        IdentityError: It is not: the member named an address whose key is elsewhere.
    """
    from contracts.accounts import Account

    return Account(vault.get_secret(_KEY))
