"""The door in front of a SuperLink: what goes through, and that nothing is read of what does not."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import flwr
import pytest

from aggregator.fleetdoor import ACTIVATE, MOST_BYTES, MOST_UNKNOWN, OPEN, FleetDoor
from federation._flwr_compat import is_registered_node

KNOWN = [(b"X-Known", b"yes")]


def ask(path, *, method="POST", headers=(), length=b"3", kind="http"):
    """What the door answers: a status, or what the application behind it saw."""
    told, passed, read = [], [], []

    async def app(scope, receive, send):
        passed.append(scope["path"])

    async def receive():
        read.append(True)
        return {"type": "http.request", "body": b"abc", "more_body": False}

    async def send(message):
        told.append(message)

    door = FleetDoor(app, admits=lambda found: found.get("x-known") == "yes")
    sized = [*headers, *([(b"Content-Length", length)] if length is not None else [])]
    asyncio.run(door({"type": kind, "path": path, "method": method, "headers": sized}, receive, send))
    assert read == []
    if passed:
        assert (passed, told) == ([path], [])
        return "passed"
    if not told:
        return "closed"
    assert json.loads(told[1]["body"])["detail"]
    return told[0]["status"]


@pytest.mark.parametrize("path", sorted(OPEN))
def test_call_goes_through_when_a_registered_node_makes_it(path):
    assert ask(path, headers=KNOWN) == "passed"


LONG = str(MOST_UNKNOWN + 1).encode()


@pytest.mark.parametrize("path", sorted(OPEN))
def test_long_call_goes_through_when_a_registered_node_makes_it(path):
    assert ask(path, headers=KNOWN, length=LONG) == "passed"


@pytest.mark.parametrize("path", sorted(OPEN))
def test_long_call_is_refused_when_a_stranger_makes_it(path):
    assert ask(path, length=LONG) == 401


@pytest.mark.parametrize("path", [*sorted(OPEN), ACTIVATE])
def test_flower_decides_when_a_call_is_brief(path):
    assert ask(path, length=str(MOST_UNKNOWN).encode()) == "passed"


def test_nobody_says_at_length_who_it_is():
    assert ask(ACTIVATE, headers=KNOWN, length=LONG) == 413


@pytest.mark.parametrize(
    "path",
    [
        "/v1/control/start-run",
        "/v1/control/list-nodes",
        "/v1/runtime/acquire-task",
        "/v1/runtime/push-messages",
        "/v1/fleet/register-node",
        "/v1/fleet/unregister-node",
        "/v1/fleet/pull-messages/",
        "/v1/fleet//pull-messages",
        "/v1/fleet/../control/start-run",
        "/V1/fleet/pull-messages",
        "//v1/fleet/pull-messages",
        "/v1/fleet",
        "/health",
        "/docs",
        "/openapi.json",
        "/",
        "",
    ],
)
def test_nothing_answers_when_it_is_no_nodes_call(path):
    assert ask(path, headers=KNOWN) == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "post"])
def test_call_is_refused_when_it_is_no_post(method):
    assert ask("/v1/fleet/pull-messages", method=method, headers=KNOWN) == 405


@pytest.mark.parametrize("length", [None, b"", b"-1", b"1e3", "²".encode("latin-1"), b" 3"])
def test_call_is_refused_when_it_does_not_say_how_long_it_is(length):
    assert ask("/v1/fleet/pull-messages", headers=KNOWN, length=length) == 411


def test_call_is_refused_when_it_says_so_in_two_ways():
    headers = [*KNOWN, (b"Transfer-Encoding", b"chunked")]
    assert ask("/v1/fleet/pull-messages", headers=headers) == 411


@pytest.mark.parametrize("length", [str(MOST_BYTES + 1), "9" * 30, "0" * 30 + "9" * 15, "9" * 10_000])
def test_call_is_refused_when_it_is_too_long(length):
    assert ask("/v1/fleet/push-object", headers=KNOWN, length=length.encode()) == 413


def test_nothing_is_said_when_it_is_no_http():
    assert ask("/v1/fleet/pull-messages", kind="websocket", headers=KNOWN) == "closed"


def test_every_call_of_flowers_is_let_through_or_refused_on_purpose():
    source = (Path(flwr.__file__).parent / "superlink" / "routers" / "fleet" / "router.py").read_text()
    calls = {f"/v1/fleet/{name}" for name in re.findall(r'@router\.\w+\("/([a-z-]+)"\)', source)}
    # With node authentication Flower refuses both as well.
    assert calls - OPEN - {ACTIVATE} == {"/v1/fleet/register-node", "/v1/fleet/unregister-node"}
    assert calls > OPEN


# Who counts as registered


class State:
    def __init__(self, *keys):
        self.keys = keys

    def state(self):
        return self

    def get_node_id_by_public_key(self, key):
        return 7 if key in self.keys else None


class App:
    def __init__(self, *keys):
        self.state = type("Of", (), {"linkstate_factory": State(*keys)})()


def signed(key, *, at=None, stamp=None):
    """Headers as Flower's own node makes them."""
    import base64
    import datetime as dt

    from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message

    pem = public_key_to_bytes(key.public_key())
    stamp = stamp or (at or dt.datetime.now(dt.UTC)).isoformat()
    return pem, {
        "flwr-public-key": base64.b64encode(pem).decode(),
        "flwr-timestamp": stamp,
        "flwr-signature": base64.b64encode(sign_message(key, stamp.encode())).decode(),
    }


@pytest.fixture(scope="module")
def key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP384R1())


def test_node_counts_when_its_key_is_known_and_signed_just_now(key):
    pem, headers = signed(key)
    assert is_registered_node(App(pem), headers)


@pytest.mark.parametrize("seconds", [-3600, 60])
def test_node_does_not_count_when_it_signed_at_another_time(key, seconds):
    import datetime as dt

    pem, headers = signed(key, at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))
    assert not is_registered_node(App(pem), headers)


@pytest.mark.parametrize(
    "change",
    [
        {"flwr-signature": "AAAA"},
        {"flwr-signature": "not base64!"},
        {"flwr-public-key": "AAAA"},
        {"flwr-timestamp": "yesterday"},
        {"flwr-timestamp": "2026-01-01T00:00:00"},
        {"flwr-timestamp": None},
    ],
    ids=str,
)
def test_node_does_not_count_when_a_header_is_wrong(key, change):
    pem, headers = signed(key)
    found = {name: value for name, value in {**headers, **change}.items() if value is not None}
    assert not is_registered_node(App(pem), found)


def test_node_does_not_count_when_its_key_is_unknown(key):
    _, headers = signed(key)
    assert not is_registered_node(App(), headers)
