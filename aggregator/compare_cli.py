"""``folkmoot aggregator compare``: contribution methods on a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.cli import emit_json, format_option
from federation.errors import ConfigError

if TYPE_CHECKING:
    from aggregator.compare import Comparison, Row


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option(
    "--round", "round_", type=click.IntRange(min=1), help="One round; every scored one if not given."
)
@click.option("--methods", metavar="A,B", help="Methods to compare, by name; all that can play if not given.")
@format_option
def compare(run_dir: Path, round_: int | None, methods: str | None, output_format: str) -> None:
    """Compare contribution methods on a recorded run: rank correlation with Shapley, detection, cost.

    Verifies the run first, from its public directory alone. Without --methods, every method plays but exact
    Shapley where a round has too many members for it.

    Example: folkmoot aggregator compare runs/spam_detection --round 1
    """
    from aggregator.compare import compare_run

    if not run_dir.is_dir():
        raise ConfigError(f"{run_dir} is not a directory", hint="name the directory of a run")

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    names = None if methods is None else [name.strip() for name in methods.split(",") if name.strip()]
    found = compare_run(run_dir, round_=round_, methods=names, progress=progress)
    if output_format == "json":
        emit_json("ok", _table(found))
        return
    for line in _lines(found):
        click.echo(line)


def _table(found: Comparison) -> dict[str, object]:
    return {
        "rounds": list(found.rounds),
        "members": found.members,
        "cheats": found.cheats,
        "reference": "exact-shapley" if found.exact else "monte-carlo-shapley",
        "reference_error": round(found.error, 6),
        "methods": [
            {
                "method": row.method,
                "spearman": _rounded(row.spearman),
                "kendall": _rounded(row.kendall),
                "detection_auc": _rounded(row.detection),
                "missed": _rounded(row.missed),
                "calls": row.calls,
                "cpu_seconds": _rounded(row.cpu_seconds),
                "scores": {did: str(score) for did, score in row.totals.items()},
            }
            for row in found.rows
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


_HEADS = ("method", "spearman", "kendall", "detection", "missed", "calls", "cpu s")


def _lines(found: Comparison) -> list[str]:
    """Return the report as text: a table, and what its columns were measured against."""
    cells = [_HEADS, *(_cells(row) for row in found.rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADS))]
    table = [
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    ]
    count = len(found.rounds)
    where = f"round {found.rounds[0]}" if count == 1 else f"{count} rounds"
    against = "exact Shapley"
    if not found.exact:
        against = f"Monte-Carlo Shapley, standard error {100 * found.error:.2g} % of the scores' spread"
    return [
        *table,
        "",
        f"{where}, up to {found.members} members, {found.cheats} of them known cheats",
        f"spearman, kendall: rank correlation with {against}",
        "detection: chance that an honest member's score per unit of quota is above a cheat's (AUC)",
        "missed: what the scores' sum is off the improvement, as a share of it",
    ]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.method,
        _decimal(row.spearman, 3),
        _decimal(row.kendall, 3),
        _decimal(row.detection, 3),
        "-" if row.missed is None else f"{100 * row.missed:.1f} %",
        "-" if row.calls is None else str(row.calls),
        _decimal(row.cpu_seconds, 3),
    )


def _decimal(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
