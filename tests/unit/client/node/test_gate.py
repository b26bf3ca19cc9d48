"""What a SuperNode may start, and with which environment."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flwr.cli.build import build_fab_from_disk, build_fab_from_files

from client.node.gate import CLIENT_APP, PROGRAMS, require_bundle, write_gate
from client.node.program import node_environment
from federation.bundle import BUNDLE_ID, BUNDLE_SHA256, BUNDLE_VERSION, FILES, SOCKET_KEY
from federation.errors import PeerError
from tests.unit.client.node.test_folder import prepare

REPOSITORY = Path(__file__).parents[4]

# Flower builds bundles with a pattern that pathspec has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")


def fab(files=FILES):
    return build_fab_from_files(files)[0]


def test_bundle_has_the_pinned_hash_when_flower_builds_it():
    assert hashlib.sha256(fab()).hexdigest() == BUNDLE_SHA256


def test_bundle_has_the_pinned_hash_when_its_folder_is_built(tmp_path):
    from aggregator.bundle import write_bundle

    write_bundle(tmp_path)
    (tmp_path / "folkmoot_app" / "__pycache__").mkdir()
    (tmp_path / "folkmoot_app" / "__pycache__" / "x.pyc").write_bytes(b"x")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    assert hashlib.sha256(build_fab_from_disk(tmp_path)).hexdigest() == BUNDLE_SHA256


def test_bundle_names_itself_and_flower_alone():
    import tomllib

    project = tomllib.loads(FILES["pyproject.toml"].decode())
    assert project["project"]["dependencies"] == ["flwr>=1.41,<1.42"]
    app = project["tool"]["flwr"]["app"]
    assert f"{app['publisher']}/{project['project']['name']}" == BUNDLE_ID
    assert project["project"]["version"] == BUNDLE_VERSION
    assert app["config"] == {SOCKET_KEY: ""}


def test_bundle_is_accepted_when_it_is_the_known_one():
    require_bundle(fab())


@pytest.mark.parametrize("name", sorted(FILES))
def test_bundle_is_refused_when_one_file_differs(name):
    # Flower writes pyproject.toml anew, without comments.
    change = b'[project]\nname = "folkmoot-app"', b'[project]\nname = "folkmoot-bpp"'
    other = FILES[name].replace(*change) if name == "pyproject.toml" else FILES[name] + b"#\n"
    with pytest.raises(PeerError, match="no other bundle"):
        require_bundle(fab({**FILES, name: other}))


@pytest.mark.parametrize("change", [lambda fab: b"", lambda fab: fab[:-1], lambda fab: fab + b"\0"])
def test_bundle_is_refused_when_its_bytes_differ(change):
    with pytest.raises(PeerError):
        require_bundle(change(fab()))


def test_gate_holds_every_program_that_flower_may_start():
    from flwr.supercore.constant import TASK_TYPE_TO_COMMAND

    assert set(TASK_TYPE_TO_COMMAND.values()) == set(PROGRAMS)


@pytest.fixture
def folder(tmp_path):
    made = prepare(tmp_path / "it's a node")
    write_gate(made.gate)
    return made


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != CLIENT_APP])
def test_program_is_refused_when_it_is_no_client_app(folder, name):
    done = subprocess.run(
        [name, "--runtime-api-address", "127.0.0.1:1", "--token", "x"],
        env=node_environment(folder, {**os.environ, "PYTHONPATH": str(REPOSITORY)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"gate: refused: the SuperLink asks for {name}\n"


def test_gate_comes_before_flowers_own_programs(folder):
    from shutil import which

    path = node_environment(folder, os.environ)["PATH"]
    assert {which(name, path=path) for name in PROGRAMS} == {str(folder.gate / name) for name in PROGRAMS}
    assert which("flower-superexec", path=path)


def test_environment_holds_no_secret_when_the_members_own_does(folder):
    mine = {"FOLKMOOT_HOME": "/h", "CREDENTIALS_DIRECTORY": "/c", "KEY": "k", "LANG": "C.UTF-8"}
    made = node_environment(folder, mine)
    assert not made.keys() & (mine.keys() - {"LANG"})
    assert made["LANG"] == "C.UTF-8"
    assert (made["FLWR_TELEMETRY_ENABLED"], made["FLWR_DISABLE_UPDATE_CHECK"]) == ("0", "1")
    assert made["FLWR_HOME"] == str(folder.flower)


POSING = """
import sys
import flwr.supernode.cli.flwr_clientapp
from flwr.supernode.runtime import run_clientapp as runtime

{damage}

def pose():
    fab = open(sys.argv[-1], "rb").read()
    runtime.install_from_fab(fab, skip_prompt=True)
    load = runtime.get_load_client_app_fn(default_app_ref="", app_path=None, multi_app=True)
    app = load("evil/app", "../../..", "f" * 64)
    print(type(app).__name__, sys.modules["folkmoot_app.client_app"].app is app)

sys.modules["flwr.supernode.cli.flwr_clientapp"].flwr_clientapp = pose
from client.node.gate import main
sys.argv = ["gate", sys.argv[2], *sys.argv[3:]]
sys.exit(main())
"""


def posing(tmp_path, bundle, *, damage=""):
    """The gate, with Flower's part played by what asks for an app in another place."""
    (tmp_path / "x.fab").write_bytes(bundle)
    environ = {
        "PYTHONPATH": str(REPOSITORY),
        "FLWR_HOME": str(tmp_path / "flower"),
        "PATH": os.environ["PATH"],
    }
    return subprocess.run(
        [sys.executable, "-c", POSING.format(damage=damage), "-", CLIENT_APP, str(tmp_path / "x.fab")],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_gate_loads_the_known_app_when_the_superlink_names_another_place(tmp_path):
    done = posing(tmp_path, fab())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ClientApp True"


def test_gate_writes_nothing_when_the_bundle_is_another(tmp_path):
    done = posing(tmp_path, fab({**FILES, "folkmoot_app/client_app.py": b"1/0\n"}))
    assert done.returncode == PeerError.exit_code
    assert "refused: this member runs no other bundle" in done.stderr
    assert not (tmp_path / "flower").exists()


@pytest.mark.parametrize("name", ["install_from_fab", "get_load_client_app_fn"])
def test_gate_runs_nothing_when_flower_has_moved_a_name(tmp_path, name):
    done = posing(tmp_path, fab(), damage=f"del runtime.{name}")
    assert done.returncode == 3
    assert "refused: this Flower release moved a name" in done.stderr
    assert done.stdout == ""


WAITING = """
import sys, threading
from federation import _flwr_compat as compat
from client.node import gate

def wait(*_, **__):
    print("waiting", flush=True)
    threading.Event().wait()

compat.run_client_app = wait
gate._GRACE = 0.1
sys.argv = ["gate", gate.CLIENT_APP]
gate.main()
"""


def test_app_ends_when_its_supernode_is_gone_while_it_waits():
    parent = "import subprocess, sys, time\n"
    parent += f"subprocess.Popen([sys.executable, '-c', {WAITING!r}]); time.sleep(60)"
    environ = {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", parent], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.kill()
        # The app holds the other end, so this returns when the app has ended.
        assert process.stdout.read() == ""
