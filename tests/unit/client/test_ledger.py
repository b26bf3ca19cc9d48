"""No budget is overspent: not by many federations, a crash, a race or an edited file."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from client.budget import set_budget
from client.ledger import PrivacyLedger, Reservation
from client.release import Release
from client.vault import Vault
from client.watermark import VaultRolledBack
from federation.errors import (
    ConfigError,
    IdentityError,
    PrivacyBudgetExhausted,
    VerificationFailed,
)
from federation.privacy import Budget, History, Sampled, noise_multiplier, spend
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSPHRASE = b"correct horse"
BASE, OTHER_BASE = Hash32(b"b" * 32), Hash32(b"o" * 32)
BUDGET = Budget(epsilon=8.0, delta=1e-5)
REPOSITORY = Path(__file__).parents[3]


def release(round_: int = 1, *, federation: str = "f", base: Hash32 = BASE, sigma: float = 4.0) -> Release:
    return Release(federation=federation, epoch=0, round=round_, base_hash=base, sigma=sigma, clip=0.5)


def edit(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


@pytest.fixture
def vault(vault: Vault) -> Vault:
    set_budget(vault, BUDGET)
    return vault


@pytest.fixture
def reopened(vault: Vault, path: Path) -> Iterator[Callable[[], PrivacyLedger]]:
    """Closes the vault and opens its ledger as a new process would."""
    with ExitStack() as stack:

        def reopen() -> PrivacyLedger:
            vault.close()
            return PrivacyLedger(stack.enter_context(Vault.open(path, PASSPHRASE)))

        yield reopen


@pytest.fixture
def ledger(vault: Vault) -> PrivacyLedger:
    return PrivacyLedger(vault)


def test_spent_is_zero_when_nothing_was_released(ledger: PrivacyLedger) -> None:
    assert ledger.spent() == (0.0, 0.0)


def test_spent_adds_up_when_releases_differ(
    ledger: PrivacyLedger, reopened: Callable[[], PrivacyLedger]
) -> None:
    sigmas = [4.0, 9.5, 3.3]
    for i, sigma in enumerate(sigmas):
        ledger.reserve(release(i, sigma=sigma), BUDGET)
    assert ledger.spent() == spend(sigmas, BUDGET.delta)
    assert reopened().spent() == spend(sigmas, BUDGET.delta)


def test_lifetime_fits_exactly_when_noise_was_calibrated(ledger: PrivacyLedger) -> None:
    sigma = noise_multiplier(BUDGET.epsilon, BUDGET.delta, 20)
    for i in range(20):
        ledger.reserve(release(i, sigma=sigma), BUDGET)
    assert 7.99 < ledger.spent().epsilon <= 8.0
    with pytest.raises(PrivacyBudgetExhausted):
        ledger.reserve(release(20, sigma=sigma), BUDGET)


def test_reserve_is_refused_when_another_federation_spent_the_budget(ledger: PrivacyLedger) -> None:
    sigma = noise_multiplier(BUDGET.epsilon, BUDGET.delta, 1)
    ledger.reserve(release(federation="one", sigma=sigma), BUDGET)
    before = ledger.spent()
    with pytest.raises(PrivacyBudgetExhausted, match="budget is 8"):
        ledger.reserve(release(federation="two", sigma=10 * sigma), BUDGET)
    assert ledger.spent() == before


def test_nothing_is_written_when_budget_is_exhausted(ledger: PrivacyLedger) -> None:
    with pytest.raises(PrivacyBudgetExhausted):
        ledger.reserve(release(sigma=0.1), BUDGET)
    assert ledger.spent() == (0.0, 0.0)
    ledger.reserve(release(sigma=4.0), BUDGET)


def test_payload_is_replayed_when_asked_again_after_restart(
    ledger: PrivacyLedger, reopened: Callable[[], PrivacyLedger]
) -> None:
    assert ledger.stored(release()) is None
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    again = reopened()
    assert again.stored(release()) == (1, b"noisy delta")
    again.release(release())
    again.release(release())
    assert again.stored(release()) == (1, b"noisy delta")
    assert again.spent() == spend([4.0], BUDGET.delta)
    with pytest.raises(PrivacyBudgetExhausted, match="one release already"):
        again.reserve(release(), BUDGET)


def test_second_draw_is_refused_when_process_died_before_store(
    ledger: PrivacyLedger, reopened: Callable[[], PrivacyLedger]
) -> None:
    ledger.reserve(release(), BUDGET)
    again = reopened()
    assert again.stored(release()) is None
    assert again.spent() == spend([4.0], BUDGET.delta)
    with pytest.raises(PrivacyBudgetExhausted, match="reserved"):
        again.reserve(release(), BUDGET)
    with pytest.raises(PrivacyBudgetExhausted, match="reserved"):
        again.reserve(release(sigma=400.0), BUDGET)


def test_release_is_refused_when_base_model_differs(ledger: PrivacyLedger) -> None:
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    for call in (lambda asked: ledger.reserve(asked, BUDGET), ledger.stored, ledger.release):
        with pytest.raises(IdentityError, match="another base"):
            call(release(base=OTHER_BASE))
    ledger.reserve(release(2, base=OTHER_BASE), BUDGET)


def test_store_is_refused_when_not_reserved_or_done(ledger: PrivacyLedger) -> None:
    with pytest.raises(VerificationFailed, match="not reserved"):
        ledger.store(Reservation(release=release(), number=1), b"x")
    reservation = ledger.reserve(release(), BUDGET)
    with pytest.raises(VerificationFailed, match="nothing is stored"):
        ledger.release(release())
    with pytest.raises(VerificationFailed, match="not reserved"):
        ledger.store(dataclasses.replace(reservation, number=2), b"x")
    ledger.store(reservation, b"first")
    with pytest.raises(VerificationFailed, match="not reserved"):
        ledger.store(reservation, b"second draw")
    assert ledger.stored(release()) == (1, b"first")


def test_release_without_noise_spends_everything_when_owner_allows_it(vault: Vault) -> None:
    with pytest.raises(PrivacyBudgetExhausted):
        PrivacyLedger(vault).reserve(release(sigma=0.0), BUDGET)
    set_budget(vault, Budget(epsilon=math.inf, delta=1e-5))
    unsafe = PrivacyLedger(vault)
    for i in range(2):
        unsafe.reserve(release(i, sigma=0.0), Budget(epsilon=math.inf, delta=1e-5))
    assert unsafe.spent() == (math.inf, math.inf)
    set_budget(vault, BUDGET)
    with pytest.raises(PrivacyBudgetExhausted):
        unsafe.reserve(release(2, sigma=1e6), BUDGET)


@pytest.mark.parametrize(
    "change",
    [
        {"sigma": -1.0},
        {"sigma": math.nan},
        {"sigma": math.inf},
        {"clip": 0.0},
        {"clip": math.nan},
        {"round": -1},
        {"federation": "1:0xAb"},
        {"epoch": 1 << 63},
        {"base_hash": b"short"},
    ],
)
def test_release_is_refused_when_a_field_makes_no_sense(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="not a release"):
        dataclasses.replace(release(), **change)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM releases WHERE seq = 3",
        "DELETE FROM releases WHERE seq = 2",
        "DELETE FROM releases; DELETE FROM payloads",
        "DELETE FROM releases; DELETE FROM payloads; DELETE FROM heads WHERE name = 'ledger'",
        "UPDATE releases SET sigma = 100 WHERE seq = 3",
        "UPDATE releases SET rate = 0.001 WHERE seq = 1",
        "UPDATE releases SET unit = 'member' WHERE seq = 1",
        "UPDATE releases SET round = 9 WHERE seq = 1",
        "UPDATE releases SET base_hash = zeroblob(32) WHERE seq = 1",
        "UPDATE releases SET status = 'reserved' WHERE seq = 1",
        "UPDATE releases SET status = 'reserved' WHERE seq = 1; DELETE FROM payloads WHERE seq = 1",
        "UPDATE releases SET status = 'released' WHERE seq = 1",
        "UPDATE releases SET status = 'gone' WHERE seq = 1",
        "UPDATE releases SET status = 'stored' WHERE seq = 3",
        "UPDATE releases SET seq = -seq; UPDATE releases SET seq = seq + 4",
        "DELETE FROM payloads",
        "INSERT INTO payloads SELECT 3, sealed FROM payloads WHERE seq = 1",
    ],
)
def test_ledger_is_refused_when_rows_are_edited(
    ledger: PrivacyLedger, vault: Vault, path: Path, tampering: str
) -> None:
    for i in range(2):
        ledger.store(ledger.reserve(release(i), BUDGET), b"noisy delta %d" % i)
    ledger.reserve(release(2), BUDGET)
    vault.close()
    edit(path, tampering)
    with pytest.raises(VerificationFailed), Vault.open(path, PASSPHRASE) as again:
        PrivacyLedger(again)


def test_payload_is_refused_when_swapped_with_another(ledger: PrivacyLedger, path: Path) -> None:
    for i in range(2):
        ledger.store(ledger.reserve(release(i), BUDGET), b"noisy delta %d" % i)
    edit(path, "UPDATE payloads SET seq = -seq; UPDATE payloads SET seq = seq + 3")
    with pytest.raises(VerificationFailed):
        ledger.stored(release(0))


def test_payload_is_not_readable_on_disk(ledger: PrivacyLedger, path: Path) -> None:
    ledger.store(ledger.reserve(release(), BUDGET), b"canary-7731")
    assert all(b"canary-7731" not in file.read_bytes() for file in path.parent.iterdir())


RACER = """
import sys
from pathlib import Path
from client.budget import set_budget
from client.ledger import PrivacyLedger, Release
from client.vault import Vault
from federation.errors import PrivacyBudgetExhausted
from federation.privacy import Budget
ledger = PrivacyLedger(Vault.open(Path(sys.argv[1]), b"correct horse"))
print("ready", flush=True)
sys.stdin.readline()
done = 0
for i in range(20):
    try:
        ledger.reserve(Release(federation=sys.argv[2], epoch=0, round=i, base_hash=bytes(32),
                               sigma=float(sys.argv[3]), clip=0.5), Budget(epsilon=8.0, delta=1e-5))
        done += 1
    except PrivacyBudgetExhausted:
        pass
print(done)
"""


def test_budget_holds_when_two_processes_race(vault: Vault, path: Path) -> None:
    sigma = noise_multiplier(BUDGET.epsilon, BUDGET.delta, 20)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), name, str(sigma)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    done = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(done) == 20
    assert PrivacyLedger(vault).spent() == spend([sigma] * 20, BUDGET.delta)


def test_reservation_survives_when_process_is_killed_right_after(
    vault: Vault, path: Path, reopened: Callable[[], PrivacyLedger]
) -> None:
    script = RACER.replace("done += 1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    vault.close()
    subprocess.run(
        [sys.executable, "-c", script, str(path), "one", "4.0"], cwd=REPOSITORY, input=b"go\n", check=False
    )
    assert reopened().spent() == spend([4.0], BUDGET.delta)


def test_check_costs_the_same_when_ledger_is_long(vault: Vault) -> None:
    """The benchmark "ledger" has the absolute figures; a ratio does not depend on the machine."""
    ledger = PrivacyLedger(vault)

    def cost(first: int) -> float:
        """CPU-seconds of a release, undisturbed."""
        costs = []
        for i in range(first, first + 20):
            start = time.process_time()
            reservation = ledger.reserve(release(i, sigma=400.0), BUDGET)
            ledger.store(reservation, bytes(1024))
            ledger.release(reservation.release)
            costs.append(time.process_time() - start)
        return min(costs)

    short = cost(0)
    for i in range(20, 2000):
        ledger.reserve(release(i, sigma=400.0), BUDGET)
    assert cost(2000) < 1.5 * short


def test_federation_stops_at_its_promise_when_the_dataset_could_give_more(vault: Vault) -> None:
    set_budget(vault, Budget(epsilon=100.0, delta=1e-5))
    rich, sigma = PrivacyLedger(vault), 2.0
    promised = Budget(epsilon=spend([sigma] * 2, 1e-5).epsilon, delta=1e-5)
    for round_ in (1, 2):
        rich.reserve(release(round_, federation="one", sigma=sigma), promised)
    with pytest.raises(PrivacyBudgetExhausted, match="the federation to epsilon"):
        rich.reserve(release(3, federation="one", sigma=sigma), promised)
    # The next epoch begins with what the last one left.
    with pytest.raises(PrivacyBudgetExhausted, match="the federation to epsilon"):
        rich.reserve(dataclasses.replace(release(1, federation="one", sigma=sigma), epoch=1), promised)
    rich.reserve(release(1, federation="two", sigma=sigma), promised)


def test_member_unit_costs_an_example_twice_the_norm_when_the_whole_delta_is_clipped(vault: Vault) -> None:
    ledger = PrivacyLedger(vault)
    ledger.reserve(dataclasses.replace(release(sigma=8.0), unit="member"), BUDGET)
    assert ledger.spent() == spend([4.0], BUDGET.delta)


def test_sampled_steps_compose_with_full_batches_when_the_ledger_is_reopened(
    vault: Vault, reopened: Callable[[], PrivacyLedger]
) -> None:
    ledger = PrivacyLedger(vault)
    ledger.reserve(release(1, sigma=6.0), BUDGET)
    for round_ in (2, 3):
        sampled = dataclasses.replace(release(round_, sigma=1.5), rate=0.05, steps=40)
        ledger.reserve(sampled, BUDGET)
    expected = History(1 / 36, (Sampled(1.5, 0.05, 80),)).epsilon(BUDGET.delta)
    assert ledger.spent().epsilon == expected
    assert reopened().spent().epsilon == expected


def test_sampled_release_is_refused_when_it_does_not_fit(ledger: PrivacyLedger) -> None:
    with pytest.raises(PrivacyBudgetExhausted):
        ledger.reserve(dataclasses.replace(release(sigma=0.6), rate=0.2, steps=1000), BUDGET)
    assert ledger.spent() == (0.0, 0.0)


@pytest.mark.parametrize(
    "change", [{"rate": 0.0}, {"rate": 1.1}, {"steps": 0}, {"unit": "member", "rate": 0.5}]
)
def test_release_is_refused_when_its_mechanism_is_none(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(release(), **change)


def test_older_copy_is_refused_when_more_releases_were_published(ledger: PrivacyLedger) -> None:
    for round_ in (1, 2):
        ledger.reserve(release(round_), BUDGET)
    ledger.require_current(2)
    with pytest.raises(VaultRolledBack, match="knows 2 releases of its data, and you have published 3"):
        ledger.require_current(3)


def test_vault_is_refused_when_a_head_is_dropped(vault: Vault, path: Path) -> None:
    PrivacyLedger(vault).reserve(release(), BUDGET)
    vault.close()
    edit(path, "DELETE FROM heads WHERE name = 'ledger'")
    with pytest.raises(VerificationFailed):
        Vault.open(path, PASSPHRASE)


# Who can write to the file while the ledger is open


def snapshot(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the tables hold that know of releases."""
    with closing(sqlite3.connect(path)) as db:
        tables = ("heads", "releases", "payloads")
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def put_back(path: Path, tables: dict[str, list[tuple[object, ...]]]) -> None:
    """Put tables back as they were, whole."""
    with closing(sqlite3.connect(path)) as db, db:
        for table, rows in tables.items():
            db.execute(f"DELETE FROM {table}")
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def test_round_is_not_forgotten_when_its_row_is_deleted_from_an_open_ledger(
    ledger: PrivacyLedger, path: Path
) -> None:
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    edit(path, "DELETE FROM releases; DELETE FROM payloads")
    for call in (lambda: ledger.stored(release()), lambda: ledger.reserve(release(), BUDGET)):
        with pytest.raises(VerificationFailed):
            call()


def test_round_is_not_forgotten_when_another_row_takes_the_place_of_its_own(
    ledger: PrivacyLedger, path: Path
) -> None:
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    edit(path, "UPDATE releases SET round = 7")
    assert ledger.stored(release()) == (1, b"noisy delta")
    with pytest.raises(PrivacyBudgetExhausted):
        ledger.reserve(release(), BUDGET)


def test_open_ledger_refuses_when_the_whole_file_is_put_back(ledger: PrivacyLedger, path: Path) -> None:
    before = snapshot(path)
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    put_back(path, before)
    with pytest.raises(VaultRolledBack):
        ledger.reserve(release(), BUDGET)


def test_vault_is_refused_when_the_ledger_alone_is_put_back(
    ledger: PrivacyLedger, vault: Vault, path: Path
) -> None:
    """Every row and every head is genuine; they are of different times."""
    before = snapshot(path)
    ledger.store(ledger.reserve(release(), BUDGET), b"noisy delta")
    newest = [row for row in snapshot(path)["heads"] if row[0] != "ledger"]
    before["heads"] = [row for row in before["heads"] if row[0] == "ledger"] + newest
    put_back(path, before)
    with pytest.raises(VerificationFailed, match="put back"):
        ledger.reserve(release(), BUDGET)
    vault.close()
    with pytest.raises(VerificationFailed, match="put back"):
        Vault.open(path, PASSPHRASE)


def test_reservation_is_lost_and_spent_when_the_key_is_rotated_meanwhile(
    ledger: PrivacyLedger, path: Path
) -> None:
    reservation = ledger.reserve(release(), BUDGET)
    with Vault.open(path, PASSPHRASE) as other:
        other.rotate_key(PASSPHRASE)
    with pytest.raises(ConfigError, match="new key"):
        ledger.store(reservation, b"noisy delta")
    with Vault.open(path, PASSPHRASE) as again:
        after = PrivacyLedger(again)
        assert after.spent() == spend([4.0], BUDGET.delta)
        with pytest.raises(PrivacyBudgetExhausted, match="reserved"):
            after.reserve(release(), BUDGET)


def test_lower_budget_binds_when_another_process_set_it(ledger: PrivacyLedger, path: Path) -> None:
    ledger.reserve(release(), BUDGET)
    with Vault.open(path, PASSPHRASE) as other:
        set_budget(other, Budget(epsilon=ledger.spent().epsilon, delta=1e-5))
    with pytest.raises(PrivacyBudgetExhausted, match="this dataset"):
        ledger.reserve(release(2), BUDGET)


def test_round_is_found_when_another_process_reserved_it(ledger: PrivacyLedger, path: Path) -> None:
    with Vault.open(path, PASSPHRASE) as other:
        theirs = PrivacyLedger(other)
        theirs.store(theirs.reserve(release(), BUDGET), b"noisy delta")
        with pytest.raises(PrivacyBudgetExhausted):
            ledger.reserve(release(), BUDGET)
    assert ledger.stored(release()) == (1, b"noisy delta")
