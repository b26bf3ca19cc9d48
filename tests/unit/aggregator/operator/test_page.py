"""What docs/operator.md says is what the commands do and tell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from aggregator.commands import COMMANDS, aggregator
from aggregator.home import AggregatorHome
from aggregator.obstacles import LONELY, PAUSED
from aggregator.operator.config import OperatorConfig
from aggregator.operator.health import Standing
from aggregator.operator.metrics import Metrics
from contracts.cli import chain
from contracts.keys_cli import keys

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
GROUPS = {"aggregator": aggregator, "chain": chain, "keys": keys}
OWN = [name for name, place in COMMANDS.items() if place.startswith("aggregator.commands.")]


def ticked(marker: str) -> set[str]:
    rows = PAGE.split(f"<!-- {marker} -->")[1].strip().splitlines()
    cells = []
    for row in rows[2:]:
        if not row.startswith("|"):
            break
        cells.append(row.split("|")[1])
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def shell_lines() -> list[str]:
    blocks = re.findall(r"^```shell\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def leaf(group: click.Group, words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command | None = group
    while isinstance(command, click.Group):
        command, words = command.get_command(click.Context(command), words[0]), words[1:]
    assert command is not None
    return command, words


def parsed(group: str, words: list[str]) -> None:
    command, rest = leaf(GROUPS[group], words)
    command.make_context("x", rest)


@pytest.mark.parametrize("line", shell_lines())
def test_command_of_the_page_parses(line):
    program, group, *words = shlex.split(line)
    assert program == "folkmoot"
    parsed(group, words)


@pytest.mark.parametrize("line", ["folkmoot aggregator dance", "folkmoot aggregator run --loud"])
def test_command_is_found_wanting_when_it_does_not_exist(line):
    _, group, *words = shlex.split(line)
    with pytest.raises((click.ClickException, AssertionError)):
        parsed(group, words)


@pytest.mark.parametrize("name", OWN)
def test_command_is_on_the_page_and_has_an_example_that_parses(name):
    assert f"folkmoot aggregator {name}" in PAGE
    top = aggregator.get_command(click.Context(aggregator), name)
    commands = list(top.commands.values()) if isinstance(top, click.Group) else [top]
    for command in commands:
        (example,) = re.findall(r"Example: (folkmoot aggregator .*)", " ".join(str(command.help).split()))
        found, rest = leaf(aggregator, shlex.split(example)[2:])
        assert found is command
        found.make_context("x", rest)


def test_happenings_of_the_page_are_those_that_the_code_tells():
    sources = [p for p in (ROOT / "aggregator").rglob("*.py") if not {"serving", "validation"} & {*p.parts}]
    told = {
        kind
        for path in sources
        for kind in re.findall(
            r"""(?:Happening\(\s*kind=|_?tell\(\s*|_say_once\(\s*)"([a-z-]+)\"""", path.read_text("utf-8")
        )
    }
    assert {"desk-open", "epoch-open", "waiting", "finalized"} <= told
    assert ticked("happenings") == told | {PAUSED, LONELY}


def test_metrics_of_the_page_are_those_that_are_exported():
    found = set()
    for family in Metrics(Standing()).registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {"up": "what", "round_members": "status", "happenings_total": "kind"}
        label = labels.get(name.removeprefix("folkmoot_"))
        found.add(f"{name}{{{label}}}" if label else name)
    assert ticked("metrics") == found


def test_settings_of_the_page_exist():
    named = [re.findall(r"`([^`]+)`", line) for line in PAGE.splitlines() if line.startswith("- `[")]
    assert len(named) >= 5
    for first, *others in named:
        section, key = re.fullmatch(r"\[(\w+)\] (\w+)", first).groups()
        known = getattr(OperatorConfig(), section).model_dump()
        wanted = {key, *(other for other in others if re.fullmatch(r"[a-z_]+", other))}
        assert wanted - {"passphrase"} <= set(known), section


def test_files_of_the_page_are_those_of_a_home():
    kinds = {name: found for name, found in vars(AggregatorHome).items() if isinstance(found, property)}
    home = AggregatorHome(Path("x"))
    names = {getattr(home, name).name for name in kinds} | {"rosters", "staging"}
    rows = PAGE.split("## Backups")[1].split("##")[0].splitlines()
    files = {f for row in rows if row.startswith("|") for f in re.findall(r"`([\w./]+)`", row.split("|")[1])}
    assert len(files) > 8
    assert {file.split("/")[0] for file in files} <= names
