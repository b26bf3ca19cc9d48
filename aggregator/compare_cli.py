"""``folkmoot aggregator compare``: contribution methods on a recorded run."""

from __future__ import annotations

from collections.abc import Sequence
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
        "usual_role": found.usual,
        "others": found.others,
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
                "roles": {role: _rounded(share) for role, share in row.roles.items()},
                "scores": {did: str(score) for did, score in row.totals.items()},
            }
            for row in found.rows
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


_HEADS = ("method", "spearman", "kendall", "detection", "missed", "calls", "cpu s")


def _lines(found: Comparison) -> list[str]:
    """Return the report as text: tables, and what their columns were measured against."""
    kinds = sorted({role for row in found.rows for role in row.roles})
    shares = [(row.method, *(_decimal(row.roles.get(kind), 2) for kind in kinds)) for row in found.rows]
    count, against = len(found.rounds), "exact Shapley"
    where = f"round {found.rounds[0]}" if count == 1 else f"{count} rounds"
    if not found.exact:
        against = f"Monte-Carlo Shapley, standard error {100 * found.error:.2g} % of the scores' spread"
    lines = [
        *_aligned([_HEADS, *(_cells(row) for row in found.rows)]),
        "",
        f"{where}, up to {found.members} members, {found.others} of them of another role than {found.usual}",
        f"spearman, kendall: rank correlation with {against}",
        f"detection: chance that a score per quota of role {found.usual} is above another role's (AUC)",
        "missed: what the scores' sum is off the improvement, as a share of it",
    ]
    if kinds:
        lines += [
            "",
            f"scores per unit of quota, where those of role {found.usual} are 1",
            *_aligned([("method", *kinds), *shares]),
        ]
    return lines


def _aligned(cells: Sequence[tuple[str, ...]]) -> list[str]:
    first, *others = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([line[0].ljust(first), *(c.rjust(w) for c, w in zip(line[1:], others, strict=True))])
        for line in cells
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
