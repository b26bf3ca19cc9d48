"""A grid behind a relay that may be lost at any moment, against Flower apps in this process."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from flwr.app import Message, RecordDict
from flwr.clientapp import ClientApp

from aggregator.relay import relay
from aggregator.relayed import RelayedGrid
from aggregator.relaywire import LineLost, receive, send
from federation.errors import ConfigError, PeerError
from federation.grid import Drop, InProcessGrid
from federation.messages import empty

pytestmark = pytest.mark.enable_socket


class Broken(InProcessGrid):
    """A SuperLink that is killed at its n-th request for replies."""

    def __init__(self, *args, dies_at=None, **more):
        super().__init__(*args, **more)
        self._left = dies_at

    def pull_messages(self, message_ids):
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise ConnectionResetError
        return super().pull_messages(list(message_ids))


def counting(answered):
    app = ClientApp()

    @app.query("acknowledge")
    def answer(message, context):
        answered.append(context.node_id)
        return Message(empty(), reply_to=message)

    return app


class Runs:
    """Runs that are started on demand, one grid each; the last one goes on."""

    def __init__(self, path, *grids):
        self._path, self._grids, self.threads = path, list(grids), []

    def __call__(self):
        if not self._grids:
            return False
        grid = self._grids.pop(0)

        def work():
            with suppress(OSError, LineLost):
                relay(grid, self._path, run_id=len(self.threads))

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        return True

    def join(self):
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "relay.sock"


def requests(*nodes):
    return [Message(RecordDict({}), node, "query.acknowledge", group_id="1.1") for node in nodes]


def exchange(path, *grids, nodes=(5, 6), timeout=20.0, **options):
    """Send one request to each node, and end; returns sent messages, replies and the runs."""
    runs = Runs(path, *grids)
    with RelayedGrid(path, summon=runs, poll=0.01, **options) as grid:
        sent = requests(*nodes)
        replies = grid.send_and_receive(sent, timeout=timeout)
    runs.join()
    return sent, replies, runs


def answered_by(sent, replies):
    """The nodes of the requests that the replies answer."""
    asked = {message.metadata.message_id: message.metadata.dst_node_id for message in sent}
    return sorted(asked[reply.metadata.reply_to_message_id] for reply in replies)


def test_replies_answer_their_requests_when_one_relay_carries_all(path):
    seen = []
    sent, replies, runs = exchange(path, InProcessGrid({5: counting(seen), 6: counting(seen)}))
    assert answered_by(sent, replies) == [5, 6]
    assert sorted(seen) == [5, 6]
    assert len(runs.threads) == 1


@pytest.mark.parametrize("dies_at", [0, 1])
def test_requests_are_sent_again_when_a_relay_is_lost(path, dies_at):
    seen = []
    apps = {5: counting(seen), 6: counting(seen)}
    first, second = Broken(apps, dies_at=dies_at, faults=[Drop(node_id=6)]), InProcessGrid(apps)
    # As in Flower, no two messages have one id.
    second._ids_given = 100
    sent, replies, runs = exchange(path, first, second)
    assert answered_by(sent, replies) == [5, 6]
    assert len(runs.threads) == 2
    # Whoever had answered before the loss is not asked again.
    assert seen.count(5) == (1 if dies_at else 2)


def test_errors_come_back_like_replies_when_a_client_raises(path):
    app = ClientApp()

    @app.query("acknowledge")
    def answer(message, context):
        raise PeerError("no")

    sent, replies, _ = exchange(path, InProcessGrid({5: app}), nodes=(5,))
    assert answered_by(sent, replies) == [5]
    assert replies[0].has_error()


def test_silence_ends_when_time_is_up(path):
    seen = []
    silent = InProcessGrid({5: counting(seen), 6: counting(seen)}, faults=[Drop(node_id=6)])
    sent, replies, _ = exchange(path, silent, timeout=1.0)
    assert answered_by(sent, replies) == [5]


def test_nothing_comes_back_when_no_run_can_be_started(path):
    assert exchange(path, timeout=0.5)[1] == []


def test_unknown_node_is_left_out_when_the_superlink_does_not_take_it(path):
    sent, replies, _ = exchange(path, InProcessGrid({5: counting([])}), nodes=(5, 7), timeout=5.0)
    assert answered_by(sent, replies) == [5]


def test_another_run_is_started_when_no_relay_came_of_one(path):
    calls = []
    real = Runs(path, InProcessGrid({5: counting([])}))

    def summon():
        calls.append(1)
        return True if len(calls) == 1 else real()

    with RelayedGrid(path, summon=summon, poll=0.01, again=0.2) as grid:
        assert len(grid.send_and_receive(requests(5), timeout=20)) == 1
    real.join()
    assert len(calls) == 2


def test_nodes_and_single_calls_work_when_a_relay_is_there(path):
    runs = Runs(path, InProcessGrid({5: counting([]), 2**63 + 6: counting([])}))
    with RelayedGrid(path, summon=runs) as grid:
        assert sorted(grid.get_node_ids()) == [5, 2**63 + 6]
        ids = grid.push_messages(requests(5))
        assert [reply.metadata.reply_to_message_id for reply in grid.pull_messages(ids)] == ids
    runs.join()


def test_relay_refuses_when_nobody_listens(path):
    with pytest.raises(ConfigError, match="no aggregator listens"):
        relay(InProcessGrid({}), path, run_id=1)


def test_other_users_are_kept_out_of_the_socket(path):
    with RelayedGrid(path, summon=lambda: False):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


@pytest.mark.parametrize(
    "wire", [b"", b"\0\0\0\5abc", b"\xff\xff\xff\xff", b"\0\0\0\1\x01", b"\0\0\0\2\xff\xff"]
)
def test_line_is_lost_when_what_comes_is_no_message(wire):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(wire)
        theirs.close()
        with pytest.raises(PeerError):
            receive(ours)


def test_line_is_lost_when_the_aggregator_asks_for_nonsense(path):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(1)
        failures = []

        def work():
            try:
                relay(InProcessGrid({}), path, run_id=1)
            except LineLost as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        line, _ = door.accept()
        with line:
            assert receive(line) == {"run": "1"}
            send(line, {"op": "exec", "code": "1"})
            thread.join(5)
    assert len(failures) == 1
