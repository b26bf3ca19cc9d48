"""Kill -9: what was acknowledged is there afterwards, whole, and nothing is there by halves."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ceramic_bridge.admission import init_of, prev_of, read_event
from ceramic_bridge.cid import Cid
from ceramic_bridge.store.base import EVERYTHING, Query
from ceramic_bridge.store.sqlite import SqliteStore
from ceramic_bridge.sync import pull
from tests.unit.ceramic_bridge.crowd import edit, note

ROOT = Path(__file__).parents[3]
BATCH = 6

INGEST = """
import sys
from ceramic_bridge.session import open_store
from tests.unit.ceramic_bridge.crowd import edit, note
with open_store(sys.argv[1]) as store:
    start = store.position()
    print("begun", flush=True)
    while True:
        first = note(start)
        batch = [first, edit(first, "changed"), *(note(start + i) for i in range(1, 5))]
        receipts = store.add(batch)
        assert all(receipt.new for receipt in receipts)
        print(*(receipt.cid for receipt in receipts), flush=True)
        start += len(batch)
"""

SYNC = """
import sys
from ceramic_bridge.session import open_store
from ceramic_bridge.sync import SyncLimits, pull
with open_store(sys.argv[1]) as store, open_store(sys.argv[2]) as peer:
    print("begun", flush=True)
    print(pull(store, peer, "peer", limits=SyncLimits(page=4)).added, flush=True)
"""


def killed(script, *arguments, delay):
    """Run a script, kill it some seconds after it began, and return the lines it wrote whole."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout.readline() == "begun\n"
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
        said = process.stdout.read()
    return process.returncode, [line for line in said.splitlines(keepends=True) if line.endswith("\n")]


def all_events(store):
    """Every event, read and verified again; each after what it builds on."""
    seen, token, complete = {}, 0, False
    while not complete:
        page = store.page(Query(after=token, limit=500))
        for entry in page.entries:
            event = read_event(entry.car)
            assert event.cid == entry.cid
            assert prev_of(event) is None or (prev_of(event) in seen and init_of(event) in seen)
            seen[event.cid] = event
        token, complete = page.token, page.complete
    return seen


def ingest_and_kill(kept, times, seed):
    rng, acknowledged, kills, reach = random.Random(seed), set(), 0, 0.12
    # On a busy machine the first ones may die before they stored anything: that proves nothing.
    while kills < times or not acknowledged:
        code, lines = killed(INGEST, kept.place, delay=rng.uniform(0.0, reach))
        assert code == -signal.SIGKILL
        kills, reach = kills + 1, reach if acknowledged else reach * 1.3
        acknowledged |= {Cid.parse(word) for line in lines for word in line.split()}
        with kept.open() as store:
            found = all_events(store)
            assert acknowledged <= found.keys(), "an acknowledged event is lost"
            assert len(found) % BATCH == 0, "a batch is there by half"
    assert kept.intact()


def sync_and_kill(kept, tmp_path, times, seed, events):
    rng, kills, reach = random.Random(seed), 0, 0.05
    source = tmp_path / "peer"
    with SqliteStore(source) as peer:
        for at in range(0, events, 2):
            first = note(at)
            peer.add([first, edit(first, "changed")])
        everything = all_events(peer)
    before = 0
    while kills < times or not before:
        code, _ = killed(SYNC, kept.place, source, delay=rng.uniform(0.0, reach))
        assert code == -signal.SIGKILL, "the peer ran out of events"
        kills += 1
        with kept.open() as store:
            found = all_events(store)
            cursor = store.cursor("peer", EVERYTHING)
        if not found:
            reach *= 1.3
        elif (len(found) - before) * (times - kills) > events - len(found):
            # At this pace the peer runs out of events before the last kill.
            reach *= 0.7
        # One writer, one peer, all of it: how far the peer was read is how much there is.
        assert len(found) == (cursor.token if cursor else 0)
        assert len(found) >= before
        before = len(found)
    assert kept.intact()
    with kept.open() as store, SqliteStore(source) as peer:
        assert pull(store, peer, "peer").added == events - before
        assert all_events(store) == everything


def test_acknowledged_events_stay_when_ingest_is_killed_thrice(kept):
    ingest_and_kill(kept, 3, seed=1)


def test_pull_goes_on_when_it_is_killed_thrice(kept, tmp_path):
    sync_and_kill(kept, tmp_path, 3, seed=1, events=400)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_acknowledged_events_stay_when_ingest_is_killed_fifty_times(kept):
    ingest_and_kill(kept, 50, seed=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pull_goes_on_when_it_is_killed_fifty_times(kept, tmp_path):
    sync_and_kill(kept, tmp_path, 50, seed=2, events=4000)
