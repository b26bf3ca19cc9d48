"""A member's own events: kept first, published if possible, and held against its vault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceramic_bridge import reading
from ceramic_bridge.errors import StoreError
from ceramic_bridge.events import create_init
from ceramic_bridge.store.base import Entry, Page
from ceramic_bridge.store.sqlite import SqliteStore
from client.identity import Session
from client.outbox import Outbox
from client.own import make_identity
from client.published import highest_release, require_current
from client.restored import note_restored, restored_at
from client.wallet import names, set_wallet
from client.watermark import VaultRolledBack
from federation.errors import ConfigError, PeerError
from federation.payloads import Contribution
from federation.types import Hash32
from tests.agreed import DOMAIN, MODELS, identity
from tests.joined import events_in
from tests.unit.ceramic_bridge.crowd import serving
from tests.unit.client.test_membership import MEMBERSHIP
from tests.wallets import session, wallet

SEED = bytes(31) + b"\x01"
MODEL = MODELS["contribution"]
NOWHERE = "http://127.0.0.1:1"


def contribution(release, by: Session | None = None, **changes):
    statement = Contribution(
        domain=DOMAIN,
        round=release,
        base_hash=Hash32(bytes(32)),
        commitment=Hash32(bytes(31) + bytes([release])),
        release=release,
    )
    content = {**statement.content(), **changes}
    author = by or Session(identity=identity("member"))
    return author.sign(content, model=MODEL, unique=release.to_bytes(12, "big"))


@pytest.fixture
def member(vault):
    return Session(identity=make_identity(vault, SEED))


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "own" / "events.db"


def told(vault, mine, member, **changes):
    """Compare; what was reported."""
    said = []
    joined = {"small": replace(MEMBERSHIP, **changes)}
    require_current(vault, mine, joined, (member.did,), name="small", report=said.append)
    return said


def test_highest_release_is_found_over_pages_and_names(tmp_path):
    mine, other = session(), Session(identity=identity("other"))
    key = Session(identity=mine.identity)
    with SqliteStore(tmp_path / "s.db") as store:
        store.add([contribution(i, key) for i in range(1, 150)])
        store.add([contribution(200, mine), contribution(250, other)])
        assert highest_release(store, (key.did,), MODEL) == 149
        assert highest_release(store, (key.did, mine.did), MODEL) == 200
        assert highest_release(store, (key.did, mine.did), None) == 200
        assert highest_release(store, (key.did, mine.did), MODELS["data"]) == 0


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("MOST_EVENTS", 1000, "more than 1000"), ("MOST_SECONDS", 0.0, "an end within 0 seconds")],
)
def test_reading_ends_when_a_store_never_does(monkeypatch, limit, value, said):
    event = contribution(1)

    class Endless:
        def page(self, query):
            return Page(
                entries=(Entry(cid=event.cid, car=b"no event"),) * 10, token=query.after + 1, complete=False
            )

    monkeypatch.setattr(reading, limit, value)
    with pytest.raises(PeerError, match=said):
        highest_release(Endless(), (event.signer,), MODEL)


def test_vault_is_refused_when_its_own_store_knows_later_releases(vault, mine, member):
    assert told(vault, mine, member, events="") == []
    Outbox(mine, "", print).keep(contribution(1, member))
    with pytest.raises(VaultRolledBack, match="0 releases"):
        told(vault, mine, member, events="")


@pytest.mark.enable_socket
def test_vault_is_refused_when_the_node_knows_later_releases(vault, mine, member, tmp_path):
    with SqliteStore(tmp_path / "node.db") as store, serving(store) as url:
        # Whoever else speaks of this member's releases is not believed.
        stranger = Session(identity=identity("stranger"))
        store.add([contribution(9, stranger)])
        assert told(vault, mine, member, events=url) == []
        store.add([contribution(1, member)])
        with pytest.raises(VaultRolledBack):
            told(vault, mine, member, events=url)


@pytest.mark.enable_socket
def test_node_out_of_reach_stops_only_a_vault_that_was_put_back(vault, mine, member, tmp_path):
    (said,) = told(vault, mine, member, events=NOWHERE)
    assert "not compared" in said
    note_restored(vault, 1)
    with pytest.raises(PeerError, match="put back from a backup"):
        told(vault, mine, member, events=NOWHERE)
    with pytest.raises(ConfigError, match="no event node"):
        told(vault, mine, member, events="")
    assert restored_at(vault) == 1
    with SqliteStore(tmp_path / "node.db") as store, serving(store) as url:
        assert told(vault, mine, member, events=url) == []
    assert restored_at(vault) is None
    assert told(vault, mine, member, events="") == []


@pytest.mark.enable_socket
def test_every_community_is_asked_when_a_vault_was_put_back(vault, mine, member, tmp_path):
    note_restored(vault, 1)
    with SqliteStore(tmp_path / "node.db") as store, serving(store) as url:
        joined = {"small": replace(MEMBERSHIP, events=url), "other": replace(MEMBERSHIP, events=NOWHERE)}
        with pytest.raises(PeerError):
            require_current(vault, mine, joined, (member.did,), name="small", report=print)
    assert restored_at(vault) == 1


# The outbox


def test_event_is_kept_when_there_is_no_node_and_once_when_it_comes_twice(mine, member):
    outbox, event = Outbox(mine, "", print), contribution(1, member)
    outbox.keep(event)
    outbox.keep(event)
    with SqliteStore(mine) as store:
        assert [e.cid for e in events_in(store)] == [event.cid]
    assert (mine.stat().st_mode & 0o777, mine.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_event_is_not_sent_when_it_cannot_be_kept(tmp_path, member):
    (tmp_path / "events.db").write_bytes(b"something else, and long enough to be no empty database")
    with pytest.raises(StoreError):
        Outbox(tmp_path / "events.db", "", print).keep(contribution(1, member))


@pytest.mark.enable_socket
def test_event_is_kept_and_its_failure_told_when_the_node_is_down(mine, member):
    said = []
    assert Outbox(mine, NOWHERE, said.append).keep_all([contribution(1, member)]) == 0
    assert len(said) == 1
    assert "not published" in said[0]
    with pytest.raises(PeerError):
        Outbox(mine, NOWHERE, said.append).publish_all((member.did,), (MODEL,))


@pytest.mark.enable_socket
def test_node_gets_what_it_lacks_and_nobody_elses(mine, member, tmp_path):
    other = Session(identity=identity("other"))
    with SqliteStore(tmp_path / "node.db") as store, serving(store) as url:
        outbox = Outbox(mine, url, print)
        assert outbox.keep_all([contribution(1, member)]) == 1
        quiet = Outbox(mine, "", print)
        quiet.keep_all([contribution(2, member), contribution(3, other)])
        quiet.keep(create_init(member.identity, model=MODELS["data"], content={"n": 1}, unique=None))
        assert outbox.publish_all((member.did,), (MODEL,)) == (1, 0)
        assert outbox.publish_all((member.did,), (MODEL,)) == (0, 0)
        assert [e.payload.content["release"] for e in events_in(store)] == [1, 2]


def test_account_has_two_names_when_the_vault_knows_its_wallet(vault, member):
    assert names(vault) == (member.did,)
    set_wallet(vault, wallet("owner").address)
    assert names(vault) == (member.did, session().did)
