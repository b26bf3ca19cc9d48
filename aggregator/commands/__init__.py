"""``folkmoot aggregator``: one thin group; each command is a file, loaded when used."""

from __future__ import annotations

from typing import Final

import click

from federation.cli import lazy_group

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


@click.group(cls=lazy_group(COMMANDS))
def aggregator() -> None:
    """Run a federation for a community: rounds, pay, public records."""
