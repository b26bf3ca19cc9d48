"""Revocations on the event node reach the epoch under way, each once, and nobody else's word does."""

from __future__ import annotations

import time

import pytest

from aggregator.happenings import Happening
from aggregator.operator.revocations import Revocations
from ceramic_bridge.authority import revocation
from ceramic_bridge.events import create_init
from ceramic_bridge.store.sqlite import SqliteStore
from federation.errors import PeerError
from tests.agreed import identity
from tests.unit.aggregator.operator.office import data_event
from tests.unit.ceramic_bridge.crowd import NOTES, note, serving
from tests.wallets import session

pytestmark = pytest.mark.enable_socket


def ended(name="owner"):
    """A session key's own word that its capability is over."""
    found = session(name)
    content = revocation(found.capability)
    return create_init(identity("key"), model=NOTES, content=content, unique=bytes(12))


@pytest.fixture
def peer(tmp_path):
    with SqliteStore(tmp_path / "peer.db") as opened:
        yield opened


def until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_revocation_reaches_the_epoch_once_when_it_is_published(peer):
    taken, told = [], list[Happening]()
    peer.add([note(1), data_event("a")])
    with (
        serving(peer) as url,
        Revocations(url, told.append, every=0.05) as found,
        found.shown_to(taken.append),
    ):
        peer.add([ended()])
        until(lambda: taken)
        peer.add([note(2)])
        time.sleep(0.3)
    assert [event.cid for event in taken] == [ended().cid]
    assert [one.kind for one in told] == ["revocation"]


def test_revocation_is_kept_for_the_next_epoch_when_none_is_open(peer):
    taken = []
    peer.add([ended()])
    with serving(peer) as url:
        found = Revocations(url, lambda _: None)
        found.look()
        found.show()
        for _ in range(2):
            with found.shown_to(taken.append):
                found.show()
    assert [event.cid for event in taken] == [ended().cid] * 2


def test_revocation_is_shown_again_when_it_came_too_early(peer):
    peer.add([ended()])
    answers = [PeerError("no epoch is open"), None]

    def take(_):
        if (answer := answers.pop(0)) is not None:
            raise answer

    with serving(peer) as url:
        found = Revocations(url, lambda _: None)
        found.look()
        with found.shown_to(take):
            found.show()
            found.show()
            found.show()
    assert answers == []


def test_node_is_waited_for_and_that_is_said_once_when_it_is_away():
    told = list[Happening]()
    with Revocations("http://127.0.0.1:1", told.append, every=0.02):
        until(lambda: told)
        time.sleep(0.2)
    assert [one.kind for one in told] == ["waiting"]
