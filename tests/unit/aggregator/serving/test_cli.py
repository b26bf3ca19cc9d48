"""The two commands, as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from aggregator.serving import cli
from federation.cli import run_command
from tests.agreed import COMMUNITY

_RUN = (
    "import sys; from aggregator.serving import cli; from federation.cli import run_command; "
    "sys.exit(run_command(getattr(cli, sys.argv[1]), sys.argv[1], sys.argv[2:]))"
)


def test_files_are_written_when_a_run_is_exported(finished, release, tmp_path, capsys):
    names = ["model.onnx", "model.safetensors", "card.md", "card.json"]
    onnx, tensors, markdown, table = (tmp_path / name for name in names)
    arguments = ["--onnx", onnx, "--safetensors", tensors, "--card", markdown, "--card", table]
    assert run_command(cli.export, "export", [str(finished.out), *map(str, arguments)]) == 0
    assert capsys.readouterr().out.strip() == release.last.model_hash.hex()
    assert json.loads(table.read_text())["model"]["hash"] == release.last.model_hash.hex()
    assert markdown.read_text().startswith("# ")
    assert onnx.stat().st_size > 8 * 4096 < tensors.stat().st_size


def test_card_is_printed_when_json_is_wanted(finished, capsys):
    assert run_command(cli.export, "export", [str(finished.public), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["federation"]["round"] == 3


@pytest.mark.parametrize("library", ["onnx", "safetensors"])
def test_extra_is_named_when_a_library_is_missing(finished, tmp_path, capsys, monkeypatch, library):
    for name in (library, f"{library}.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "aggregator.serving.onnxgraph", raising=False)
    assert run_command(cli.export, "export", [str(finished.out), f"--{library}", str(tmp_path / "x")]) == 3
    assert "folkmoot[export]" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", [cli.serve, cli.export])
@pytest.mark.parametrize("arguments", [["nowhere"], ["http://"]])
def test_place_is_refused_when_nothing_is_there(command, arguments, capsys):
    assert run_command(command, "x", arguments) == 3


def test_federation_is_refused_when_another_is_meant(finished, capsys):
    arguments = [str(finished.out), "--federation", "0x" + "ab" * 20]
    assert run_command(cli.export, "export", arguments) == 3


def test_identity_is_refused_when_it_is_not_the_aggregators(finished, tmp_path, capsys):
    seed = tmp_path / "identity"
    seed.touch(mode=0o600)
    seed.write_text("11" * 32 + "\n")
    assert run_command(cli.serve, "serve", [str(finished.out), "--identity", str(seed)]) == 4
    assert COMMUNITY.did not in capsys.readouterr().err
    seed.write_text("11" * 31)
    assert run_command(cli.serve, "serve", [str(finished.out), "--identity", str(seed)]) in {3, 4}


@pytest.mark.enable_socket
def test_port_is_refused_when_another_has_it(finished, capsys):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_command(cli.serve, "serve", [str(finished.out), "--port", str(port)]) == 3
    assert "cannot be listened on" in capsys.readouterr().err


@pytest.mark.enable_socket
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_answers_then_ends_well_when_it_is_told_to(finished, release, number):
    command = [sys.executable, "-W", "error", "-c", _RUN, "serve", str(finished.out), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        lines = []
        for line in server.stderr:
            lines.append(line)
            if found := re.search(r"http://\S+", line):
                break
        asked = urllib.request.Request(f"{found[0]}/v1/predict", b'{"text": "spamword1"}')
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert json.load(answer)["model"] == release.last.model_hash.hex()
        server.send_signal(number)
        rest = server.stderr.read()
        assert (server.wait(20), rest) == (0, "")
    assert "spamword1" not in "".join(lines)
