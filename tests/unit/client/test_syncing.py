"""Rows on nodes that mean no good: what is not the member's own changes nothing, and ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceramic_bridge import sealed
from ceramic_bridge.events import create_init
from ceramic_bridge.models import create_sealed_model
from ceramic_bridge.schemas import SEALED_ROWS
from ceramic_bridge.store.base import Entry
from ceramic_bridge.store.sqlite import SqliteStore
from client import syncing
from client.outbox import Outbox
from client.own import make_identity
from client.syncing import SyncReport, send, take
from federation.errors import DataError, PeerError
from federation.types import Address, Row
from tests.agreed import COMMUNITY, MODELS, identity
from tests.joined import events_in
from tests.unit.client.test_membership import MEMBERSHIP

MODEL = create_sealed_model(COMMUNITY).stream_id
PLACE = replace(MEMBERSHIP, models={**MODELS, SEALED_ROWS: MODEL}, events="")
ROWS = [Row(text=f"row {word}", label=len(word) % 2 == 0) for word in ("one", "two", "three", "four")]
SEED = bytes(31) + b"\x05"


@pytest.fixture
def me(vault):
    return make_identity(vault, SEED)


@pytest.fixture
def node(tmp_path):
    with SqliteStore(tmp_path / "node.db") as store:
        yield store


def batches(author, rows=ROWS, federation=PLACE.federation):
    return list(sealed.publish(author, rows, model=MODEL, federation=federation))


def taken(vault, node):
    report = SyncReport(name="small")
    take(vault, PLACE, node, MODEL, report)
    return report


def test_rows_are_taken_over_once_when_a_node_has_them(vault, me, node):
    node.add(batches(me, ROWS[:2]))
    node.add(batches(me, ROWS))
    report = taken(vault, node)
    assert (report.batches, report.added, report.duplicates, report.unread) == (2, 4, 2, 0)
    assert list(vault.rows()) == ROWS
    vault.forget([1])
    assert (taken(vault, node).added, vault.count) == (0, 3)


def test_nothing_is_taken_over_when_it_is_another_members_or_federations(vault, me, node):
    node.add(batches(identity("other")))
    node.add(batches(me, federation=Address("0x" + "77" * 20)))
    report = taken(vault, node)
    assert (report.added, report.unread, vault.count) == (0, 0, 0)


def test_somebody_elses_rows_are_left_out_when_they_are_posted_as_the_members(vault, me, node):
    (theirs,) = batches(identity("other"))
    (ours,) = batches(me)
    content = {**ours.payload.content, "sealed": theirs.payload.content["sealed"]}
    node.add([create_init(me, model=MODEL, content=content, unique=bytes(12)), ours])
    report = taken(vault, node)
    assert (report.added, report.unread, len(report.reasons)) == (4, 1, 1)
    assert not any("row" in reason.split() for _, reason in report.reasons)
    assert any("left out" in line for line in report.lines())


def test_reading_ends_when_a_node_sends_rubbish_for_ever(vault, me, monkeypatch):
    (event,) = batches(me)

    class Endless:
        def page(self, query):
            from ceramic_bridge.store.base import Page

            entry = Entry(cid=event.cid, car=b"no event")
            return Page(entries=(entry,) * 10, token=query.after + 1, complete=False)

    monkeypatch.setattr(syncing, "_MOST_UNREAD", 50)
    report = SyncReport(name="small")
    with pytest.raises(PeerError, match="not yours"):
        take(vault, PLACE, Endless(), MODEL, report)
    assert len(report.reasons) == 20
    assert "  and 31 more" in list(report.lines())


def test_taking_over_goes_on_when_it_was_interrupted(vault, me, node, monkeypatch):
    monkeypatch.setattr(sealed, "LARGEST", sealed.SMALLEST)
    many = [Row(text=f"{'x' * 1500} {'ab'[i % 2] * (i + 1)}", label=True) for i in range(6)]
    events = batches(me, many)
    node.add(events)
    assert len(events) > 2

    class Cut:
        left = 2

        def page(self, query):
            if query.interest.stream is not None:
                self.left -= 1
            if self.left < 0:
                raise PeerError("the line is cut")
            return node.page(query)

    with pytest.raises(PeerError, match="cut"):
        take(vault, PLACE, Cut(), MODEL, SyncReport(name="small"))
    before = vault.count
    assert 0 < before < len(many)
    assert taken(vault, node).added == len(many) - before
    assert list(vault.rows()) == many


def test_rows_are_sent_once_and_only_to_their_owner(vault, me, tmp_path):
    outbox = Outbox(tmp_path / "own" / "events.db", "", print)
    vault.import_rows(ROWS)
    assert (send(vault, PLACE, outbox), send(vault, PLACE, outbox)) == (4, 0)
    vault.import_rows([Row(text="five", label=True)])
    assert send(vault, PLACE, outbox) == 1
    with SqliteStore(tmp_path / "own" / "events.db") as store:
        found = events_in(store)
        assert [sealed.open_batch(e.payload.content, me, controller=me.did).first for e in found] == [0, 4]
        assert all(sealed.readers_of(e.payload.content) == (me.did,) for e in found)
        # What one's own machine sent does not come back to it, forgotten or not.
        vault.forget([2])
        assert taken(vault, store).added == 0
    assert (tmp_path / "own" / "events.db").read_bytes().find(b"row one") == -1


def test_rows_wait_when_one_is_too_large_to_send(vault, me, tmp_path):
    outbox = Outbox(tmp_path / "own" / "events.db", "", print)
    vault.import_rows([Row(text="x" * (1 << 18), label=True)])
    with pytest.raises(DataError, match="row 1"):
        send(vault, PLACE, outbox)
    assert not (tmp_path / "own" / "events.db").exists()
