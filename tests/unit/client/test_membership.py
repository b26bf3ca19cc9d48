"""A membership in its one form; blobs by their hash; the member that follows from both."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from dataclasses import fields, replace

import pytest

from ceramic_bridge import blobs
from ceramic_bridge.blobs import fetch_blob
from ceramic_bridge.dagcbor import decode, encode
from client.assemble import bind, member_on
from client.membership import RECORD, Membership, memberships
from client.own import make_identity
from contracts.agreement import require_agreed
from contracts.deploy import Deployment
from examples.spam_detection.settings import Settings
from federation.errors import ChainError, ConfigError, PeerError, VerificationFailed
from federation.hashing import sha256
from federation.types import Address
from tests.agreed import DOMAIN, MODELS, agreed
from tests.joined import community

MEMBERSHIP = Membership(
    manifest=agreed(),
    federation=DOMAIN.federation,
    registry=Address("0x" + "cd" * 20),
    payee=Address("0x" + "ef" * 20),
    models=MODELS,
    rpc="http://127.0.0.1:8545",
    superlink="localhost:9092",
    root_certificate=b"PEM",
    public="https://example.org/run",
    events="https://events.example.org",
)


def test_membership_comes_back_when_it_is_read(vault):
    assert Membership.parse(MEMBERSHIP.to_bytes()) == MEMBERSHIP
    assert memberships(vault) == {}
    vault.put_record(RECORD, MEMBERSHIP.name, MEMBERSHIP.to_bytes())
    assert memberships(vault) == {"small": MEMBERSHIP}


FIELDS = sorted(decode(MEMBERSHIP.to_bytes()))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("change", ["missing", "of another type", "none"])
def test_membership_is_refused_when_a_field_is_wrong(field, change):
    value = decode(MEMBERSHIP.to_bytes())
    assert isinstance(value, dict)
    if change == "missing":
        del value[field]
    else:
        value[field] = None if change == "none" else 1
    with pytest.raises(VerificationFailed):
        Membership.parse(encode(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xa0",
        b"\xff" * 10,
        encode({**decode(MEMBERSHIP.to_bytes()), "more": 1}),
        encode({**decode(MEMBERSHIP.to_bytes()), "manifest": agreed().to_toml() + "# a note\n"}),
        encode({**decode(MEMBERSHIP.to_bytes()), "manifest": "name = 1"}),
        encode({**decode(MEMBERSHIP.to_bytes()), "models": {"data": "text"}}),
        encode({**decode(MEMBERSHIP.to_bytes()), "public": "x" * (2 << 20)}),
    ],
)
def test_membership_is_refused_when_it_is_something_else(data):
    with pytest.raises(VerificationFailed):
        Membership.parse(data)


# Blobs


def put(folder, data):
    (folder / "blobs").mkdir(exist_ok=True)
    (folder / "blobs" / sha256(data).hex()).write_bytes(data)
    return sha256(data)


def test_blob_of_a_folder_is_what_its_name_says_or_refused(tmp_path):
    digest = put(tmp_path, b"mean")
    assert fetch_blob(str(tmp_path), digest, most=4) == b"mean"
    with pytest.raises(PeerError, match="longer"):
        fetch_blob(str(tmp_path), digest, most=3)
    with pytest.raises(PeerError, match="no such file"):
        fetch_blob(str(tmp_path), sha256(b"another"), most=4)
    (tmp_path / "blobs" / digest.hex()).write_bytes(b"Mean")
    with pytest.raises(VerificationFailed, match="its content"):
        fetch_blob(str(tmp_path), digest, most=4)


@pytest.mark.parametrize("place", ["ftp://example.org", "file:///etc", "http://", "https:///x"])
def test_place_is_refused_when_it_is_neither_folder_nor_url(place):
    with pytest.raises(ConfigError):
        fetch_blob(place, sha256(b""), most=1)


@contextmanager
def served(answer):
    """A web server that answers every request by a function of its handler."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def says(data, code=200, **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


@pytest.mark.enable_socket
def test_blob_of_a_server_is_what_its_name_says_or_refused():
    digest = sha256(b"mean")
    with served(says(b"mean")) as url:
        assert fetch_blob(url + "/", digest, most=4) == b"mean"
        with pytest.raises(VerificationFailed):
            fetch_blob(url, sha256(b"other"), most=4)
    with served(says(bytes(10**6))) as url, pytest.raises(PeerError, match="longer"):
        fetch_blob(url, digest, most=4)
    with served(says(b"", 404)) as url, pytest.raises(PeerError, match="HTTPError"):
        fetch_blob(url, digest, most=4)


@pytest.mark.enable_socket
def test_blob_is_not_looked_for_elsewhere_when_a_server_sends_away():
    with (
        served(says(b"mean")) as inside,
        served(says(b"", 302, Location=inside)) as url,
        pytest.raises(PeerError),
    ):
        fetch_blob(url, sha256(b"mean"), most=4)


@pytest.mark.enable_socket
def test_member_waits_no_longer_when_a_server_is_silent(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(blobs, "_SECONDS", 0.2)
    with served(lambda handler: over.wait(5)) as url:
        with pytest.raises(PeerError):
            fetch_blob(url, sha256(b"mean"), most=4)
        over.set()


# The member of an open epoch


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A community whose first epoch is open."""
    out = tmp_path_factory.mktemp("opened") / "run"
    run = community(Settings(members=3, rounds=2, seed=0, cheats=(), out=out))
    run._join_members()
    run._open_epoch()
    yield run
    for actor in run.actors:
        actor.vault.close()


@pytest.fixture
def membership(opened):
    return Membership(
        manifest=opened.manifest,
        federation=opened.deployment.federation.address,
        registry=opened.deployment.registry.address,
        payee=opened.actors[0].account.address,
        models=opened.models,
        rpc="",
        superlink="localhost:9092",
        root_certificate=b"",
        public=str(opened.settings.out / "public"),
    )


def test_member_is_assembled_when_chain_and_blobs_agree(opened, membership, vault):
    make_identity(vault, bytes(32))
    member = member_on(opened.chain, vault, membership)
    assert member.domain == opened.epoch.domain
    assert (member._terms.mean == opened.epoch.mean).all()


def test_member_is_refused_when_the_mean_is_another(opened, membership, vault, tmp_path):
    make_identity(vault, bytes(32))
    digest = opened.epoch.terms.mean_hash
    right = (opened.settings.out / "public" / "blobs" / digest.hex()).read_bytes()
    (tmp_path / "blobs").mkdir()
    lying = replace(membership, public=str(tmp_path))
    with pytest.raises(PeerError):
        member_on(opened.chain, vault, lying)
    for wrong in (right[:-1] + bytes([right[-1] ^ 1]), right[:-8], right + bytes(8)):
        (tmp_path / "blobs" / digest.hex()).write_bytes(wrong)
        with pytest.raises((VerificationFailed, PeerError)):
            member_on(opened.chain, vault, lying)


def test_member_is_refused_when_it_consented_to_something_else(opened, membership, vault):
    other = opened.manifest.model_copy(update={"name": "other"})
    with pytest.raises(VerificationFailed, match="another manifest than you consented to"):
        bind(opened.chain, replace(membership, manifest=other))
    for change in ({"federation": membership.registry}, {"registry": membership.federation}):
        with pytest.raises(VerificationFailed, match="its code"):
            bind(opened.chain, replace(membership, **change))
    assert isinstance(bind(opened.chain, membership), Deployment)


def test_member_waits_when_no_epoch_is_open(opened, membership, vault, monkeypatch):
    monkeypatch.setattr(type(opened.deployment.federation), "epoch", lambda self: 0)
    with pytest.raises(ChainError, match="no epoch"):
        member_on(opened.chain, vault, membership)


COMMITTED = {
    "validation_root",
    "mean_hash",
    "public_hash",
    "roster_hash",
    "roster_root",
    "members",
    "quota_total",
    "provider_tips",
}
"""What an epoch adds to its manifest."""


def changed(value):
    match value:
        case int():
            return value + 1
        case tuple():
            return value[:-1]
        case bytes():
            return bytes(32)
    raise AssertionError(value)


def test_epoch_is_refused_when_its_terms_are_not_the_manifests(opened):
    terms, manifest = opened.epoch.terms, opened.manifest
    require_agreed(manifest, terms)
    for field in fields(terms):
        other = replace(terms, **{field.name: changed(getattr(terms, field.name))})
        if field.name in COMMITTED:
            require_agreed(manifest, other)
        else:
            with pytest.raises(VerificationFailed, match=field.name):
                require_agreed(manifest, other)
