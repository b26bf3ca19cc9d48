from __future__ import annotations

import dataclasses
import importlib
import sys
import time

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from federation import _flwr_compat as compat
from federation.errors import ConfigError, FolkmootError, PeerError
from federation.grid import Crash, Delay, Drop, InProcessGrid, Offline, Replay, Tamper

ANN, BOB, CAT = 2**63 + 11, 2**62 + 5, 7_000_000_000_000_000_001
NODES = (ANN, BOB, CAT)


def request(
    node_id: int, message_type: str = "train", number: int = 0, array: ArrayRecord | None = None
) -> Message:
    content = RecordDict({"config": ConfigRecord({"number": number})})
    if array is not None:
        content["arrays"] = array
    return Message(content, node_id, message_type, group_id=str(number))


def echo_app(calls: list[tuple[int, int]] | None = None) -> ClientApp:
    """Count the requests a node got in its context, and echo the number asked."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        seen = context.state.setdefault("seen", ConfigRecord({"n": 0}))
        seen["n"] += 1
        number = message.content["config"]["number"]
        if calls is not None:
            calls.append((context.node_id, number))
        content = RecordDict(
            {"config": ConfigRecord({"number": number, "seen": seen["n"], "node": str(context.node_id)})}
        )
        return Message(content, reply_to=message)

    return app


def grid_of(*faults, calls=None, **options) -> InProcessGrid:
    app = echo_app(calls)
    return InProcessGrid(dict.fromkeys(NODES, app), faults=faults, **options)


def ask(grid: InProcessGrid, node_id: int = ANN, number: int = 0, **options) -> list[Message]:
    return list(grid.send_and_receive([request(node_id, number=number)], **options))


def number_of(message: Message) -> int:
    return message.content["config"]["number"]


# What Flower promises the compat file


def test_compat_keeps_every_field_when_a_message_crosses_as_bytes():
    grid_of()
    sent = request(ANN, "train.commit", 3, ArrayRecord({"w": Array(np.arange(5))}))
    sent.content["config"]["salt"] = b"\x00\xff"
    compat.set_message_id(sent, "a" * 64)
    got = compat.decode(compat.encode(sent))
    assert vars(got.metadata) == vars(sent.metadata)
    assert got.metadata.message_id == "a" * 64
    assert got.content == sent.content


def test_compat_knows_flowers_codes_when_the_pinned_release_is_installed():
    assert (
        compat.SERVER_NODE_ID,
        compat.CLIENT_RAISED,
        compat.MESSAGE_UNAVAILABLE,
        compat.NODE_UNAVAILABLE,
    ) == (1, 2, 3, 5)
    assert compat.empty_run(9).run_id == 9


def test_compat_gives_the_server_its_identity_back_when_a_client_raises():
    def client() -> None:
        with compat.acting_as(1, BOB):
            assert request(ANN).metadata.src_node_id == BOB
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client()
    assert request(ANN).metadata.src_node_id == compat.SERVER_NODE_ID


def test_compat_names_the_remedy_when_flower_moved_a_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "flwr.supercore.task_identity", None)
    monkeypatch.delitem(sys.modules, "federation._flwr_compat")
    with pytest.raises(ConfigError, match="task_identity") as caught:
        importlib.import_module("federation._flwr_compat")
    assert caught.value.hint == "install flwr>=1.41,<1.42"


# Delivery


def test_grid_is_a_flower_grid_when_a_server_app_runs_on_it():
    app = ServerApp()
    seen: list[int] = []

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        seen.extend(
            number_of(reply) for reply in grid.send_and_receive(request(node) for node in grid.get_node_ids())
        )
        seen.append(grid.run.override_config["rounds"])

    app(grid_of(run_config={"rounds": 4}), Context(1, 1, {}, RecordDict(), {}))
    assert seen == [0, 0, 0, 4]


def test_replies_map_by_request_id_when_they_arrive_out_of_order():
    grid = grid_of()
    sent = list(grid.push_messages([request(NODES[i % 3], number=i) for i in range(12)]))
    replies = grid.pull_messages(sent)
    assert {r.metadata.reply_to_message_id: number_of(r) for r in replies} == dict(
        zip(sent, range(12), strict=True)
    )
    assert [number_of(r) for r in replies] != sorted(number_of(r) for r in replies)
    assert all(r.metadata.src_node_id == int(r.content["config"]["node"]) for r in replies)
    assert len({r.metadata.message_id for r in replies} | set(sent)) == 24


def test_replies_are_the_same_when_the_same_calls_are_made_on_a_new_grid():
    def run():
        grid = grid_of()
        return [
            (r.metadata.message_id, number_of(r))
            for r in grid.send_and_receive(request(n, number=n % 99) for n in NODES)
        ]

    assert run() == run()


def test_message_id_is_set_on_the_request_when_it_is_pushed():
    grid = grid_of()
    message = request(ANN)
    assert list(grid.push_messages([message])) == [message.metadata.message_id]


def test_action_is_routed_to_its_function_when_the_type_names_one():
    app = ClientApp()

    @app.train("commit")
    def commit(message: Message, context: Context) -> Message:
        return Message(RecordDict({"config": ConfigRecord({"number": 41})}), reply_to=message)

    @app.query("status")
    def status(message: Message, context: Context) -> Message:
        return Message(RecordDict({"config": ConfigRecord({"number": 42})}), reply_to=message)

    grid = InProcessGrid({ANN: app})
    for message_type, expected in (("train.commit", 41), ("query.status", 42)):
        (reply,) = grid.send_and_receive([request(ANN, message_type)])
        assert (number_of(reply), reply.metadata.message_type) == (expected, message_type)
    (reply,) = grid.send_and_receive([request(ANN, "train.reveal")])
    assert "No train function registered with name 'reveal'" in reply.error.reason


def test_context_is_kept_per_node_when_messages_follow_each_other():
    grid = grid_of()
    seen = [ask(grid, node)[0].content["config"]["seen"] for node in (ANN, BOB, ANN, ANN, BOB)]
    assert seen == [1, 1, 2, 3, 2]


def test_context_carries_the_configurations_when_they_are_given():
    app = ClientApp()

    @app.query()
    def query(message: Message, context: Context) -> Message:
        both = ConfigRecord(
            {"vault": context.node_config.get("vault", ""), "rounds": context.run_config["rounds"]}
        )
        return Message(RecordDict({"config": both}), reply_to=message)

    grid = InProcessGrid({ANN: app, BOB: app}, node_configs={ANN: {"vault": "a"}}, run_config={"rounds": 3})
    for node, vault in ((ANN, "a"), (BOB, "")):
        (reply,) = grid.send_and_receive([request(node, "query")])
        assert dict(reply.content["config"]) == {"vault": vault, "rounds": 3}


def test_records_are_never_shared_when_either_side_changes_its_own():
    kept: list[RecordDict] = []
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        kept.append(message.content)
        message.content["config"]["number"] = 99
        message.content["arrays"].pop("w")
        kept.append(RecordDict({"arrays": ArrayRecord({"w": Array(np.arange(3))})}))
        return Message(kept[-1], reply_to=message)

    grid = InProcessGrid({ANN: app, BOB: app})
    weights = ArrayRecord({"w": Array(np.arange(4))})
    first, second = request(ANN, number=1, array=weights), request(BOB, number=1, array=weights)
    sent = list(grid.push_messages([first, second]))
    assert number_of(first) == 1
    assert list(weights) == ["w"]
    assert kept[0] is not kept[2]
    kept[1]["arrays"]["w"] = Array(np.zeros(9))
    for reply in grid.pull_messages(sent):
        assert reply.content["arrays"]["w"].numpy().tolist() == [0, 1, 2]


def test_client_sees_the_content_as_pushed_when_the_sender_changes_it_between_two_messages():
    calls: list[tuple[int, int]] = []
    grid = grid_of(calls=calls)
    content = RecordDict({"config": ConfigRecord({"number": 1})})

    def messages():
        yield Message(content, ANN, "train")
        content["config"]["number"] = 2
        yield Message(content, BOB, "train")

    grid.push_messages(messages())
    assert calls == [(ANN, 1), (BOB, 2)]


def test_request_is_left_out_when_its_node_is_unknown():
    grid = grid_of()
    sent = list(grid.push_messages([request(ANN), request(12345), request(BOB)]))
    assert len(sent) == 2
    assert len(grid.pull_messages(sent)) == 2
    assert list(grid.send_and_receive([request(12345)])) == []


def test_reply_is_an_error_when_it_was_handed_out_before_or_never_asked():
    grid = grid_of()
    (message_id,) = grid.push_messages([request(ANN)])
    assert number_of(grid.pull_messages([message_id])[0]) == 0
    for unknown in (message_id, "f" * 64):
        (reply,) = grid.pull_messages([unknown])
        assert (reply.error.code, reply.metadata.reply_to_message_id) == (compat.MESSAGE_UNAVAILABLE, unknown)


@pytest.mark.parametrize("change", ["reply", "error"])
def test_push_refuses_when_the_message_is_no_request(change):
    grid = grid_of()
    asked = request(ANN)
    compat.set_message_id(asked, "e" * 64)
    body = RecordDict() if change == "reply" else Error(2, "no")
    with pytest.raises(FolkmootError, match="only requests"):
        grid.push_messages([Message(body, reply_to=asked)])


def test_push_refuses_when_a_record_does_not_fit_protobuf():
    grid = grid_of()
    assert number_of(ask(grid, number=2**64 - 1)[0]) == 2**64 - 1
    with pytest.raises(FolkmootError, match="cannot be serialised"):
        ask(grid, number=2**64)


@pytest.mark.parametrize("node_id", [0, 1, 2**64, -5])
def test_grid_refuses_when_a_node_id_is_not_flowers(node_id):
    with pytest.raises(ConfigError, match="node id"):
        InProcessGrid({node_id: ClientApp()})


@pytest.mark.parametrize(
    "options",
    [{"faults": [Drop(node_id=5)]}, {"faults": [Drop(occurrence=0)]}, {"node_configs": {5: {}}}],
)
def test_grid_refuses_when_a_setting_could_never_take_effect(options):
    with pytest.raises(ConfigError):
        InProcessGrid({ANN: ClientApp()}, **options)


# What clients get wrong


def one_client(answer) -> InProcessGrid:
    app = ClientApp()
    app.train()(answer)
    return InProcessGrid({ANN: app, BOB: echo_app()})


def test_message_comes_from_the_client_when_its_app_builds_one():
    def answer(message, context):
        node = request(BOB).metadata.src_node_id
        return Message(RecordDict({"config": ConfigRecord({"number": node})}), reply_to=message)

    assert number_of(ask(one_client(answer))[0]) == ANN


def test_error_reply_has_code_two_when_a_client_raises():
    def answer(message, context):
        raise KeyError("vault")

    (reply,) = ask(one_client(answer))
    assert reply.error == Error(2, "<class 'KeyError'>:<''vault''>")
    assert reply.metadata.src_node_id == ANN
    assert request(BOB).metadata.src_node_id == compat.SERVER_NODE_ID


@pytest.mark.parametrize("bad", [None, {"number": 2**64}], ids=["none", "too-big"])
def test_error_reply_has_code_two_when_a_reply_cannot_be_sent(bad):
    def answer(message, context):
        return None if bad is None else Message(RecordDict({"c": ConfigRecord(bad)}), reply_to=message)

    (reply,) = ask(one_client(answer))
    assert reply.error.code == 2


def test_error_reply_has_code_two_when_a_reply_has_neither_content_nor_error():
    def answer(message, context):
        reply = Message(RecordDict(), reply_to=message)
        reply.__dict__["_content"] = None
        compat.encode(reply)
        return reply

    grid = one_client(answer)
    for replies in (ask(grid), ask(grid), ask(grid, BOB, 7)):
        assert len(replies) == 1
    assert ask(grid)[0].error.code == compat.CLIENT_RAISED
    assert number_of(ask(grid, BOB, 7)[0]) == 7


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a \ud800 b", "a \\ud800 b"),
        ("d\xe9j\xe0 vu", "d\\xe9j\\xe0 vu"),
        ("\N{PILE OF POO}", "\\U0001f4a9"),
        ("plain\n", "plain\n"),
    ],
)
def test_error_text_is_ascii_with_escapes_when_an_exception_says_anything_else(text, written):
    def answer(message, context):
        raise PeerError(text)

    (reply,) = ask(one_client(answer))
    assert reply.error == Error(2, f"<class 'federation.errors.PeerError'>:<'{written}'>")


def test_error_reply_has_code_two_when_a_reply_holds_a_lone_surrogate():
    def answer(message, context):
        return Message(RecordDict({"c": ConfigRecord({"text": "\ud800"})}), reply_to=message)

    (reply,) = ask(one_client(answer))
    assert reply.error.code == 2
    assert reply.error.reason.isascii()


def test_error_reply_names_the_request_when_the_client_tampered_with_its_copy():
    def answer(message, context):
        compat.set_message_id(message, "0" * 64)
        raise RuntimeError

    grid = one_client(answer)
    (message_id,) = grid.push_messages([request(ANN)])
    assert grid.pull_messages([message_id])[0].metadata.reply_to_message_id == message_id


@pytest.mark.parametrize("field", ["_src_node_id", "_reply_to_message_id"])
def test_reply_is_refused_when_it_speaks_for_another(field):
    def answer(message, context):
        reply = Message(RecordDict(), reply_to=message)
        reply.metadata.__dict__[field] = {"_src_node_id": BOB, "_reply_to_message_id": "0" * 64}[field]
        return reply

    assert ask(one_client(answer)) == []


# Faults


def test_drop_loses_the_reply_but_not_the_work_when_after():
    calls: list[tuple[int, int]] = []
    grid = grid_of(Drop(node_id=BOB), calls=calls)
    replies = grid.send_and_receive(request(node) for node in NODES)
    assert {r.metadata.src_node_id for r in replies} == {ANN, CAT}
    assert len(calls) == 3


def test_drop_loses_the_request_when_before():
    calls: list[tuple[int, int]] = []
    grid = grid_of(Drop(node_id=BOB, after=False), calls=calls)
    assert len(list(grid.send_and_receive(request(node) for node in NODES))) == 2
    assert {node for node, _ in calls} == {ANN, CAT}


def test_fault_strikes_only_its_type_and_occurrence_when_both_are_named():
    app = echo_app()

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        return Message(message.content, reply_to=message)

    grid = InProcessGrid({ANN: app, BOB: app}, faults=[Drop(message_type="train", occurrence=2)])
    plan = [(ANN, "train"), (ANN, "evaluate"), (BOB, "train"), (ANN, "train"), (ANN, "train"), (BOB, "train")]
    answered = [len(list(grid.send_and_receive([request(node, kind)]))) for node, kind in plan]
    assert answered == [1, 1, 1, 0, 1, 0]


def test_delay_holds_the_reply_for_so_many_pulls_when_asked():
    grid = grid_of(Delay(node_id=ANN, pulls=2))
    sent = list(grid.push_messages([request(ANN), request(BOB)]))
    first = grid.pull_messages(sent)
    assert [r.metadata.src_node_id for r in first] == [BOB]
    (late,) = set(sent) - {r.metadata.reply_to_message_id for r in first}
    assert grid.pull_messages([late]) == []
    assert [r.metadata.src_node_id for r in grid.pull_messages([late])] == [ANN]


@pytest.mark.parametrize(("timeout", "answers"), [(None, 1), (0, 0), (3, 0), (6, 0), (6.1, 1)])
def test_delayed_reply_misses_the_deadline_when_it_takes_more_pulls_than_fit(timeout, answers):
    grid = grid_of(Delay(pulls=2))
    message = request(ANN)
    assert len(list(grid.send_and_receive([message], timeout=timeout))) == answers
    late = [r for _ in range(3) if not answers for r in grid.pull_messages([message.metadata.message_id])]
    assert sum(not r.has_error() for r in late) == 1 - answers


@pytest.mark.parametrize("after", [False, True])
def test_crash_is_an_error_reply_when_before_or_after_the_work(after):
    calls: list[tuple[int, int]] = []
    grid = grid_of(Crash(node_id=ANN, occurrence=1, after=after), calls=calls)
    assert ask(grid)[0].error.code == compat.CLIENT_RAISED
    assert len(calls) == int(after)
    assert ask(grid)[0].content["config"]["seen"] == 1 + int(after)


def test_error_maps_by_request_id_only_when_the_server_reports_a_node_offline():
    calls: list[tuple[int, int]] = []
    grid = grid_of(Offline(node_id=BOB), calls=calls)
    messages = [request(node) for node in NODES]
    replies = {r.metadata.reply_to_message_id: r for r in grid.send_and_receive(messages)}
    asked = {m.metadata.message_id: m.metadata.dst_node_id for m in messages}
    failed = {asked[key]: reply for key, reply in replies.items() if reply.has_error()}
    assert list(failed) == [BOB]
    assert failed[BOB].error.code == compat.NODE_UNAVAILABLE
    assert failed[BOB].metadata.src_node_id == compat.SERVER_NODE_ID
    assert BOB not in {node for node, _ in calls}


def test_tamper_changes_what_arrives_but_not_what_the_client_holds():
    held: list[Message] = []

    def answer(message: Message, context: Context) -> Message:
        held.append(Message(message.content, reply_to=message))
        return held[-1]

    def edit(reply: Message) -> Message:
        reply.content["config"]["number"] += 1000
        return reply

    app = ClientApp()
    app.train()(answer)
    grid = InProcessGrid({ANN: app, BOB: app}, faults=[Tamper(node_id=ANN, edit=edit)])
    assert [number_of(r) for node in (ANN, BOB) for r in ask(grid, node, 5)] == [1005, 5]
    assert [number_of(r) for r in held] == [5, 5]


def test_tampered_reply_is_refused_when_it_claims_another_request():
    def edit(reply: Message) -> Message:
        reply.metadata.__dict__["_reply_to_message_id"] = "0" * 64
        return reply

    assert ask(grid_of(Tamper(edit=edit))) == []


def test_replay_answers_with_old_content_when_not_verbatim():
    grid = grid_of(Replay(node_id=ANN, occurrence=2))
    first, second, third = (ask(grid, number=n)[0] for n in (1, 2, 3))
    assert [number_of(r) for r in (first, second, third)] == [1, 1, 3]
    assert second.metadata.reply_to_message_id != first.metadata.reply_to_message_id


def test_replay_delivers_the_old_message_again_beside_the_new_when_verbatim():
    grid = grid_of(Replay(node_id=ANN, verbatim=True))
    (first,) = ask(grid, number=1)
    replies = ask(grid, number=2)
    assert sorted(number_of(r) for r in replies) == [1, 2]
    (old,) = [r for r in replies if number_of(r) == 1]
    assert vars(old.metadata) == vars(first.metadata)


def test_request_stays_open_when_only_an_old_reply_came():
    grid = grid_of(Replay(verbatim=True), Drop(occurrence=2))
    ask(grid, number=1)
    (message_id,) = grid.push_messages([request(ANN, number=2)])
    assert [number_of(r) for r in grid.pull_messages([message_id])] == [1]
    assert grid.pull_messages([message_id]) == []


def test_replay_does_nothing_when_there_is_no_earlier_reply_of_that_type():
    grid = grid_of(Replay())
    assert number_of(ask(grid, number=8)[0]) == 8


def test_faults_add_up_when_several_strike_one_message():
    def edit(reply: Message) -> Message:
        reply.content["config"]["number"] = -1
        return reply

    grid = grid_of(Delay(pulls=1), Tamper(edit=edit), Delay(pulls=1))
    (message_id,) = grid.push_messages([request(ANN)])
    assert grid.pull_messages([message_id]) == grid.pull_messages([message_id]) == []
    assert number_of(grid.pull_messages([message_id])[0]) == -1


def test_fault_cannot_change_when_it_is_in_use():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Drop().occurrence = 3  # type: ignore[misc]  # the point of the test


def test_round_trip_is_cheap_when_both_ways_carry_4096_integers():
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return Message(message.content, reply_to=message)

    grid = InProcessGrid(dict.fromkeys(range(100, 120), app))
    weights = ArrayRecord({"w": Array(np.arange(4096))})
    rounds: list[float] = []
    for _ in range(5):
        messages = [request(node, array=weights) for node in grid.get_node_ids()]
        start = time.process_time()
        assert len(grid.send_and_receive(messages)) == 20
        rounds.append((time.process_time() - start) / 20)
    assert min(rounds) < 0.0012  # seconds; the target is 0.0006, doubled for a busy machine
