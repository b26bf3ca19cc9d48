"""``folkmoot verify`` as a user runs it: a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.verify import verify_run
from federation.cli import build_group, run_command
from federation.errors import VerificationFailed
from tests.world import Finished, copy_of

ROOT = Path(__file__).parents[2]


def folkmoot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "federation", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_command_says_yes_in_json_when_the_run_is_sound(finished):
    federation = finished.run.epoch.domain.federation
    done = folkmoot(finished.out, "--expect", federation, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    envelope = json.loads(done.stdout)
    assert (envelope["schema_version"], envelope["status"]) == (1, "ok")
    data = envelope["data"]
    assert data["verified"] is True
    assert data["federation"] == federation
    assert (data["rounds"], data["members"]) == (3, 14)
    assert data["paid_wei"] == str(sum(int(m["paid_wei"]) for m in finished.summary["members"]))
    assert data["head"] == "0x" + finished.run.chain.block_hash(finished.run.chain.block_number).hex()


def test_head_is_pinned_when_it_is_expected(finished):
    chain = finished.run.chain
    head, parent = (chain.block_hash(chain.block_number - back) for back in (0, 1))
    assert verify_run(finished.out, expect_head=head).head == head
    with pytest.raises(VerificationFailed) as caught:
        verify_run(finished.out, expect_head=parent)
    assert caught.value.subject == "blocks.rlp"


def test_command_says_yes_in_words_when_the_run_is_sound(finished):
    # The run asked the same command, with --expect and text, in a process of its own.
    text = finished.run.verification
    assert text.startswith("yes: 3 rounds, 14 members, ")
    assert finished.run.epoch.domain.federation in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("output_format", ["json", "text"])
def test_command_exits_8_and_names_the_file_when_it_is_damaged(finished, tmp_path, output_format):
    run = copy_of(finished, tmp_path)
    path = run / "public" / "federation.toml"
    path.write_bytes(path.read_bytes().replace(b"rounds = 3", b"rounds = 2"))
    done = folkmoot(run, "--format", output_format)
    assert done.returncode == 8
    if output_format == "json":
        envelope = json.loads(done.stdout)
        assert envelope["status"] == "error"
        assert envelope["error"]["code"] == "verification-failed"
        assert "federation.toml" in envelope["error"]["message"]
    else:
        assert done.stdout == ""
        assert "federation.toml" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-directory",),
        (".", "--expect", "0x12"),
        (".", "--expect", "0x" + "g" * 40),
        (".", "--expect-head", "0x12"),
    ],
)
def test_command_exits_3_when_its_arguments_make_no_sense(arguments, capsys):
    assert run_command(build_group(), "folkmoot", ["verify", *arguments]) == 3
    captured = capsys.readouterr()
    assert (captured.out, captured.err.startswith("folkmoot")) == ("", True)


def test_verifier_loads_no_driver_flower_or_torch_when_it_says_yes(finished: Finished):
    script = (
        "import sys\n"
        "from federation.cli import build_group, run_command\n"
        f"code = run_command(build_group(), 'folkmoot', ['verify', {str(finished.out)!r}])\n"
        "rooms = {'torch', 'flwr', 'opacus', 'client', 'examples'}\n"
        "drivers = {'aggregator.driver', 'aggregator.epoch', 'aggregator.app', 'aggregator.provider'}\n"
        "loaded = sorted(drivers & sys.modules.keys() | rooms & {n.split('.')[0] for n in sys.modules})\n"
        "print(code, 'aggregator.verify' in sys.modules, loaded)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "0 True []", done.stdout + done.stderr
