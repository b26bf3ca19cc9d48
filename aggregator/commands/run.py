"""``folkmoot aggregator run``: rounds, epoch after epoch, with all that belongs to them."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.commands.session import home_of, name_argument, settings_of
from contracts.session import passphrase_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.happenings import Watcher
    from aggregator.operator.health import Health


@click.command()
@name_argument
@click.option("--epochs", type=click.IntRange(1), help="End after so many epochs; else go on until told.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl"]),
    help="How to say what happens; text on a terminal, else JSON lines on stdout.",
)
@passphrase_option
def run(name: str | None, epochs: int | None, form: str | None, passphrase_file: Path | None) -> None:
    """Run rounds until told to end, and serve members, providers and the public meanwhile.

    Whatever ends it, and whenever: started again, it goes on where it was. SIGTERM and Ctrl-C finish the
    present step first; a second one does not. It waits for whatever can pass, and says so.

    Example: folkmoot aggregator run spam-detection
    """
    from aggregator.operator.founding import require_own
    from aggregator.operator.health import Standing
    from aggregator.operator.identity import read_identity
    from aggregator.operator.secrets import open_account
    from aggregator.operator.service import Operator, opened
    from aggregator.operator.stopping import Stop, Stopper

    home = home_of(name)
    manifest, config = settings_of(home)
    identity = read_identity(home.identity)
    require_own(manifest, identity)
    sender = open_account(config, manifest, passphrase_file, os.environ)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
    standing, stopper = Standing(), Stopper()
    try:
        with ExitStack() as held:
            held.enter_context(stopper)
            watchers = [_watcher(form, standing, held)]
            operator = Operator(
                home=home,
                manifest=manifest,
                config=config,
                sender=sender,
                identity=identity,
                standing=standing,
                watchers=watchers,
                waiting=stopper,
            )
            held.enter_context(opened(operator)).run(epochs)
    except Stop:
        if stopper.interrupted:
            raise click.Abort from None


def _watcher(form: str | None, standing: Callable[[], Health], held: ExitStack) -> Watcher:
    from aggregator.operator.watchers import JsonLines, TextLines

    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if form == "jsonl" or (form is None and not live):
        return JsonLines(_line)
    if not live:
        return TextLines(lambda line: click.echo(line, err=True))
    from rich.console import Console

    from aggregator.operator.live import LiveTable

    return held.enter_context(LiveTable(Console(stderr=True), standing))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # a service manager's log must not lag behind
