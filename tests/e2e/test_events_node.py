"""A node in a process of its own: the unmodified JavaScript client, and a rude crowd."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ceramic_bridge import multibase
from ceramic_bridge.admission import read_event, write_event
from ceramic_bridge.cid import MID, Cid, StreamId
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.session import open_store
from ceramic_bridge.store.base import Query
from ceramic_bridge.store.sqlite import SqliteStore
from federation.errors import PeerError
from tests.unit.ceramic_bridge.crowd import NOTES, note
from tests.unit.ceramic_bridge.js import KEYS
from tests.unit.ceramic_bridge.js import run as run_js

ROOT = Path(__file__).parents[2]
MEMORY = 256 << 20
"""What ``ceramic_bridge.node.server`` promises."""

SERVE = """
import sys
from ceramic_bridge.cli import events
from federation.cli import run_command
sys.exit(run_command(events, "folkmoot", ["serve", "--port", "0", "--store", *sys.argv[1:]]))
"""

POST = b"POST /ceramic/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PAGE = b"GET /ceramic/feed/events?includeData=full HTTP/1.1\r\nHost: localhost\r\n\r\n"

pytestmark = pytest.mark.enable_socket


EVENTS = """
import sys
from ceramic_bridge.cli import events
from federation.cli import run_command
sys.exit(run_command(events, "folkmoot", sys.argv[1:]))
"""


def run_command_in(tmp_path, *arguments):
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "FOLKMOOT_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", EVENTS, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["data"]


@contextlib.contextmanager
def node(path, *options):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVE, str(path), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ, cwd=ROOT) as process:
        try:
            yield process, process.stderr.readline().split()[2].removesuffix("/ceramic;")
        finally:
            process.kill()


def test_unmodified_client_reads_and_writes_when_it_talks_to_the_node(tmp_path):
    contents = [{"text": "one"}, {"text": "two", "n": 0.5}, {"text": "héllo 漢🙂"}]
    with node(tmp_path / "store") as (_, url):
        request = {"url": url, "keys": KEYS[:2], "model": str(NOTES), "contents": contents}
        heard = run_js("http.mjs", request)
        with RemoteNode(url) as ours:
            events = [read_event(ours.get(Cid.parse(cid))) for cid in heard["cids"]]
            position = ours.position()
    assert [event.payload.content for event in events[:3]] == contents
    assert "+folkmoot" in heard["version"]
    assert heard["twice"] is None
    assert "signed by" in heard["impostor"]
    assert heard["feed"] == heard["cids"]
    assert position == 4
    assert heard["token"] == ["4", "4", "3"]
    page = [{"id": str(event.cid), "data": multibase.encode("m", write_event(event))} for event in events]
    assert heard["page"] == page[1:3]
    assert heard["car"] == page[0]["data"]
    assert heard["roots"] == [heard["cids"][3]]
    assert heard["matching"] == {"events": heard["cids"][:3], "resumeOffset": 3, "isComplete": False}
    assert heard["interests"] == 1
    assert heard["state"]["content"] == {"text": "one", "more": 1}
    assert heard["state"]["event_cid"] == heard["cids"][3]
    assert heard["state"]["id"] == str(StreamId(type=MID, cid=events[0].cid))
    assert heard["missing"] == 400


def test_events_travel_between_databases_when_two_nodes_share_one(tmp_path, schema):
    notes = [note(i) for i in range(40)]
    with node(schema) as (first, url), node(schema) as (second, other):
        with RemoteNode(url) as here, RemoteNode(other) as there:
            for at, event in enumerate(notes):
                assert (here, there)[at % 2].add([event])[0].new
            assert here.position() == there.position() == 40
        report = run_command_in(tmp_path, "sync", url, "--everything", "--format", "json")
        assert report == {"added": 40, "known": 0, "refused": 0, "bytes": report["bytes"], "complete": True}
        # What it acknowledged is there: it gets no time to say good-bye.
        first.kill()
        second.kill()
    with node(tmp_path / "home" / "data" / "events.sqlite") as (_, copy):
        again = run_command_in(tmp_path, "sync", copy, "--everything", "--format", "json", "--store", schema)
        assert (again["added"], again["known"]) == (0, 40)
    with open_store(schema) as store:
        assert [entry.cid for entry in store.page(Query()).entries] == [event.cid for event in notes]


class Crowd:
    """Callers who mean no good, until told to stop; whatever happens to them is theirs."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.place = (parts.hostname, parts.port)
        self.over = threading.Event()
        names = ("slow_head", "slow_body", "slow_reader", "oversized", "endless", "garbage")
        self.done = dict.fromkeys(names, 0)
        self.rng = random.Random(0)
        self.threads = [
            threading.Thread(target=self.repeat, args=(name,)) for name in self.done for _ in range(2)
        ]
        for thread in self.threads:
            thread.start()

    def repeat(self, name):
        while not self.over.is_set():
            with contextlib.suppress(OSError), socket.create_connection(self.place, timeout=3) as line:
                getattr(self, name)(line)
            self.done[name] += 1
            time.sleep(0.02)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    def slow_head(self, line):
        for byte in POST:
            line.sendall(bytes((byte,)))
            if self.over.wait(0.05):
                return

    def slow_body(self, line):
        line.sendall(POST + b"Content-Length: 1000000\r\n\r\n")
        line.sendall(bytes(900_000))
        for _ in range(30):
            line.sendall(b"x")
            if self.over.wait(0.05):
                return

    def slow_reader(self, line):
        line.sendall(40 * PAGE)
        self.over.wait(1)

    def oversized(self, line):
        line.sendall(POST + b"Content-Length: 1000000000\r\n\r\n")
        for _ in range(200):
            line.sendall(bytes(1 << 16))

    def endless(self, line):
        line.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            line.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")

    def garbage(self, line):
        line.sendall(self.rng.randbytes(self.rng.randrange(1, 5000)))
        line.recv(1000)


def persist(act):
    """Do what a sensible client does when it is told to come back later."""
    for _ in range(100):
        try:
            return act()
        except PeerError as error:
            if not any(word in error.message for word in ("503", "429", "reached")):
                raise
            time.sleep(0.1)
    raise AssertionError("the node never had time")


def member(url, number, events, problems):
    try:
        with RemoteNode(url) as peer:
            for at in range(events):
                event = note(1000 * number + at)
                for _ in range(2):
                    (receipt,) = persist(lambda event=event: peer.add([event]))
                    assert receipt.refusal is None
                assert persist(lambda event=event: peer.get(event.cid)) == write_event(event)
    except BaseException as error:  # noqa: BLE001 -- told to the test, which runs in another thread
        problems.append(error)


def peak_memory(process):
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def under_load(tmp_path, events):
    with SqliteStore(tmp_path / "store") as store:
        store.add([note(10**6 + i, text="x" * 200_000) for i in range(6)])
    with node(tmp_path / "store") as (process, url):
        crowd, problems = Crowd(url), []
        members = [threading.Thread(target=member, args=(url, i, events, problems)) for i in range(8)]
        for thread in members:
            thread.start()
        for thread in members:
            thread.join()
        crowd.stop()
        assert problems == []
        assert min(crowd.done.values()) > 0, crowd.done
        assert peak_memory(process) < MEMORY
        with RemoteNode(url) as peer:
            assert peer.position() == 6 + 8 * events
        # What it acknowledged is on disk: it gets no time to say good-bye.
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert process.stderr.read() == ""
    with SqliteStore(tmp_path / "store") as store:
        assert all(store.get(note(1000 * i + at).cid) for i in range(8) for at in range(events))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to learn a process's memory")
@pytest.mark.timeout(120)
def test_node_keeps_serving_in_bounded_memory_when_a_crowd_is_rude(tmp_path):
    under_load(tmp_path, events=8)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to learn a process's memory")
@pytest.mark.timeout(600)
def test_node_keeps_serving_in_bounded_memory_when_a_crowd_is_rude_for_long(tmp_path):
    under_load(tmp_path, events=100)


def send_large(place, times):
    body = b'{"data":"m' + b"A" * 1_390_000 + b'"}'
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=30) as line:
        for _ in range(times):
            line.sendall(POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            line.recv(1000)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to learn a process's memory")
@pytest.mark.timeout(120)
def test_memory_stays_bounded_when_every_connection_asks_for_the_most(tmp_path):
    with SqliteStore(tmp_path / "store") as store:
        store.add([note(i, text="x" * 200_000) for i in range(8)])
    with node(tmp_path / "store") as (process, url), contextlib.ExitStack() as lines:
        parts = urlsplit(url)
        place = (parts.hostname, parts.port)
        for _ in range(48):
            line = lines.enter_context(socket.create_connection(place, timeout=10))
            line.sendall(30 * PAGE)
        time.sleep(4)
        readers = peak_memory(process)
        lines.close()
        senders = [threading.Thread(target=send_large, args=(place, 20)) for _ in range(40)]
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join()
        assert readers > 80 << 20, "the answers that nobody reads were never made"
        assert peak_memory(process) < MEMORY
        with RemoteNode(url) as peer:
            assert persist(peer.position) == 8
