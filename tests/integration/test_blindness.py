"""Nothing that aggregates, scores, records or pays knows a role."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from examples.spam_detection.cheats import CHEATS

ROOT = Path(__file__).parents[2]
BLIND = ("federation", "aggregator", "contracts", "client", "ceramic_bridge")
WORDS = {
    "cheat",
    "cheats",
    "flip",
    "flipper",
    "flipcap",
    "honest",
    "attacker",
    "adversary",
    "copier",
    "scaler",
}
"""Names of behaviours. zero, noise, stale, model, copy, scale, cap and nan are also the field's own words."""

REPORT = ("games.py", "compare.py", "compare_cli.py")
"""What compares contribution methods on a finished run: nothing is scored or paid by it."""


def words_of(source: str) -> set[str]:
    """Every word in identifiers and strings of a source; what documentation says is nobody's rule."""
    tree = ast.parse(source)
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    loose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name))
            ):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.alias(name=name):
                names.add(name)
            case ast.Constant(value=str(text)) if id(node) not in documented | loose:
                names.add(text)
    return {word for name in names for word in split(name)}


def split(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z]+", spaced.lower()) if word]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if role == 'flip': pass", {"flip"}),
        ("class LabelFlipper: pass", {"flipper"}),
        ("def f(is_honest): pass", {"honest"}),
        ("x.cheat = 1", {"cheat"}),
        ("f(honest=True)", {"honest"}),
        ('"""An honest member."""', set()),
        ("flipped = 1", set()),
    ],
)
def test_scan_sees_a_role_when_one_is_named(source, found):
    assert words_of(source) & WORDS == found


@pytest.mark.parametrize("package", BLIND)
def test_package_names_no_role_when_its_sources_are_scanned(package):
    files = [p for p in (ROOT / package).rglob("*.py") if "node_modules" not in p.parts]
    assert len(files) > 5
    found = {str(p.relative_to(ROOT)): words_of(p.read_text(encoding="utf-8")) & WORDS for p in files}
    assert {name: words for name, words in found.items() if words} == {}


def test_contracts_name_no_role_when_their_sources_are_scanned():
    solidity = ROOT / "contracts" / "solidity"
    # What is deployed: tests call Foundry's cheatcodes by their name.
    others = {"node_modules", "test"}
    files = [p for p in solidity.rglob("*.sol") if not others & set(p.relative_to(solidity).parts)]
    assert len(files) > 5
    for path in files:
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert set(split(code)) & WORDS == set(), path


def test_only_claims_have_a_role_when_the_operators_side_is_scanned():
    """A label reaches the operator's code in what the publisher states about a finished run, and there ends
    in a report that compares contribution methods on it.
    """
    users = {
        p.name
        for package in ("aggregator", "federation", "contracts")
        for p in (ROOT / package).rglob("*.py")
        if "node_modules" not in p.parts and {"role", "roles"} & words_of(p.read_text(encoding="utf-8"))
    }
    assert users <= {"summary.py", *REPORT}


def test_report_on_methods_is_used_by_nobody_else_when_imports_are_scanned():
    modules = {f"aggregator.{name.removesuffix('.py')}" for name in REPORT}
    for package in BLIND:
        for path in (ROOT / package).rglob("*.py"):
            if path.name in REPORT or "node_modules" in path.parts:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not imported & modules, path


def test_behaviours_live_in_the_example_when_listed():
    assert {b.__module__ for b in CHEATS.values()} == {"examples.spam_detection.cheats"}
