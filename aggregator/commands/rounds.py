"""``folkmoot aggregator rounds``: what was recorded, round by round and member by member."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.commands.session import home_of, name_argument, settings_of
from federation.cli import emit_json, format_option, printable
from federation.errors import ConfigError

if TYPE_CHECKING:
    from aggregator.operator.receipts import RoundLine


@click.group()
def rounds() -> None:
    """Look at recorded rounds; needs no network."""


@rounds.command()
@name_argument
@click.option("--epoch", type=click.IntRange(1), help="Of this epoch only.")
@format_option
def ls(name: str | None, epoch: int | None, output_format: str) -> None:
    """List the rounds for which there is a receipt.

    Example: folkmoot aggregator rounds ls spam-detection
    """
    from aggregator.operator.amounts import tokens

    found = _rounds(name, epoch)
    if output_format == "json":
        emit_json("ok", {"rounds": [{**line.as_json(), "members": len(line.members)} for line in found]})
        return
    for line in found:
        place = f"epoch {line.epoch}  round {line.round:>4}"
        figures = f"improvement {line.improvement:+.6f}  {tokens(line.credited)}"
        click.echo(f"{place}  {figures}  {line.counts_text()}")


@rounds.command()
@click.argument("number", type=click.IntRange(1))
@name_argument
@click.option("--epoch", type=click.IntRange(1), help="Of this epoch; else the last one.")
@format_option
def show(number: int, name: str | None, epoch: int | None, output_format: str) -> None:
    """Show a round from its receipt, with a line for every member.

    Example: folkmoot aggregator rounds show 3 spam-detection
    """
    found = [line for line in _rounds(name, epoch) if line.round == number]
    if not found:
        raise ConfigError(f"there is no receipt of round {number}", hint="folkmoot aggregator rounds ls")
    line = found[-1]
    if output_format == "json":
        emit_json("ok", line.as_json())
        return
    for text in line.lines():
        click.echo(printable(text))


def _rounds(name: str | None, epoch: int | None) -> list[RoundLine]:
    from aggregator.operator.deployed import recorded
    from aggregator.operator.receipts import rounds_of

    home = home_of(name)
    manifest, config = settings_of(home)
    where = recorded(config, manifest)
    if where is None:
        raise ConfigError("no contracts are recorded for this federation", hint="folkmoot chain deploy")
    return rounds_of(home, manifest, where.federation, manifest.chain.chain_id, epoch=epoch)
