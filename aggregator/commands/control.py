"""``folkmoot aggregator pause|resume|cancel``: said once, obeyed now or whenever it runs again."""

from __future__ import annotations

import click

from aggregator.commands.session import connect, home_of, name_argument, settings_of
from aggregator.happenings import Wanted
from federation.cli import confirm
from federation.errors import ConfigError


@click.command()
@name_argument
def pause(name: str | None) -> None:
    """Open no further round or epoch; a round under way is finished, and its deadlines go on.

    Example: folkmoot aggregator pause spam-detection
    """
    from aggregator.operator.control import FileControl

    home = home_of(name)
    control = FileControl(home.control)
    if control.wanted() is Wanted.CANCEL:
        raise ConfigError(
            f"epoch {control.cancelled} is being cancelled", hint="folkmoot aggregator resume undoes it"
        )
    control.want(Wanted.PAUSE)
    click.echo("paused; the chain's deadlines go on: folkmoot aggregator status shows what is left", err=True)


@click.command()
@name_argument
def resume(name: str | None) -> None:
    """Go on after a pause, or take back a cancellation that was not obeyed yet.

    Example: folkmoot aggregator resume spam-detection
    """
    from aggregator.operator.control import FileControl

    FileControl(home_of(name).control).want(Wanted.RUN)
    click.echo("running", err=True)


@click.command()
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel(name: str | None, *, yes: bool) -> None:
    """End the present epoch after the round under way: recorded rounds are paid, the others never come.

    Afterwards the aggregator pauses.

    Example: folkmoot aggregator cancel spam-detection --yes
    """
    from aggregator.operator.control import FileControl
    from aggregator.operator.deployed import bind
    from contracts.bindings.structs import Phase

    home = home_of(name)
    manifest, config = settings_of(home)
    chain = connect(config, manifest)
    federation = bind(chain, config, manifest).federation
    if federation.phase() in {Phase.CLOSED, Phase.SETTLE, Phase.PROPOSED}:
        raise ConfigError("no round is open or to come: there is nothing to cancel")
    epoch, done = federation.epoch(), federation.recorded()
    confirm(
        f"End epoch {epoch} after {done} of {manifest.rounds} rounds? It cannot be opened again, and its "
        "validation data become public.",
        yes=yes,
    )
    FileControl(home.control).want(Wanted.CANCEL, epoch=epoch)
    click.echo(f"epoch {epoch} ends after the round under way", err=True)
