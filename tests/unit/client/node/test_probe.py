"""Every way in which a SuperLink can fail to be the right one, each with its own words."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from email.utils import formatdate

import pytest

from client.node.errors import CertificateRefused, ClockOff, SuperLinkUnreachable
from client.node.probe import probe
from tests.e2e.superlink import Authority, free_port

pytestmark = pytest.mark.enable_socket


@contextlib.contextmanager
def answering(folder=None, *, date=None, head=b"HTTP/1.1 404 Not Found\r\n"):
    """A server on loopback that answers one request; without TLS if there is no folder."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve():
            with contextlib.suppress(OSError):
                line, _ = door.accept()
                with line:
                    if folder is not None:
                        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                        context.load_cert_chain(folder / "server.pem", folder / "server.key")
                        with context.wrap_socket(line, server_side=True) as secure:
                            secure.recv(4096)
                            stamp = f"Date: {date}\r\n".encode() if date else b""
                            secure.sendall(head + stamp + b"Content-Length: 0\r\n\r\n")
                    else:
                        line.recv(4096)
                        line.sendall(b"220 here speaks something else\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{door.getsockname()[1]}"
        finally:
            door.close()
            thread.join(5)


@pytest.fixture
def folder(tmp_path):
    Authority.make().issue(tmp_path)
    return tmp_path


def stamp(offset=0.0):
    return formatdate(time.time() + offset, usegmt=True)


def test_superlink_is_accepted_when_all_is_right(folder):
    with answering(folder, date=stamp()) as address:
        probe(address, folder / "root.pem")


def test_superlink_is_accepted_when_it_tells_no_time(folder):
    with answering(folder) as address:
        probe(address, folder / "root.pem")


@pytest.mark.parametrize("date", ["yesterday", "Sun, 99 Foo 2026", "-"])
def test_superlink_is_accepted_when_its_time_is_nonsense(folder, date):
    with answering(folder, date=date) as address:
        probe(address, folder / "root.pem")


def test_nobody_is_reported_when_nothing_listens(folder):
    with pytest.raises(SuperLinkUnreachable, match="connection refused") as caught:
        probe(f"127.0.0.1:{free_port()}", folder / "root.pem")
    assert "address" in caught.value.hint


def test_other_service_is_reported_when_it_speaks_no_tls(folder):
    with answering() as address, pytest.raises(SuperLinkUnreachable, match="does not speak TLS"):
        probe(address, folder / "root.pem")


def test_other_service_is_reported_when_it_speaks_no_http(folder):
    with answering(folder, head=b"HELLO\r\n") as address, pytest.raises(SuperLinkUnreachable):
        probe(address, folder / "root.pem")


def test_certificate_is_refused_when_another_authority_issued_it(folder, tmp_path):
    (tmp_path / "mine.pem").write_bytes(Authority.make().pem)
    with answering(folder) as address, pytest.raises(CertificateRefused, match="not from the authority"):
        probe(address, tmp_path / "mine.pem")


def test_certificate_is_refused_when_it_has_expired(tmp_path):
    Authority.make().issue(tmp_path, valid=-dt.timedelta(hours=1))
    with answering(tmp_path) as address, pytest.raises(CertificateRefused, match="has expired"):
        probe(address, tmp_path / "root.pem")


def test_certificate_is_refused_when_it_is_for_another_host(tmp_path):
    Authority.make().issue(tmp_path, host="elsewhere")
    with answering(tmp_path) as address, pytest.raises(CertificateRefused, match="another host"):
        probe(address, tmp_path / "root.pem")


def test_certificate_is_refused_when_there_is_no_root(tmp_path):
    (tmp_path / "root.pem").write_text("not a certificate")
    with pytest.raises(CertificateRefused, match="holds no certificate"):
        probe("127.0.0.1:1", tmp_path / "root.pem")


@pytest.mark.parametrize(
    ("offset", "words"), [(-3600, "3[56]\\d\\d seconds ahead"), (3600, "3[56]\\d\\d seconds behind")]
)
def test_clock_is_reported_when_it_is_off(folder, offset, words):
    with answering(folder, date=stamp(offset)) as address, pytest.raises(ClockOff, match=words):
        probe(address, folder / "root.pem")


@pytest.mark.parametrize("offset", [-4, 250])
def test_clock_is_accepted_when_flower_accepts_it(folder, offset):
    # Flower takes a signature that is 5 seconds early or 305 late.
    with answering(folder, date=stamp(offset)) as address:
        probe(address, folder / "root.pem")
