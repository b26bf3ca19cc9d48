"""The rules of the house: who may import whom, and what is switched off before anything is loaded."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[3]
INSTALLED = ("federation", "ceramic_bridge", "contracts", "client", "aggregator")
SWITCHES = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def imported_names(source: str) -> set[str]:
    """Every absolute dotted name a source imports, at any depth, ``importlib.import_module("...")`` too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(level=0, module=str(module)):
                names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                names.add(name)
    return names


def within(names: set[str], roots: set[str]) -> set[str]:
    return {name for name in names if any(f"{name}.".startswith(f"{root}.") for root in roots)}


def trespasses(packages: tuple[str, ...], roots: set[str]) -> dict[str, set[str]]:
    """Files of these packages that import one of the roots, with what they import."""
    found: dict[str, set[str]] = {}
    for package in packages:
        files = [path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]
        assert files, f"{package} has no sources: the scan looks in the wrong place"
        for path in files:
            if names := within(imported_names(path.read_text(encoding="utf-8")), roots):
                found[str(path.relative_to(ROOT))] = names
    return found


def test_scan_sees_an_import_when_it_is_hidden():
    source = """
import web3.eth
from socket import socket as s
def lazy():
    from urllib import request
    import_module("sqlite3")
    importlib.import_module("examples.spam_detection")
"""
    names = imported_names(source)
    roots = {"web3", "socket", "urllib.request", "sqlite3", "examples"}
    expected = {"web3.eth", "socket", "socket.socket", "urllib.request", "sqlite3", "examples.spam_detection"}
    assert within(names, roots) == expected


@pytest.mark.parametrize(
    "source", ["from .examples import a", "import examples_of", "import websocket", "examples = 1"]
)
def test_scan_sees_nothing_when_a_name_only_looks_alike(source):
    assert within(imported_names(source), {"examples", "web3", "socket"}) == set()


def lint(config: Path) -> bool:
    configure()
    return lint_imports(config_filename=str(config), cache_dir=None, no_logo=True)


def test_layers_hold_when_import_linter_reads_the_projects_contracts(capsys):
    assert lint(ROOT / "pyproject.toml"), capsys.readouterr().out
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert set(settings["root_packages"]) == set(INSTALLED)
    (layers,) = (contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    assert layers == ["client | aggregator", "ceramic_bridge | contracts", "federation"]


@pytest.mark.parametrize(("importer", "kept"), [("house_roof", True), ("house_cellar", False)])
def test_linter_finds_the_trespass_when_a_layer_imports_upwards(
    tmp_path, monkeypatch, capsys, importer, kept
):
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, other in (("house_roof", "house_cellar"), ("house_cellar", "house_roof")):
        (tmp_path / name).mkdir()
        source = f"import {other}\n" if name == importer else ""
        (tmp_path / name / "__init__.py").write_text(source, encoding="utf-8")
    config = tmp_path / "pyproject.toml"
    config.write_text(
        '[tool.importlinter]\nroot_packages = ["house_roof", "house_cellar"]\n'
        '[[tool.importlinter.contracts]]\nname = "rooms"\ntype = "layers"\n'
        'layers = ["house_roof", "house_cellar"]\n',
        encoding="utf-8",
    )
    assert lint(config) is kept
    assert ("BROKEN" in capsys.readouterr().out) is not kept


def test_installed_packages_import_neither_examples_nor_benchmarks_when_scanned():
    assert trespasses(INSTALLED, {"examples", "benchmarks", "tests"}) == {}


def test_kernel_and_bridge_import_no_chain_socket_or_database_when_scanned():
    roots = {"web3", "eth_tester", "socket", "sqlite3", "http.client", "urllib.request", "requests", "httpx"}
    roots |= {"asyncio", "h11", "socketserver", "ssl", "pg8000", "scramp"}
    # One file each speaks to the disk and to the network; everything else takes a Store.
    allowed = {
        "ceramic_bridge/store/sqlite.py": {"sqlite3"},
        "ceramic_bridge/store/postgres.py": {"pg8000", "pg8000.exceptions", "pg8000.native", "scramp", "ssl"},
        "ceramic_bridge/blobs.py": {
            "http.client",
            "http.client.HTTPException",
            "urllib.request",
            "urllib.request.HTTPRedirectHandler",
            "urllib.request.Request",
            "urllib.request.build_opener",
        },
        "ceramic_bridge/node/client.py": {"http.client", "socket"},
        "ceramic_bridge/node/server.py": {"asyncio", "h11"},
        "ceramic_bridge/node/run.py": {"asyncio"},
        "ceramic_bridge/node/api.py": {"asyncio"},
        "ceramic_bridge/cli.py": {"asyncio"},
    }
    assert trespasses(("federation", "ceramic_bridge"), roots) == allowed


def test_bridge_and_contracts_import_no_machine_learning_when_scanned():
    assert trespasses(("ceramic_bridge", "contracts"), {"torch", "opacus", "flwr", "sklearn"}) == {}


def test_kernel_imports_no_other_package_when_scanned():
    assert trespasses(("federation",), set(INSTALLED) - {"federation"}) == {}


def test_only_the_compat_file_imports_flowers_internals_when_scanned():
    public = {"flwr.app", "flwr.clientapp", "flwr.serverapp"}
    private = {
        path: names - within(names, public) - {"flwr"}
        for path, names in trespasses(INSTALLED, {"flwr"}).items()
    }
    assert {path for path, names in private.items() if names} == {"federation/_flwr_compat.py"}


@pytest.mark.parametrize("package", INSTALLED)
def test_switches_are_off_before_flower_is_loaded_when_a_package_is_imported(package):
    script = (
        "import builtins, os, sys\n"
        f"import {package}\n"
        "import federation\n"
        "assert 'flwr' not in sys.modules, 'importing the package loads Flower'\n"
        f"print(*(os.environ.get(name) for name in {list(SWITCHES)}))\n"
    )
    env = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, env=env
    )
    assert done.stdout.split() == list(SWITCHES.values())
