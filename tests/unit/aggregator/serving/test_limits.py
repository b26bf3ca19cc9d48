"""Callers that send nothing, garbage, too much or too slowly hold nobody else up: on real sockets."""

from __future__ import annotations

import json
import re
import socket
import threading
import time

import pytest

from aggregator.serving.limits import Limits
from ceramic_bridge.node.limits import Rate
from tests.serving import SPEC, Served, current_of, made_up, serving

pytestmark = pytest.mark.enable_socket

RELEASE = made_up()
QUICK = Limits(
    rate=Rate(per_second=1e6, burst=1e6),
    max_connections=24,
    max_per_caller=20,
    head_seconds=0.6,
    body_seconds=0.6,
    answer_seconds=0.6,
)


def request(path="/v1/predict", body=b'{"text": "hello"}', *headers, method="POST"):
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def connect(where):
    return socket.create_connection(where, timeout=10)


def read_one(caller):
    """One whole answer; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = caller.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += caller.recv(65536)
    return int(head.split()[1]), body


def answered(where, text="hello"):
    with connect(where) as caller:
        caller.sendall(request(body=json.dumps({"text": text}).encode()))
        status, body = read_one(caller)
        assert status == 200
        return json.loads(body)["logit"]


def expected(text="hello"):
    return Served(RELEASE).scorer.score(SPEC.indices(text)).logit


def seconds_until_closed(caller, feed=None):
    """How long a connection lives; ``feed`` keeps sending."""
    began = time.monotonic()
    caller.settimeout(0.05)
    while time.monotonic() - began < 8:
        try:
            if feed:
                caller.sendall(feed)
            if not caller.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_server_answers_as_the_model_does_when_asked_over_a_socket():
    with serving(current_of(RELEASE)) as where:
        assert answered(where) == expected()


@pytest.mark.parametrize(
    ("first", "feed"),
    [
        (b"", None),
        (b"POST /v1/predict HTTP/1.1\r\n", b"x: y\r\n"),
        (b"POST /v1/predict HTTP/1.1\r\nx: ", b"y"),
        (request(body=b"")[:-2].replace(b"length: 0", b"length: 100000") + b"\r\n", b"["),
        (b"POST /v1/predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n[\r\n"),
        (request(method="GET", path="/health", body=b""), None),
        (request() + b"POST /v1/pre", b"d"),
    ],
    ids=["silent", "headers", "header", "body", "chunks", "kept alive", "second request"],
)
def test_slow_caller_is_cut_off_when_others_are_served_meanwhile(first, feed):
    with serving(current_of(RELEASE), QUICK) as where:
        slow = [connect(where) for _ in range(QUICK.max_per_caller - 2)]
        for caller in slow:
            caller.sendall(first)
        lived = []
        watch = threading.Thread(target=lambda: lived.append(seconds_until_closed(slow[0], feed)))
        watch.start()
        while watch.is_alive():
            assert answered(where) == expected()
        watch.join()
        assert 0.3 < lived[0] < 4
        for caller in slow:
            caller.close()


def test_caller_is_cut_off_when_it_never_reads_its_answers():
    with serving(current_of(RELEASE), QUICK) as where, connect(where) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        whole = request("/openapi.json", b"", method="GET")
        deaf.settimeout(8)
        with pytest.raises(OSError, match=r"(?i)reset|broken pipe"):
            deaf.sendall(whole * 100_000)
        assert answered(where) == expected()


def said(caller, sent):
    """What comes back; nothing if the connection is cut off meanwhile."""
    try:
        caller.sendall(sent)
        return caller.recv(65536)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\ncontent-length: 9\r\ncontent-length: 5\r\n\r\nabcdefghi",
        b"POST /v1/predict HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/pr\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=range(9),
)
def test_garbage_is_refused_or_cut_off_when_it_comes(garbage):
    with serving(current_of(RELEASE), QUICK) as where:
        with connect(where) as caller:
            data = said(caller, garbage)
            assert data[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 404"}, data
        assert answered(where) == expected()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000,
        b"GET / HTTP/1.1\r\n" + (b"x" * 90 + b": " + b"y" * 900 + b"\r\n") * 40 + b"\r\n",
    ],
    ids=["target", "many headers", "endless header", "long headers"],
)
def test_head_is_refused_when_it_is_too_long(head):
    with serving(current_of(RELEASE), QUICK) as where:
        with connect(where) as caller:
            data = said(caller, head)
            assert data[:12] in {b"", b"HTTP/1.1 400"}, data
        assert answered(where) == expected()


def test_upgrade_is_not_made_when_asked_for():
    with serving(current_of(RELEASE), QUICK) as where:
        with connect(where) as caller:
            caller.sendall(request("/health", b"", "connection: upgrade", "upgrade: websocket", method="GET"))
            assert read_one(caller)[0] == 200
        assert answered(where) == expected()


def test_large_bodies_are_answered_when_another_caller_never_ends_its_own():
    limits = Limits(rate=QUICK.rate, max_large=4, body_seconds=8)
    large = json.dumps({"texts": ["word " * 2000] * 20}).encode()
    with serving(current_of(RELEASE), limits) as where:
        slow = [connect(where) for _ in range(6)]
        for caller in slow:
            caller.sendall(request("/v1/predict/batch", large)[:100_000])
        # Half of the room is theirs, the others are told.
        assert [read_one(caller)[0] for caller in slow[2:]] == [429] * 4
        began = time.monotonic()
        with socket.create_connection(where, timeout=10, source_address=("127.0.0.2", 0)) as other:
            other.sendall(request("/v1/predict/batch", large))
            assert read_one(other)[0] == 200
        assert time.monotonic() - began < 6
        for caller in slow:
            caller.close()


def test_body_is_refused_when_its_length_alone_is_too_large():
    with serving(current_of(RELEASE), QUICK) as where, connect(where) as caller:
        caller.sendall(request(body=b"").replace(b"length: 0", b"length: 99999999999"))
        assert read_one(caller)[0] == 413
        assert seconds_until_closed(caller, b"x") < 4


def test_connections_are_turned_away_when_one_caller_has_too_many():
    with serving(current_of(RELEASE), QUICK) as where:
        held = [connect(where) for _ in range(QUICK.max_per_caller)]
        with connect(where) as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503")
        for caller in held:
            caller.close()
        time.sleep(0.3)
        assert answered(where) == expected()


def test_requests_on_one_connection_are_answered_in_order_when_they_are_sent_at_once():
    texts = [f"word{i}" for i in range(50)]
    with serving(current_of(RELEASE), QUICK) as where, connect(where) as caller:
        caller.sendall(b"".join(request(body=json.dumps({"text": text}).encode()) for text in texts))
        data = b""
        while data.count(b'"round"') < len(texts):
            data += caller.recv(65536)
    assert [int(n) for n in re.findall(rb'"logit":(-?\d+)', data)] == [expected(text) for text in texts]


def test_every_answer_is_whole_and_of_one_model_when_models_are_swapped_under_load():
    releases = [made_up(seed) for seed in range(3)]
    ready = [Served(release) for release in releases]
    texts = [f"word{i} other{i}" for i in range(40)]
    said = {
        release.last.model_hash.hex(): [s.scorer.score(SPEC.indices(text)).logit for text in texts]
        for release, s in zip(releases, ready, strict=True)
    }
    current, over, seen, wrong = current_of(releases[0]), threading.Event(), set(), []

    def load(where):
        body = json.dumps({"texts": texts}).encode()
        with connect(where) as caller:
            while not over.is_set():
                caller.sendall(request("/v1/predict/batch", body))
                status, answer = read_one(caller)
                table = json.loads(answer)
                seen.add(table["model"])
                if status != 200 or [a["logit"] for a in table["answers"]] != said[table["model"]]:
                    wrong.append(table)

    with serving(current, QUICK) as where:
        threads = [threading.Thread(target=load, args=(where,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(60):
            current.served = ready[i % 3]
            time.sleep(0.01)
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert seen == said.keys()
