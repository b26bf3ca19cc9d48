"""``folkmoot aggregator identity``: a DID's seed in a file, and its name to hand around."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aggregator.commands.session import new_home
from federation.cli import emit_json, format_option
from federation.errors import UsageError


@click.command()
@click.argument("name", required=False)
@click.option("--file", "path", type=click.Path(path_type=Path), help="Another file, such as a community's.")
@format_option
def identity(name: str | None, path: Path | None, output_format: str) -> None:
    """Show the DID by which an aggregator, or a community, signs; make its key if there is none.

    The seed is one line in a file of mode 0600: whoever has it signs as that DID.

    Example: folkmoot aggregator identity spam-detection
    """
    from aggregator.operator.identity import make_identity, read_identity

    if (name is None) == (path is None):
        raise UsageError("give the name of a federation, or --file")
    place = path if name is None else new_home(name).identity
    assert place is not None
    found = read_identity(place) if place.exists() else make_identity(place, os.urandom)
    if output_format == "json":
        emit_json("ok", {"did": found.did, "path": str(place)})
        return
    click.echo(found.did)
    click.echo(f"seed in {place}; keep a copy elsewhere", err=True)
