"""``folkmoot client init``: the vault, the member's identity, the payee and the budget."""

from __future__ import annotations

import math
import secrets
import sys
from pathlib import Path

import click

from client.session import client_home, passphrase_option
from federation.cli import emit_json, format_option

_EPSILON, _DELTA = 8.0, 1e-5
_POSITIVE = click.FloatRange(0, min_open=True)


@click.command()
@click.option(
    "--payee",
    metavar="ADDRESS",
    help="Your account that is paid; without it, the wallet's, or one that is made and kept here.",
)
@click.option(
    "--epsilon",
    type=_POSITIVE,
    help=f"What your data may spend of privacy in its whole life, over all federations [{_EPSILON:g}].",
)
@click.option(
    "--delta",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=_DELTA,
    show_default=True,
    help="The probability with which that bound may fail; well below one in the number of your rows.",
)
@click.option(
    "--wallet",
    metavar="ADDRESS",
    help="Take part as this Ethereum account; its wallet signs one text when you join a federation.",
)
@click.option("--keyring", is_flag=True, help="Put the passphrase into your keyring.")
@passphrase_option
@format_option
def init(
    *,
    payee: str | None,
    epsilon: float | None,
    delta: float,
    wallet: str | None,
    passphrase_file: Path | None,
    output_format: str,
    keyring: bool,
) -> None:
    """Make your vault: keys, identity, payee, and the privacy budget of your data.

    Nobody can recover the passphrase. Example: folkmoot client init --epsilon 8
    """
    from client.budget import set_budget
    from client.files import install, require_no_vault, workshop
    from client.hygiene import harden_process
    from client.own import make_identity, make_payee, set_payee
    from client.passphrase import new_passphrase, remember
    from client.vault import Vault
    from client.wallet import set_wallet
    from contracts.session import address
    from federation.privacy import Budget

    home = client_home()
    require_no_vault(home)
    account = None if wallet is None else address(wallet)
    given = account if payee is None else address(payee)
    budget = Budget(epsilon=_epsilon(epsilon), delta=delta)
    harden_process()
    passphrase = new_passphrase(passphrase_file)
    with workshop(home) as folder:
        with Vault.create(folder / home.vault.name, passphrase) as vault:
            did = make_identity(vault, secrets.token_bytes(32)).did
            if given is None:
                paid = make_payee(vault, secrets.token_bytes(32)).address
            else:
                paid = given
                set_payee(vault, given)
            if account is not None:
                set_wallet(vault, account)
            set_budget(vault, budget)
        install(folder, home)
    if keyring:
        remember(home.vault, passphrase)
    if output_format == "json":
        # JSON has no infinity: null stands for a budget without end.
        bound = None if math.isinf(budget.epsilon) else budget.epsilon
        spend = {"epsilon": bound, "delta": budget.delta}
        emit_json(
            "ok", {"did": did, "wallet": account, "payee": paid, "budget": spend, "vault": str(home.vault)}
        )
        return
    click.echo(f"vault   {home.vault}\ndid     {did}\npayee   {paid}")
    if account is not None:
        click.echo(f"wallet  {account}; it signs when you join a federation")
    click.echo(f"budget  epsilon {budget.epsilon:g}, delta {budget.delta:g}")
    click.echo("keep a copy elsewhere: folkmoot client backup FILE", err=True)


def _epsilon(given: float | None) -> float:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return _EPSILON
    click.echo(
        "Each round you take part in tells a little about your messages. Epsilon bounds the sum over all\n"
        "rounds and federations: at 1 hardly anything can be learned about one message, at 8 somebody\n"
        "who knows much may learn something, above 10 the promise is weak. You take part until it is spent.",
        err=True,
    )
    value: float = click.prompt("Lifetime epsilon", default=_EPSILON, type=_POSITIVE, err=True)
    return value
