"""``folkmoot aggregator admit``: who may take part in the next epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.commands.session import connect, home_of, name_argument, read_text, settings_of
from federation.cli import emit_json, format_option, printable, tell
from federation.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.operator.admitting import Admission
    from federation.types import Did


@click.command()
@click.argument("quotas", metavar="CSV|NUMBER")
@name_argument
@click.option(
    "--events", metavar="URL|CAR", help="Where the data events are; else the event node that is set."
)
@click.option(
    "--community-key", type=click.Path(path_type=Path), help="File with the seed of the community's DID."
)
@click.option(
    "--unsigned",
    type=click.Path(path_type=Path),
    help="Write the proposal to this new file, for the community to sign elsewhere.",
)
@format_option
def admit(
    quotas: str,
    name: str | None,
    *,
    events: str | None,
    community_key: Path | None,
    unsigned: Path | None,
    output_format: str,
) -> None:
    """Make the roster of the next epoch from the members' data events and a table of quotas.

    The table is a CSV with DID and number of examples on each line; a number instead admits everybody who
    has joined, each with at most so many. The community signs: with --community-key here, or elsewhere with
    'roster sign' and then 'roster import'.

    Example: folkmoot aggregator admit quotas.csv --unsigned roster.json
    """
    from aggregator.operator import admitting
    from aggregator.operator.deployed import bind
    from aggregator.operator.identity import read_identity
    from aggregator.operator.models import load_models
    from aggregator.operator.rosters import Proposal, keep_imports, keep_roster
    from aggregator.operator.sources import signed_events
    from ceramic_bridge.store.base import Interest
    from federation.hashing import Domain
    from federation.home import write_private
    from federation.types import Did

    if (community_key is None) == (unsigned is None):
        raise UsageError("give --community-key to sign here, or --unsigned to have it signed elsewhere")
    home = home_of(name)
    manifest, config = settings_of(home)
    place = events or config.events.node
    if not place:
        raise UsageError("no event node is set", hint="name one, or a CAR file, with --events")
    wanted = int(quotas) if quotas.isdecimal() else admitting.read_quotas(read_text(Path(quotas)))
    chain = connect(config, manifest)
    deployment = bind(chain, config, manifest)
    federation = deployment.federation
    domain = Domain(chain_id=chain.chain_id, federation=federation.address, epoch=federation.epoch() + 1)
    models, _ = load_models(home, manifest, config.events.node)
    found = admitting.admit(
        signed_events(place, Interest(model=models["data"])),
        wanted,
        domain=domain,
        models=models,
        registry=deployment.registry,
        now=chain.timestamp,
    )
    proposal = Proposal(domain=domain, quotas=found.quotas)
    keep_imports(home, proposal, found.imports)
    if community_key is not None:
        community = Did(manifest.parties.community)
        path = keep_roster(home, proposal.signed(read_identity(community_key)), community, domain)
    else:
        assert unsigned is not None
        path = unsigned
        write_private(path, proposal.to_bytes(), replace=False)
    _answer(found, domain.epoch, path, output_format, signed=community_key is not None)


def _answer(found: Admission, epoch: int, path: Path, output_format: str, *, signed: bool) -> None:
    if output_format == "json":
        emit_json(
            "ok",
            {
                "epoch": epoch,
                "quotas": dict(found.quotas),
                "unpaid": list(found.unpaid),
                "left_out": dict(found.left_out),
                "signed": signed,
                "file": str(path),
            },
        )
        return
    _warn(found.left_out, found)
    total = sum(found.quotas.values())
    click.echo(f"epoch {epoch}: {len(found.quotas)} members with {total} examples, in {path}")
    if not signed:
        tell(f"next: the community signs it: folkmoot aggregator roster sign {path} --community-key FILE")


def _warn(left_out: Mapping[Did, str], found: Admission) -> None:
    for did, reason in sorted(left_out.items()):
        tell(f"left out: {printable(did)}: {reason}")
    for did in found.unpaid:
        tell(f"earns nothing: {did}: its payee did not register (folkmoot chain register)")
