"""What Flower's words mean."""

from __future__ import annotations

import pytest

from client.node.diagnosis import Diagnosis
from client.node.errors import FlowerDiffers, NodeCountedOnline, NodeUnknown, SuperLinkUnreachable
from client.node.supernode import RETURNED
from federation.errors import ConfigError, IdentityError, PeerError
from tests.unit.client.node.test_folder import prepare

NOT_ACTIVATED = [
    "ERROR :     Exit Code: 305",
    "Failed to initialize the connection to the SuperLink.",
    "[code: 2004] Failed to activate SuperNode.",
]


@pytest.fixture
def folder(tmp_path):
    return prepare(tmp_path / "node")


def told(folder, lines, status=1):
    diagnosis = Diagnosis(folder)
    for line in lines:
        diagnosis.line(line)
    return diagnosis.ended(status)


def test_key_is_in_the_hint_when_the_node_was_never_let_in(folder):
    error = told(folder, NOT_ACTIVATED)
    assert type(error) is NodeUnknown
    assert folder.public_key() in error.hint


def test_node_may_be_counted_still_when_it_was_let_in_before(folder):
    folder.node_id.write_text("7")
    error = told(folder, NOT_ACTIVATED)
    assert type(error) is NodeCountedOnline
    assert "minute" in error.hint


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"), [(606, FlowerDiffers, 5), (302, ConfigError, 3), (777, PeerError, 5)]
)
def test_exit_code_of_flower_is_explained(folder, code, kind, exit_code):
    error = told(folder, [f"ERROR :     Exit Code: {code}"])
    assert type(error) is kind
    assert error.exit_code == exit_code


def test_refused_signature_is_explained_when_flower_ends_as_if_it_was_asked(folder):
    error = told(folder, ["INFO :      SuperNode terminated gracefully."], status=0)
    assert type(error) is IdentityError
    assert "clock" in error.hint


def test_lost_connection_is_explained_when_the_worker_returned(folder):
    assert type(told(folder, [], status=RETURNED)) is SuperLinkUnreachable


def test_signal_is_named_when_one_ended_it(folder):
    assert "signal 9" in told(folder, [], status=-9).message


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("\x1b[92mINFO \x1b[0m:      SuperNode ID: 123456", ("connected", "123456")),
        ("INFO :      Receiving: train.commit message (ID: ab)", ("asked", "train.commit")),
        ("INFO :      Sent successfully", ("answered", "Sent")),
        (
            "gate: refused: the SuperLink asks for flwr-agentapp",
            ("refused", "the SuperLink asks for flwr-agentapp"),
        ),
        ("INFO :      something else", None),
        ("", None),
    ],
)
def test_line_is_an_event_when_it_matters(folder, line, event):
    assert Diagnosis(folder).line(line) == event
