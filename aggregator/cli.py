"""The operator's and the auditor's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.cli import emit_json, format_option
from federation.errors import ConfigError

if TYPE_CHECKING:
    from federation.types import Address


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option(
    "--expect", metavar="ADDRESS", help="The federation's contract address: pins the root of trust."
)
@format_option
def verify(run_dir: Path, expect: str | None, output_format: str) -> None:
    """Verify a run from its public directory alone, and say yes or name the first thing that is wrong.

    Executes every block again from genesis, recomputes every score and payment, and compares
    summary.json. Exit code 8 if anything is wrong.

    Example: folkmoot verify runs/spam_detection
    """
    from aggregator.verify import verify_run

    if not run_dir.is_dir():
        raise ConfigError(f"{run_dir} is not a directory", hint="name the directory of a run")
    lines: list[str] = []
    verdict = verify_run(run_dir, expect=_address(expect), progress=lines.append)
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
            },
        )
        return
    for line in lines:
        click.echo(f"  ok  {line}", err=True)
    click.echo(
        f"yes: {verdict.rounds} rounds, {verdict.members} members, {verdict.events} events and "
        f"{verdict.paid_wei} wei recompute; federation {verdict.federation}, "
        f"head 0x{verdict.head.hex()}"
    )


def _address(text: str | None) -> Address | None:
    from federation.types import Address

    if text is None:
        return None
    digits = text.removeprefix("0x")
    if len(digits) != 40 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ConfigError(f"{text!r} is not an address", hint="an address is 0x and 40 hex digits")
    return Address(text)
