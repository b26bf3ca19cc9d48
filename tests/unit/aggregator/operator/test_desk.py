"""The desk serves what is public, says how things stand, and is held up by nobody."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request

import pytest
from fastapi import APIRouter, Request

from aggregator.operator import desk
from aggregator.operator.config import DeskSettings
from aggregator.operator.health import Health, Standing
from aggregator.public import PublicDirectory
from aggregator.serving.limits import Limits
from ceramic_bridge.blobs import blobs_that_begin, fetch_blob
from federation.errors import ConfigError, PeerError
from federation.types import Hash32

pytestmark = pytest.mark.enable_socket

SECRET = "the seed of a DID"
MOST = 1 << 16


@pytest.fixture
def home(tmp_path):
    """A federation's folder: what is public, and what must not be."""
    public = PublicDirectory(tmp_path / "public")
    for number in range(3):
        public.put(b"FMM1" + bytes([number]) * 1000)
    public.write("federation.toml", b'name = "small"\n')
    public.seal()
    (tmp_path / "identity").write_text(SECRET)
    staged = PublicDirectory(tmp_path / "staging" / "epoch-1").put(b"a delta of " + SECRET.encode())
    (tmp_path / "public" / "blobs" / ("ab" * 32)).symlink_to(tmp_path / "identity")
    (tmp_path / "public" / "genesis.json").symlink_to(tmp_path / "identity")
    (tmp_path / "public" / "notes.txt").write_text(SECRET)
    return tmp_path, staged


def taking() -> APIRouter:
    routes = APIRouter()

    @routes.put("/v1/taken")
    async def take(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return routes


def built(folder, standing=None):
    return desk.build_desk(
        public=folder / "public", health=standing or Standing(), routers=[taking()], max_body=MOST
    )


class Answer:
    """What a desk said."""

    def __init__(self, found: http.client.HTTPResponse) -> None:
        self.status_code, self.headers, self.content = found.status, found.headers, found.read()

    @property
    def text(self) -> str:
        return self.content.decode("latin-1")

    def json(self):
        return json.loads(self.content)


class Caller:
    """Asks a desk exactly what it is told to, whatever that is."""

    def __init__(self, host: str, port: int) -> None:
        self.place = host, port

    def request(self, method, path, *, headers=None, content=None) -> Answer:
        line = http.client.HTTPConnection(*self.place, timeout=10)
        try:
            line.request(method, path, content, headers or {})
            return Answer(line.getresponse())
        finally:
            line.close()

    def get(self, path, **more) -> Answer:
        return self.request("GET", path, **more)


@contextlib.contextmanager
def calling(app):
    with desk.serving(app, settings()) as (host, port):
        yield Caller(host, port)


@pytest.fixture
def client(home):
    with calling(built(home[0])) as caller:
        yield caller


def blobs(folder):
    return sorted(p.name for p in (folder / "public" / "blobs").iterdir() if not p.is_symlink())


def test_public_files_are_served_when_they_are_there(client, home):
    folder, _ = home
    assert client.get("/federation.toml").text == 'name = "small"\n'
    assert client.get("/index.json").json().keys() == {"files", "self"}
    for name in blobs(folder):
        answer = client.get(f"/blobs/{name}")
        assert answer.content == (folder / "public" / "blobs" / name).read_bytes()
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.request("HEAD", f"/blobs/{blobs(folder)[0]}").status_code == 200


def test_part_of_a_blob_is_served_when_a_range_is_asked_for(client, home):
    name = blobs(home[0])[0]
    answer = client.get(f"/blobs/{name}", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, b"FMM1")


@pytest.mark.parametrize(
    "path",
    [
        "/identity",
        "/../identity",
        "/%2e%2e/identity",
        "/..%2fidentity",
        "/blobs/../../identity",
        "/blobs/..%2f..%2fidentity",
        "/blobs/" + "AB" * 32,
        "/blobs/" + "ab" * 32,
        "/blobs/" + "ab" * 31,
        "/blobs/%00",
        "/blobs/",
        "/genesis.json",
        "/notes.txt",
        "/events.car",
        "/staging/epoch-1/index.json",
        "//etc/passwd",
        "/",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_is_served_when_it_is_not_public(client, path):
    answer = client.get(path)
    assert answer.status_code in {404, 307}
    assert SECRET not in answer.text


def test_staged_blob_is_not_served_before_it_is_published(client, home):
    folder, staged = home
    assert client.get(f"/blobs/{staged.hex()}").status_code == 404
    PublicDirectory(folder / "staging" / "epoch-1").publish([staged], PublicDirectory(folder / "public"))
    assert client.get(f"/blobs/{staged.hex()}").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_public_files_cannot_be_changed_by_anybody(client, home, method):
    name = blobs(home[0])[0]
    assert client.request(method, f"/blobs/{name}", content=b"x").status_code == 405


def test_health_says_how_things_stand(home):
    standing = Standing()
    with calling(built(home[0], standing)) as client:
        assert client.get("/health").status_code == 503
        assert client.get("/health/live").status_code == 200
        standing.change(lambda _: Health(chain=True, superlink=True, epoch=3, phase="commit", deadline=4e9))
        answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["seconds_left"] > 1e9


def test_body_is_refused_when_it_is_too_long_declared_or_not(client):
    assert client.request("PUT", "/v1/taken", content=b"x" * MOST).json() == {"bytes": MOST}
    assert client.request("PUT", "/v1/taken", content=b"x" * (MOST + 1)).status_code == 413

    def trickle():
        for _ in range(5):
            yield b"x" * (MOST // 4)

    assert client.request("PUT", "/v1/taken", content=trickle()).status_code >= 400


# Over real sockets


def settings(**changes):
    return DeskSettings(**{**DeskSettings().model_dump(), "bind": "127.0.0.1:0", **changes})


def test_member_finds_blobs_and_index_over_http(home):
    folder, _ = home
    with desk.serving(built(folder), settings()) as (host, port):
        url = f"http://{host}:{port}"
        names = {digest.hex() for digest in blobs_that_begin(url, b"FMM1")}
        assert names == set(blobs(folder))
        digest = Hash32(bytes.fromhex(blobs(folder)[0]))
        assert fetch_blob(url, digest, most=2000) == (folder / "public" / "blobs" / digest.hex()).read_bytes()
        with pytest.raises(PeerError, match="longer than"):
            fetch_blob(url, digest, most=10)


def test_address_is_refused_when_somebody_has_it(home):
    with desk.serving(built(home[0]), settings()) as (host, port):
        again = desk.serving(built(home[0]), settings(bind=f"{host}:{port}"))
        with pytest.raises(ConfigError, match="cannot be listened on"):
            again.__enter__()


def test_certificate_is_refused_when_it_is_none(home, tmp_path):
    (tmp_path / "c.pem").write_text("x")
    serving = desk.serving(
        built(home[0]), settings(certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "no.pem"))
    )
    with pytest.raises(ConfigError, match="no certificate"):
        serving.__enter__()


def test_desk_speaks_tls_when_it_has_a_certificate(home, tmp_path):
    from aggregator.certificates import self_made

    made = self_made(tmp_path / "tls", "desk", ["127.0.0.1"])
    secured = settings(certificate=str(made.certificate), key=str(made.key))
    with desk.serving(built(home[0]), secured) as (host, port):
        trust = ssl.create_default_context(cafile=str(made.root))
        with urllib.request.urlopen(f"https://{host}:{port}/federation.toml", context=trust) as answer:
            assert answer.read() == b'name = "small"\n'
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"https://{host}:{port}/", context=ssl.create_default_context())


def test_others_are_served_when_many_hold_their_connections_open(home, monkeypatch):
    quick = {"head_seconds": 0.5, "body_seconds": 0.5, "answer_seconds": 1.0}
    monkeypatch.setattr(desk, "Limits", lambda **given: Limits(**{**given, **quick}))
    with desk.serving(built(home[0]), settings(max_connections=32)) as (host, port):
        held = [socket.create_connection((host, port)) for _ in range(40)]
        for number, one in enumerate(held):
            one.settimeout(10)
            words = [b"GET / HT", b"", b"PUT /v1/taken HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx"]
            with contextlib.suppress(OSError):  # turned away already
                one.sendall(words[number % 3])
        deadline, served = time.monotonic() + 10, False
        while not served:
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/health/live", timeout=5) as answer:
                    served = answer.status == 200
            except OSError:
                time.sleep(0.1)
        for one in held:
            one.close()
