"""The auditor's commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.challenge_cli import challenge
from aggregator.public_options import PublicOptions, optional_public_options
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.verify import Verdict
    from aggregator.verify_federation import EpochVerdict
    from federation.types import Address, Hash32


class _WithCommands(click.Group):
    """A command that takes arguments of its own, and has others behind it by their name."""

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Parse the arguments of this command, or of the one that the first of them names."""
        if args and args[0] in self.commands:
            name = f"{info_name} {args[0]}"
            return self.commands[args[0]].make_context(name, args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as a plain command."""
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run what was parsed: this, as a plain command, or the one that was named."""
        command = ctx.command
        return click.Command.invoke(self, ctx) if command is self else command.invoke(ctx)


@click.command(cls=_WithCommands, subcommand_metavar="", commands={"challenge": challenge})
@click.argument("run_dir", type=click.Path(path_type=Path), required=False)
@click.option("--expect", metavar="ADDRESS", help="The federation's contract address must be this one.")
@click.option(
    "--expect-head", metavar="HASH", help="The last block must be this one: pins the whole history."
)
@click.option("--epoch", type=click.IntRange(1), help="This epoch only.")
@click.option("--round", "round_", type=click.IntRange(1), help="This round only, and those it rests on.")
@click.option("--all", "all_", is_flag=True, help="Every epoch and round; what happens anyway.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep what was verified before.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Rounds recomputed at a time, each in a process of its own.",
)
@optional_public_options
@format_option
def verify(
    *,
    run_dir: Path | None,
    expect: str | None,
    expect_head: str | None,
    epoch: int | None,
    round_: int | None,
    sources: PublicOptions | None,
    output_format: str,
    all_: bool,
    no_cache: bool,
    jobs: int,
) -> None:
    """Verify from public material alone, and say yes or name the first thing that is wrong.

    Of RUN_DIR, a finished run's directory, every block is executed again from genesis, and summary.json
    compared. A live federation is read through --rpc, --events and --public: its node is trusted for the
    chain, and nobody for anything else. Every score and payment is recomputed. Exit code 8 if anything is
    wrong. `verify challenge` disputes what is.

    Example: folkmoot verify runs/spam_detection

    Example: folkmoot verify --rpc http://127.0.0.1:8545 --events http://127.0.0.1:5101 --public http://127.0.0.1:8700
    """

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    if (run_dir is None) == (sources is None):
        raise UsageError("name a run's directory, or --events and --public, and not both")
    if run_dir is not None:
        from aggregator.verify import verify_run

        if epoch is not None or round_ is not None:
            raise UsageError("a run's directory is verified whole")
        if not run_dir.is_dir():
            raise ConfigError(f"{run_dir} is not a directory", hint="name the directory of a run")
        verdict = verify_run(
            run_dir, expect=_address(expect), expect_head=_hash(expect_head), jobs=jobs, progress=progress
        )
        _show_run(verdict, output_format)
        return
    assert sources is not None
    if expect is not None or expect_head is not None:
        raise UsageError("--expect and --expect-head are for a run's directory", hint="use --federation")
    if all_ and (epoch is not None or round_ is not None):
        raise UsageError("--all says the opposite of --epoch and --round")
    _verify_live(sources, epoch, round_, output_format, cached=not no_cache, jobs=jobs)


def _verify_live(
    sources: PublicOptions,
    epoch: int | None,
    round_: int | None,
    output_format: str,
    *,
    cached: bool,
    jobs: int,
) -> None:
    from aggregator.verify_federation import Wanted, verify_federation
    from federation.home import cache_directory

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    _, pinned, ground = sources.open(progress)
    verdicts = verify_federation(
        ground,
        sources.read_events(ground),
        wanted=Wanted(epoch=epoch, round=round_),
        cache=cache_directory(os.environ) / "verified" if cached else None,
        progress=progress,
        jobs=jobs,
    )
    pinned.require_still()
    head = pinned.block_hash(pinned.block_number)
    federation = ground.deployment.federation.address
    if output_format == "json":
        emit_json("ok", _federation_table(federation, pinned.block_number, head, verdicts))
        return
    for verdict in verdicts:
        for note in verdict.notes:
            click.echo(f"  --  epoch {verdict.epoch}: {note}", err=True)
    pending = [v for v in verdicts if v.pending]
    rounds, paid = sum(v.verified for v in verdicts), sum(v.paid_wei or 0 for v in verdicts)
    click.echo(
        f"{'pending' if pending else 'yes'}: {len(verdicts)} epochs, {rounds} rounds and {paid} wei recompute"
        + (f"; epoch {pending[0].epoch} is not over" if pending else "")
        + f"; federation {federation}, block {pinned.block_number} (0x{head.hex()})"
    )


def _federation_table(
    federation: Address, block: int, head: Hash32, verdicts: Sequence[EpochVerdict]
) -> dict[str, object]:
    pending = any(v.pending for v in verdicts)
    return {
        "verified": not pending,
        "status": "pending" if pending else "verified",
        "federation": federation,
        "block": block,
        "head": "0x" + head.hex(),
        "epochs": [
            {
                "epoch": v.epoch,
                "status": v.status,
                "stage": v.stage,
                "rounds_recorded": v.recorded,
                "rounds_verified": v.verified,
                "members": v.members,
                "events": v.events,
                "paid_wei": None if v.paid_wei is None else str(v.paid_wei),
                "tolerance": v.tolerance,
                "notes": v.notes,
            }
            for v in verdicts
        ],
    }


def _show_run(verdict: Verdict, output_format: str) -> None:
    if output_format == "json":
        emit_json(
            "ok",
            {
                "verified": True,
                "federation": verdict.federation,
                "head": "0x" + verdict.head.hex(),
                "rounds": verdict.rounds,
                "members": verdict.members,
                "events": verdict.events,
                "paid_wei": str(verdict.paid_wei),
                "tolerance": verdict.tolerance,
                "caveat": verdict.caveat,
            },
        )
        return
    within = f"; scores verified within tolerance {verdict.tolerance}" if verdict.tolerance else ""
    within += f"; {verdict.caveat}" if verdict.caveat else ""
    click.echo(
        f"yes: {verdict.rounds} rounds, {verdict.members} members, {verdict.events} events and "
        f"{verdict.paid_wei} wei recompute{within}; federation {verdict.federation}, "
        f"head 0x{verdict.head.hex()}"
    )


def _address(text: str | None) -> Address | None:
    from federation.types import Address

    return None if text is None else Address("0x" + _hex(text, 20, "address").hex())


def _hash(text: str | None) -> Hash32 | None:
    from federation.types import Hash32

    return None if text is None else Hash32(_hex(text, 32, "block hash"))


def _hex(text: str, length: int, what: str) -> bytes:
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise ConfigError(f"{text!r} is no {what}", hint=f"it is 0x and {2 * length} hex digits")
    return raw
