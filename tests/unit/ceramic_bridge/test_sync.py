"""Pulling: by interest, resumable, verified, bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceramic_bridge.admission import write_event
from ceramic_bridge.store.base import EVERYTHING, Entry, Interest, Query
from ceramic_bridge.store.sqlite import SqliteStore
from ceramic_bridge.sync import Clock, SyncLimits, pull
from federation.errors import PeerError
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, OTHER, anchor, edit, note


@pytest.fixture
def stores(tmp_path):
    with SqliteStore(tmp_path / "here") as here, SqliteStore(tmp_path / "there") as there:
        yield here, there


NOTED = [note(i, author=(ALICE, BOB)[i % 2], model=(NOTES, OTHER)[i % 3 == 0]) for i in range(40)]
SMALL = SyncLimits(page=3)


def cids(store):
    return [entry.cid for entry in store.page(Query(limit=1000)).entries]


class Peer:
    """A store that counts its pages, and may change them."""

    def __init__(self, store, change=lambda page: page):
        self.store, self.change, self.pages = store, change, 0

    def page(self, query):
        self.pages += 1
        return self.change(self.store.page(query))


def test_all_is_taken_over_in_order_when_pulled(stores):
    here, there = stores
    change = edit(NOTED[1], "x", author=BOB)
    there.add([*NOTED, change, *anchor(change)])
    report = pull(here, there, "there", limits=SMALL)
    assert (report.added, report.known, report.refused, report.complete) == (42, 0, [], True)
    assert cids(here) == cids(there)
    assert report.size == sum(len(there.get(cid)) for cid in cids(there))


def test_only_what_is_wanted_is_taken_over_when_pulled_by_interest(stores):
    here, there = stores
    there.add(NOTED)
    interests = [Interest(model=OTHER), Interest(model=NOTES, controller=BOB.did)]
    report = pull(here, there, "there", interests, limits=SMALL)
    wanted = {event.cid for i, event in enumerate(NOTED) if i % 3 == 0 or i % 2}
    assert set(cids(here)) == wanted
    assert report.complete
    assert pull(here, there, "there", interests).seen == 0


def test_pull_goes_on_where_it_stopped_when_run_again(stores):
    here, there = stores
    there.add(NOTED)
    for done in (9, 18):
        report = pull(here, there, "there", limits=replace(SMALL, max_events=9))
        assert (report.added, report.known, report.complete, len(cids(here))) == (9, 0, False, done)
    report = pull(here, there, "there", limits=replace(SMALL, max_bytes=1))
    assert (report.added, report.complete) == (3, False)
    assert pull(here, there, "there", limits=SMALL).added == len(NOTED) - 21
    peer = Peer(there)
    assert pull(here, peer, "there").seen == 0
    assert peer.pages == 2


def test_pull_begins_anew_when_the_peer_did(stores, tmp_path):
    here, there = stores
    there.add(NOTED)
    pull(here, there, "there")
    with SqliteStore(tmp_path / "anew") as anew:
        anew.add([note(i) for i in range(100, 160)])
        assert pull(here, anew, "there").added == 60
    with SqliteStore(tmp_path / "shorter") as shorter:
        shorter.add([note(200)])
        assert pull(here, shorter, "there").added == 1


def forged(page):
    data = bytearray(page.entries[0].car)
    data[-1] ^= 1
    return replace(page, entries=(Entry(cid=page.entries[0].cid, car=bytes(data)), *page.entries[1:]))


def swapped(page):
    return replace(page, entries=(replace(page.entries[0], cid=NOTED[-1].cid), *page.entries[1:]))


def foreign(page):
    impostor = edit(NOTED[1], "mine", author=ALICE)
    return replace(page, entries=(Entry(cid=impostor.cid, car=write_event(impostor)), *page.entries[1:]))


@pytest.mark.parametrize("change", [forged, swapped, foreign])
def test_event_is_left_out_when_it_does_not_verify(stores, change):
    here, there = stores
    there.add(NOTED)
    report = pull(here, Peer(there, change), "there")
    assert (report.added, len(report.refused), report.complete) == (len(NOTED) - 1, 1, True)


def test_peer_is_left_when_too_much_does_not_verify(stores):
    here, there = stores
    there.add(NOTED)
    with pytest.raises(PeerError, match="too much"):
        pull(here, Peer(there, forged), "there", limits=SyncLimits(page=1, max_refused=3))
    assert cids(here) == []


def test_peer_is_left_when_it_gives_the_same_page_for_ever(stores):
    here, there = stores
    there.add(NOTED)
    first = there.page(Query(limit=3))
    peer = Peer(there, lambda _: first)
    with pytest.raises(PeerError, match="again and again"):
        pull(here, peer, "there", limits=SMALL)
    assert peer.pages == 2


def test_peer_is_read_no_faster_than_allowed_when_pulled(stores):
    here, there = stores
    there.add(NOTED)
    now = [0.0]
    clock = Clock(now=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    report = pull(here, there, "there", limits=replace(SMALL, bytes_per_second=1000), clock=clock)
    assert now[0] == pytest.approx(report.size / 1000, rel=0.1)


def test_cursor_is_of_one_peer_and_interest_when_there_are_several(stores):
    here, there = stores
    there.add(NOTED)
    pull(here, there, "there")
    assert here.cursor("there", EVERYTHING).token == len(NOTED)
    assert here.cursor("elsewhere", EVERYTHING) is None
    assert pull(here, there, "elsewhere").known == len(NOTED)
