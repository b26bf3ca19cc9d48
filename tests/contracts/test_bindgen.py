"""Bindings carry values of every shape there and back, and every refusal as its own exception."""

from __future__ import annotations

import importlib.util
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from contracts import abi
from contracts.abi import signature
from contracts.artifact import ARTIFACTS, Artifact, load_artifact
from contracts.bindgen import BINDINGS, binding, bindings
from contracts.bindings.errors import ERRORS, ERC20InsufficientBalance
from contracts.bindings.moot_token import MootToken
from contracts.bindlayout import WIDTH, docstring, imports
from contracts.bindtypes import Types, error_text, struct_text
from contracts.build import TEST_ARTIFACTS
from contracts.contract import CustomError
from contracts.hints import HINTS, PANICS
from federation.errors import ChainError, ConfigError, Reverted

from .conftest import BACKENDS, h, key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.chain import Chain

ALL = [load_artifact(path.stem) for path in sorted(ARTIFACTS.glob("*.json"))]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts that exist to be bound; doubles of contracts are not."""
    folder = tmp_path_factory.mktemp("shapes")
    for name in ("Shapes", "FeeToken"):
        shutil.copy(TEST_ARTIFACTS / f"{name}.json", folder)
    return folder


@pytest.fixture(scope="module")
def made(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The bindings of the tests' own contracts, imported."""
    folder = tmp_path_factory.mktemp("made") / "made_bindings"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for path, text in bindings(shapes).items():
        (folder / path.name).write_text(text.replace("contracts.bindings", folder.name))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder.parent))
        names = ("structs", "errors", "shapes")
        yield SimpleNamespace(**{name: importlib.import_module(f"{folder.name}.{name}") for name in names})
        for name in [name for name in sys.modules if name.startswith(folder.name)]:
            del sys.modules[name]


@pytest.fixture
def know(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the chain know the errors of the tests' own contracts too."""
    errors = {abi.selector(error.SIGNATURE): error for error in made.errors.ERRORS}
    monkeypatch.setattr(abi, "_errors", lambda: errors)
    monkeypatch.setattr(
        "contracts.contract.load_artifact",
        lambda name: load_artifact(name, TEST_ARTIFACTS if name == "Shapes" else ARTIFACTS),
    )


def outer(made: SimpleNamespace):
    inner = made.structs.Inner(who=key("who").address, values=(-1, 0, 2**255 - 1), pair=(h("a"), h("b")))
    return made.structs.Outer(
        kind=made.structs.Kind.ALMOST_ALL,
        inner=inner,
        list_=(inner, replace(inner, values=())),
        blobs=(b"", b"\0\1"),
        people=(key("a").address, key("b").address),
        grid=((1, 2), (), (3,)),
        text="déjà vu",
        self_=key("self").address,
    )


def new_chain() -> Chain:
    return BACKENDS[-1].open([key("deployer").address], 31337)


@pytest.mark.usefixtures("know")
def test_nested_values_come_back_the_same_when_a_contract_echoes_them(made: SimpleNamespace) -> None:
    chain, sender, value = new_chain(), key("deployer"), outer(made)
    shapes = made.shapes.Shapes.deploy(chain, sender)
    assert shapes.echo(value) == value
    assert isinstance(shapes.echo(value).kind, made.structs.Kind)
    single = made.structs.Single(word=b"\1\2\3\4")
    values = ((value, value), (), (value,))
    kind = made.structs.Kind.SOME
    assert shapes.echo_all(outers=values, kind=kind, single=single) == (values, kind, single)
    who = key("who").address
    assert (shapes.over_uint8(3)[0], shapes.over_address(who)[1]) == (3, who)
    receipt = shapes.emit_all(sender, value)
    (seen,) = made.shapes.Seen.decode_logs(receipt.logs)
    assert (seen.kind, seen.outer) == (value.kind, value)
    assert len(made.shapes.Silent.decode_logs(shapes.logs())) == 1
    assert shapes.counts(sender.address, int(value.kind)) == 1


@pytest.mark.usefixtures("know")
def test_refusal_is_its_own_exception_when_a_contract_below_refuses(made: SimpleNamespace) -> None:
    chain, sender, value = new_chain(), key("deployer"), outer(made)
    below = made.shapes.Shapes.deploy(chain, sender)
    above = made.shapes.Shapes.deploy(chain, sender)
    for refused in (
        lambda: below.refuse(sender, value),
        lambda: above.refuse_below(sender, below.address, value),
    ):
        with pytest.raises(made.errors.Refused) as info:
            refused()
        error = info.value
        assert (error.outer, error.kind, error.code_) == (value, value.kind, 7)
        assert (error.name, error.args_) == ("Refused", (value, value.kind, 7))
        assert error.code == "chain-reverted"
    assert chain.block_number == 2
    below.check(allowed=True)
    with pytest.raises(made.shapes.NotAllowed, match="NotAllowed") as bare:
        below.check(allowed=False)
    assert (bare.value.args_, bare.value.hint) == ((), "nothing was allowed")


@pytest.mark.usefixtures("know")
def test_errors_of_one_name_are_told_apart_by_their_values(made: SimpleNamespace) -> None:
    chain = new_chain()
    shapes = made.shapes.Shapes.deploy(chain, key("deployer"))
    with pytest.raises(made.errors.ClashAmount) as first:
        shapes.clash(first=True)
    with pytest.raises(made.errors.ClashWhoHowOften) as second:
        shapes.clash(first=False)
    assert (first.value.name, first.value.amount) == ("Clash", 5)
    assert (second.value.name, second.value.how_often) == ("Clash", 6)


@pytest.mark.usefixtures("know")
def test_panic_says_what_the_compiler_checked(made: SimpleNamespace) -> None:
    shapes = made.shapes.Shapes.deploy(new_chain(), key("deployer"))
    assert shapes.panic(1) == 1
    with pytest.raises(Reverted) as info:
        shapes.panic(0)
    assert (info.value.name, info.value.args_, info.value.hint) == ("Panic", (0x12,), PANICS[0x12])


@pytest.mark.usefixtures("know")
def test_revert_data_of_strangers_stays_a_chain_error_when_it_is_no_encoding(made: SimpleNamespace) -> None:
    value = outer(made)
    refused = made.errors.Refused
    good = abi.selector(refused.SIGNATURE) + abi.encode(
        abi.parameter_types(refused.SIGNATURE), (value.to_abi(), 2, 7)
    )
    assert type(abi.reverted(good)) is refused
    no_member = abi.selector(refused.SIGNATURE) + abi.encode(
        abi.parameter_types(refused.SIGNATURE), (value.to_abi(), 99, 7)
    )
    text = abi.selector("Error(string)")
    for data in (good[:-32], no_member, text, text + b"\xff" * 64, abi.selector("Panic(uint256)")):
        error = abi.reverted(data)
        assert type(error) is Reverted
        assert error.args_ == (data.hex(),)
    said = abi.reverted(text + abi.encode(["string"], ["so there"]))
    assert (said.name, said.args_) == ("Error", ("so there",))


@pytest.mark.parametrize("artifact", ALL, ids=lambda artifact: artifact.name)
def test_every_custom_error_has_its_class_and_a_hint(artifact: Artifact) -> None:
    by_signature = {error.SIGNATURE: error for error in ERRORS}
    module = importlib.import_module(f"contracts.bindings.{_module(artifact.name)}")
    for item in artifact.abi:
        if item["type"] != "error":
            continue
        error = by_signature[signature(item)]
        assert error.HINT
        assert error.HINT[-1] not in ". "
        assert vars(module).get(error.__name__) is error
        assert type(abi.reverted(_data(item))) is error


def test_hints_belong_to_errors_that_exist() -> None:
    # OpenZeppelin's come and go with what a contract inherits, and their hints may stay.
    theirs = list(HINTS)[list(HINTS).index("AddressEmptyCode") :]
    names = {error.SIGNATURE.split("(")[0] for error in ERRORS}
    assert set(HINTS) - set(theirs) <= names


def test_selectors_of_errors_differ() -> None:
    assert len({abi.selector(error.SIGNATURE) for error in ERRORS}) == len(ERRORS)


def test_exception_survives_a_way_to_another_process() -> None:
    error = ERC20InsufficientBalance(key("a").address, 1, 2)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.args_, copy.hint, str(copy)) == (
        type(error),
        error.args_,
        error.hint,
        str(error),
    )
    assert copy.balance == 1


def test_error_is_refused_by_bindgen_when_nothing_says_what_to_do() -> None:
    item: dict[str, object] = {"type": "error", "name": "Unheard", "inputs": []}
    types = Types(structs={}, enums={}, errors={}, notices={}, names={})
    with pytest.raises(ConfigError, match="Unheard"):
        error_text(types, "Unheard", item)
    heard = replace(types, notices={"Unheard()": "Nobody listened."})
    assert "nobody listened" in error_text(heard, "Unheard", item)


def test_struct_names_are_qualified_when_two_differ_and_shared_when_they_agree() -> None:
    def taking(internal: str, field: str) -> dict[str, object]:
        part = {
            "name": "given",
            "type": "tuple",
            "internalType": internal,
            "components": [{"name": field, "type": "uint8", "internalType": "uint8"}],
        }
        return {"type": "function", "name": "f", "inputs": [part], "outputs": []}

    base = load_artifact("MootToken")
    same = replace(base, abi=(taking("struct IOne.Thing", "a"), taking("struct Thing", "a")))
    assert list(Types.of([same]).structs) == ["Thing"]
    other = replace(base, abi=(taking("struct IOne.Thing", "a"), taking("struct ITwo.Thing", "b")))
    types = Types.of([other])
    assert list(types.structs) == ["IOneThing", "ITwoThing"]
    assert "b: int" in struct_text(types, "ITwoThing", types.structs["ITwoThing"])
    twice = replace(
        base, abi=(taking("struct A.BC", "a"), taking("struct BC", "b"), taking("struct AB.C", "x"))
    )
    assert list(Types.of([twice]).structs) == ["ABC", "BC", "C"]


def test_bindgen_refuses_what_it_cannot_bind() -> None:
    base = load_artifact("MootToken")
    word = {"name": "x", "type": "function", "internalType": "function () external"}
    odd = replace(base, abi=({"type": "error", "name": "Odd", "inputs": [word]},))
    with pytest.raises(ConfigError, match="no type for function"):
        error_text(Types.of([odd]), "StringTooLong", {"name": "StringTooLong", "inputs": [word]})
    hashed = {"name": "text", "type": "string", "indexed": True}
    lossy = replace(base, abi=({"type": "event", "name": "Lossy", "inputs": [hashed]},))
    with pytest.raises(ConfigError, match="keeps only the hash"):
        binding(lossy, Types.of([lossy]))


def test_bindings_hold_no_module_of_a_contract_that_is_gone() -> None:
    assert {*BINDINGS.glob("*.py")} == {*bindings(), BINDINGS / "__init__.py"}


def test_token_refusal_arrives_typed_when_sent_and_when_read() -> None:
    chain, sender = new_chain(), key("deployer")
    token = MootToken.deploy(chain, sender)
    with pytest.raises(ERC20InsufficientBalance) as info:
        token.transfer(sender, key("a").address, 5)
    assert (info.value.sender, info.value.balance, info.value.needed) == (sender.address, 0, 5)
    assert isinstance(info.value, (CustomError, Reverted, ChainError))


def test_written_bindings_satisfy_the_linter(shapes: Path, tmp_path: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    folder = tmp_path / "contracts" / "bindings"
    folder.mkdir(parents=True)
    for path, text in bindings(shapes).items():
        (folder / path.name).write_text(text)
    (folder / "__init__.py").write_text('"""Bindings."""\n')
    configured = [str(ruff), "--config", str(BINDINGS.parents[1] / "pyproject.toml")]
    for check in (["check", "-q", "--no-cache"], ["format", "-q", "--check", "--no-cache"]):
        done = subprocess.run([*configured, *check, str(folder)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rest", ["", " It has more to say."])
@pytest.mark.parametrize("length", range(80, 130))
def test_docstring_keeps_to_the_width_and_to_one_line_if_it_can(length: int, rest: str) -> None:
    notice = ("word " * 40)[: length - 2] + "x."
    lines = docstring(notice + rest, " " * 8)
    assert all(len(line) <= WIDTH for line in lines)
    assert " ".join(" ".join(lines).replace('"""', "").split()) == notice + rest
    # A linter asks for one line where the text takes one.
    assert len(lines) != 2 or lines[1].strip() != '"""'
    assert (len(lines) == 1) == (not rest and 8 + 6 + len(notice) <= WIDTH)


def test_name_is_imported_only_when_the_code_uses_it() -> None:
    body = 'def f(chain: Chain) -> Self:\n    """Any Event.\n\n    A "Sequence" of it.\n    """\n'
    assert imports(body, "typing", "Any", "Self") == "from typing import Self\n"
    assert imports(body, "contracts.contract", "Event", "Sequence") == ""
    # Even behind a docstring with quotes of its own.
    assert imports(body + body.replace("Self", "Any"), "typing", "Any") == "from typing import Any\n"


def _module(name: str) -> str:
    return next(path.stem for path in bindings() if f"binding of {name}.sol" in path.read_text())


def _data(item: dict[str, object]) -> bytes:
    """Revert data of an error, all of whose values are zero."""
    text = signature(item)
    return abi.selector(text) + abi.encode(
        abi.parameter_types(text), [_zero(k) for k in abi.parameter_types(text)]
    )


def _zero(kind: str) -> object:
    if kind.endswith("[]"):
        return ()
    if kind.startswith("("):
        return tuple(_zero(inner) for inner in abi.parameter_types("f" + kind))
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    return bytes(int(kind.removeprefix("bytes") or 0)) if kind.startswith("bytes") else 0
