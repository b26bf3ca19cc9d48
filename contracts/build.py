"""Compile the Solidity sources with the pinned compiler and commit what comes out.

``python -m contracts.build`` writes the artifacts; ``--check`` compiles again and names the first
artifact that differs. Only this module needs Node; everything else reads the artifacts. The
metadata hash is left out of the bytecode, so the same sources give the same bytes anywhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from contracts.artifact import ARTIFACTS, SOLIDITY, AbiItem, source_hash
from federation.errors import ConfigError, FolkmootError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_ARTIFACTS = SOLIDITY.parents[1] / "tests" / "contracts" / "artifacts"

TARGETS = {
    "BondVault.sol": ARTIFACTS,
    "ContributorRegistry.sol": ARTIFACTS,
    "EventAnchor.sol": ARTIFACTS,
    "Federation.sol": ARTIFACTS,
    "MootToken.sol": ARTIFACTS,
    "RewardPool.sol": ARTIFACTS,
    "disputes/DataDemands.sol": ARTIFACTS,
    "disputes/ExampleDisputes.sol": ARTIFACTS,
    "disputes/FitDisputes.sol": ARTIFACTS,
    "disputes/GradientDisputes.sol": ARTIFACTS,
    "disputes/MemberDisputes.sol": ARTIFACTS,
    "disputes/PointDisputes.sol": ARTIFACTS,
    "disputes/ProjectionDisputes.sol": ARTIFACTS,
    "disputes/RecordDisputes.sol": ARTIFACTS,
    "disputes/SettlementDisputes.sol": ARTIFACTS,
    "disputes/StateDisputes.sol": ARTIFACTS,
    "disputes/ValidatorQuorum.sol": ARTIFACTS,
    "policies/AnchoredEventsPolicy.sol": ARTIFACTS,
    "policies/ListPolicy.sol": ARTIFACTS,
    "policies/StakePolicy.sol": ARTIFACTS,
    "randomness/BlockhashRandomness.sol": ARTIFACTS,
    "test/FeeToken.sol": TEST_ARTIFACTS,
    "test/MockFederation.sol": TEST_ARTIFACTS,
    "test/MockProposal.sol": TEST_ARTIFACTS,
    "test/PushPayments.sol": TEST_ARTIFACTS,
    "test/RoundDistributor.sol": TEST_ARTIFACTS,
    "test/Shapes.sol": TEST_ARTIFACTS,
}
"""Each file that holds a contract of the same name, and where its artifact goes."""

SETTINGS = {
    "evmVersion": "cancun",
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": False,
}


class _Code(TypedDict):
    object: str
    immutableReferences: dict[str, list[dict[str, int]]]


class _Evm(TypedDict):
    bytecode: _Code
    deployedBytecode: _Code


class _UserDoc(TypedDict, total=False):
    methods: dict[str, dict[str, str]]
    errors: dict[str, list[dict[str, str]]]


class _Contract(TypedDict):
    abi: list[AbiItem]
    evm: _Evm
    metadata: str
    userdoc: _UserDoc


class _Node(TypedDict, total=False):
    nodeType: str
    canonicalName: str
    name: str
    nodes: list[_Node]
    members: list[_Node]


class _Source(TypedDict):
    ast: _Node


class _Place(TypedDict):
    file: str


class _Problem(TypedDict, total=False):
    severity: str
    formattedMessage: str
    sourceLocation: _Place


class _Output(TypedDict, total=False):
    version: str
    errors: list[_Problem]
    contracts: dict[str, dict[str, _Contract]]
    sources: dict[str, _Source]


def build() -> dict[Path, str]:
    """Compile every target.

    Returns:
        The text of each artifact, by the path where it belongs.

    Raises:
        ConfigError: Node or the compiler is missing, or the sources do not compile.
    """
    output = _compile()
    files = {}
    for source, folder in TARGETS.items():
        name = Path(source).stem
        artifact = _artifact(output, output["contracts"][source][name])
        files[folder / f"{name}.json"] = json.dumps(artifact, indent=1, sort_keys=True) + "\n"
    return files


def _compile() -> _Output:
    node = shutil.which("node")
    if node is None or not (SOLIDITY / "node_modules" / "solc").is_dir():
        raise ConfigError(
            "the Solidity compiler is not installed",
            hint="install Node, then run npm ci --ignore-scripts in contracts/solidity",
        )
    outputs = ["abi", "metadata", "userdoc", "evm.bytecode.object", "evm.deployedBytecode"]
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (SOLIDITY / path).read_text(encoding="utf-8")} for path in TARGETS},
        "settings": SETTINGS | {"outputSelection": {"*": {"*": outputs, "": ["ast"]}}},
    }
    done = subprocess.run(  # noqa: S603 - a fixed script, run by the Node found on PATH
        [node, str(SOLIDITY / "compile.js")],
        input=json.dumps(request).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"the compiler failed: {done.stderr.decode(errors='replace')[-2000:]}")
    output = cast("_Output", json.loads(done.stdout))
    # A warning fails too: nobody reads what a build prints when it succeeds.
    if problems := [e["formattedMessage"] for e in output.get("errors", []) if not _foreign(e)]:
        raise ConfigError("the sources do not compile cleanly:\n" + "\n".join(problems))
    return output


def _foreign(problem: _Problem) -> bool:
    """Whether the compiler only warns, and about a package that the lock file pins."""
    place = problem.get("sourceLocation")
    return problem.get("severity") == "warning" and place is not None and place["file"].startswith("@")


def _artifact(output: _Output, contract: _Contract) -> dict[str, object]:
    evm = contract["evm"]
    paths = sorted(json.loads(contract["metadata"])["sources"])
    # The compiler keys immutables by syntax-tree number, which changes with the set of sources.
    references = (
        place for places in evm["deployedBytecode"]["immutableReferences"].values() for place in places
    )
    return {
        "abi": contract["abi"],
        "bytecode": evm["bytecode"]["object"],
        "deployedBytecode": evm["deployedBytecode"]["object"],
        "immutableReferences": sorted([place["start"], place["length"]] for place in references),
        "compiler": output["version"],
        "settings": SETTINGS,
        "sourceHashes": {path: source_hash(_source(path)) for path in paths},
        "enums": {
            node["canonicalName"]: [member["name"] for member in node["members"]]
            for path in paths
            if not path.startswith("@")
            for node in _enums(output["sources"][path]["ast"])
        },
        "notices": {
            name: doc["notice"] for name, doc in contract["userdoc"]["methods"].items() if "notice" in doc
        },
        "errors": {
            # One entry per declaration: libraries may declare an error again, and mean the same.
            name: docs[0]["notice"]
            for name, docs in contract["userdoc"].get("errors", {}).items()
            if docs and "notice" in docs[0]
        },
    }


def _enums(node: _Node) -> Iterator[_Node]:
    if node["nodeType"] == "EnumDefinition":
        yield node
    for child in node.get("nodes", []):
        yield from _enums(child)


def _source(path: str) -> str:
    root = SOLIDITY / "node_modules" if path.startswith("@") else SOLIDITY
    return (root / path).read_text(encoding="utf-8")


def check(built: dict[Path, str]) -> None:
    """Compare fresh artifacts with the committed ones, byte for byte.

    Raises:
        VerificationFailed: One differs or is missing; its subject names it.
    """
    for path, text in built.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise VerificationFailed(
                f"artifact {path.stem}", "differs from a fresh build", hint="run make artifacts"
            )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status (1 where a check fails)."""
    parser = argparse.ArgumentParser(prog="python -m contracts.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts")
    options = parser.parse_args(argv)
    try:
        built = build()
        if options.check:
            check(built)
            return 0
    except FolkmootError as err:
        sys.stderr.write(f"contracts.build: error: {err.message}\n")
        if err.hint:
            sys.stderr.write(f"hint: {err.hint}\n")
        return 1
    for path, text in built.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
