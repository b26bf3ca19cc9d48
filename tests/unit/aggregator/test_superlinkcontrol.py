"""The control API's client: what is sent, what is refused; and the bundle that is pinned."""

from __future__ import annotations

import pytest

from aggregator import superlinkcontrol
from aggregator.superlinkcontrol import SuperLinkControl, pinned_bundle
from federation.bundle import BUNDLE_SHA256, FILES
from federation.errors import ConfigError, IdentityError, PeerError
from federation.hashing import sha256


@pytest.fixture(autouse=True)
def fresh():
    pinned_bundle.cache_clear()
    yield
    pinned_bundle.cache_clear()


def test_bundle_is_the_one_that_members_accept_when_it_is_built_here():
    assert sha256(pinned_bundle()).hex() == BUNDLE_SHA256


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_is_submitted_when_another_bundle_comes_out(monkeypatch, tmp_path, name):
    changed = FILES[name].replace(b"1.0.0", b"1.0.1") + b"# more\n"
    monkeypatch.setattr(superlinkcontrol, "FILES", {**FILES, name: changed})
    control = SuperLinkControl("127.0.0.1:1", tmp_path / "root.pem", socket=tmp_path / "s")
    monkeypatch.setattr(control, "_call", lambda *call: pytest.fail("something was sent"))
    with pytest.raises(ConfigError, match="not the one that members accept"):
        control.summon()


def test_no_relay_comes_when_nobody_answers(tmp_path, caplog):
    (tmp_path / "root.pem").write_bytes(b"")
    control = SuperLinkControl("127.0.0.1:1", tmp_path / "root.pem", socket=tmp_path / "s")
    assert control.summon() is False
    assert control.answers() is False
    assert "no relay could be started" in caplog.text
    with pytest.raises(PeerError, match="does not answer"):
        control.nodes()


@pytest.fixture
def told(monkeypatch, tmp_path):
    """A control API that answers as told: bytes, or a code."""
    control = SuperLinkControl("127.0.0.1:1", tmp_path / "root.pem", socket=tmp_path / "s")
    answers = {}

    def call(name, request):
        answer = answers[name]
        if isinstance(answer, int):
            raise superlinkcontrol._Refused(name, 400, answer)
        return answer

    monkeypatch.setattr(control, "_call", call)
    return control, answers


def listed(*nodes):
    from flwr.proto.control_pb2 import ListNodesResponse
    from flwr.proto.node_pb2 import NodeInfo

    infos = [NodeInfo(node_id=number, public_key=key, status=status) for number, key, status in nodes]
    return ListNodesResponse(nodes_info=infos).SerializeToString()


def test_number_is_found_when_the_key_is_in_already(told):
    control, answers = told
    answers |= {"register-node": 23, "list-nodes": listed((2**64 - 1, b"k", "online"))}
    assert control.register(b"k") == 2**64 - 1


def test_key_is_refused_when_it_was_put_out(told):
    control, answers = told
    answers |= {"register-node": 23, "list-nodes": listed((5, b"k", "unregistered"))}
    with pytest.raises(IdentityError, match="given up"):
        control.register(b"k")
    assert control.nodes() == {}


@pytest.mark.parametrize("answer", [22, b"", b"\xff\xff"])
def test_no_number_is_made_up_when_the_answer_holds_none(told, answer):
    control, answers = told
    answers["register-node"] = answer
    with pytest.raises(PeerError):
        control.register(b"k")


def test_nothing_happens_when_a_node_is_put_out_twice(told):
    control, answers = told
    answers["unregister-node"] = 24
    control.unregister(5)
    answers["unregister-node"] = 1
    with pytest.raises(PeerError):
        control.unregister(5)
