"""``folkmoot client status``: rounds, privacy, scores, credits, and what can be claimed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import open_vault, passphrase_option
from federation.cli import emit_json, format_option, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client.overview import Overview


@click.command()
@click.option("--offline", is_flag=True, help="Ask nobody: only what this machine knows.")
@passphrase_option
@format_option
def status(passphrase_file: Path | None, output_format: str, *, offline: bool) -> None:
    """Show how you stand in each federation, and what could not be asked.

    Example: folkmoot client status --offline
    """
    from client.membership import memberships
    from client.overview import overview

    with open_vault(passphrase_file) as vault:
        rows = vault.count
        found = [overview(vault, joined, offline=offline) for joined in memberships(vault).values()]
    if output_format == "json":
        emit_json("ok", {"rows": rows, "federations": [_values(one) for one in found]})
        return
    click.echo(f"{rows} rows in the vault")
    if not found:
        click.echo("you have not joined a federation: folkmoot client join federation.toml")
    for one in found:
        for line in _lines(one):
            click.echo(printable(line))


def _lines(one: Overview) -> Iterator[str]:
    manifest, cost = one.membership.manifest, one.outlook
    yield ""
    yield f"{one.membership.name}  ({one.membership.federation} on chain {manifest.chain.chain_id})"
    lost = f", {one.lost} more spent and lost" if one.lost else ""
    yield f"  rounds     {one.taken} with you{lost}"
    yield (
        f"  privacy    epsilon {one.epsilon:.3g} here; {cost.spent:.3g} of {cost.budget.epsilon:.3g} in all, "
        f"enough for {cost.affordable} of the next {cost.rounds} rounds"
    )
    if cost.secure is not None:
        views = cost.secure[1]
        yield (
            f"  an epoch   epsilon {views.sum:.3g} of the sum, {views.transcript:.3g} of all that is public, "
            f"{views.server:.3g} to the aggregator with colluders"
        )
    if one.epoch is not None:
        state = f"epoch {one.epoch}, {one.recorded} of {manifest.rounds} rounds recorded"
        yield f"  epoch      {state if one.epoch else 'none was opened yet: wait for the aggregator'}"
    if one.quota:
        yield f"  quota      {one.quota} examples"
    for line in one.lines:
        reason = f" ({line.reason})" if line.reason else ""
        note = {True: "", False: "  NOT ON CHAIN", None: "  not confirmed"}[line.confirmed]
        yield (
            f"  round {line.epoch}.{line.round:<4} {line.status}{reason}, "
            f"score {line.score}, credit {line.credit} wei{note}"
        )
    if one.epoch:
        yield f"  credit     {one.credit()} wei this epoch"
    if one.paid is not None:
        claimable = "unknown" if one.claimable is None else f"{one.claimable} wei"
        yield f"  payments   {one.paid} wei paid, claimable: {claimable}"
    for problem in one.problems:
        yield f"  problem    {problem}"
    for missing in one.unknown:
        yield f"  unknown    {missing}"


def _values(one: Overview) -> dict[str, object]:
    from client.asking import finite, secure_values

    manifest, cost = one.membership.manifest, one.outlook
    return {
        "name": one.membership.name,
        "federation": one.membership.federation,
        "chain_id": manifest.chain.chain_id,
        "did": one.did,
        "payee": one.membership.payee,
        "registered": one.registered,
        "rounds_taken": one.taken,
        "rounds_lost": one.lost,
        "epsilon_here": finite(one.epsilon),
        "epsilon_spent": finite(cost.spent),
        "budget": finite(cost.budget.epsilon),
        "rounds_affordable": cost.affordable,
        "secure": secure_values(manifest, cost),
        "epoch": one.epoch,
        "rounds_recorded": one.recorded,
        "quota": one.quota,
        "receipts": [line.as_json() for line in one.lines],
        "credit_wei": str(one.credit()),
        "claimable_wei": None if one.claimable is None else str(one.claimable),
        "paid_wei": None if one.paid is None else str(one.paid),
        "problems": one.problems,
        "unknown": one.unknown,
    }
