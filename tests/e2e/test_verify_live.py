"""The commands that need nothing but a node, an event node and public files, as a stranger runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import pytest

from aggregator.cli import verify
from aggregator.rewards_cli import rewards
from ceramic_bridge.log import EventLog
from ceramic_bridge.store.sqlite import SqliteStore
from federation.cli import run_command
from tests.e2e.chainserver import SharedChain, served
from tests.e2e.test_events_node import node
from tests.live import Stage, reader, served_folder, stages

pytestmark = pytest.mark.enable_socket


@contextmanager
def stranger(stage: Stage, tmp: Path) -> Iterator[list[str]]:
    """Serve a stage; gives the options by which a stranger finds it all."""
    with ExitStack() as held:
        rpc = held.enter_context(served(cast("SharedChain", reader(stage))))
        store = SqliteStore(tmp / "events.db")
        store.add(list(stage.events))
        store.close()
        _, url = held.enter_context(node(tmp / "events.db"))
        public = held.enter_context(served_folder(stage.folder))
        deployment = stage.run.deployment
        yield [
            *("--rpc", rpc, "--federation", deployment.federation.address),
            *("--registry", deployment.registry.address, "--events", url, "--public", public),
        ]


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> Iterator[list[str]]:
    with stranger(stages()["cancelled"], tmp_path_factory.mktemp("cancelled")) as found:
        yield found


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))


def test_command_says_yes_when_all_comes_over_the_network(options, capsys):
    assert run_command(verify, "folkmoot verify", [*options, "--format", "json"]) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)["data"]
    assert (data["status"], data["verified"]) == ("verified", True)
    assert [(e["epoch"], e["stage"], e["rounds_verified"]) for e in data["epochs"]] == [
        (1, "finalized", 2),
        (2, "finalized", 1),
    ]
    assert captured.err == ""


def test_second_call_goes_on_from_the_first_when_it_may_keep_what_it_found(options, capsys):
    assert run_command(verify, "folkmoot verify", options) == 0
    assert "verified before" not in capsys.readouterr().err
    assert run_command(verify, "folkmoot verify", options) == 0
    assert capsys.readouterr().err.count("verified before") == 3
    assert run_command(verify, "folkmoot verify", [*options, "--no-cache"]) == 0
    assert "verified before" not in capsys.readouterr().err


def test_one_round_is_verified_when_it_is_asked_for(options, capsys):
    assert run_command(verify, "folkmoot verify", [*options, "--epoch", "1", "--round", "1"]) == 0
    captured = capsys.readouterr()
    assert "round 1: scores" in captured.err
    assert "round 2" not in captured.err
    assert captured.out.startswith("yes: 1 epochs, 1 rounds")


def test_file_of_events_does_as_well_when_it_is_named(options, capsys, tmp_path):
    log = EventLog()
    for event in stages()["cancelled"].events:
        log.append(event)
    path = tmp_path / "events.car"
    path.write_bytes(log.to_bytes())
    place = options.index("--events") + 1
    asked = [*options[:place], str(path), *options[place + 1 :]]
    assert run_command(verify, "folkmoot verify", asked) == 0
    path.write_bytes(path.read_bytes()[:-1])
    assert run_command(verify, "folkmoot verify", asked) == 8
    assert "events.car" in capsys.readouterr().err
    assert run_command(verify, "folkmoot verify", [*options[:place], "none.car", *options[place + 1 :]]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run", "--events", "x", "--public", "y"],
        ["--events", "x"],
        ["--public", "y"],
        ["--events", "x", "--public", "y", "--all", "--epoch", "1"],
        ["--events", "x", "--public", "y", "--expect", "0x" + "00" * 20],
    ],
)
def test_command_exits_2_when_its_arguments_contradict_each_other(arguments, capsys):
    assert run_command(verify, "folkmoot verify", arguments) == 2
    assert capsys.readouterr().out == ""


def test_command_exits_2_when_there_is_no_such_epoch_or_round(options, capsys):
    for asked in (["--epoch", "3"], ["--epoch", "2", "--round", "2"]):
        assert run_command(verify, "folkmoot verify", [*options, *asked]) == 2


def test_payment_is_explained_when_a_member_asks(options, capsys):
    did = next(iter(stages()["cancelled"].run.epoch.roster.quotas))
    asked = ["explain", "1", did, *options, "--epoch", "2", "--format", "json"]
    assert run_command(rewards, "folkmoot rewards", asked) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    pay, epoch = data["round"], data["epoch"]
    assert (pay["epoch"], pay["round"], pay["did"]) == (2, 1, did)
    assert int(pay["credit_after"]) == int(pay["credit_before"]) + int(pay["pay"]) == int(epoch["credit"])
    assert int(epoch["due"]) == max(0, int(epoch["credit"]))
    assert int(epoch["cumulative"]) == int(epoch["before"]) + int(epoch["due"])
    assert sum(int(p["amount"]) for p in epoch["payments"]) == int(epoch["cumulative"])
    assert run_command(rewards, "folkmoot rewards", [*asked[:3], *options, "--epoch", "2"]) == 0
    words = capsys.readouterr().out
    assert f"Round 1 of epoch 2, member {did}: " in words
    assert f"= {pay['pay']} wei." in words


def test_payment_is_not_explained_when_its_epoch_does_not_recompute(options, capsys, tmp_path):
    stage = stages()["cancelled"]
    shutil.copytree(stage.folder, tmp_path / "copy")
    for path in (tmp_path / "copy" / "blobs").iterdir():
        if path.read_bytes()[:4] == b"FMT2":
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    did, place = next(iter(stage.run.epoch.roster.quotas)), options.index("--public") + 1
    asked = ["explain", "1", did, *options[:place], str(tmp_path / "copy"), "--epoch", "1"]
    assert run_command(rewards, "folkmoot rewards", asked) == 8
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("member", ["did:key:zNobody", "", "did"])
def test_payment_is_not_explained_when_no_one_member_is_named(options, capsys, member):
    assert run_command(rewards, "folkmoot rewards", ["explain", "1", member, *options]) == 2
