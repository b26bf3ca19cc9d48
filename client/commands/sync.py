"""``folkmoot client sync``: your own encrypted rows from event nodes, and your own events to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import emit_json, format_option, printable, tell
from federation.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from client.membership import Membership
    from client.vault import Vault


@click.command()
@click.argument("name", required=False)
@passphrase_option
@format_option
@click.pass_context
def sync(ctx: click.Context, name: str | None, passphrase_file: Path | None, output_format: str) -> None:
    """Take over your rows that another machine of yours has published, and publish what is missing.

    Without a name, for every federation you joined. Rows that you have forgotten here do not come back.

    Example: folkmoot client sync spam-detection
    """
    from client import syncing
    from client.outbox import Outbox

    events, reports, silent = client_home().events, [], []
    with open_vault(passphrase_file) as vault:
        for one in chosen(vault, name):
            try:
                reports.append(syncing.sync(vault, one, Outbox(events, one.events, tell)))
            except PeerError as error:
                tell(f"{one.name}: {error.message}")
                silent.append(one.name)
        count = vault.count
    code = PeerError.exit_code if silent else 0
    if output_format == "json":
        done = [report.as_json() for report in reports]
        emit_json("ok", {"federations": done, "silent": silent, "count": count})
        ctx.exit(code)
    for report in reports:
        for line in report.lines():
            click.echo(printable(line))
    click.echo(f"{count} rows in the vault")
    ctx.exit(code)


def chosen(vault: Vault, name: str | None) -> list[Membership]:
    """Return the joined federations with an event node; or the one of a name.

    Raises:
        ConfigError: There is none.
    """
    from client.membership import memberships

    joined = memberships(vault)
    if name is not None and name not in joined:
        raise ConfigError(
            f"you have not joined {name}", hint=f"you have joined: {', '.join(joined) or 'none'}"
        )
    found = [one for one in joined.values() if one.events and name in {None, one.name}]
    if not found:
        raise ConfigError(
            "there is no event node to ask",
            hint="join a federation that has one: folkmoot client join federation.toml --events URL",
        )
    return found
