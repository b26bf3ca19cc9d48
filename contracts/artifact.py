"""Committed compiler output: what bindings encode with and deployed code is compared to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from federation.errors import ConfigError, VerificationFailed
from federation.hashing import sha256

PACKAGE = Path(__file__).resolve().parent
ARTIFACTS = PACKAGE / "artifacts"
SOLIDITY = PACKAGE / "solidity"

AbiItem = dict[str, object]
"""One entry of a contract's ABI, as the compiler prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One compiled contract.

    Attributes:
        name: The contract's Solidity name.
        abi: Its ABI (Solidity ABI specification, JSON).
        bytecode: Creation code, without constructor arguments.
        deployed_bytecode: Runtime code, with zeros where immutables go.
        immutables: ``(start, length)`` of every immutable in the runtime code, in bytes.
        source_hashes: SHA-256 (hex) of every source the compiler read, by import path.
        enums: Members of every enum, by ``Interface.Name``.
        notices: What each function does, by signature (NatSpec).
        errors: What each custom error means, by signature (NatSpec), where its source says so.
    """

    name: str
    abi: tuple[AbiItem, ...]
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: tuple[tuple[int, int], ...]
    source_hashes: dict[str, str]
    enums: dict[str, list[str]]
    notices: dict[str, str]
    errors: dict[str, str]

    def mask(self, code: bytes) -> bytes:
        """Return ``code`` with zeros where this contract's immutables stand."""
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked[: len(code)])


@cache
def load_artifact(name: str, folder: Path = ARTIFACTS) -> Artifact:
    """Read a committed artifact.

    Raises:
        ConfigError: There is no such artifact, or it is not one.
    """
    try:
        raw = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return Artifact(
            name=name,
            abi=tuple(raw["abi"]),
            bytecode=bytes.fromhex(raw["bytecode"]),
            deployed_bytecode=bytes.fromhex(raw["deployedBytecode"]),
            immutables=tuple((int(start), int(length)) for start, length in raw["immutableReferences"]),
            source_hashes=raw["sourceHashes"],
            enums=raw["enums"],
            notices=raw["notices"],
            errors=raw["errors"],
        )
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ConfigError(
            f"contract artifact {name} cannot be read: {err}", hint="make artifacts builds them"
        ) from err


def source_hash(text: str) -> str:
    """Return the SHA-256 of one source file, in hex."""
    return sha256(text.encode()).hex()


def check_sources(artifact: Artifact, solidity: Path = SOLIDITY) -> None:
    """Refuse an artifact that was not built from the sources beside it. Needs no compiler.

    Imported packages are pinned by the lock file and are not installed for users, so only the
    project's own sources are read.

    Raises:
        VerificationFailed: A source is missing or differs.
    """
    for path, expected in artifact.source_hashes.items():
        if path.startswith("@"):
            continue
        file = solidity / path
        if not file.is_file() or source_hash(file.read_text(encoding="utf-8")) != expected:
            raise VerificationFailed(
                f"artifact {artifact.name}",
                f"was not built from the present {path}",
                hint="run make artifacts and commit the result",
            )
