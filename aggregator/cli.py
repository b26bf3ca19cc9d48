"""The operator's and the auditor's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.cli import emit_json, format_option
from federation.errors import ConfigError

if TYPE_CHECKING:
    from federation.types import Address, Hash32


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--expect", metavar="ADDRESS", help="The federation's contract address must be this one.")
@click.option(
    "--expect-head", metavar="HASH", help="The last block must be this one: pins the whole history."
)
@format_option
def verify(run_dir: Path, expect: str | None, expect_head: str | None, output_format: str) -> None:
    """Verify a run from its public directory alone, and say yes or name the first thing that is wrong.

    Executes every block again from genesis, recomputes every score and payment, and compares
    summary.json. Exit code 8 if anything is wrong.

    Example: folkmoot verify runs/spam_detection
    """
    from aggregator.verify import verify_run

    if not run_dir.is_dir():
        raise ConfigError(f"{run_dir} is not a directory", hint="name the directory of a run")

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    verdict = verify_run(run_dir, expect=_address(expect), expect_head=_hash(expect_head), progress=progress)
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
