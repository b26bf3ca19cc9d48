"""``folkmoot client run`` and ``folkmoot client node``, without Flower."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

from ceramic_bridge.did import verify
from client.cli import client
from client.commands import node as node_command
from client.commands import run as run_command_
from client.home import ClientHome
from client.identity import Session
from client.node import program as program_module
from client.node.errors import GuardSilent, NodeUnknown, SuperLinkUnreachable
from client.node.folder import Description, NodeFolder
from client.node.program import NodeProgram, require_guard
from client.registering import hand_in
from client.supervisor import Notice
from federation.cli import run_command
from federation.errors import ConfigError, IdentityError, PeerError
from federation.nodestatement import NodeStatement
from federation.types import Address
from tests.agreed import DOMAIN, agreed, identity
from tests.unit.client.node.test_folder import ROOT
from tests.unit.federation.test_nodestatement import VECTOR

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path))
    return ClientHome.of({"FOLKMOOT_HOME": str(tmp_path)})


def call(*words):
    return run_command(client, "folkmoot", list(words))


def described(**changes):
    values = {"name": "spam", "superlink": "x:1", "root_certificate": ROOT, "guard": Path("/run/spam.sock")}
    return Description.of(**{**values, **changes})


# node


class Vault:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


@pytest.fixture
def joined(monkeypatch):
    class Membership:
        name, superlink, root_certificate = "spam", "moot.example:8000", ROOT
        manifest, federation = agreed(), DOMAIN.federation
        payee, public = Address("0x" + "11" * 20), "https://moot.example"

    monkeypatch.setattr(node_command, "open_vault", lambda file: Vault())
    monkeypatch.setattr("client.membership.memberships", lambda vault: {"spam": Membership()})
    monkeypatch.setattr("client.wallet.session", lambda vault, name: Session(identity=identity("me")))


def test_node_prints_the_key_to_register_when_it_is_prepared(home, joined, capsys):
    assert call("node", "spam") == 0
    folder = NodeFolder.load(home.node("spam"))
    assert capsys.readouterr().out == folder.public_key() + "\n"
    assert folder.guard == home.socket("spam")
    assert call("node", "spam", "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert data == {"folder": str(folder.path), "public_key": folder.public_key()}


def test_node_crosses_to_another_user_when_it_is_described(home, joined, capsys, tmp_path):
    assert call("node", "spam", "--describe", "--socket-dir", "/run/folkmoot") == 0
    (tmp_path / "node.json").write_text(capsys.readouterr().out)
    assert not home.node("spam").exists()
    theirs = tmp_path / "theirs"
    assert call("node", "--from", str(tmp_path / "node.json"), "--folder", str(theirs)) == 0
    folder = NodeFolder.load(theirs)
    assert capsys.readouterr().out == folder.public_key() + "\n"
    assert (folder.guard, folder.superlink) == (Path("/run/folkmoot/spam.sock"), "moot.example:8000")


@pytest.fixture
def desk(monkeypatch):
    """What was handed in, and to whom."""
    handed = []

    def hand_in(statement, url):
        handed.append((statement, url))
        return 2**64 - 1

    monkeypatch.setattr("client.registering.hand_in", hand_in)
    return handed


@pytest.mark.parametrize(
    ("words", "url"), [([], "https://moot.example"), (["--desk", "http://d:1"], "http://d:1")]
)
def test_node_signs_in_when_its_member_asks_for_it(home, joined, desk, capsys, words, url):
    assert call("node", "spam", "--register", *words, "--format", "json") == 0
    ((statement, where),) = desk
    assert where == url
    assert json.loads(capsys.readouterr().out)["data"] == {"node": str(2**64 - 1), "did": statement.did}
    assert (statement.did, statement.signer) == (identity("me").did,) * 2
    verify(statement.signer, statement.member_digest(), statement.signature)
    statement.require_possession()
    key = load_ssh_public_key((home.node("spam") / "key.pub").read_bytes())
    assert key == load_pem_public_key(statement.key_pem())


def test_node_of_another_user_signs_in_when_its_proof_crosses_back(home, joined, desk, capsys, tmp_path):
    assert call("node", "spam", "--describe", "--socket-dir", "/run/folkmoot") == 0
    (tmp_path / "node.json").write_text(capsys.readouterr().out)
    theirs = tmp_path / "theirs"
    assert call("node", "--from", str(tmp_path / "node.json"), "--folder", str(theirs)) == 0
    proof = str(theirs / "proof.json")
    assert call("node", "spam", "--register", "--proof", proof) == 0
    ((statement, _),) = desk
    key = load_ssh_public_key((theirs / "key.pub").read_bytes())
    assert key == load_pem_public_key(statement.key_pem())
    # The member's own machine has no node then.
    assert not home.node("spam").exists()


def test_nothing_is_handed_in_when_a_proof_is_for_another_member(home, joined, desk, monkeypatch, capsys):
    assert call("node", "spam") == 0
    proof = str(home.node("spam") / "proof.json")
    monkeypatch.setattr("client.wallet.session", lambda vault, name: Session(identity=identity("you")))
    assert call("node", "spam", "--register", "--proof", proof) == 4
    assert desk == []
    (home.node("spam") / "proof.json").write_text("{}")
    assert call("node", "spam", "--register", "--proof", proof) == 3
    assert desk == []


def test_node_is_described_when_no_wallet_has_authorised_anybody_yet(home, joined, desk, monkeypatch, capsys):
    def nobody(vault, name):
        raise IdentityError("your wallet has not authorised this machine's key for spam")

    monkeypatch.setattr("client.wallet.session", nobody)
    assert call("node", "spam") == 0
    assert not (home.node("spam") / "proof.json").exists()
    assert call("node", "spam", "--register") == 4
    assert desk == []


class Desk(BaseHTTPRequestHandler):
    answer = (200, b"")

    def do_POST(self):
        self.server.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def desk_server():
    with HTTPServer(("127.0.0.1", 0), Desk) as server:
        server.asked = []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


REFUSED = b'{"error": {"code": "identity", "message": "no such member", "hint": "register"}}'


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ((200, b'{"node": "18446744073709551615"}'), 2**64 - 1),
        ((200, b'{"node": 5}'), PeerError),
        ((200, b'{"node": "-5"}'), PeerError),
        ((200, b"[]"), PeerError),
        ((403, REFUSED), IdentityError),
        ((400, b"\xff"), IdentityError),
        ((503, REFUSED), PeerError),
        ((302, b""), PeerError),
    ],
    ids=str,
)
def test_desk_is_understood_when_it_answers(desk_server, answer, result):
    statement = NodeStatement.parse(json.dumps(VECTOR["statement"]).encode())
    desk_server.answer = answer
    url = f"http://127.0.0.1:{desk_server.server_port}/"
    if isinstance(result, int):
        assert hand_in(statement, url) == result
    else:
        with pytest.raises(result) as refused:
            hand_in(statement, url)
        assert ("no such member" in refused.value.message) == (answer[1] == REFUSED)
    assert [path for path, _ in desk_server.asked] == ["/v1/nodes"]
    assert NodeStatement.parse(desk_server.asked[0][1]) == statement


@pytest.mark.parametrize(
    ("desk", "kind"),
    [("/run/public", ConfigError), ("ftp://x", ConfigError), ("http://127.0.0.1:1", PeerError)],
)
@pytest.mark.enable_socket
def test_statement_is_not_sent_when_there_is_no_desk(desk, kind):
    with pytest.raises(kind):
        hand_in(NodeStatement.parse(json.dumps(VECTOR["statement"]).encode()), desk)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["node"], 2),
        (["node", "spam", "--folder", "x"], 2),
        (["node", "--from", "-"], 2),
        (["node", "ham"], 3),
        (["node", "spam", "--register", "--describe"], 2),
        (["node", "spam", "--desk", "https://x"], 2),
        (["node", "--register", "--from", "-", "--folder", "x"], 2),
        (["run", "spam", "--node", "x"], 2),
        (["run", "spam"], 3),
        (["run"], 3),
        (["run", "--node", "nowhere"], 3),
    ],
)
def test_command_fails_with_its_own_status_when_its_arguments_are_wrong(home, joined, words, status, capsys):
    assert call(*words) == status
    assert "error:" in capsys.readouterr().err


def test_node_is_refused_when_what_was_described_is_nonsense(home, tmp_path, capsys):
    (tmp_path / "node.json").write_text("{}")
    words = ["node", "--from", str(tmp_path / "node.json"), "--folder", str(tmp_path / "x")]
    assert call(*words) == 3
    assert not (tmp_path / "x").exists()


# run


def test_guard_is_started_when_none_answers(tmp_path):
    guard = run_command_._GuardProgram(Path("pass"))
    words = guard.command()
    assert words[-4:] == ["client", "guard", "--passphrase-file", str(Path("pass").absolute())]
    assert guard.interactive


@pytest.mark.parametrize(
    ("status", "kind"),
    [(2, ConfigError), (3, ConfigError), (4, IdentityError), (1, PeerError), (-9, PeerError)],
)
def test_run_gives_up_when_the_guard_cannot_get_better(status, kind):
    guard = run_command_._GuardProgram(None)
    error = guard.ended(status)
    assert type(error) is kind
    assert isinstance(error, guard.fatal) == (status in {2, 3, 4})


@pytest.fixture
def short():
    with tempfile.TemporaryDirectory(prefix="moot-") as name:
        yield Path(name)


@contextmanager
def listening(path):
    """Somebody at a socket; a connection waits to be taken, which is all that is looked for."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(8)
        yield
    path.unlink()


def test_guard_is_found_when_it_listens(short):
    path = short / "g.sock"
    with pytest.raises(GuardSilent):
        asyncio.run(require_guard(path))
    with listening(path):
        asyncio.run(require_guard(path))
    with pytest.raises(GuardSilent):
        asyncio.run(require_guard(path))


def test_node_leaves_when_its_guard_is_silent_twice(short):
    program = NodeProgram(NodeFolder.prepare(short / "n", described(guard=short / "g.sock")), print)
    with listening(short / "g.sock"):
        asyncio.run(program.healthy())
    asyncio.run(program.healthy())
    with pytest.raises(GuardSilent):
        asyncio.run(program.healthy())


def test_node_stays_when_its_guard_was_silent_once(short):
    program = NodeProgram(NodeFolder.prepare(short / "n", described(guard=short / "g.sock")), print)
    for _ in range(2):
        asyncio.run(program.healthy())
        with listening(short / "g.sock"):
            asyncio.run(program.healthy())


def test_superlink_is_watched_when_the_node_runs(short, monkeypatch):
    answers = [True, False, False, True]

    def probe(superlink, root):
        if not answers.pop(0):
            raise SuperLinkUnreachable("gone")

    monkeypatch.setattr(program_module, "probe", probe)
    monkeypatch.setattr(program_module, "_PROBE_EVERY", 1)
    said: list[Notice] = []
    program = NodeProgram(NodeFolder.prepare(short / "n", described(guard=short / "g.sock")), said.append)
    with listening(short / "g.sock"):
        for _ in range(4):
            asyncio.run(program.healthy())
    assert [notice.event for notice in said] == ["superlink-away", "superlink-back"]


@pytest.mark.parametrize("verbose", [False, True])
def test_log_is_shown_when_it_is_asked_for(short, verbose):
    folder = NodeFolder.prepare(short / "n", described())
    program = NodeProgram(folder, print, verbose=verbose)
    assert program.line("\x1b[92mINFO \x1b[0m:      hello") == (
        ("log", "INFO :      hello") if verbose else None
    )
    assert program.line("\x1b[92mINFO \x1b[0m:      ") == (("log", "INFO :") if verbose else None)
    assert program.line("") is None
    assert not folder.node_id.exists()
    assert program.line("\x1b[92mINFO \x1b[0m:      SuperNode ID: 7") == ("connected", "7")
    assert folder.node_id.read_text() == "7"


@pytest.mark.enable_socket
def test_command_line_holds_no_secret_and_every_option(short):
    odd = short / "it's [a=b c]\\ü#.sock"
    folder = NodeFolder.prepare(short / 'a "quoted" place', described(guard=odd))
    words = NodeProgram(folder, print).command()
    told = dict(zip(words[4::2], words[5::2], strict=True))
    assert told["--superlink"] == "x:1"
    assert told["--root-certificates"] == str(folder.root)
    assert told["--auth-supernode-private-key"] == str(folder.key)
    assert told["--host"] == "127.0.0.1"
    from flwr.common.config import parse_config_args

    assert parse_config_args([told["--node-config"]]) == {"guard": str(odd)}
    assert "--insecure" not in words
    assert "--allow-runtime-dependency-installation" not in words


def test_supervisor_stays_small_when_it_runs():
    source = "import sys, client.node.program, client.commands.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"flwr", "torch", "numpy", "web3", "eth", "nacl"}


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_status_is_one_thing_per_notice(form, capsys):
    report = run_command_._reporter(form)
    report(Notice(program="spam", event="connected", text="12\x1b[2J"))
    report(Notice(program="spam", event="waiting", error=NodeUnknown("who", hint="send\nit"), pause=4.0))
    lines = capsys.readouterr().err.splitlines()
    assert "\x1b" not in "".join(lines)
    if form == "jsonl":
        first, second = map(json.loads, lines)
        assert (first["node"], first["event"]) == ("spam", "connected")
        assert second["error"] == {"code": "node-unknown", "message": "who", "hint": "send\nit"}
        assert second["pause"] == 4.0
    else:
        assert lines[0].endswith("spam: connected 12\\x1b[2J")
        assert lines[1].endswith("spam: waiting: who (again in 4 s)")
        assert lines[2:] == ["  hint: send", "  hint: it"]


RUN = "import sys; from client.cli import client; from federation.cli import run_command; "
RUN += "sys.exit(run_command(client, 'folkmoot', sys.argv[1:]))"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_run_ends_when_it_is_told_to(short, number, status):
    there = described(superlink="127.0.0.1:1", guard=short / "g.sock")
    made = NodeFolder.prepare(short / "node", there)
    words = [sys.executable, "-c", RUN, "run", "--node", str(made.path), "--status", "jsonl"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "FOLKMOOT_HOME": str(short)}
    with (
        listening(made.guard),
        subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True) as process,
    ):
        first = json.loads(process.stderr.readline())
        assert (first["event"], first["error"]["code"]) == ("waiting", "superlink-unreachable")
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(20) == status
    assert '"stopped"' in rest
