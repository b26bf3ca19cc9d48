"""``folkmoot chain bond``: tokens at stake for a party of a federation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from contracts.session import (
    Sending,
    Target,
    Which,
    address,
    federation_options,
    key_path,
    sender_options,
    wei_of,
)
from federation.errors import ChainError

if TYPE_CHECKING:
    from federation.types import Address


@click.command()
@click.argument("amount")
@click.option("--for", "party", metavar="ADDRESS|KEY", help="Whose bond it is; else the sender's own.")
@click.option("--mint", is_flag=True, help="Mint test tokens that the sender lacks; it must be the minter.")
@federation_options
@sender_options
def bond(
    amount: str, party: str | None, which: Which, target: Target, sending: Sending, *, mint: bool
) -> None:
    """Stake tokens for an aggregator or a provider, who loses them if it does not do its duty.

    AMOUNT is in whole tokens. Whoever it is for may take it back once no epoch needs it; nobody else may.

    Example: folkmoot chain bond 100 --key aggregator
    """
    wei = wei_of(amount)
    chain = target.connect()
    bound = which.bind(chain)
    vault = bound.vault.address
    sender = sending.open()
    whose = sender.address if party is None else _account(party)
    short = wei - bound.token.balance_of(sender.address)
    if short > 0 and not mint:
        raise ChainError(
            f"account {sender.address} is underfunded: it lacks {short} wei of the token",
            hint="--mint makes test tokens, if the sender may",
        )
    calls = {"bond": f"stake {wei} wei for {whose} in {vault} on chain {chain.chain_id}"}
    if bound.token.allowance(sender.address, vault) < wei:
        calls = {"approve": f"approve {wei} wei for {vault}"} | calls
    if short > 0:
        calls = {"mint": f"mint {short} wei of {bound.token.address}"} | calls
    if not sending.agree_on_gas(chain, sender.address, list(calls), list(calls.values())):
        return
    if short > 0:
        bound.token.mint(sender, sender.address, short)
    if "approve" in calls:
        bound.token.approve(sender, vault, wei)
    bound.vault.deposit(sender, whose, wei)
    click.echo(f"{whose}  has {bound.vault.bond_of(whose)} wei at stake")


def _account(text: str) -> Address:
    from contracts.keyfile import keyfile_address

    return address(text) if text.startswith("0x") else keyfile_address(key_path(text))
