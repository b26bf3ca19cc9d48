"""Compare what forge measured with what is committed: gas, storage layout, the code itself.

``forge test`` in ``contracts/solidity`` must have run before. ``python -m contracts.snapshots``
writes the snapshots; ``--check`` refuses gas that rose by more than 1 % and any other storage layout.
Both refuse a build whose code is not that of the committed artifacts, since then the tests were
about something else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TypedDict, cast

from contracts.artifact import ARTIFACTS, SOLIDITY, load_artifact
from contracts.build import TARGETS
from federation.errors import ConfigError, FolkmootError, VerificationFailed

BUILD = SOLIDITY / "node_modules" / ".cache" / "forge"
SNAPSHOTS = SOLIDITY / "test" / "snapshots"
CONTRACTS = tuple(sorted(Path(source).stem for source, folder in TARGETS.items() if folder == ARTIFACTS))

Gas = dict[str, int]
"""Gas of one transaction, by its name."""

Layout = dict[str, list[str]]
"""Lines ``slot+offset label type``, by contract and by struct."""


class _Variable(TypedDict):
    label: str
    offset: int
    slot: str
    type: str


class _Type(TypedDict, total=False):
    members: list[_Variable]


class _Storage(TypedDict):
    storage: list[_Variable]
    types: dict[str, _Type] | None


class _Code(TypedDict):
    object: str


class _Built(TypedDict):
    bytecode: _Code
    storageLayout: _Storage


def measured_gas(build: Path = BUILD) -> Gas:
    """Read the gas that the last run of forge measured.

    Raises:
        ConfigError: Forge has not run.
    """
    return {name: int(gas) for name, gas in cast("dict[str, str]", _read(build / "gas" / "gas.json")).items()}


def built_layout(build: Path = BUILD) -> Layout:
    """Read the storage layout of every contract from the last build of forge.

    Raises:
        ConfigError: Forge has not run.
        VerificationFailed: It built other code than that of the committed artifacts.
    """
    layout = {}
    for name in CONTRACTS:
        built = cast("_Built", _read(build / "out" / f"{name}.sol" / f"{name}.json"))
        if bytes.fromhex(built["bytecode"]["object"].removeprefix("0x")) != load_artifact(name).bytecode:
            raise VerificationFailed(
                f"contract {name}", "forge built other code than the artifact's", hint="run make artifacts"
            )
        layout[name] = _lines(built["storageLayout"]["storage"])
        for kind, about in (built["storageLayout"]["types"] or {}).items():
            if "members" in about:
                layout[_anonymous(kind)] = _lines(about["members"])
    return layout


def check_gas(committed: Gas, measured: Gas) -> None:
    """Refuse a transaction that costs over 1 % more than the committed figure.

    Raises:
        VerificationFailed: One does, or the two do not list the same transactions; it is named.
    """
    for name in sorted(committed.keys() | measured.keys()):
        if name not in committed or name not in measured:
            raise VerificationFailed(f"gas of {name}", "is not in both lists", hint="run make snapshots")
        if measured[name] * 100 > committed[name] * 101:
            raise VerificationFailed(
                f"gas of {name}",
                f"rose from {committed[name]} to {measured[name]}",
                hint="make it cheaper, or run make snapshots and say why",
            )


def check_layout(committed: Layout, built: Layout) -> None:
    """Refuse any other storage layout.

    Raises:
        VerificationFailed: A contract or struct lies otherwise; it is named.
    """
    for name in sorted(committed.keys() | built.keys()):
        if committed.get(name) != built.get(name):
            raise VerificationFailed(f"storage of {name}", "is laid out otherwise", hint="run make snapshots")


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path.name} cannot be read: {err}", hint="make contracts runs forge") from err


def _lines(variables: list[_Variable]) -> list[str]:
    return [f"{v['slot']}+{v['offset']} {v['label']} {_anonymous(v['type'])}" for v in variables]


def _anonymous(kind: str) -> str:
    """Drop the number of the syntax-tree node, which changes with the set of sources."""
    return re.sub(r"\)\d+", ")", kind)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status (1 where a check fails)."""
    parser = argparse.ArgumentParser(prog="python -m contracts.snapshots", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed snapshots")
    options = parser.parse_args(argv)
    try:
        gas, layout = measured_gas(), built_layout()
        if options.check:
            check_gas(cast("Gas", _read(SNAPSHOTS / "gas.json")), gas)
            check_layout(cast("Layout", _read(SNAPSHOTS / "storage.json")), layout)
            return 0
    except FolkmootError as err:
        sys.stderr.write(f"contracts.snapshots: error: {err.message}\n")
        if err.hint:
            sys.stderr.write(f"hint: {err.hint}\n")
        return 1
    SNAPSHOTS.mkdir(exist_ok=True)
    for name, value in {"gas": gas, "storage": layout}.items():
        (SNAPSHOTS / f"{name}.json").write_text(
            json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
