"""``folkmoot aggregator``: one thin group; each command is a file, loaded when used."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "identity": "aggregator.commands.identity:identity",
    "init": "aggregator.commands.init:init",
    "models": "aggregator.commands.models:models",
    "admit": "aggregator.commands.admit:admit",
    "roster": "aggregator.commands.roster:roster",
    "run": "aggregator.commands.run:run",
    "status": "aggregator.commands.status:status",
    "rounds": "aggregator.commands.rounds:rounds",
    "pause": "aggregator.commands.control:pause",
    "resume": "aggregator.commands.control:resume",
    "cancel": "aggregator.commands.control:cancel",
    "compare": "aggregator.compare_cli:compare",
    "serve": "aggregator.serving.cli:serve",
    "export": "aggregator.serving.cli:export",
}
"""Where each command is, in the order of an operator's work."""


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
def aggregator() -> None:
    """Run a federation for a community: rounds, pay, public records."""
