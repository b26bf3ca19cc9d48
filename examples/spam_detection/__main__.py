"""``python -m examples.spam_detection``: the demo's command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from federation.cli import debug_option, emit_json, format_option, run_command


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--members", type=click.IntRange(2, 1000), default=20, help="Honest members.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=20, help="Rounds of the one epoch.")
@click.option(
    "--epsilon",
    type=float,
    default=8.0,
    help="Lifetime privacy budget of each member (delta 1e-5); inf trains without differential privacy.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, help="Makes the run reproducible, its privacy a show."
)
@click.option("--no-seed", is_flag=True, help="Draw keys, salts and noise from the system instead.")
@click.option(
    "--alpha", type=click.FloatRange(0, min_open=True), default=0.5, help="Dirichlet skew of the shares."
)
@click.option(
    "--cheats",
    default="all",
    metavar="ROLES",
    help="Cheats: all, or a comma-separated list of flip, noise, zero, stale, model, copy, scale, cap, nan "
    "and flipcap.",
)
@click.option("--no-cheats", is_flag=True, help="Honest members only.")
@click.option(
    "--secure", is_flag=True, help="Secure aggregation: nobody sees a delta. Epsilon is then that of the sum."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Your own CSV or JSONL with text and label columns, instead of SpamAssassin.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default="runs/spam_detection", help="The run directory."
)
@format_option
@debug_option
def demo(  # noqa: PLR0917 - one per option
    members: int,
    rounds: int,
    epsilon: float,
    seed: int,
    no_seed: bool,  # noqa: FBT001 - click's flags
    alpha: float,
    cheats: str,
    no_cheats: bool,  # noqa: FBT001 - as above
    secure: bool,  # noqa: FBT001 - as above
    data: Path | None,
    out: Path,
    output_format: str,
) -> None:
    """Train and pay a real spam federation, end to end, on this machine.

    Example: make demo ARGS="--members 30 --rounds 20 --epsilon 3 --seed 1 --format json"
    """
    from examples.spam_detection.progress import RoundTable

    table = RoundTable(symbol="MOOT")  # spelt out: the settings load numpy, and the first line comes before
    table.note("reading mails")
    from examples.spam_detection.demo import run_demo
    from examples.spam_detection.settings import ROLES, SECURE_ROLES, Settings
    from federation.errors import UsageError

    if not (0.01 <= epsilon <= 100 or epsilon == float("inf")):
        raise UsageError(f"epsilon {epsilon} is outside of 0.01 to 100", hint="inf trains without privacy")
    possible = SECURE_ROLES if secure else ROLES
    settings = Settings(
        members=members,
        rounds=rounds,
        epsilon=None if epsilon == float("inf") else epsilon,
        seed=None if no_seed else seed,
        alpha=alpha,
        cheats=() if no_cheats else possible if cheats == "all" else _roles(cheats),
        secure=secure,
        data=data,
        out=out,
    )
    summary = run_demo(settings, table, quiet=output_format == "json")
    if output_format == "json":
        emit_json("ok", summary)


def _roles(text: str) -> tuple[str, ...]:
    from examples.spam_detection.cheats import CHEATS
    from federation.errors import UsageError

    roles = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = set(roles) - CHEATS.keys()
    if unknown:
        raise UsageError(
            f"no such cheat: {', '.join(sorted(unknown))}", hint=f"there are {', '.join(CHEATS)}"
        )
    return roles


if __name__ == "__main__":
    sys.exit(run_command(demo, "demo"))
