"""The guard's sockets: what comes back, what is refused, and that nothing a caller does stops it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

import pytest
from flwr.app import Message, RecordDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceramic_bridge.events import decode
from client.app import app_of
from client.guard.client import ask, guarded, guarded_app
from client.guard.protocol import HEAD, REFUSAL, most_bytes, request_bytes
from client.guard.server import GuardServer, Post
from client.home import socket_in
from client.vault import Vault
from federation.errors import ConfigError, PeerError
from federation.grid import InProcessGrid
from federation.messages import (
    COMMIT,
    REVEAL,
    SECURE,
    CommitReply,
    RevealRequest,
    SecureReply,
    SecureRequest,
)
from federation.secagg.stages import Stage
from federation.types import Hash32
from tests.agreed import DIM, identity
from tests.unit.client.guard.scene import DOMAINS, OTHER_BASE, PASSPHRASE, make_vault, posts, request


@dataclass
class Running:
    """A guard that answers in this process."""

    folder: object
    said: list[str] = field(default_factory=list)

    def path(self, name: str = "red"):
        return socket_in(self.folder, name)

    def commit(self, records: RecordDict, name: str = "red") -> bytes:
        return CommitReply.parse(ask(self.path(name), COMMIT, records, patience=20)).event

    def line(self, name: str = "red") -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(10)
        made.connect(str(self.path(name)))
        return made


@contextmanager
def running(open_posts, folder, *, users=None, seconds=20.0):
    guard, up, stop, loop = Running(folder), threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    server = GuardServer(
        open_posts, users=users or frozenset({os.geteuid()}), report=guard.said.append, seconds=seconds
    )

    def run() -> None:
        loop.run_until_complete(server.serve(ready=lambda _: up.set(), stop=stop))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(20)
        yield guard
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("g", numbered=True)
    make_vault(made / "vault" / "vault.db")
    return made


@pytest.fixture
def guard(home, tmp_path):
    with running(
        lambda: posts(Vault.open(home / "vault" / "vault.db", PASSPHRASE), tmp_path), tmp_path
    ) as up:
        yield up


def test_app_gets_a_signed_contribution_when_it_asks_the_guard(guard):
    grid = InProcessGrid({7: app_of(lambda _: guarded(guard.path()))})
    (reply,) = grid.send_and_receive([Message(request().records(), 7, COMMIT, group_id="1.1")], timeout=20)
    event = decode(CommitReply.parse(reply.content).event)
    assert event.signer == identity("member").did


def test_commit_is_the_same_when_a_round_is_asked_again(guard):
    assert guard.commit(request().records()) == guard.commit(request().records())


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(request(base=OTHER_BASE), id="another base"),
        pytest.param(request("blue"), id="another federation"),
        pytest.param(request(epoch=2), id="another epoch"),
    ],
)
def test_request_is_refused_without_words_when_it_is_not_what_was_agreed(guard, asked):
    with pytest.raises(PeerError, match=r"^the guard refuses$"):
        guard.commit(asked.records())
    assert guard.said


def test_reveal_is_refused_when_no_commit_root_holds_the_leaf(guard):
    guard.commit(request().records())
    early = RevealRequest(domain=DOMAINS["red"], round=1, proof=(Hash32(bytes(32)),))
    with pytest.raises(PeerError, match="refuses"):
        ask(guard.path(), REVEAL, early.records(), patience=20)


def test_federations_have_sockets_of_their_own_when_two_are_joined(guard):
    red = decode(guard.commit(request("red", 2).records(), "red"))
    blue = decode(guard.commit(request("blue", 2).records(), "blue"))
    assert red.payload.content["federation"] != blue.payload.content["federation"]
    with pytest.raises(PeerError, match="refuses"):
        guard.commit(request("red", 2).records(), "blue")


def test_caller_is_hung_up_on_when_its_message_is_too_long(guard):
    with guard.line() as line:
        line.sendall((most_bytes(DIM) + 1).to_bytes(HEAD, "big"))
        assert line.recv(1) == b""
    assert guard.commit(request().records())


@pytest.mark.parametrize("secure", [False, True])
def test_long_stage_is_answered_when_the_federation_is_secure_and_only_then(tmp_path, secure):
    asked = SecureRequest(
        domain=DOMAINS["red"], round=1, attempt=2, stage=Stage.SCALARS, parts=(bytes(most_bytes(DIM)), b"x")
    )

    def answer(records):
        return SecureReply(SecureRequest.parse(records).parts).records()

    post = Post(
        name="red", socket=socket_in(tmp_path, "red"), dim=DIM, answers={SECURE: answer}, secure=secure
    )
    with running(lambda: {"red": post}, tmp_path) as guard:
        if secure:
            records = guarded(guard.path())[SECURE](asked.records())
            assert SecureReply.parse(records).parts == asked.parts
        else:
            with pytest.raises(PeerError, match="no guard answers"):
                guarded(guard.path())[SECURE](asked.records())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(min_size=1, max_size=300) | st.binary(max_size=200).map(lambda b: b"\x01" + b))
def test_guard_refuses_and_goes_on_when_a_frame_is_garbage(guard, body):
    with guard.line() as line:
        line.sendall(len(body).to_bytes(HEAD, "big") + body)
        assert line.recv(len(REFUSAL)) == REFUSAL


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_guard_refuses_or_repeats_itself_when_a_bit_of_a_request_is_flipped(guard, data):
    known = guard.commit(request().records())
    frame = bytearray(request_bytes(COMMIT, request().records()))
    at = data.draw(st.integers(8 * (HEAD + 1), 8 * len(frame) - 1))
    frame[at // 8] ^= 1 << at % 8
    with guard.line() as line:
        line.sendall(bytes(frame))
        answer = line.recv(1 << 16)
    assert answer == REFUSAL or known in answer


def test_slow_caller_is_hung_up_on_when_its_time_is_over(home, tmp_path):
    vault = home / "vault" / "vault.db"
    with (
        running(lambda: posts(Vault.open(vault, PASSPHRASE), tmp_path), tmp_path, seconds=0.3) as guard,
        guard.line() as slow,
    ):
        slow.sendall(b"\x00\x00")
        assert guard.commit(request().records())
        assert slow.recv(1) == b""


def test_guard_answers_others_when_one_caller_opens_more_lines_than_it_may(guard):
    lines = [guard.line() for _ in range(40)]
    assert guard.commit(request("blue").records(), "blue")
    for line in lines:
        line.close()
    deadline, answered = time.monotonic() + 10, b""
    while not answered and time.monotonic() < deadline:
        with suppress(PeerError):
            answered = guard.commit(request().records())
    assert answered, "the socket stays full"


def test_nobody_is_let_in_when_his_user_is_not_named(home, tmp_path):
    vault = home / "vault" / "vault.db"
    nobody = frozenset({os.geteuid() + 1, os.geteuid() + 2})
    with (
        running(lambda: posts(Vault.open(vault, PASSPHRASE), tmp_path), tmp_path, users=nobody) as guard,
        pytest.raises(PeerError, match="no guard answers"),
    ):
        guard.commit(request().records())


def test_unexpected_error_is_told_by_its_type_alone_when_it_quotes_a_row(tmp_path):
    def broken(_records):
        raise KeyError("a word of somebody's mail")

    post = Post(name="red", socket=socket_in(tmp_path, "red"), dim=DIM, answers={COMMIT: broken})
    with running(lambda: {"red": post}, tmp_path) as guard:
        with pytest.raises(PeerError, match="refuses"):
            guard.commit(request().records())
        assert guard.said == ["red: refused: KeyError"]


def test_request_is_finished_when_the_guard_is_told_to_stop_meanwhile(tmp_path):
    begun, finished = threading.Event(), threading.Event()

    def slow(_records):
        begun.set()
        time.sleep(0.3)
        finished.set()
        return RecordDict({})

    post = Post(name="red", socket=socket_in(tmp_path, "red"), dim=DIM, answers={COMMIT: slow})
    with running(lambda: {"red": post}, tmp_path) as guard, guard.line() as line:
        line.sendall(request_bytes(COMMIT, request().records()))
        assert begun.wait(10)
    assert finished.is_set()
    assert not guard.path().exists()


def test_socket_is_made_when_a_killed_guard_left_one(home, tmp_path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(socket_in(tmp_path, "red")))
    vault = home / "vault" / "vault.db"
    with running(lambda: posts(Vault.open(vault, PASSPHRASE), tmp_path), tmp_path) as guard:
        assert guard.commit(request().records())
    left.close()


def test_guard_says_so_when_the_path_of_a_socket_is_too_long(tmp_path):
    post = Post(name="red", socket=tmp_path / ("x" * 120), dim=DIM, answers={})
    server = GuardServer(lambda: {"red": post}, users=frozenset(), report=print)
    with pytest.raises(ConfigError, match="too long"):
        asyncio.run(server.serve(ready=print, stop=asyncio.Event()))


@pytest.mark.parametrize("fails", [False, True])
def test_vault_is_closed_by_its_own_thread_when_the_guard_ends(home, tmp_path, fails):
    vaults, closed = [], []

    def open_posts():
        vaults.append(Vault.open(home / "vault" / "vault.db", PASSPHRASE))
        if fails:
            raise ConfigError("no federation")
        return posts(vaults[0], tmp_path)

    def close():
        vaults[0].close()
        closed.append(True)

    stop = asyncio.Event()
    server = GuardServer(open_posts, users=frozenset(), report=print, close=close)
    with pytest.raises(ConfigError) if fails else nullcontext():
        asyncio.run(server.serve(ready=lambda _: stop.set(), stop=stop))
    assert closed == [True]


def test_app_says_what_is_missing_when_its_node_names_no_guard():
    grid = InProcessGrid({7: guarded_app()})
    (reply,) = grid.send_and_receive([Message(request().records(), 7, COMMIT, group_id="1.1")], timeout=20)
    assert reply.has_error()


def test_asking_fails_with_a_remedy_when_no_guard_runs(tmp_path):
    with pytest.raises(PeerError, match="no guard answers") as caught:
        ask(tmp_path / "red.sock", COMMIT, request().records())
    assert caught.value.hint == "start it with: folkmoot client guard"
