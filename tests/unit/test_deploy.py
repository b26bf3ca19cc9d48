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
from importlib import import_module
from pathlib import Path

import click
import pytest
import yaml

from contracts.backends.anvil_binary import VERSION

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


@cache
def groups():
    """Where each first word of ``folkmoot`` leads, installed or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["entry-points"]["folkmoot.commands"]


def problem(words):
    """What is wrong with the arguments of ``folkmoot``, or None; nothing is run."""
    name, *rest = words
    if name not in groups():
        return f"no command {name}"
    module, _, attribute = groups()[name].partition(":")
    command = getattr(import_module(module), attribute)
    while isinstance(command, click.Group):
        name, *rest = rest
        command = command.get_command(click.Context(command), name)
        if command is None:
            return f"no command {name}"
    try:
        command.make_context(name, rest)
    except click.ClickException as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_starts_a_command_that_exists(path):
    program, *rest = Unit(path).words
    assert PROGRAM.fullmatch(program)
    assert problem(rest) is None


@pytest.mark.parametrize(
    "words", [["dance"], ["client", "dance"], ["client", "guard", "--open"], ["client", "run", "a", "b"]]
)
def test_command_is_found_wanting_when_it_does_not_exist(words):
    assert problem(words)


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
    made = {line.split()[1]: line.split()[-1] for line in sysusers.splitlines() if line.startswith("u ")}
    services = [Unit(path)["Service"] for path in SYSTEM]
    assert made == {service["User"]: f"/var/lib/{service['StateDirectory']}" for service in services}


def test_no_two_services_share_a_user_or_what_it_keeps():
    services = [Unit(path)["Service"] for path in SYSTEM]
    for key in ("User", "StateDirectory"):
        assert len({service[key] for service in services}) == len(services)


@pytest.mark.parametrize(
    "name", ["folkmoot-aggregator@.service", "folkmoot-provider@.service", "folkmoot-events.service"]
)
def test_service_comes_back_and_finds_its_home(name):
    service = Unit(DEPLOY / "systemd" / name)["Service"]
    assert service["Restart"] == "always"
    # A second process on a federation, or wrong settings: ConfigError.
    assert "3" in service["RestartPreventExitStatus"].split()
    assert service["Environment"].startswith("FOLKMOOT_") or "FOLKMOOT_HOME" in service["Environment"]
    text = (DEPLOY / "systemd" / name).read_text()
    assert f"Environment=FOLKMOOT_HOME=/var/lib/{service['StateDirectory']}\n" in text


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
def compose(name="compose.yaml"):
    return yaml.safe_load((DEPLOY / name).read_text())


OPERATOR = "compose.operator.yaml"
SERVICES = [(file, name) for file in ("compose.yaml", OPERATOR) for name in compose(file)["services"]]
OURS = [(file, name) for file, name in SERVICES if name != "anvil"]


@cache
def dockerfile():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def instructions(name):
    return [rest for word, rest in dockerfile() if word == name]


@pytest.mark.parametrize(("file", "service"), OURS)
def test_container_starts_a_command_that_exists(file, service):
    words = compose(file)["services"][service]["command"]
    assert problem([word.replace("${FEDERATION:?name the federation}", "x") for word in words]) is None


@pytest.mark.parametrize(("file", "service"), SERVICES)
def test_container_is_hardened(file, service):
    found = compose(file)["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert not found.keys() & {"privileged", "network_mode", "pid"}


@pytest.mark.parametrize("service", ["guard", "node"])
def test_no_container_of_a_member_listens(service):
    assert "ports" not in compose()["services"][service]


def test_world_reaches_members_nodes_calls_and_nothing_else_of_an_operator():
    services = compose(OPERATOR)["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == ["9092:9092"]
    # Only the door listens beyond loopback; no other container reaches the control API.
    assert set(services) == {"aggregator", "provider", "events", "anvil"}
    assert services["anvil"]["profiles"] == ["trial"]


def test_operators_containers_share_nothing_but_the_network():
    services = compose(OPERATOR)["services"].values()
    volumes = [{v.split(":")[0] for v in service["volumes"]} for service in services]
    secrets = [set(service.get("secrets", [])) for service in services]
    for kept in (volumes, secrets):
        assert sum(map(len, kept)) == len(set.union(*kept))
    assert set.union(*volumes) == set(compose(OPERATOR)["volumes"])
    assert set.union(*secrets) == set(compose(OPERATOR)["secrets"])


def test_trial_runs_the_release_of_anvil_that_the_tests_run():
    assert compose(OPERATOR)["services"]["anvil"]["image"] == f"ghcr.io/foundry-rs/foundry:v{VERSION}"


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
