"""``folkmoot rewards``: why somebody is paid what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.public_options import PublicOptions, optional_public_options
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.ground import Progress
    from aggregator.verified_epoch import VerifiedEpoch
    from federation.types import Address, Wei


@click.group()
def rewards() -> None:
    """Explain what members are paid."""


@rewards.command("explain")
@click.argument("round_", metavar="ROUND", type=click.IntRange(1))
@click.argument("member")
@click.option("--epoch", type=click.IntRange(1), help="Of this epoch; by default the newest with a round.")
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="A finished run's directory.")
@optional_public_options
@format_option
def explain_command(
    *,
    round_: int,
    member: str,
    epoch: int | None,
    run_dir: Path | None,
    sources: PublicOptions | None,
    output_format: str,
) -> None:
    """Show inputs, formula, proof and transaction of what MEMBER is paid for ROUND, in words.

    MEMBER is a DID, the end of one, or the account that it is paid at. The whole epoch is verified on the
    way, from a run's directory or from --rpc, --events and --public: exit code 8 if its receipts do not
    recompute.

    Example: folkmoot rewards explain 3 0x2c7536E3605D9C16a7a3D7b1898e529396a65c23 --run runs/spam_detection
    """
    from aggregator.explain import as_table, explain, in_words

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    if (run_dir is None) == (sources is None):
        raise UsageError("name --run, or --events and --public, and not both")
    if run_dir is not None:
        found, previous = _of_run(run_dir, progress)
    else:
        assert sources is not None
        found, previous = _of_public(sources, epoch, progress)
    told = explain(found, round_, member, previous)
    if output_format == "json":
        emit_json("ok", as_table(told))
        return
    for line in in_words(told):
        click.echo(line)


def _of_run(run_dir: Path, progress: Progress) -> tuple[VerifiedEpoch, Mapping[Address, Wei]]:
    from aggregator.ground import replayed
    from aggregator.public import PublicReader
    from aggregator.verified_epoch import VerifiedEpoch

    if not run_dir.is_dir():
        raise ConfigError(f"{run_dir} is not a directory", hint="name the directory of a run")
    ground = replayed(PublicReader(run_dir / "public"), None, progress)
    return VerifiedEpoch.of_run(ground, progress), {}


def _of_public(
    sources: PublicOptions, epoch: int | None, progress: Progress
) -> tuple[VerifiedEpoch, Mapping[Address, Wei]]:
    from aggregator.selection import Candidates
    from aggregator.verified_epoch import VerifiedEpoch
    from aggregator.verify_federation import paid_before

    _, _, ground = sources.open(progress)
    wanted = [past for past in ground.epochs if past.recorded and epoch in {None, past.number}]
    if not wanted:
        raise UsageError(f"no round of {f'epoch {epoch}' if epoch else 'any epoch'} is recorded")
    past = wanted[-1]
    found = Candidates(sources.read_events(ground), ground)
    return VerifiedEpoch.of_many(ground, past, found, progress), paid_before(ground, past.number)
