"""The desk takes what a provider of the manifest signed for this epoch, and shows what it has."""

from __future__ import annotations

import socket
import urllib.request
from dataclasses import dataclass, replace

import pytest

from aggregator.validation import wire
from aggregator.validation.desk import Desk
from aggregator.validation.messages import proposal_bytes
from aggregator.validation.routes import router
from ceramic_bridge.did import Identity
from federation.errors import ChainError, ConfigError, PeerError
from federation.hashing import sha256
from tests.agreed import AGGREGATOR, DOMAIN, PROVIDERS, identity
from tests.unit.aggregator.validation.desk import served
from tests.unit.aggregator.validation.scene import Scene

pytestmark = pytest.mark.enable_socket


@dataclass
class Present:
    """The chain's epoch."""

    epoch: int = 0
    error: Exception | None = None

    def __call__(self) -> int:
        if self.error:
            raise self.error
        return self.epoch


@pytest.fixture
def present():
    return Present()


@pytest.fixture
def scene(tmp_path):
    return Scene.make(tmp_path)


@pytest.fixture
def url(scene, present):
    routes = router(scene.mailbox, scene.manifest, federation=DOMAIN.federation, epoch=present)
    with served(routes) as found:
        yield found


@pytest.fixture
def desk(url):
    return Desk(url=url, aggregator=AGGREGATOR.did)


def slip(item: str, **changes: object) -> wire.Slip:
    return replace(wire.Slip(domain=DOMAIN, provider=1, item=item), **changes)


def test_item_is_held_when_its_provider_signed_it(desk, scene):
    desk.put(slip("preimage-1"), b"content", PROVIDERS[1])
    body = scene.mailbox.get(1, 1, "preimage-1")
    assert slip("preimage-1").unseal(body, AGGREGATOR) == b"content"
    held = desk.held(1, 1)
    assert held["preimage-1"].sha256 == sha256(body)
    assert held["preimage-1"].refusal is None
    assert desk.held(1, 0) == {}


def test_other_body_is_refused_when_one_is_held(desk):
    desk.put(slip("preimage-2"), b"content", PROVIDERS[1])
    with pytest.raises(PeerError, match="came first"):
        desk.put(slip("preimage-2"), b"other", PROVIDERS[1])


def test_refusal_is_shown_and_another_body_taken_when_the_aggregator_refused_one(desk, scene):
    desk.put(slip("part-1"), b"wrong", PROVIDERS[1])
    scene.mailbox.refuse(1, 1, "part-1", scene.mailbox.get(1, 1, "part-1"), "not what was committed")
    assert desk.held(1, 1)["part-1"].refusal == "not what was committed"
    desk.put(slip("part-1"), b"right", PROVIDERS[1])
    assert desk.held(1, 1)["part-1"].refusal is None


@pytest.mark.parametrize("who", [PROVIDERS[0], PROVIDERS[2], identity("stranger")])
def test_item_is_refused_when_another_signed_it(desk, scene, who):
    with pytest.raises(PeerError, match="signature is not by"):
        desk.put(slip("preimage-3"), b"content", who)
    assert scene.mailbox.get(1, 1, "preimage-3") is None


@pytest.mark.parametrize("epoch", [2, 3, 99])
def test_item_is_refused_when_it_is_for_another_epoch(desk, epoch):
    with pytest.raises(PeerError, match="the chain is in epoch 0"):
        desk.put(slip("commit", domain=replace(DOMAIN, epoch=epoch)), b"content", PROVIDERS[1])


def test_item_is_refused_when_its_epoch_is_over(desk, present):
    present.epoch = 2
    with pytest.raises(PeerError, match="the chain is in epoch 2"):
        desk.put(slip("commit"), b"content", PROVIDERS[1])


@pytest.mark.parametrize("item", ["preimage-4", "event-1", "reveal-9", "secrets"])
def test_item_is_refused_when_no_epoch_has_it(desk, item):
    with pytest.raises(PeerError, match="refuses"):
        desk.put(slip(item), b"content", PROVIDERS[1])


@pytest.mark.parametrize("change", [{"provider": 3}, {"domain": replace(DOMAIN, epoch=0)}])
def test_item_is_refused_when_nobody_is_meant(desk, change):
    with pytest.raises(PeerError, match="no such epoch or provider"):
        desk.put(slip("commit", **change), b"content", PROVIDERS[1])


def raw(desk: Desk, path: str, body: bytes, signer: Identity, signed: wire.Slip, named: bytes) -> int:
    digest = sha256(named)
    headers = {
        "folkmoot-sha256": digest.hex(),
        "folkmoot-signature": signer.sign(signed.signed_bytes(digest)).hex(),
    }
    url = f"{desk.url}/v1/validation/{path}"
    request = urllib.request.Request(url, data=body, headers=headers, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_signature_is_worth_nothing_when_it_is_sent_with_something_else(desk):
    me, body = PROVIDERS[1], b"signed"
    signed = slip("reveal-1")
    assert raw(desk, "1/1/reveal-1", b"other", me, signed, body) == 400
    assert raw(desk, "1/1/reveal-2", body, me, signed, body) == 403
    assert raw(desk, "1/0/reveal-1", body, me, signed, body) == 403
    assert raw(desk, "1/1/reveal-1", body, me, signed, body) == 200
    assert raw(desk, "1/1/reveal-1", body, me, signed, body) == 200


def test_body_is_refused_when_it_is_too_large(desk):
    body = bytes(5000)
    assert raw(desk, "1/1/consent", body, PROVIDERS[1], slip("consent"), body) == 413
    assert "consent" not in desk.held(1, 1)


@pytest.mark.parametrize("headers", [{}, {"folkmoot-sha256": "00"}, {"folkmoot-signature": "zz"}])
def test_request_is_refused_when_its_headers_are_none(desk, headers):
    request = urllib.request.Request(
        f"{desk.url}/v1/validation/1/1/commit", data=b"x", headers=headers, method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError, match="422"), urllib.request.urlopen(request, timeout=10):
        pass


def test_strangers_body_is_not_read_when_its_signature_is_wrong(desk):
    host, _, port = desk.url.removeprefix("http://").partition(":")
    head = (
        f"PUT /v1/validation/1/1/commit HTTP/1.1\r\nhost: x\r\ncontent-length: 30000000\r\n"
        f"folkmoot-sha256: {'00' * 32}\r\nfolkmoot-signature: {'00' * 64}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        assert b" 403 " in connection.recv(4096).split(b"\r\n")[0]


def test_desk_says_no_more_than_that_it_failed_when_the_chain_is_down(desk, present):
    present.error = ChainError("http://user:secret@node is down")
    with pytest.raises(PeerError, match="cannot take items now") as caught:
        desk.put(slip("commit"), b"content", PROVIDERS[1])
    assert "secret" not in caught.value.message


def test_proposal_is_read_when_the_aggregator_made_one(desk, scene):
    assert desk.proposal(1) is None
    scene.mailbox.propose(1, proposal_bytes(scene.proposal()))
    assert desk.proposal(1) == scene.proposal()


def test_desk_cannot_be_reached_when_nobody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(PeerError, match="cannot be reached"):
        Desk(url=url, aggregator=AGGREGATOR.did, timeout=5).held(1, 1)


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "http://", "ftp://x", "http://a:b@c", "http://x?y"]
)
def test_desk_is_refused_when_its_url_is_none(url):
    with pytest.raises(ConfigError, match="not the URL"):
        Desk(url=url, aggregator=AGGREGATOR.did)
