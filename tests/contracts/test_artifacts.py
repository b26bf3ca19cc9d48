"""What is committed was built from what is committed beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.artifact import ARTIFACTS, SOLIDITY, check_sources, load_artifact
from contracts.bindgen import bindings
from contracts.build import TARGETS, check
from federation.errors import ConfigError, VerificationFailed

NAMES = [Path(source).stem for source in TARGETS]


@pytest.mark.parametrize("source", TARGETS)
def test_artifact_is_fresh(source: str) -> None:
    check_sources(load_artifact(Path(source).stem, TARGETS[source]))


def test_artifact_is_refused_when_a_source_changed(tmp_path: Path) -> None:
    artifact = load_artifact("RewardPool")
    own = [path for path in artifact.source_hashes if not path.startswith("@")]
    for path in own:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((SOLIDITY / path).read_bytes())
    check_sources(artifact, tmp_path)
    with (tmp_path / "libraries" / "Leaves.sol").open("a") as file:
        file.write("\n")
    with pytest.raises(VerificationFailed, match=r"artifact RewardPool.*Leaves\.sol"):
        check_sources(artifact, tmp_path)
    (tmp_path / "libraries" / "Leaves.sol").unlink()
    with pytest.raises(VerificationFailed):
        check_sources(artifact, tmp_path)


def test_rebuild_check_names_the_artifact_that_differs() -> None:
    path = ARTIFACTS / "RewardPool.json"
    text = path.read_text()
    check({path: text})
    with pytest.raises(VerificationFailed) as info:
        check({path: text.replace('"bytecode": "60', '"bytecode": "61')})
    assert info.value.subject == "artifact RewardPool"


def test_artifact_that_does_not_exist_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        load_artifact("NoSuchContract")


def test_bindings_are_those_that_bindgen_writes() -> None:
    for path, text in bindings().items():
        assert path.read_text() == text, f"{path.name}: run python -m contracts.bindgen"


def test_sources_keep_to_the_house_rules() -> None:
    for path in SOLIDITY.rglob("*.sol"):
        if "node_modules" in path.parts:
            continue
        text = path.read_text()
        assert "pragma solidity 0.8.37;" in text, path
        assert not re.search(r"\brequire\(|revert\(", text), path
        # Assembly is for measured inner loops and a double of an odd token, and never touches memory it
        # did not take.
        if path.parent.name not in {"libraries", "test"}:
            assert not re.search(r"\bassembly\b", text), path
        assert not re.search(r'(?<!inline-)\bassembly\b(?! \("memory-safe"\) \{)', text), path


def test_lock_file_pins_by_content_and_names_no_host() -> None:
    text = (SOLIDITY / "package-lock.json").read_text()
    assert "resolved" not in text
    assert not re.search(r"registry|\.tgz", text)
    assert text.count('"integrity"') > 10
