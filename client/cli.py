"""``folkmoot client``: one thin group; each command is a file in ``client/commands``, loaded when used."""

from __future__ import annotations

from typing import Final

import click

from federation.cli import lazy_group

COMMANDS: Final = {
    "init": "client.commands.init:init",
    "import": "client.commands.data:import_",
    "data": "client.commands.data:data",
    "join": "client.commands.join:join",
    "sync": "client.commands.sync:sync",
    "guard": "client.commands.guard:guard",
    "node": "client.commands.node:node",
    "run": "client.commands.run:run",
    "status": "client.commands.status:status",
    "audit": "client.commands.audit:audit",
    "export": "client.commands.keeping:export",
    "rotate-key": "client.commands.keeping:rotate_key",
    "change-passphrase": "client.commands.keeping:change_passphrase",
    "backup": "client.commands.keeping:backup",
    "restore": "client.commands.keeping:restore",
}


@click.group(cls=lazy_group(COMMANDS))
def client() -> None:
    """Keep your data encrypted on this machine, train with privacy, and be paid for what it is worth."""
