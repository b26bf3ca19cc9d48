"""What the documents say is what the code does: commands, links, codes, constants, formats."""

from __future__ import annotations

import ast
import json
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import click
import pytest

import federation.errors
from aggregator.cli import verify
from ceramic_bridge.models import KINDS
from contracts.artifact import SOLIDITY, load_artifact
from examples.spam_detection.__main__ import demo
from federation import contribution, fixedpoint, validation
from federation.cli import build_group
from federation.errors import FolkmootError
from federation.manifest import Manifest
from federation.models import linear
from federation.trace import Op

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
INSTALLED = ("federation", "ceramic_bridge", "contracts", "client", "aggregator")
PROTOCOL = ROOT / "docs" / "protocol.md"
DISPUTES = ROOT / "docs" / "disputes.md"
ERRORS = ROOT / "docs" / "errors.md"


def read(path):
    return path.read_text(encoding="utf-8")


def prose(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def shell_lines(text):
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def table(text, marker):
    """The cells of the table that follows a marker, without its head."""
    rows = text.split(f"<!-- {marker} -->")[1].strip().splitlines()
    lines = []
    for row in rows:
        if not row.startswith("|"):
            break
        lines.append([cell.strip() for cell in row.strip("|").split("|")])
    return lines[2:]


def ticked(cell):
    return re.findall(r"`([^`]+)`", cell)


@cache
def sources():
    files = [
        p for name in INSTALLED for p in sorted((ROOT / name).rglob("*.py")) if "node_modules" not in p.parts
    ]
    return {p: ast.parse(read(p)) for p in files}


# Commands


@cache
def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*):", read(ROOT / "Makefile"), flags=re.MULTILINE))


def refusal(command, arguments):
    """Parse a command's arguments without running it; the complaint, if any."""
    try:
        command.make_context("command", arguments)
    except click.exceptions.Exit:
        return None
    except click.ClickException as error:
        return error.format_message()
    return None


def make_problem(words):
    target, *rest = words
    if target not in make_targets():
        return f"no make target {target}"
    arguments = [shlex.split(word.removeprefix("ARGS=")) for word in rest if word.startswith("ARGS=")]
    return refusal(demo, arguments[0]) if target == "demo" and arguments else None


def folkmoot_problem(words):
    name, *rest = words
    command = build_group().get_command(click.Context(build_group()), name)
    return f"no command {name}" if command is None else refusal(command, rest)


def command_problem(line):
    """What is wrong with a shell line of the documents, or None."""
    match shlex.split(line, comments=True):
        case ["make", *words]:
            return make_problem(words)
        case ["folkmoot" | ".venv/bin/folkmoot", *words]:
            return folkmoot_problem(words)
        case ["python" | ".venv/bin/python", "-m", module, *_]:
            return None if find_spec(module) else f"no module {module}"
    return f"unknown command: {line}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist_when_a_document_shows_them(document):
    text = read(document)
    inline = [code for code in ticked(prose(text)) if re.match(r"(make|python -m|folkmoot verify) ?\b", code)]
    lines = shell_lines(text) + [
        line for line in inline if line != "folkmoot verify" and "RUN_DIR" not in line
    ]
    assert [p for line in lines if (p := command_problem(line))] == []


@pytest.mark.parametrize(
    "line",
    [
        "make tea",
        'make demo ARGS="--sugar 2"',
        'make demo ARGS="--members few"',
        ".venv/bin/folkmoot dance",
        "folkmoot verify runs/x --twice",
        ".venv/bin/python -m contracts.nothing",
        "sudo make demo",
    ],
)
def test_command_is_found_wanting_when_it_does_not_exist(line):
    assert command_problem(line)


def test_readme_starts_with_two_commands_that_exist():
    first = re.search(r"^```sh\n(.*?)^```", read(ROOT / "README.md"), flags=re.DOTALL | re.MULTILINE)[1]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize(("command", "left_out"), [(demo, {"--debug"}), (verify, {"--format"})])
def test_readme_names_every_option_when_a_command_has_it(command, left_out):
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    text = read(ROOT / "README.md")
    assert {o for o in options - left_out if not re.search(rf"{o}\b", text)} == set()


# Links


def slug(heading):
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def broken_links(document, text):
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            found.append(link)
        elif anchor:
            content = text if target == document else read(target)
            headings = re.findall(r"^#+ (.*)$", prose(content), flags=re.MULTILINE)
            if anchor not in map(slug, headings):
                found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_resolve_when_a_document_has_them(document):
    assert broken_links(document, read(document)) == []


@pytest.mark.parametrize("link", ["docs/nowhere.md", "docs/errors.md#nowhere", "#nowhere"])
def test_link_is_found_broken_when_nothing_is_there(link):
    assert broken_links(ROOT / "README.md", f"# Here\n[x]({link}) [y](#here) [z](LICENSE)") == [link]


# Errors


def family(kind):
    return {kind, *(cls for child in kind.__subclasses__() for cls in family(child))}


def test_error_table_lists_exactly_the_codes_of_the_tree():
    tree = {cls for cls in family(FolkmootError) if cls.__module__ == federation.errors.__name__}
    rows = [(ticked(code)[0], int(number)) for code, number, *_ in table(read(ERRORS), "codes")]
    assert sorted(rows) == sorted((cls.code, cls.exit_code) for cls in tree)


def codes_in_sources():
    found = set()
    for path, tree in sources().items():
        if path == ROOT / "federation" / "errors.py":
            continue
        for node in (n for cls in ast.walk(tree) if isinstance(cls, ast.ClassDef) for n in cls.body):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                    | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
                ):
                    found.add(code)
    return found


def test_error_table_lists_the_codes_that_are_made_elsewhere():
    assert {ticked(row[0])[0] for row in table(read(ERRORS), "more codes")} == codes_in_sources()


def literals(node):
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return literals(body) | literals(orelse)
    return set()


def calls_with_text(names):
    """The literal first arguments of calls to functions of these names."""
    found = set()
    for tree in sources().values():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
                    name in names
                ):
                    found |= literals(first)
    return found


def test_rejection_table_lists_exactly_the_reasons_that_the_code_gives():
    listed = [reason for row in table(read(ERRORS), "rejections") for reason in ticked(row[0])]
    assert sorted(listed) == sorted(calls_with_text({"reject", "Rejected"}))


# Protocol


def test_constants_are_those_of_the_code():
    modules = (fixedpoint, linear, contribution, validation)
    for name, value, _ in table(read(PROTOCOL), "constants"):
        (found,) = {getattr(m, ticked(name)[0]) for m in modules if hasattr(m, ticked(name)[0])}
        text = ", ".join(map(str, found)) if isinstance(found, tuple) else str(found)
        assert value == text, name


def test_constant_table_is_complete_when_a_module_has_bits():
    listed = {ticked(row[0])[0] for row in table(read(PROTOCOL), "constants")}
    public = {
        n
        for m in (fixedpoint, linear, contribution)
        for n in vars(m)
        if re.fullmatch(r"[A-Z]+_BITS|NODE.*", n)
    }
    assert public <= listed


def test_first_and_last_table_entries_are_those_of_the_code():
    sigmoid, softplus = fixedpoint.tables()
    text = read(PROTOCOL)
    assert f"S begins {sigmoid[0]}, {sigmoid[1]} and ends {sigmoid[-1]}" in text
    assert f"P begins\n{softplus[0]}, {softplus[1]} and ends {softplus[-1]}" in text


def test_purposes_are_those_that_the_code_hashes_with():
    in_solidity = {
        tag
        for path in SOLIDITY.rglob("*.sol")
        if "node_modules" not in path.parts
        for tag in re.findall(r'= keccak256\("folkmoot\.([a-z-]+)"\)', read(path))
    }
    listed = {ticked(row[0])[0] for row in table(read(PROTOCOL), "purposes")}
    assert listed == calls_with_text({"purpose", "digest"}) | in_solidity


def test_magics_are_those_of_the_code():
    in_code = {
        node.value.decode()
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, bytes)
        and re.fullmatch(rb"FM[A-Z]\d", node.value)
    }
    assert set(re.findall(r'"(FM[A-Z]\d)"', read(PROTOCOL))) == in_code


def test_manifest_keys_stand_in_their_order():
    # Units stand in brackets behind the keys.
    text = re.sub(r" \([^)]*\)", "", " ".join(read(PROTOCOL).split()))
    # A section that may be missing is annotated as a union with None.
    kinds = {n: (get_args(f.annotation) or (f.annotation,))[0] for n, f in Manifest.model_fields.items()}
    plain = [n for n, kind in kinds.items() if not hasattr(kind, "model_fields")]
    sections = {n: kind for n, kind in kinds.items() if n not in plain}
    assert "first " + ", ".join(f"`{name}`" for name in plain) in text
    assert ", ".join(f"`{name}`" for name in sections) in text
    assert "; ".join(f"`{', '.join(section.model_fields)}`" for section in sections.values()) in text


def test_every_kind_of_event_and_every_contract_event_is_described():
    text = read(PROTOCOL)
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
    text += read(DISPUTES)
    items = [*load_artifact("Federation").abi, *load_artifact("RewardPool").abi]
    # OpenZeppelin's EIP-712 declares an event for contracts whose name can change: none here can.
    unseen = {"Funded", "Posted", "EIP712DomainChanged"}
    emitted = {str(item["name"]) for item in items if item["type"] == "event"} - unseen
    assert {name for name in emitted if f"`{name}`" not in text} == set()


def test_trace_table_numbers_every_op():
    rows = {ticked(row[0])[0]: int(row[1]) for row in table(read(PROTOCOL), "trace")}
    assert rows == {op.name: op for op in Op}


# Architecture


def test_map_of_files_is_that_of_the_repository():
    block = re.search(
        r"^## Files\n\n```\n(.*?)^```", read(ROOT / "docs" / "architecture.md"), re.DOTALL | re.MULTILINE
    )[1]
    listed, package, folders = set(), "", {"contracts/bindings/", "contracts/backends/"}
    for line in block.splitlines():
        if not line.startswith(" "):
            package = line.strip()
        listed |= {package + name for name in re.findall(r"[\w/]+\.py", line)}
        folders |= {package + name for name in re.findall(r"^  ([\w/]+/) ", line)}
    present = {str(p.relative_to(ROOT)) for p in sources() if p.name not in {"__init__.py", "__main__.py"}}
    assert listed == {name for name in present if not name.startswith(tuple(folders))}


def test_libraries_are_those_of_the_lock_file_when_conformance_is_stated():
    section = read(ROOT / "docs" / "ceramic.md").partition("## Conformance")[2]
    stated = dict(re.findall(r"`([@a-z][-@/a-z0-9]+)` ([0-9]+\.[0-9]+\.[0-9]+)", section))
    scripts = ROOT / "tests" / "js"
    packages = json.loads(read(scripts / "package-lock.json"))["packages"]
    assert stated == {name: packages[f"node_modules/{name}"]["version"] for name in stated}
    # The elliptic curves and hashes only make the wallet of the tests.
    wanted = json.loads(read(scripts / "package.json"))["devDependencies"]
    assert {name for name in wanted if not name.startswith("@noble/")} <= stated.keys()
