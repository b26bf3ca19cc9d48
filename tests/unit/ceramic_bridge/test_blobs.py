"""Blobs of a public directory, from a folder and over HTTP: what is not what it says is refused."""

from __future__ import annotations

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aggregator.public import FILES, PublicDirectory
from ceramic_bridge import blobs
from ceramic_bridge.blobs import blobs_that_begin, fetch_blob
from contracts.payouts import MAGIC, pick_table
from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.hashing import sha256
from federation.reward import PayoutTable
from federation.types import Address, Wei

POOL = Address("0x" + "00" * 19 + "01")
PAYEE = Address("0x" + "00" * 19 + "02")
TABLE = PayoutTable.build(1, POOL, {PAYEE: Wei(7)})
EARLIER = PayoutTable.build(1, POOL, {PAYEE: Wei(5)})


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, whole files only, and says nothing."""

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def folder(tmp_path):
    made = PublicDirectory(tmp_path)
    for name in FILES:
        made.write(name, b"content")
    for data in (b"a delta", b"FM", EARLIER.to_bytes(), TABLE.to_bytes()):
        made.put(data)
    made.seal()
    return tmp_path


@pytest.fixture
def url(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        server.handle_error = lambda *_: None  # a caller that reads the beginning hangs up
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.enable_socket
@pytest.mark.parametrize("place", ["folder", "url"])
def test_blob_comes_back_when_it_is_asked_for_by_its_hash(request, place):
    there = str(request.getfixturevalue(place))
    data = TABLE.to_bytes()
    assert fetch_blob(there, sha256(data), most=len(data)) == data
    with pytest.raises(PeerError, match="longer"):
        fetch_blob(there, sha256(data), most=len(data) - 1)
    with pytest.raises(PeerError):
        fetch_blob(there, sha256(b"nobody has it"), most=99)


@pytest.mark.enable_socket
def test_blob_is_refused_when_it_is_something_else(folder, url):
    (folder / "blobs" / sha256(b"true").hex()).write_bytes(b"lie!")
    for place in (str(folder), url):
        with pytest.raises(VerificationFailed):
            fetch_blob(place, sha256(b"true"), most=99)


@pytest.mark.enable_socket
def test_payout_table_is_found_on_the_web_when_its_root_is_the_pools(url):
    found = [fetch_blob(url, digest, most=999) for digest in blobs_that_begin(url, MAGIC)]
    assert sorted(found) == sorted([EARLIER.to_bytes(), TABLE.to_bytes()])
    assert pick_table(found, 1, POOL, TABLE.tree().root, place=url) == TABLE
    with pytest.raises(VerificationFailed, match="not the one that pool"):
        pick_table(found, 2, POOL, TABLE.tree().root, place=url)
    with pytest.raises(ConfigError, match="no payout table"):
        pick_table([], 1, POOL, TABLE.tree().root, place=url)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "index", [b"", b"[]", b'{"files": []}', b'{"files": {"blobs/zz": ""}}', b'{"files": {"blobs/00": ""}}']
)
def test_looking_through_is_refused_when_the_index_is_none(folder, url, index):
    (folder / "index.json").write_bytes(index)
    with pytest.raises(PeerError):
        list(blobs_that_begin(url, MAGIC))


@pytest.mark.enable_socket
def test_looking_through_ends_when_it_takes_too_long(url, monkeypatch):
    monkeypatch.setattr(blobs, "_PATIENCE", -1.0)
    with pytest.raises(PeerError, match="too long"):
        list(blobs_that_begin(url, MAGIC))


def test_place_is_refused_when_it_is_neither_folder_nor_url():
    with pytest.raises(ConfigError, match="neither a folder nor a URL"):
        fetch_blob("ftp://example.org/run", sha256(b""), most=1)
