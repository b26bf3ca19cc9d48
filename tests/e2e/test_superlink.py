"""A SuperLink of the aggregator's own: two listeners, lives that end, a memory that is lost."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.fleetdoor import ACTIVATE, OPEN
from aggregator.nodes import NodeBook
from aggregator.superlink import ManagedSuperLink
from aggregator.superlink_process import Told
from federation.errors import ConfigError, IdentityError, PeerError
from tests.e2e.superlink import LOOPBACK, free_port
from tests.e2e.test_deployment import processes_in, wait_for
from tests.unit.aggregator.test_nodes import admission, statement

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def managed(folder, port, told):
    return ManagedSuperLink(
        folder / "superlink",
        listen=f"{LOOPBACK}:{port}",
        hosts=[LOOPBACK],
        socket=folder / "relay.sock",
        watch=lambda happening: told.append(happening.kind),
    )


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="moot-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def ask(root, port, method, path, body=b"", **headers):
    context = ssl.create_default_context(cafile=str(root))
    with closing(http.client.HTTPSConnection(LOOPBACK, port, timeout=20, context=context)) as line:
        line.request(method, path, body, headers)
        return line.getresponse().status


def greeted(root, port):
    """A connection to the door that has said nothing yet."""
    context = ssl.create_default_context(cafile=str(root))
    line = socket.create_connection((LOOPBACK, port), 10)
    return context.wrap_socket(line, server_hostname=LOOPBACK)


def inner_port(link):
    words = Path(f"/proc/{link.pid}/cmdline").read_bytes().split(b"\0")
    return Told.parse(words[-2].decode()).inner


def test_superlink_serves_nodes_outside_and_everything_on_loopback(folder):
    port, told = free_port(), []
    link = managed(folder, port, told)
    book = NodeBook(folder / "nodes.db", link)
    with pytest.raises(PeerError, match="does not run"):
        link.nodes()
    with link.running(book.restore):
        root, inner = link.root, inner_port(link)
        assert told == ["superlink-up"]
        slow, began = greeted(root, port), time.monotonic()
        slow.sendall(b"POST /v1/fleet/pull-messages HTTP/1.1\r\nHost: x\r\n")

        # The world sees the nodes' calls, and of these only what a registered node signs.
        protobuf = {"Content-Type": "application/protobuf"}
        for call in (
            "control/start-run",
            "control/list-nodes",
            "control/register-node",
            "runtime/acquire-task",
        ):
            assert ask(root, port, "POST", f"/v1/{call}", **protobuf) == 404
            assert ask(root, inner, "POST", f"/v1/{call}", **protobuf) != 404
        assert {ask(root, port, "POST", path, **protobuf) for path in OPEN} == {401}
        assert {ask(root, port, "POST", path, b"x" * 17_000, **protobuf) for path in OPEN} == {401}
        # A key in a body that nobody signed is no key either.
        assert ask(root, port, "POST", ACTIVATE, b"x" * 17_000, **protobuf) == 413
        assert ask(root, port, "POST", ACTIVATE, **protobuf) == 401
        # Everything else listens on loopback, whatever the door's address is.
        told_line = Path(f"/proc/{link.pid}/cmdline").read_text()
        assert f'"inner": {inner}' in told_line
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", inner), 5):
            pass

        said = statement(at=int(time.time()))
        number = book.admit(said, admission())
        assert book.admit(said, admission()) == number
        assert link.nodes()[said.key_pem()] == (number, "registered")

        # Who does not get to the end of a head is put out, and nobody else meanwhile.
        slow.settimeout(40)
        with slow:
            assert slow.recv(1) == b""
        assert 10 < time.monotonic() - began < 35
        assert ask(root, port, "GET", "/") == 404

        # A crash: the numbers stay, for Flower keeps them.
        os.kill(link.pid, signal.SIGKILL)
        wait_for(lambda: told.count("superlink-up") == 2, 60)
        assert dict(book) == {said.did: number}
        assert link.summon()

        # A crash that loses its memory: everybody is in again, under other numbers.
        os.kill(link.pid, signal.SIGSTOP)
        for file in (folder / "superlink").glob("state.db*"):
            file.unlink()
        os.kill(link.pid, signal.SIGKILL)
        wait_for(lambda: told.count("superlink-up") == 3, 60)
        assert book.keys() == {said.did}
        assert book[said.did] != number
        assert link.nodes()[said.key_pem()][0] == book[said.did]
        link.unregister(book[said.did])
        with pytest.raises(IdentityError, match="given up"):
            link.register(said.key_pem())
        modes = {path.stat().st_mode & 0o077 for path in folder.rglob("*.key")}
        assert modes == {0}
    assert link.pid == 0
    wait_for(lambda: not processes_in(folder), 10)
    book.close()


def test_other_certificate_is_served_when_the_operator_renews_it(folder, monkeypatch):
    from aggregator import superlink
    from aggregator.certificates import Certificates
    from tests.e2e.superlink import Authority

    monkeypatch.setattr(superlink, "CERTIFICATES", 0.5)
    own, authority, port, told = folder / "own", Authority.make(), free_port(), []
    authority.issue(own)
    given = Certificates(root=own / "root.pem", certificate=own / "server.pem", key=own / "server.key")
    link = ManagedSuperLink(
        folder / "superlink",
        listen=f"{LOOPBACK}:{port}",
        hosts=[LOOPBACK],
        socket=folder / "relay.sock",
        watch=lambda happening: told.append(happening.kind),
        certificates=given,
    )

    def served():
        with greeted(given.root, port) as end:
            return end.getpeercert(binary_form=True)

    with link.running(lambda: None):
        first = served()
        # A certificate whose key is not there yet is not served.
        (own / "server.pem").write_bytes(Authority.make().pem)
        time.sleep(1.5)
        assert served() == first
        authority.issue(own)
        wait_for(lambda: told.count("superlink-up") == 2, 60)
        assert served() == ssl.PEM_cert_to_DER_cert((own / "server.pem").read_text()) != first


def test_superlink_is_not_started_when_its_port_is_taken(folder):
    with socket.create_server((LOOPBACK, 0)) as taken:
        link = managed(folder, taken.getsockname()[1], [])
        with pytest.raises(PeerError, match="ended with status 1") as failed, link.running(lambda: None):
            pass
    assert "free" in failed.value.hint
    assert "Address already in use" in (folder / "superlink" / "log").read_text()


def test_operator_is_told_whom_members_must_trust_when_it_is_up(folder):
    told = []
    link = ManagedSuperLink(
        folder / "superlink",
        listen=f"{LOOPBACK}:{free_port()}",
        hosts=[LOOPBACK],
        socket=folder / "relay.sock",
        watch=told.append,
    )
    with link.running(lambda: None):
        (up,) = told
    assert up.facts == {"address": link.address, "authority": link.fingerprint}


@pytest.mark.parametrize("listen", ["", "9092", "host:0", "host:x", "host:99999"])
def test_superlink_is_refused_when_its_address_is_none(folder, listen):
    with pytest.raises(ConfigError, match="no address"):
        ManagedSuperLink(
            folder, listen=listen, hosts=["x"], socket=folder / "s", watch=lambda happening: None
        )


ANOTHER = """
import encodings.idna, http.client, os, ssl, sys
context = ssl.create_default_context(cadata=sys.stdin.read())
os.setgid(65534)
os.setuid(65534)
line = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20, context=context)
line.request("POST", "/v1/control/list-nodes", b"", {"Content-Type": "application/protobuf"})
print(line.getresponse().status)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_other_users_of_the_machine_are_refused_when_they_find_the_control_api(folder):
    link = managed(folder, free_port(), [])
    with link.running(lambda: None):
        words = [sys.executable, "-c", ANOTHER, str(inner_port(link))]
        root = link.root.read_text()
        asked = subprocess.run(words, input=root, capture_output=True, text=True, check=True, timeout=30)
        assert asked.stdout == "403\n"
        assert link.nodes() == {}


KEEPER = """
import pathlib, sys, time
from aggregator.superlink import ManagedSuperLink
folder = pathlib.Path(sys.argv[1])
link = ManagedSuperLink(folder / "superlink", listen=sys.argv[2], hosts=["127.0.0.1"],
                        socket=folder / "s", watch=lambda happening: None)
with link.running(lambda: None):
    print("up", flush=True)
    time.sleep(600)
"""


def test_superlink_ends_and_the_next_one_starts_when_the_aggregator_is_killed(folder):
    address = f"{LOOPBACK}:{free_port()}"
    for _ in range(2):
        keeper = subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(folder), address], stdout=subprocess.PIPE, text=True
        )
        with keeper:
            try:
                assert keeper.stdout.readline() == "up\n"
                assert any("superlink_process" in words for words in processes_in(folder))
            finally:
                # At once starts the next one, while this one's SuperLink still ends.
                keeper.kill()
    wait_for(lambda: not processes_in(folder), 30)
