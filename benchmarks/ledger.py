"""What the privacy ledger costs when it is long: a check, and opening it.

One vault with 10,000 releases, each with its own noise, of three federations; CPU time of this process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from client.budget import set_budget
from client.keys import Kdf
from client.ledger import PrivacyLedger
from client.release import Release
from client.vault import Vault
from federation.privacy import Budget
from federation.types import Hash32

ROWS, CHECKS, OPENINGS = 10_000, 50, 3
BUDGET = Budget(epsilon=8.0, delta=1e-5)
_BASE = Hash32(bytes(32))


def figures() -> Iterator[Figure]:
    """Measure a check and an opening at half the rows and at all."""
    with (
        tempfile.TemporaryDirectory(dir=_quick()) as folder,
        Vault.create(Path(folder) / "own" / "vault.db", b"benchmark", kdf=Kdf.MINIMUM) as vault,
    ):
        set_budget(vault, BUDGET)
        ledger = PrivacyLedger(vault)
        _fill(ledger, range(ROWS // 2))
        half = min(_opening(vault) for _ in range(OPENINGS))
        _fill(ledger, range(ROWS // 2, ROWS))
        check = median(_check(ledger, _full(ROWS + i)) for i in range(CHECKS))
        opening = min(_opening(vault) for _ in range(OPENINGS))
        sampled = _check(ledger, _sampled(ROWS + CHECKS))
    yield Figure(
        figure=f"CPU-ms of a ledger check at {ROWS:,} rows",
        value=1000 * check,
        target=5.0,
        sense="<",
        how=f"reserve, synced; full batches; the first on samples (PLD) {1000 * sampled:.0f}",
    )
    yield Figure(
        figure=f"opening a ledger of {ROWS:,} rows, over one of half as many",
        value=opening / half,
        target=2.5,
        sense="<=",
        how=f"every row checked; {1000 * opening:.0f} CPU-ms and {1000 * half:.0f}",
    )


def _quick() -> str | None:
    """Return a folder in memory, if there is one: what disks take is not CPU time, and is long."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 -- the folder in it is new and private


def _full(number: int) -> Release:
    """Return a release with noise of its own, so little that all of them fit."""
    return Release(
        federation=f"federation {number % 3}",
        epoch=1,
        round=number,
        base_hash=_BASE,
        sigma=200.0 + number / ROWS,
        clip=0.25,
    )


def _sampled(number: int) -> Release:
    return Release(
        federation="samples",
        epoch=1,
        round=number,
        base_hash=_BASE,
        sigma=2.0,
        clip=0.25,
        rate=0.01,
        steps=100,
    )


def _fill(ledger: PrivacyLedger, numbers: range) -> None:
    for number in numbers:
        ledger.reserve(_full(number), BUDGET)


def _check(ledger: PrivacyLedger, release: Release) -> float:
    began = time.process_time()
    ledger.reserve(release, BUDGET)
    return time.process_time() - began


def _opening(vault: Vault) -> float:
    began = time.process_time()
    PrivacyLedger(vault)
    return time.process_time() - began
