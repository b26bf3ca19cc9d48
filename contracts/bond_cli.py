"""``folkmoot chain bond``: what the aggregator and the providers have at stake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from contracts.session import (
    Sending,
    Target,
    Which,
    account_of,
    federation_options,
    sender_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.bindings.bond_vault import BondVault
    from contracts.chain import Signer
    from federation.types import Address


@click.group()
def bond() -> None:
    """Deposit what an aggregator or a provider has at stake, and take it back."""


@bond.command()
@click.argument("amount")
@click.option("--for", "account", metavar="ADDRESS|KEY", help="Whose bond; by default the sender's.")
@click.option("--mint", is_flag=True, help="Mint test tokens that the sender lacks; it must be the minter.")
@federation_options
@sender_options
def deposit(
    amount: str,
    account: str | None,
    which: Which,
    target: Target,
    sending: Sending,
    *,
    mint: bool,
) -> None:
    """Add tokens of the sender to an account's bond; anybody may.

    AMOUNT is in whole tokens, as in 12.5. Example: folkmoot chain bond deposit 100 --key aggregator
    """
    from contracts.spending import agree_to_move, movable

    wei = movable(amount)
    chain = target.connect()
    bound = which.bind(chain)
    sender = sending.open()
    whose = sender.address if account is None else account_of(account)
    vault = bound.vault
    call = "deposit", f"deposit {wei} wei as the bond of {whose} on chain {chain.chain_id}"
    if agree_to_move(chain, bound.token, wei, sender, sending, to=vault.address, call=call, mint=mint):
        vault.deposit(sender, whose, wei)
        _tell(vault, whose)


@bond.command()
@federation_options
@sender_options
def retire(which: Which, target: Target, sending: Sending) -> None:
    """Say that the sender's bond stands for no further epoch, so that it can be withdrawn.

    Example: folkmoot chain bond retire --key aggregator
    """
    _declare(which, target, sending, "no further epoch", lambda vault, sender: vault.retire(sender))


@bond.command()
@federation_options
@sender_options
def stay(which: Which, target: Target, sending: Sending) -> None:
    """Take 'retire' back.

    Example: folkmoot chain bond stay --key aggregator
    """
    _declare(which, target, sending, "the next epochs", lambda vault, sender: vault.stay(sender))


@bond.command()
@click.argument("amount", required=False)
@federation_options
@sender_options
def withdraw(amount: str | None, which: Which, target: Target, sending: Sending) -> None:
    """Take the sender's bond back, all of it unless AMOUNT says less; after 'retire', between epochs.

    Example: folkmoot chain bond withdraw --key aggregator
    """
    from contracts.spending import movable
    from federation.errors import ChainError

    chain = target.connect()
    vault = which.bind(chain).vault
    sender = sending.open()
    wei = vault.bond_of(sender.address) if amount is None else movable(amount)
    if not wei:
        raise ChainError(f"account {sender.address} has no bond here")
    plan = [f"withdraw {wei} wei of the bond of {sender.address}"]
    if sending.agree_on_gas(chain, sender.address, ["withdraw"], plan):
        vault.withdraw(sender, wei)
        _tell(vault, sender.address)


def _declare(
    which: Which, target: Target, sending: Sending, until: str, act: Callable[[BondVault, Signer], object]
) -> None:
    """Say for which epochs the sender's bond stands; either word costs the same gas."""
    chain = target.connect()
    vault = which.bind(chain).vault
    sender = sending.open()
    plan = [f"say that the bond of {sender.address} stands for {until}"]
    if sending.agree_on_gas(chain, sender.address, ["retire"], plan):
        act(vault, sender)
        _tell(vault, sender.address)


def _tell(vault: BondVault, account: Address) -> None:
    held, standing = vault.bond_of(account), vault.standing(account)
    click.echo(f"{account}  bond {held} wei  stands for the next epoch {standing} wei")
