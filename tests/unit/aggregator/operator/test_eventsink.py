"""Events are kept at once and published when that is possible, each once, also after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from aggregator.happenings import Happening
from aggregator.operator.eventsink import PublishingSink
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.store.base import EVERYTHING, Query
from ceramic_bridge.store.sqlite import SqliteStore
from federation.errors import VerificationFailed
from tests.unit.aggregator.operator.office import data_event
from tests.unit.ceramic_bridge.crowd import edit, note, serving

NOWHERE = "http://127.0.0.1:1"


def until(what: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def held(store: SqliteStore) -> list[object]:
    return [entry.cid for entry in store.page(Query(interest=EVERYTHING, limit=1000)).entries]


@pytest.fixture
def store(tmp_path):
    with SqliteStore(tmp_path / "own.db") as opened:
        yield opened


@pytest.fixture
def peer(tmp_path):
    with SqliteStore(tmp_path / "peer.db") as opened:
        yield opened


def test_event_is_kept_when_there_is_no_node(store):
    with PublishingSink(store, "", print) as sink:
        sink.append(data_event("a"))
        sink.append(data_event("a"))
        assert sink.waiting == 0
    assert held(store) == [data_event("a").cid]


@pytest.mark.enable_socket
def test_events_reach_the_node_in_order_when_it_answers(store, peer):
    events = [data_event("a", count=count) for count in range(120)]
    with serving(peer) as url, PublishingSink(store, url, print) as sink:
        for event in events:
            sink.append(event)
        until(lambda: sink.waiting == 0)
        assert held(peer) == [event.cid for event in events]


@pytest.mark.enable_socket
def test_round_is_not_held_up_when_the_node_is_away_and_nothing_is_lost(store, peer):
    told: list[Happening] = []
    with PublishingSink(store, NOWHERE, told.append, first_pause=0.05) as sink:
        began = time.monotonic()
        sink.append(data_event("a"))
        assert time.monotonic() - began < 1
        until(lambda: len(told) >= 2)
        assert sink.waiting == 1
    assert {one.kind for one in told} == {"waiting"}
    assert [one.facts["again_in"] for one in told[:2]] == [0.05, 0.1]
    # another process goes on with another node, or the same
    with serving(peer) as url, PublishingSink(store, url, print) as sink:
        until(lambda: sink.waiting == 0)
    assert held(peer) == [data_event("a").cid]


@pytest.mark.enable_socket
def test_publishing_goes_on_where_it_was_when_the_process_is_another(store, peer, monkeypatch):
    first, second = data_event("a"), data_event("b")
    with serving(peer) as url:
        with PublishingSink(store, url, print) as sink:
            sink.append(first)
            until(lambda: sink.waiting == 0)
        handed: list[object] = []
        add = RemoteNode.add
        monkeypatch.setattr(
            RemoteNode, "add", lambda node, events: handed.extend(events) or add(node, events)
        )
        with PublishingSink(store, url, print) as sink:
            sink.append(second)
            until(lambda: sink.waiting == 0)
    assert [event.cid for event in handed] == [second.cid]


@pytest.mark.enable_socket
def test_others_are_published_when_the_node_refuses_one(store, peer):
    told: list[Happening] = []
    init = note(1)
    with serving(peer) as url:
        peer.add([init, edit(init, "theirs")])
        with PublishingSink(store, url, told.append) as sink:
            mine = edit(init, "mine")
            for event in (init, mine, data_event("a")):
                sink.append(event)
            until(lambda: sink.waiting == 0)
    assert data_event("a").cid in held(peer)
    assert {one.kind for one in told} <= {"event-refused"}


def test_event_is_refused_when_it_follows_nothing(store):
    with PublishingSink(store, "", print) as sink, pytest.raises(VerificationFailed):
        sink.append(edit(note(1), "later"))
