"""One reply to each request: by the request it answers, the first that comes, from this round only."""

from __future__ import annotations

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

from aggregator import exchange
from aggregator.exchange import replies
from federation.grid import Delay, Drop, InProcessGrid, Offline, Replay
from federation.types import Did

NODES = {Did("did:key:zA"): 11, Did("did:key:zB"): 22, Did("did:key:zC"): 33}
TYPE = "train.commit"


def app(node: int) -> ClientApp:
    made = ClientApp()

    @made.train("commit")
    def commit(message: Message, _context: Context) -> Message:
        asked = message.content["ask"]["number"]
        return Message(RecordDict({"said": ConfigRecord({"node": node, "number": asked})}), reply_to=message)

    return made


def grid(*faults) -> InProcessGrid:
    return InProcessGrid({node: app(node) for node in NODES.values()}, faults=faults)


def ask(on: InProcessGrid, number: int = 1, dids=tuple(NODES), timeout: float = 9.0):
    requests = {did: RecordDict({"ask": ConfigRecord({"number": number})}) for did in dids}
    found = [*replies(on, NODES, requests, message_type=TYPE, group="1.1", timeout=timeout)]
    answers = dict.fromkeys(dids) | dict(found)
    assert answers.keys() == set(dids)
    assert len(found) == len(dict(found))
    return {
        did: None
        if message is None
        else "error"
        if message.has_error()
        else (message.content["said"]["node"], message.content["said"]["number"])
        for did, message in answers.items()
    }


def test_each_reply_is_its_members_when_all_answer():
    assert ask(grid()) == {did: (node, 1) for did, node in NODES.items()}


def test_nobody_else_is_asked_when_only_some_are():
    (first, *_) = NODES
    assert ask(grid(), dids=(first,)) == {first: (11, 1)}
    assert ask(grid(), dids=()) == {}


def test_error_is_its_members_when_the_server_reports_a_dead_node():
    a, b, c = NODES
    assert ask(grid(Offline(node_id=22))) == {a: (11, 1), b: "error", c: (33, 1)}


def test_member_has_no_reply_when_it_is_lost_or_late():
    a, b, c = NODES
    faults = (Drop(node_id=11), Delay(node_id=33, pulls=50))
    assert ask(grid(*faults), timeout=6) == {a: None, b: (22, 1), c: None}


def test_late_reply_is_ignored_when_the_next_round_has_begun():
    on = grid(Delay(node_id=22, occurrence=1, pulls=2))
    first, second = ask(on, 1, timeout=3), ask(on, 2)
    assert list(first.values()) == [(11, 1), None, (33, 1)]
    assert list(second.values()) == [(11, 2), (22, 2), (33, 2)]


def test_old_reply_is_ignored_when_it_is_delivered_again():
    on = grid(Replay(verbatim=True))
    ask(on, 1)
    assert list(ask(on, 2).values()) == [(11, 2), (22, 2), (33, 2)]


class Plain(Grid):
    """A grid of Flower's own kind: it knows nothing of streams."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    set_run = run = create_message = get_node_ids = send_and_receive = None

    def push_messages(self, messages):
        return self.inner.push_messages(messages)

    def pull_messages(self, ids):
        return self.inner.pull_messages(ids)


def test_replies_are_the_same_when_the_grid_is_flowers_own(monkeypatch):
    monkeypatch.setattr(exchange, "POLL", 0.0)
    a, b, c = NODES
    faults = (Offline(node_id=22), Delay(node_id=33, pulls=3))
    assert ask(Plain(grid(*faults))) == {a: (11, 1), b: "error", c: (33, 1)}


def test_member_has_no_reply_when_flowers_own_grid_brings_none_in_time(monkeypatch):
    monkeypatch.setattr(exchange, "POLL", 0.01)
    a, b, c = NODES
    assert ask(Plain(grid(Drop(node_id=11))), timeout=0.1) == {a: None, b: (22, 1), c: (33, 1)}


def test_replies_come_while_others_work_when_the_grid_streams():
    seen = []

    def late(node):
        made = app(node)

        def answer(message, context):
            seen.append(node)
            return made(message, context)

        return answer

    on = InProcessGrid({node: late(node) for node in NODES.values()})
    requests = {did: RecordDict({"ask": ConfigRecord({"number": 1})}) for did in NODES}
    stream = replies(on, NODES, requests, message_type=TYPE, group="1.1", timeout=9)
    first, _ = next(stream)
    assert seen == [NODES[first]]
    assert len([*stream]) == 2


def test_member_is_not_asked_when_it_has_no_node():
    requests = {did: RecordDict({"ask": ConfigRecord({"number": 1})}) for did in NODES}
    few = dict([*NODES.items()][:1])
    found = dict(replies(grid(), few, requests, message_type=TYPE, group="1.1", timeout=9))
    assert found.keys() == few.keys()
