"""folkmoot events: what each command prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ceramic_bridge import session
from ceramic_bridge.authority import revocation
from ceramic_bridge.bundle import pack, unpack
from ceramic_bridge.cli import events
from ceramic_bridge.events import create_init
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.siwe import to_iso
from ceramic_bridge.store.base import Interest, Query
from ceramic_bridge.store.sqlite import SqliteStore
from federation.cli import run_command
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, OTHER, anchor, edit, note
from tests.unit.ceramic_bridge.test_bundle import delegated
from tests.unit.ceramic_bridge.test_cacao import START

ROOT = Path(__file__).parents[3]
FIRST, SECOND = note(1), note(2, author=BOB, model=OTHER)
CHANGE = edit(FIRST, "changed")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("all.car").write_bytes(pack([FIRST, SECOND, CHANGE]))

    def command(*arguments):
        code = run_command(events, "folkmoot events", [str(one) for one in arguments])
        out = capsys.readouterr()
        return code, out.out, out.err

    return command


def data(text):
    envelope = json.loads(text)
    assert envelope["status"] == "ok"
    return envelope["data"]


def test_events_go_in_and_out_when_imported_and_exported(run):
    assert run("import", "all.car")[:2] == (0, "3 events added, 0 known\n")
    assert data(run("import", "all.car", "--format", "json")[1]) == {"added": 0, "known": 3}
    assert data(run("export", "again.car", "--format", "json")[1])["events"] == 3
    assert Path("again.car").read_bytes() == Path("all.car").read_bytes()
    assert run("export", "again.car")[0] == 3
    assert run("export", "some.car", "--model", NOTES)[0] == 0
    assert unpack(Path("some.car").read_bytes()) == (FIRST, CHANGE)
    assert Path("home/data/events.sqlite").exists()


def test_import_fails_but_keeps_the_rest_when_an_event_does_not_follow(run):
    orphan = edit(note(9), "x")
    Path("bad.car").write_bytes(pack([FIRST, orphan]))
    code, out, err = run("import", "bad.car")
    assert (code, out) == (8, "")
    assert "1 of 2 events" in err
    assert "1 events added, 2 known" not in run("import", "all.car")[1]
    assert run("ls")[1].count("\n") == 3


def test_events_are_listed_page_by_page_when_there_are_many(run):
    run("import", "all.car")
    code, out, err = run("ls", "--limit", "2")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["init", str(e.cid)] for e in (FIRST, SECOND)]
    assert "--after 2" in err
    assert run("ls", "--after", "2")[1].startswith(f"data  {CHANGE.cid}")
    assert str(SECOND.cid) in run("ls", "--controller", BOB.did)[1]
    found = data(run("ls", "--stream", FIRST.stream_id, "--format", "json")[1])
    assert [one["event"] for one in found["events"]] == [str(FIRST.cid), str(CHANGE.cid)]
    assert found["complete"]
    assert run("ls", "--model", "nonsense")[0] == 2
    for text in ("nonsense", "did:key:\udcff", "did:key:" + "z" * 300):
        assert run("ls", "--controller", text)[0] == 2


def test_account_is_given_when_a_file_a_stream_or_an_event_is_shown(run):
    run("import", "all.car")
    for what, cids in (("all.car", 3), (FIRST.stream_id, 2), (CHANGE.cid, 1)):
        code, out, _ = run("show", what)
        assert code == 0
        assert out.count("      who    ") == cids
        assert ALICE.did in out
        assert str(CHANGE.cid) in out
    assert len(data(run("show", "all.car", "--format", "json")[1])["events"]) == 3


def test_revocation_shows_when_the_store_holds_it_in_another_stream(run, monkeypatch):
    monkeypatch.setattr("ceramic_bridge.cli._now", lambda: START)
    event = delegated()
    Path("delegated.car").write_bytes(pack([event]))
    end = create_init(ALICE, model=NOTES, content=revocation(event.capability), unique=bytes(12))
    Path("end.car").write_bytes(pack([end]))
    run("import", "delegated.car")
    shown = ("delegated.car", event.stream_id, event.cid)
    assert not any("revoked by" in run("show", what)[1] for what in shown)
    run("import", "end.car")
    assert all(f"revoked by {ALICE.did}" in run("show", what)[1] for what in shown)
    assert run("verify", "delegated.car")[0] == 0, "with nothing else unless told"
    code, _, err = run("verify", "delegated.car", "--store", "home/data/events.sqlite")
    assert (code, "revoked by" in err) == (8, True)


@pytest.mark.parametrize("what", ["nonsense", str(note(5).cid), str(note(5).stream_id), "kkk"])
def test_usage_error_when_there_is_no_such_thing_to_show(run, what):
    assert run("show", what)[0] == 2


def test_terminal_is_safe_when_an_author_sends_control_characters(run):
    Path("evil.car").write_bytes(pack([note(1, text="\x1b[31m\u202e\r")]))
    out = run("show", "evil.car")[1]
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "note" not in out


def test_verify_explains_itself_when_nothing_is_wrong(run, monkeypatch):
    # With nothing else: no store, no home.
    monkeypatch.delenv("FOLKMOOT_HOME")
    monkeypatch.setattr(session, "open_store", None)
    code, out, err = run("verify", "all.car")
    assert (code, out) == (0, "yes: 3 events verify\n")
    assert "3 EdDSA signatures" in err
    assert "open  when" in err
    assert data(run("verify", "all.car", "--format", "json")[1])["events"] == 3


def test_verify_fails_when_a_byte_is_flipped_or_a_stream_forks(run):
    damaged = bytearray(Path("all.car").read_bytes())
    damaged[-1] ^= 1
    Path("bad.car").write_bytes(damaged)
    assert run("verify", "bad.car")[0] == 8
    Path("fork.car").write_bytes(pack([FIRST, CHANGE, edit(FIRST, "otherwise")]))
    code, out, err = run("verify", "fork.car")
    assert (code, out) == (8, "")
    assert "equivocation" in err
    Path("none.car").write_bytes(b"nonsense")
    assert run("verify", "none.car")[0] == 5
    assert run("verify", "missing.car")[0] == 3


def test_confirmations_of_the_store_are_told_when_there_are_any(run):
    event = delegated()
    (time,) = anchor(event)
    Path("mine.car").write_bytes(pack([event, time]))
    out = run("show", "mine.car")[1]
    assert "(not asked)" in out
    assert not Path("home/data/events.sqlite").exists(), "showing a file makes no store"
    assert "stands only if its anchor does" in run("verify", "mine.car")[2]
    run("import", "mine.car")
    with session.open_store(None) as store:
        store.confirm(time.cid, START)
    for what in ("mine.car", event.stream_id, event.cid):
        out = run("show", what)[1]
        assert f"anchored at {to_iso(START)} (confirmed by chain eip155:31337)" in out
        assert "when it was anchored: it holds" in out
    told = data(run("show", event.cid, "--format", "json")[1])["events"]
    assert [one["authority"]["judged"]["anchored"] for one in told] == [True]
    assert "only if its anchor does" in run("verify", "mine.car")[2], "with nothing else unless told"
    code, _, err = run("verify", "mine.car", "--store", "home/data/events.sqlite")
    assert (code, "confirmed by eip155:31337" in err) == (0, True)
    assert [line for line in err.splitlines() if "  open  " in line and "revoked" not in line] == []


def test_sync_needs_something_to_pull_and_a_node_when_run(run):
    assert run("sync", "http://127.0.0.1:1")[0] == 2
    assert run("sync", "nonsense", "--everything")[0] == 3


def test_serve_is_refused_when_the_host_is_no_address(run):
    assert run("serve", "--host", "example.org")[0] == 2


SERVE = """
import sys
from ceramic_bridge.cli import events
from federation.cli import run_command
sys.exit(run_command(events, "folkmoot", ["serve", "--port", "0", *sys.argv[1:]]))
"""


@pytest.mark.enable_socket
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_events_travel_when_one_store_is_served_and_another_pulls(run, tmp_path, number):
    environ = {**os.environ, "FOLKMOOT_HOME": str(tmp_path / "other"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stderr=subprocess.PIPE, text=True, env=environ, cwd=ROOT
    ) as process:
        try:
            words = process.stderr.readline().split()
            url = words[2].removesuffix("/ceramic;")
            with RemoteNode(url) as node:
                assert all(receipt.refusal is None for receipt in node.add([FIRST, SECOND, CHANGE]))
            assert run("sync", url, "--model", NOTES)[:2] == (0, "2 events added, 0 known, 0 left out\n")
            with SqliteStore(tmp_path / "home/data/events.sqlite") as store:
                store.add_interest(Interest(model=OTHER))
            assert data(run("sync", url, "--format", "json")[1])["added"] == 1
            assert data(run("sync", url, "--everything", "--format", "json")[1])["known"] == 3
        finally:
            process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    with SqliteStore(tmp_path / "other/data/events.sqlite") as store:
        assert len(store.page(Query()).entries) == 3
