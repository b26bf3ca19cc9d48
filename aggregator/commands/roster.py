"""``folkmoot aggregator roster``: a roster's way to the community's key and back."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.commands.session import connect, home_of, name_argument, settings_of
from federation.cli import confirm, emit_json, format_option, tell


@click.group()
def roster() -> None:
    """Sign the roster of an epoch as the community, and bring it back."""


@roster.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--community-key",
    type=click.Path(path_type=Path),
    required=True,
    help="File with the seed of the community's DID.",
)
@click.option("--yes", is_flag=True, help="Sign without being asked.")
def sign(file: Path, community_key: Path, *, yes: bool) -> None:
    """Show who would be admitted, and sign it; needs no network and nothing else on the machine.

    Example: folkmoot aggregator roster sign roster.json --community-key community.key
    """
    from aggregator.operator.identity import read_identity
    from aggregator.operator.rosters import Proposal
    from federation.home import write_private

    proposal = Proposal.read(file)
    domain = proposal.domain
    tell(f"epoch {domain.epoch} of federation {domain.federation} on chain {domain.chain_id}")
    for did, quota in sorted(proposal.quotas.items()):
        tell(f"  {quota:>10}  {did}")
    confirm(f"Admit these {len(proposal.quotas)}?", yes=yes)
    write_private(file, proposal.signed(read_identity(community_key)).to_bytes(), replace=True)
    click.echo(f"signed {file}")


@roster.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@name_argument
@format_option
def import_(file: Path, name: str | None, output_format: str) -> None:
    """Take over the roster of the next epoch that the community has signed.

    Example: folkmoot aggregator roster import roster.json
    """
    from aggregator.operator.deployed import bind
    from aggregator.operator.rosters import Proposal, keep_roster
    from federation.hashing import Domain
    from federation.types import Did

    home = home_of(name)
    manifest, config = settings_of(home)
    proposal = Proposal.read(file)
    chain = connect(config, manifest)
    federation = bind(chain, config, manifest).federation
    domain = Domain(chain_id=chain.chain_id, federation=federation.address, epoch=federation.epoch() + 1)
    path = keep_roster(home, proposal, Did(manifest.parties.community), domain)
    if output_format == "json":
        emit_json("ok", {"epoch": domain.epoch, "members": len(proposal.quotas), "file": str(path)})
        return
    click.echo(f"epoch {domain.epoch}: {len(proposal.quotas)} members, in {path}")
