"""Whose a connection is, as the kernel tells it, and what follows."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest

from aggregator.owndoor import OwnDoor, user_of

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's table is Linux's")

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(local, remote, state, uid):
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  {uid}        0 1 1 0\n"


@LINUX
@pytest.mark.enable_socket
def test_user_is_this_one_when_this_process_connects():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as caller,
    ):
        ours, theirs = server.getsockname()[1], caller.getsockname()[1]
        assert user_of(theirs, ours) == os.getuid()
        assert user_of(ours, theirs) in (os.getuid(), None)  # the other end may not be accepted yet
        assert user_of(theirs, theirs) is None


@LINUX
@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line("0100007F:C000", "0100007F:1F40", "01", 1234)], 1234),
        # The server's own end of the connection says whose the server is.
        (
            [
                line("0100007F:1F40", "0100007F:C000", "01", 0),
                line("0100007F:C000", "0100007F:1F40", "01", 7),
            ],
            7,
        ),
        # One that is over was perhaps another user's.
        ([line("0100007F:C000", "0100007F:1F40", "06", 0)], None),
        # The same ports on another address.
        ([line("0200007F:C000", "0100007F:1F40", "01", 0)], None),
        ([], None),
    ],
)
def test_user_is_the_callers_when_the_table_names_it(tmp_path, lines, found):
    (tmp_path / "tcp").write_text(HEAD + "".join(lines))
    assert user_of(0xC000, 8000, table=tmp_path / "tcp") == found


def ask(user, scope):
    passed, told = [], []

    async def app(scope, receive, send):
        passed.append(scope["type"])

    async def send(message):
        told.append(message)

    async def receive():
        pytest.fail("the body was read")

    asyncio.run(OwnDoor(app, user_of=lambda theirs, ours: user)(scope, receive, send))
    return passed, [message["status"] for message in told if "status" in message]


HTTP = {"type": "http", "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 6)}


@pytest.mark.parametrize("user", [0, os.getuid()])
def test_request_goes_through_when_it_is_the_users_own(user):
    assert ask(user, HTTP) == (["http"], [])


@pytest.mark.parametrize("user", [os.getuid() + 1, None])
def test_request_is_refused_when_it_is_anothers(user):
    assert ask(user, HTTP) == ([], [403])


def test_request_is_refused_when_nobody_knows_where_it_comes_from():
    assert ask(os.getuid(), {**HTTP, "client": None}) == ([], [403])


def test_application_starts_when_nobody_asks():
    assert ask(os.getuid() + 1, {"type": "lifespan"}) == (["lifespan"], [])
