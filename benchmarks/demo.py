"""The default demo over seeds 0, 1, 2: who is paid what, and what it costs; and one flipper alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

SEEDS = (0, 1, 2)
Summary = dict[str, Any]


def run_demo(seed: int, out: Path, *options: str) -> Summary:
    """Run the demo in a process of its own and return its summary; its words go to stderr."""
    command = [sys.executable, "-m", "examples.spam_detection", "--seed", str(seed), "--out", str(out)]
    subprocess.run([*command, *options, "--format", "json"], check=True, stdout=subprocess.DEVNULL)
    summary: Summary = json.loads((out / "summary.json").read_text())
    return summary


def _honest(summary: Summary) -> list[Summary]:
    return [m for m in summary["members"] if m["role"] == "honest"]


def _wei(members: list[Summary], field: str) -> int:
    return sum(int(m[field]) for m in members)


def _role(summary: Summary, role: str) -> Summary:
    found: Summary = next(m for m in summary["members"] if m["role"] == role)
    return found


def _against_honest(role: str, field: str) -> Callable[[Summary], float]:
    def measure(summary: Summary) -> float:
        honest = _honest(summary)
        mean = _wei(honest, "paid_wei") / len(honest)
        return int(_role(summary, role)[field]) / mean

    return measure


def _paid(role: str) -> Callable[[Summary], float]:
    return lambda summary: float(_role(summary, role)["paid_wei"])


def _cheats_share(summary: Summary) -> float:
    honest, everybody = _wei(_honest(summary), "paid_wei"), _wei(summary["members"], "paid_wei")
    return (everybody - honest) / everybody


def _overpaid(summary: Summary) -> float:
    """Return by how many wei the worst round's credits exceed B times its improvement, at least 0."""
    worst = 0.0
    for r in summary["rounds"]:
        bound = int(r["bounty_wei"]) * max(0.0, r["loss_before"] - r["loss_after"])
        # The summary's losses are rounded to 9 digits; one unit of rounding is not an overpayment.
        worst = max(worst, int(r["credited_wei"]) - bound - int(r["bounty_wei"]) * 1e-9)
    return max(0.0, worst)


def _cap_excess(summary: Summary) -> float:
    """Return the cap-filler's pay over its quota's share of all positive improvement."""
    quota = sum(m["quota"] for m in summary["members"])
    gained = sum(max(0.0, r["loss_before"] - r["loss_after"]) for r in summary["rounds"])
    bounty = int(summary["rounds"][0]["bounty_wei"])
    filler = _role(summary, "cap")
    share: float = int(filler["paid_wei"]) / (bounty * gained * filler["quota"] / quota)
    return share


def figures() -> Iterator[Figure]:
    """Run the default demo three times and a flipper that fills its cap three times more."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [run_demo(seed, Path(folder) / f"demo-{seed}") for seed in SEEDS]
        yield from _demo_figures(runs)
        honest = [run_demo(seed, Path(folder) / f"honest-{seed}", "--no-cheats") for seed in SEEDS]
        flipped = [run_demo(seed, Path(folder) / f"flip-{seed}", "--cheats", "flipcap") for seed in SEEDS]
    loss = sum(h["final_auc"] - f["final_auc"] for h, f in zip(honest, flipped, strict=True)) / len(SEEDS)
    yield Figure(
        figure="AUC lost to a flipper that skips its noise and fills the cap",
        value=loss,
        target=0.01,
        sense="<=",
        how=f"mean of seeds {SEEDS}, against the all-honest run",
    )


def _demo_figures(runs: list[Summary]) -> Iterator[Figure]:
    def mean(measure: Callable[[Summary], float]) -> float:
        return sum(measure(run) for run in runs) / len(runs)

    def figure(name: str, measure: Callable[[Summary], float], sense: Any, target: float) -> Figure:
        each = [round(measure(run), 4) for run in runs]
        return Figure(
            figure=name, value=mean(measure), target=target, sense=sense, how=f"seeds {SEEDS}: {each}"
        )

    yield figure(
        "share of honest members paid something",
        lambda s: sum(int(m["paid_wei"]) > 0 for m in _honest(s)) / len(_honest(s)),
        ">=",
        0.8,
    )
    yield figure("share of honest members suspended", _suspended_share, "<", 0.12)
    yield figure(
        "rejections in a round beyond those of copy, scale and nan",
        lambda s: float(max(r["rejections"] for r in s["rounds"]) - 3),
        "==",
        0,
    )
    yield figure("flipper's credit over mean honest pay", _against_honest("flip", "credit_wei"), "<", 0)
    for role in ("noise", "stale", "model"):
        yield figure(
            f"{role} sender's pay over mean honest pay", _against_honest(role, "paid_wei"), "<", 0.25
        )
    for role in ("zero", "copy", "scale", "nan"):
        yield figure(f"{role} sender's pay in wei", _paid(role), "==", 0)
    yield figure("cap-filler's pay over its quota's share of the improvement", _cap_excess, "<=", 1)
    yield figure("all cheats' share of what is paid", _cheats_share, "<", 0.15)
    yield figure("positive credits beyond B times a round's improvement, in wei", _overpaid, "==", 0)
    yield figure(
        "members whose balance differs from what the table pays",
        lambda s: float(sum(m["paid_wei"] != m["balance_wei"] for m in s["members"])),
        "==",
        0,
    )
    yield figure("runs that did not verify", lambda s: float(not s["verified"]), "==", 0)
    yield figure("CPU-seconds of the default demo", lambda s: float(s["cpu_seconds"]), "<=", 90)


def _suspended_share(summary: Summary) -> float:
    return sum(bool(m["suspended"]) for m in _honest(summary)) / len(_honest(summary))
