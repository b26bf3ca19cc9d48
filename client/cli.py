"""``folkmoot client``: one thin group; each command is a file in ``client/commands``, loaded when used."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

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


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: object = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy)
def client() -> None:
    """Keep your data encrypted on this machine, train with privacy, and be paid for what it is worth."""
