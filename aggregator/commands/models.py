"""``folkmoot aggregator models``: the community's event models, signed by its key."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.commands.session import home_of, name_argument, settings_of
from federation.cli import emit_json, format_option, tell
from federation.errors import UsageError


@click.command()
@name_argument
@click.option(
    "--community-key", type=click.Path(path_type=Path), help="File with the seed of the community's DID."
)
@click.option("--out", type=click.Path(path_type=Path), help="Also write them to this new CAR file.")
@click.option(
    "--import",
    "source",
    type=click.Path(path_type=Path),
    help="Take over a CAR file that was signed elsewhere.",
)
@format_option
def models(
    name: str | None, community_key: Path | None, out: Path | None, source: Path | None, output_format: str
) -> None:
    """Sign the community's event models, or take over signed ones; rounds and members need them.

    One key always makes the same models, and 'run' publishes them to the event node.

    Example: folkmoot aggregator models spam-detection --community-key community.key
    """
    from aggregator.operator.identity import read_identity
    from aggregator.operator.models import keep_models, load_models, sign_models
    from aggregator.operator.sources import read_car
    from ceramic_bridge.bundle import pack
    from federation.home import write_private

    home = home_of(name)
    manifest, config = settings_of(home)
    if community_key is not None and source is not None:
        raise UsageError("give --community-key or --import, not both")
    if community_key is not None:
        keep_models(home, manifest, sign_models(read_identity(community_key)))
    elif source is not None:
        keep_models(home, manifest, read_car(source))
    ids, events = load_models(home, manifest, config.events.node)
    if out is not None:
        write_private(out, pack(events), replace=False)
    if output_format == "json":
        emit_json("ok", {"models": {kind: str(stream) for kind, stream in ids.items()}})
        return
    for kind, stream in ids.items():
        click.echo(f"{kind:<17}{stream}")
    tell(f"kept in {home.models}")
