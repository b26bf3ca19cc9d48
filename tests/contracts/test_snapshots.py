"""The gates on gas and storage let through what they should, and nothing more. Needs no Node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from contracts.artifact import load_artifact
from contracts.snapshots import CONTRACTS, SNAPSHOTS, built_layout, check_gas, check_layout, measured_gas
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from pathlib import Path


def build(folder: Path, *, code: str | None = None) -> Path:
    """A build folder as forge leaves it, with one variable and one struct in each contract."""
    variables = [{"label": "x", "offset": 4, "slot": "2", "type": "t_struct(Deck)17_storage"}]
    types = {"t_struct(Deck)17_storage": {"members": variables}, "t_uint256": {}}
    for name in CONTRACTS:
        text = code or "0x" + load_artifact(name).bytecode.hex()
        built = {"bytecode": {"object": text}, "storageLayout": {"storage": variables, "types": types}}
        (folder / "out" / f"{name}.sol").mkdir(parents=True)
        (folder / "out" / f"{name}.sol" / f"{name}.json").write_text(json.dumps(built))
    (folder / "gas").mkdir()
    (folder / "gas" / "gas.json").write_text('{"claim": "1000"}')
    return folder


@pytest.mark.parametrize("gas", [0, 10_000, 10_100])
def test_gas_passes_when_it_rises_by_one_percent_at_most(gas: int) -> None:
    check_gas({"claim": 10_000}, {"claim": gas})


def test_gas_is_refused_when_it_rises_by_more() -> None:
    with pytest.raises(VerificationFailed, match="10000 to 10101") as info:
        check_gas({"a": 5, "claim": 10_000}, {"a": 5, "claim": 10_101})
    assert info.value.subject == "gas of claim"


def test_gas_is_refused_when_a_transaction_is_not_in_both_lists() -> None:
    for one, other in [({"a": 1}, {}), ({}, {"a": 1})]:
        with pytest.raises(VerificationFailed, match="gas of a"):
            check_gas(one, other)


def test_layout_is_refused_when_a_variable_moved() -> None:
    check_layout({"A": ["0+0 x t_bool"]}, {"A": ["0+0 x t_bool"]})
    for other in ({"A": ["0+1 x t_bool"]}, {}, {"A": ["0+0 x t_bool"], "B": []}):
        with pytest.raises(VerificationFailed, match="storage of"):
            check_layout({"A": ["0+0 x t_bool"]}, other)


def test_build_is_read_without_numbers_of_the_syntax_tree(tmp_path: Path) -> None:
    folder = build(tmp_path)
    assert measured_gas(folder) == {"claim": 1000}
    layout = built_layout(folder)
    assert layout["Federation"] == layout["t_struct(Deck)_storage"] == ["2+4 x t_struct(Deck)_storage"]


def test_build_is_refused_when_its_code_is_not_the_artifacts(tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match=f"contract {CONTRACTS[0]}"):
        built_layout(build(tmp_path, code="0x6001"))


def test_build_is_a_config_error_when_forge_has_not_run(tmp_path: Path) -> None:
    for read in (measured_gas, built_layout):
        with pytest.raises(ConfigError):
            read(tmp_path)


def test_committed_snapshots_cover_every_contract() -> None:
    layout = json.loads((SNAPSHOTS / "storage.json").read_text())
    assert set(CONTRACTS) <= set(layout)
    gas = json.loads((SNAPSHOTS / "gas.json").read_text())
    assert {name.rsplit(", ", 1)[1] for name in gas} == {"first", "later"}
