"""``folkmoot aggregator init``: what a community agreed, and this operator's settings, in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.commands.asking import Terms, ask, terms_options
from aggregator.commands.session import new_home, read_text
from federation.cli import confirm, emit_json, format_option, tell
from federation.errors import ConfigError

if TYPE_CHECKING:
    from aggregator.home import AggregatorHome
    from aggregator.operator.config import OperatorConfig
    from federation.manifest import Manifest


@click.command()
@click.argument("name")
@click.option("--from", "source", type=click.Path(path_type=Path), help="A federation.toml written by hand.")
@terms_options
@click.option("--rpc", envvar="FOLKMOOT_RPC", help="The chain's node: a URL, or the path of its Unix socket.")
@click.option("--key", help="Keyfile of the account that is bonded: a path, or a name of keys new.")
@click.option("--events", metavar="URL", help="The community's event node.")
@click.option("--public-url", metavar="URL", help="Under which others reach this aggregator's desk.")
@click.option("--federation", metavar="ADDRESS", help="Its contract, if it was deployed elsewhere.")
@click.option("--registry", metavar="ADDRESS", help="And its registry.")
@click.option("--yes", is_flag=True, help="Ask nothing: options, and defaults for the rest.")
@format_option
def init(
    name: str,
    *,
    source: Path | None,
    terms: Terms,
    rpc: str | None,
    key: str | None,
    events: str | None,
    public_url: str | None,
    federation: str | None,
    registry: str | None,
    yes: bool,
    output_format: str,
) -> None:
    """Set up a federation: ask what the community agreed, or check a federation.toml written by hand.

    Run again, it changes the settings that are given; the manifest cannot change.

    Example: folkmoot aggregator init spam-detection --from federation.toml
    """
    from aggregator.operator.founding import found, require_own
    from aggregator.operator.identity import make_identity, read_identity
    from aggregator.operator.manifests import manifest_of, meaning, read_manifest

    home = new_home(name)
    config = _config(
        home,
        {
            "chain": {"rpc": rpc, "federation": federation, "registry": registry},
            "account": {"key": key},
            "events": {"node": events},
            "desk": {"public_url": public_url},
        },
    )
    # The key comes first: whoever writes a manifest by hand needs its DID.
    exists = home.identity.exists()
    own = read_identity(home.identity) if exists else make_identity(home.identity, os.urandom)
    if source is not None:
        manifest = read_manifest(read_text(source))
        if manifest.name != name:
            raise ConfigError(f"{source} is of {manifest.name!r}, not of {name!r}", hint="give its own name")
    elif home.manifest.is_file():
        manifest = read_manifest(read_text(home.manifest))
    else:
        manifest = manifest_of(ask(name, own.did, terms, config, yes=yes).table())
    require_own(manifest, own)
    for line in meaning(manifest):
        tell(line)
    if not home.manifest.is_file():
        confirm(f"Write this to {home.manifest}? It cannot change later.", yes=yes)
    found(home, manifest, config)
    _answer(home, manifest, config, output_format)


def _config(home: AggregatorHome, given: dict[str, dict[str, str | None]]) -> OperatorConfig:
    """Return the settings that are there, with those changed that are given."""
    from aggregator.operator.config import OperatorConfig

    config = OperatorConfig()
    if home.config.is_file():
        config = OperatorConfig.from_toml(read_text(home.config))
    table = config.model_dump()
    for section, keys in given.items():
        table[section] |= {key: value for key, value in keys.items() if value is not None}
    return OperatorConfig.of(table)


def _answer(home: AggregatorHome, manifest: Manifest, config: OperatorConfig, output_format: str) -> None:
    from aggregator.operator.deployed import recorded

    where = recorded(config, manifest)
    if output_format == "json":
        emit_json(
            "ok",
            {
                "name": manifest.name,
                "home": str(home.path),
                "did": manifest.parties.aggregator,
                "manifest": manifest.hash.hex(),
                "federation": None if where is None else where.federation,
            },
        )
        return
    click.echo(f"home      {home.path}")
    click.echo(f"did       {manifest.parties.aggregator}")
    click.echo(f"manifest  {manifest.hash.hex()}")
    if where is not None:
        click.echo(f"contract  {where.federation}")
        return
    tell(f"next: the community deploys its contracts: folkmoot chain deploy {home.manifest} --key community")
