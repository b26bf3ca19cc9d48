"""A member that joins by the commands, takes part, is paid, and sees it; and its second machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from aggregator.verify import verify_run
from ceramic_bridge.events import create_init
from ceramic_bridge.log import EventLog
from ceramic_bridge.store.sqlite import SqliteStore
from client import assemble
from client.watermark import VaultRolledBack
from contracts.bindings.reward_pool import RewardPool
from examples.spam_detection import run as runs
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from tests.joined import JoinedRun, Person, events_in, invitation, publish_models
from tests.unit.ceramic_bridge.crowd import serving
from tests.world import CANARY, Quiet, made_up_mails

pytestmark = pytest.mark.enable_socket

SETTINGS = Settings(members=4, rounds=2, seed=0, cheats=())


@pytest.fixture
def make(tmp_path, monkeypatch, capfd):
    """Makes the run, with a node of events and a person who has nothing yet."""
    with SqliteStore(tmp_path / "node.db") as store, serving(store) as url:
        yield partial(set_up, tmp_path, Person(tmp_path / "person", monkeypatch, capfd), store, url)


def set_up(folder, person, store, url, **changes):
    settings = replace(SETTINGS, out=folder / "run", **changes)
    made = JoinedRun(settings, build_cast(made_up_mails(), settings), Quiet())
    made._verify = lambda summary: ("not asked", True)
    made.person, made.events, made.store = person, url, store
    person.patch.setattr(assemble, "connect", lambda rpc, manifest: made.chain)
    publish = made._found_community

    def found() -> None:
        publish()
        publish_models(made, store)

    made._found_community = found
    return made


def test_member_is_paid_and_sees_it_when_it_joined_by_the_commands(make, tmp_path, monkeypatch):
    # Without noise, which a member draws from the system, the scores repeat.
    run = make(epsilon=None)
    settle, waiting = runs.finalize_and_claim, []

    def settle_and_look(deployment, settlement, domain, chain, anyone):
        with monkeypatch.context() as nobody:
            nobody.setattr(RewardPool, "claim", lambda *claim: None)
            settle(deployment, settlement, domain, chain, anyone)
        waiting.append(run.person("status", "--format", "json").data["federations"][0])
        table = settlement.table(domain.chain_id, deployment.pool.address)
        for i, (payee, wei) in enumerate(table.rows):
            deployment.pool.claim(anyone, payee, wei, table.tree().proof(i))

    monkeypatch.setattr(runs, "finalize_and_claim", settle_and_look)
    summary = run.execute()
    did = run.joined["did"]
    (line,) = (m for m in summary["members"] if m["did"] == did)
    own = [e for e in events_in(run.store) if e.signer == did]
    assert [e.payload.content["kind"] for e in own] == ["data", "contribution", "contribution"]
    assert own[0].payload.content["consent"] == run.manifest.hash.hex()
    assert [e.payload.content["release"] for e in own[1:]] == [1, 2]
    assert run.joined["published"]
    assert run.told == []
    assert verify_run(tmp_path / "run").rounds == 2

    # The aggregator's log comes by the public folder; what is shown of it, the chain confirms.
    (one,) = run.person("status", "--format", "json").data["federations"]
    assert (one["rounds_taken"], one["rounds_lost"], one["rounds_recorded"]) == (2, 0, 2)
    assert [r["confirmed"] for r in one["receipts"]] == [True, True]
    assert one["credit_wei"] == str(run.driver.state.credits[did])
    assert int(one["paid_wei"]) == int(line["paid_wei"]) > 0
    assert (one["claimable_wei"], one["unknown"]) == ("0", [])
    assert (waiting[0]["claimable_wei"], waiting[0]["paid_wei"]) == (one["paid_wei"], "0")
    assert (one["quota"], one["registered"]) == (line["quota"], True)
    assert one["problems"] == []
    text = run.person("status").out
    assert f"{one['paid_wei']} wei paid" in text

    # A node that shows other receipts, by the aggregator itself or by a stranger, pays nobody more.
    (truth,) = (e for e in events_in_log(run) if is_receipt(e, 2))
    credits_ = [{**c, "credit": c["credit"] + "0"} for c in truth.payload.content["credits"]]
    for at, author in enumerate((run.aggregator_id, run.community_id)):
        for round_ in (2, 3):
            content = {**truth.payload.content, "credits": credits_, "round": round_}
            unique = bytes([at, round_]) * 6
            lie = create_init(author, model=run.models["round-receipt"], content=content, unique=unique)
            assert run.store.add([lie])[0].new
    lied = run.person("status", "--format", "json").data["federations"][0]
    assert lied["receipts"][:2] == one["receipts"]
    assert [(r["round"], r["confirmed"]) for r in lied["receipts"][2:]] == [(3, False)]
    assert lied["credit_wei"] == one["credit_wei"]
    assert "round 3 of epoch 1 is not the one on chain" in lied["problems"][0]

    alone = run.person("status", "--offline", "--format", "json").data["federations"][0]
    assert (alone["rounds_taken"], alone["receipts"], alone["paid_wei"]) == (2, [], None)
    assert "not asked" in alone["unknown"][0]


def events_in_log(run):
    return EventLog.from_bytes((run.settings.out / "public" / "events.car").read_bytes())


def is_receipt(event, round_):
    content = getattr(event.payload, "content", {})
    return (content.get("kind"), content.get("round")) == ("round-receipt", round_)


def test_older_copy_is_refused_when_only_the_event_node_knows_of_later_releases(make, tmp_path):
    run = make()
    kept = []
    joined = run._members

    def members():
        kept.append(run.person("backup", tmp_path / "old.backup").code)
        return joined()

    run._members = members
    run.execute()
    assert kept == [0]
    other = replace(run.person, folder=tmp_path / "other")
    assert other("restore", tmp_path / "old.backup").code == 0
    said = other("status", "--offline", "--format", "json").data["federations"][0]
    assert (said["rounds_taken"], said["rounds_affordable"]) == (0, 2)
    assert "put back from a backup" in said["problems"][0]
    with other.vault() as vault:
        (membership,) = assemble.memberships(vault).values()
        for _ in range(2):
            with pytest.raises(VaultRolledBack, match="2"):
                assemble.open_member(vault, membership, events=other.home.events, report=print)


def test_rows_arrive_on_a_second_machine_when_the_first_published_them(make, tmp_path):
    run = make()
    run._found_community()
    first, second = run.person, replace(run.person, folder=tmp_path / "second")
    assert first("init").code == 0
    said = first(*invitation(run, tmp_path, events=run.events), "--yes")
    assert said.code == 0, said.err
    assert first("backup", tmp_path / "empty.backup").code == 0
    rows = [(f"{CANARY} {'abcdef'[i % 6] * (i + 1)} " + 40 * "word ", i % 2 == 0) for i in range(30)]
    sent = first("import", first.rows(rows), "--publish", "--format", "json")
    assert sent.data["sent"] == {"spam-detection": 30}
    again = first("import", first.rows(rows), "--publish", "--format", "json")
    assert again.data["sent"] == {"spam-detection": 0}
    more = first("import", first.rows([*rows, ("one more", True)]), "--publish", "--format", "json")
    assert more.data["sent"] == {"spam-detection": 1}
    own = [e.payload.content for e in events_in(run.store) if e.payload.content.get("kind") == "data"]
    assert [c["count"] for c in own] == [0, 30, 31]
    assert [c["head"] for c in own[1:]] == [c["root"] for c in own[:-1]]

    assert second("restore", tmp_path / "empty.backup").code == 0
    got = second("sync", "--format", "json").data
    assert got["count"] == 31
    assert (got["federations"][0]["added"], got["federations"][0]["unread"]) == (31, 0)
    with first.vault() as mine, second.vault() as theirs:
        assert [r.text for r in theirs.rows()] == [r.text for r in mine.rows()]
    assert CANARY.encode() not in (tmp_path / "node.db").read_bytes()

    # What was forgotten does not come back, and what came from the node is not sent again.
    assert second("data", "forget", "--find", "one more", "--yes").code == 0
    again = second("sync", "--format", "json").data
    assert (again["count"], again["federations"][0]["added"]) == (30, 0)
    assert second("import", second.rows([("new", False)]), "--publish", "--format", "json").data["sent"] == {
        "spam-detection": 1
    }
    assert first("sync", "--format", "json").data["count"] == 32
    for person in (first, second):
        written = [path for path in person.home.path.rglob("*") if path.is_file()]
        assert {"vault.db", "events.db"} <= {path.name for path in written}
        assert not any(CANARY.encode() in path.read_bytes() for path in written)


def test_events_reach_the_node_later_when_it_was_down(make, tmp_path):
    run = make()
    run._found_community()
    say = run.person
    assert say("init").code == 0
    words = invitation(run, tmp_path, events=run.events)
    assert say(*words, "--yes").code == 0
    away = say("join", words[1], "--events", "http://127.0.0.1:1")
    assert away.code == 0
    said = say("import", say.rows([("hello", True)]), "--publish", "--format", "json")
    assert said.code == 0
    assert "not published" in said.err
    assert say("sync").code == 5
    assert say("join", words[1], "--events", run.events).code == 0
    back = say("sync", "--format", "json").data["federations"][0]
    assert (back["published"], back["refused"], back["added"]) == (2, 0, 0)
