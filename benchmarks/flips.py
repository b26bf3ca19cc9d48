"""Flip 1,000 random bits of a run's public directory, one at a time: verify must name the file."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aggregator.verify import verify_run
from benchmarks.demo import run_demo
from benchmarks.figure import Figure
from federation.errors import VerificationFailed

FLIPS = 1000


def figures() -> Iterator[Figure]:
    """Run a small demo, then damage it a thousand times."""
    rng = random.Random(0)  # noqa: S311 - which bits to flip
    passed = misnamed = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_demo(0, out, "--members", "6", "--rounds", "6")
        verify_run(out)
        files = sorted(p for p in (out / "public").rglob("*") if p.is_file())
        sizes = [p.stat().st_size for p in files]
        # Every file once, then bits drawn by size, so that no byte is favoured.
        chosen = [*files[:FLIPS], *rng.choices(files, weights=sizes, k=max(0, FLIPS - len(files)))]
        for path in chosen:
            outcome = _flip(out, path, rng)
            passed += outcome is None
            misnamed += outcome is not None and outcome != str(path.relative_to(out / "public"))
    yield Figure(
        figure="flipped bits that verify does not notice",
        value=passed,
        target=0,
        sense="==",
        how=f"{FLIPS} flips over {len(files)} files",
    )
    yield Figure(
        figure="flipped bits for which verify names another file",
        value=misnamed,
        target=0,
        sense="==",
        how=f"{FLIPS} flips over {len(files)} files",
    )


def _flip(out: Path, path: Path, rng: random.Random) -> str | None:
    intact = path.read_bytes()
    damaged = bytearray(intact)
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(damaged))
    try:
        verify_run(out)
    except VerificationFailed as error:
        return error.subject
    finally:
        path.write_bytes(intact)
    return None
