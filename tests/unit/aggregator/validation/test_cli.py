"""What the page for providers says is what the commands do; what they refuse, before anything is sent."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from aggregator.validation.cli import PUBLIC_FOR_GOOD, validation
from ceramic_bridge.did import public_key
from contracts.keys_cli import keys
from federation.cli import run_command

ROOT = Path(__file__).parents[4]
GROUPS = {"validation": validation, "keys": keys}
LINES = [
    line
    for block in re.findall(
        r"^```shell\n(.*?)^```", (ROOT / "docs/providers.md").read_text(), re.DOTALL | re.MULTILINE
    )
    for line in block.splitlines()
]


@pytest.fixture
def moot(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        code = run_command(validation, "folkmoot validation", list(map(str, words)))
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("line", LINES)
def test_line_of_the_page_is_a_command_when_it_is_parsed(line):
    program, group, name, *words = shlex.split(line.split(" > ")[0])
    command = GROUPS[group].get_command(click.Context(GROUPS[group]), name)
    assert program == "folkmoot"
    assert command is not None
    command.make_context(name, words)


def test_every_command_is_on_the_page_and_has_an_example():
    shown = {shlex.split(line)[2] for line in LINES if line.startswith("folkmoot validation")}
    assert shown == set(validation.commands)
    for name, command in validation.commands.items():
        assert f"Example: folkmoot validation {name}" in " ".join(str(command.help).split())


def test_key_is_made_once_when_a_provider_begins(moot, tmp_path):
    code, out, _ = moot("init", "demo", "--format", "json")
    made = json.loads(out)["data"]
    assert code == 0
    assert public_key(made["did"])
    seed = tmp_path / "home/data/provider/demo/identity"
    assert seed.stat().st_mode & 0o077 == 0
    before = seed.read_bytes()
    assert moot("init", "demo")[0] == 3
    assert seed.read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "A", "", "a b", "-x"])
def test_name_is_refused_when_it_is_none(moot, name, tmp_path):
    assert moot("init", "--", name)[0] == 3
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", ["commit", "open", "reveal", "status", "run"])
def test_command_says_what_to_do_when_nothing_was_joined(moot, command):
    words = ["--yes"] if command in {"commit", "run"} else []
    code, _, err = moot(command, "demo", *words)
    assert code == 3
    assert "folkmoot validation join" in err


def test_key_is_refused_when_others_may_read_it(moot, tmp_path):
    manifest = (ROOT / "tests/contracts/federation.toml").read_text()
    name = re.search('name = "(.*)"', manifest)[1]
    (tmp_path / "federation.toml").write_text(manifest)
    moot("init", name)
    (tmp_path / f"home/data/provider/{name}/identity").chmod(0o644)
    words = ["--federation", "0x" + "ab" * 20, "--desk", "http://x", "--key", "k"]
    code, _, err = moot("join", "federation.toml", *words)
    assert code == 3
    assert "others may read" in err


def test_stranger_cannot_join_when_the_manifest_does_not_name_it(moot, tmp_path):
    manifest = (ROOT / "tests/contracts/federation.toml").read_text()
    (tmp_path / "federation.toml").write_text(manifest)
    moot("init", re.search('name = "(.*)"', manifest)[1])
    words = ["--federation", "0x" + "ab" * 20, "--desk", "http://x", "--key", "k"]
    code, _, err = moot("join", "federation.toml", *words)
    assert code == 3
    assert "no provider of this federation" in err


def test_provider_is_told_that_examples_become_public_before_it_commits(moot):
    _, _, err = moot("commit", "demo")
    assert PUBLIC_FOR_GOOD[0] in err
    assert "nobody to ask" in err
