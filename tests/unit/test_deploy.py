"""What is in deploy/ agrees with the code and with itself; Docker is not run, systemd's checker is."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

from client.cli import client

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SYSTEM = [unit for unit in UNITS if unit.name != "folkmoot.service"]
PROGRAM = re.compile(r"(/opt/folkmoot/bin|%h/.local/bin)/folkmoot")

HARDENED = {
    "CapabilityBoundingSet": "",
    "LimitCORE": "0",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
    "UMask": "0077",
}


class Unit(configparser.RawConfigParser):
    def __init__(self, path):
        super().__init__(strict=False, comment_prefixes="#", delimiters="=")
        self.optionxform = str
        self.read(path)

    @property
    def words(self):
        return shlex.split(self["Service"]["ExecStart"])


def client_problem(words):
    """What is wrong with the arguments of ``folkmoot client``, or None; nothing is run."""
    name, *rest = words
    command = client.get_command(click.Context(client), name)
    if command is None:
        return f"no command {name}"
    try:
        command.make_context(name, rest)
    except click.ClickException as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_starts_a_command_that_exists(path):
    program, group, *rest = Unit(path).words
    assert PROGRAM.fullmatch(program)
    assert group == "client"
    assert client_problem(rest) is None


@pytest.mark.parametrize("words", [["dance"], ["guard", "--open"], ["run", "a", "b"]])
def test_command_is_found_wanting_when_it_does_not_exist(words):
    assert client_problem(words)


@pytest.mark.parametrize("path", SYSTEM, ids=lambda path: path.name)
def test_unit_is_hardened(path):
    service = Unit(path)["Service"]
    assert {key: service.get(key) for key in HARDENED} == HARDENED


def test_guard_and_node_have_different_users():
    guard, node = (
        Unit(DEPLOY / "systemd" / name)["Service"]
        for name in ("folkmoot-guard.service", "folkmoot-node@.service")
    )
    assert guard["User"] != node["User"]
    assert f"--allow-user {node['User']}" in guard["ExecStart"]
    assert guard["StateDirectory"] in node["InaccessiblePaths"]
    sysusers = (DEPLOY / "systemd" / "folkmoot.sysusers.conf").read_text()
    assert {line.split()[1] for line in sysusers.splitlines() if line.startswith("u ")} == {
        guard["User"],
        node["User"],
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong(path, tmp_path):
    # The program is not installed where the tests run; systemd wants one that is.
    copy = tmp_path / path.name.replace("@", "@spam")
    copy.write_text(PROGRAM.sub("/bin/true", path.read_text()))
    for other in UNITS:
        (tmp_path / other.name).write_text(PROGRAM.sub("/bin/true", other.read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(() if path in SYSTEM else ("--user",)), str(copy)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Containers


@cache
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@cache
def dockerfile():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def instructions(name):
    return [rest for word, rest in dockerfile() if word == name]


@pytest.mark.parametrize("service", ["guard", "node"])
def test_container_starts_a_command_that_exists(service):
    group, *rest = compose()["services"][service]["command"]
    assert group == "client"
    assert client_problem([word.replace("${FEDERATION:?name the federation}", "x") for word in rest]) is None


@pytest.mark.parametrize("service", ["guard", "node"])
def test_container_is_hardened(service):
    found = compose()["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert not found.keys() & {"ports", "privileged", "network_mode", "pid"}


def test_containers_share_the_sockets_and_nothing_else():
    guard, node = (compose()["services"][name] for name in ("guard", "node"))
    volumes = [{v.split(":")[0] for v in service["volumes"]} for service in (guard, node)]
    assert volumes[0] & volumes[1] == {"sockets"}
    assert set.union(*volumes) == set(compose()["volumes"])
    assert "secrets" not in node


def test_containers_run_as_the_users_that_the_image_has():
    (users,) = instructions("RUN")[-1:]
    for service, path in (("guard", "/var/lib/folkmoot"), ("node", "/var/lib/folkmoot-node")):
        number = compose()["services"][service]["user"].split(":")[0]
        assert f"-o {number} -g {number} {path} " in f"{users} "
    assert (
        f"--allow-user={compose()['services']['node']['user'].split(':')[0]}"
        in (compose()["services"]["guard"]["command"])
    )


def test_image_is_pinned_and_runs_as_nobody_special():
    (version,) = instructions("ARG")[:1]
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+", version)
    assert {line.split()[0] for line in instructions("FROM")} == {"python:${PYTHON}-slim-bookworm"}
    assert instructions("USER") == ["10001:10001"]
    assert all("-c constraints.txt" in line for line in instructions("RUN") if "pip install" in line)


def test_image_holds_every_package_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    copied = {line.split()[0] for line in instructions("COPY") if len(line.split()) == 2}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert packages <= copied
    assert packages <= allowed
    files = {word for line in instructions("COPY") for word in line.split() if (ROOT / word).is_file()}
    assert files | packages == allowed
