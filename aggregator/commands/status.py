"""``folkmoot aggregator status``: how a federation stands, whether it runs at the moment or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.commands.session import connect, home_of, name_argument, settings_of
from federation.cli import emit_json, format_option, printable

if TYPE_CHECKING:
    from aggregator.operator.receipts import RoundLine


@click.command()
@name_argument
@format_option
def status(name: str | None, output_format: str) -> None:
    """Show phase, time left, rounds, members, what providers have sent, and the money.

    It only reads; 'run' may go on meanwhile.

    Example: folkmoot aggregator status spam-detection
    """
    from aggregator.nodes import nodes_let_in
    from aggregator.operator.control import FileControl
    from aggregator.operator.deployed import bind
    from aggregator.operator.overview import look
    from aggregator.operator.presence import is_running
    from aggregator.operator.receipts import rounds_of
    from aggregator.validation.mailbox import Mailbox
    from federation.roster import Roster

    home = home_of(name)
    manifest, config = settings_of(home)
    chain = connect(config, manifest)
    deployment = bind(chain, config, manifest)
    mailbox = Mailbox(home.mailbox)

    def members(epoch: int) -> int:
        path = home.roster(epoch)
        return len(Roster.parse(path.read_bytes()).quotas) if path.is_file() else 0

    found = look(chain, deployment, manifest, items=mailbox.held, members=members)
    lines = rounds_of(home, manifest, deployment.federation.address, chain.chain_id, epoch=found.epoch)
    wanted = FileControl(home.control).wanted()
    running = is_running(home.running)
    nodes = nodes_let_in(home.nodes)
    credited = sum(line.credited for line in lines)
    if output_format == "json":
        emit_json(
            "ok",
            {
                "name": manifest.name,
                "running": running,
                "wanted": str(wanted),
                **found.as_json(),
                "nodes": nodes,
                "credited_wei": str(credited),
            },
        )
        return
    click.echo(f"{manifest.name}: {'running' if running else 'NOT RUNNING'}, wanted: {wanted}")
    for text in found.lines():
        click.echo(printable(text))
    _say_rounds(lines, nodes)


def _say_rounds(lines: list[RoundLine], nodes: int) -> None:
    from aggregator.operator.amounts import tokens

    click.echo(f"nodes: {nodes} let in")
    if lines:
        last = lines[-1]
        click.echo(f"last round {last.round}: {last.counts_text()}, {tokens(last.credited)} credited")
