"""The lifetime privacy budget of a vault's dataset; a record of the vault, over all federations."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from federation.errors import ConfigError, VerificationFailed
from federation.privacy import Budget

if TYPE_CHECKING:
    import sqlite3

    from client.vault import Vault

_KIND, _NAME = "budget", "lifetime"
_BUDGET = struct.Struct(">dd")


def set_budget(vault: Vault, budget: Budget) -> None:
    """Set the budget that binds from now on.

    Raises:
        VerificationFailed: The vault was altered.
    """
    vault.put_record(_KIND, _NAME, _BUDGET.pack(budget.epsilon, budget.delta))


def dataset_budget(vault: Vault, db: sqlite3.Connection | None = None) -> Budget:
    """Return the budget.

    Args:
        vault: Whose.
        db: The caller's transaction, if it is in one.

    Raises:
        ConfigError: None was set.
        VerificationFailed: The vault was altered.
    """
    stored = vault.record(_KIND, _NAME, db)
    if stored is None:
        raise ConfigError("the vault has no privacy budget", hint="set one with: folkmoot client init")
    if len(stored) != _BUDGET.size:
        raise VerificationFailed("vault", "its privacy budget has the wrong length")
    epsilon, delta = _BUDGET.unpack(stored)
    return Budget(epsilon=epsilon, delta=delta)
