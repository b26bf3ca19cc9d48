"""Write the typed bindings in ``contracts/bindings`` from the committed artifacts.

``python -m contracts.bindgen`` writes them: a module for each contract, one for all structs and
enums, and one for all custom errors. They are committed, so that they can be read and type-checked;
a test writes them again and compares.
"""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING

from contracts.abi import signature
from contracts.artifact import ARTIFACTS, PACKAGE, load_artifact
from contracts.bindlayout import (
    WIDTH,
    constant,
    definition,
    docstring,
    imports,
    imports_of,
    quoted,
    snake,
    wrapped,
)
from contracts.bindtypes import Types, enum_text, error_text, parts, struct_text
from federation.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.artifact import AbiItem, Artifact

BINDINGS = PACKAGE / "bindings"
WORD = re.compile(r"address|bool|u?int\d+|bytes\d+")
"""Types of one word: an indexed value of another type leaves only its hash in a log."""

HEAD = '''"""{subject}, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

'''


def bindings(folder: Path = ARTIFACTS) -> dict[Path, str]:
    """Return every binding module's text by its path.

    Raises:
        ConfigError: A type or an error cannot be bound.
    """
    artifacts = [load_artifact(path.stem, folder) for path in sorted(folder.glob("*.json"))]
    types = Types.of(artifacts)
    modules = {snake(artifact.name): binding(artifact, types) for artifact in artifacts}
    modules |= {"structs": _structs_module(types), "errors": _errors_module(types)}
    return {BINDINGS / f"{name}.py": text for name, text in modules.items()}


def binding(artifact: Artifact, types: Types) -> str:
    """Return the text of one contract's module."""
    events = [item for item in artifact.abi if item["type"] == "event"]
    names = [str(item["name"]) for item in events]
    if len(set(names)) < len(names):
        raise ConfigError(f"two events of {artifact.name} have one name")
    classes = [_event(types, item) for item in events]
    body = "\n\n\n".join([*classes, _contract(types, artifact)]) + "\n"
    structs = sorted(types.used(artifact.abi))
    known = {signature(item) for item in artifact.abi if item["type"] == "error"}
    own = {artifact.name, *names, *structs}
    errors = [name for name, item in types.errors.items() if signature(item) in known and name not in own]
    # What belongs to a contract can be imported beside it, wherever it is written down.
    exported = sorted({*own, *errors}, key=_as_sorted_by_the_linter)
    listed = "\n".join(["__all__ = [", *(f'    "{name}",' for name in exported), "]"])
    return _head(artifact, body, structs, sorted(errors, key=str.casefold)) + f"\n{listed}\n\n\n{body}"


def _as_sorted_by_the_linter(name: str) -> tuple[bool, str]:
    return (not name.isupper(), name)


def _head(artifact: Artifact, body: str, structs: list[str], errors: list[str]) -> str:
    uses = "from dataclasses import dataclass\n" if "@dataclass" in body else ""
    needed = imports(body, "typing", "TYPE_CHECKING", "Any", "ClassVar", "Self").strip()
    listed = needed.removeprefix("from typing import ")
    standard = f"{uses}from typing import TYPE_CHECKING, {listed}\n"
    local = imports_of("contracts.bindings.errors", errors) + imports_of(
        "contracts.bindings.structs", structs
    )
    local += imports(body, "contracts.contract", "Contract", "Event")
    typing_only = (
        (f"{imports(body, 'collections.abc', 'Sequence')}\n" if "Sequence[" in body else "")
        + imports(body, "contracts.chain", "Chain", "Log", "Receipt", "Signer")
        + imports(body, "federation.types", "Address", "Hash32")
    )
    head = HEAD.format(subject=f"Typed binding of {artifact.name}.sol")
    return f"{head}{standard}\n{local}\nif TYPE_CHECKING:\n{textwrap.indent(typing_only, '    ')}"


def _structs_module(types: Types) -> str:
    classes = [enum_text(name, members) for name, members in types.enums.items()]
    classes += [struct_text(types, name, part) for name, part in types.structs.items()]
    body = "\n\n\n".join(classes) + "\n"
    head = HEAD.format(subject="Structs and enums of every contract")
    head += imports(body, "dataclasses", "dataclass") + imports(body, "enum", "IntEnum")
    return head + _typing(body, "") + "\n\n" + body


def _errors_module(types: Types) -> str:
    classes = [error_text(types, name, item) for name, item in types.errors.items()]
    names = "\n".join(f"    {name}," for name in types.errors)
    listing = f'ERRORS: tuple[type[CustomError], ...] = (\n{names}\n)\n"""All of them."""\n'
    body = "\n\n\n".join(classes) + "\n\n\n" + listing
    converted = [name for name in {*types.structs, *types.enums} if re.search(rf"\b{name}[.(]", body)]
    local = imports_of("contracts.bindings.structs", sorted(converted))
    local += "from contracts.contract import CustomError\n"
    head = HEAD.format(subject="Custom errors of every contract")
    if ": bool" in body:
        head = f"# ruff: noqa: FBT001 -- values stand in the order of the ABI\n{head}"
    return head + _typing(body, local) + "\n\n" + body


def _typing(body: str, local: str) -> str:
    needed = imports(body, "typing", "Any", "ClassVar", "Self").removeprefix("from typing import ")
    typing_only = imports(body, "federation.types", "Address", "Hash32")
    if not typing_only:
        return (f"from typing import {needed}" if needed else "") + (f"\n{local}" if local else "")
    listed = ", ".join(filter(None, ("TYPE_CHECKING", needed.strip())))
    text = f"from typing import {listed}\n" + (f"\n{local}" if local else "")
    return f"{text}\nif TYPE_CHECKING:\n{textwrap.indent(typing_only, '    ')}"


def _event(types: Types, item: AbiItem) -> str:
    inputs = parts(item, "inputs")
    if any(
        part["indexed"] and not re.fullmatch(r"address|bool|u?int\d+|bytes\d+", str(part["type"]))
        for part in inputs
    ):
        raise ConfigError(f"event {item['name']} indexes a value of which a log keeps only the hash")
    names = [snake(str(part["name"]), {"log", "self"}) for part in inputs]
    flags = ", ".join(str(bool(part["indexed"])) for part in inputs)
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {item['name']}(Event):"]
    lines += [f'    """Event ``{item["name"]}``."""', ""]
    lines += constant("SIGNATURE", types.signature(item))
    lines += [f"    INDEXED: ClassVar[tuple[bool, ...]] = ({flags}{',' if len(inputs) == 1 else ''})"]
    fields = [f"    {n}: {types.python(part, result=True)}" for n, part in zip(names, inputs, strict=True)]
    lines += ["", *fields] if fields else []
    lines += ["", "    @classmethod", "    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:"]
    given = [
        f"{n}={types.from_abi(p, f'values[{i}]')}" for i, (n, p) in enumerate(zip(names, inputs, strict=True))
    ]
    if not given:
        lines += ["        assert not values"]
    lines += wrapped("        return cls(", ["log=log", *given], ")")
    return "\n".join(lines)


def _contract(types: Types, artifact: Artifact) -> str:
    constructors = [item for item in artifact.abi if item["type"] == "constructor"]
    functions = [item for item in artifact.abi if item["type"] == "function"]
    lines = [f"class {artifact.name}(Contract):", f'    """Calls of ``{artifact.name}``."""', ""]
    lines += [f'    ARTIFACT: ClassVar[str] = "{artifact.name}"', ""]
    inputs = parts(constructors[0], "inputs") if constructors else []
    lines += ["    @classmethod"]
    given = ["cls", "chain: Chain", "sender: Signer", *_parameters(types, inputs)]
    lines += definition("deploy", given, "Self")
    lines += ['        """Deploy a new one."""']
    kinds = [quoted(types.abi(part)) for part in inputs]
    kind = f"({kinds[0]},)" if len(kinds) == 1 else f"({', '.join(kinds)})"
    given = ["chain", "sender", kind, *_arguments(types, inputs)]
    lines += wrapped("        return cls._deploy(", given, ")")
    names = [str(item["name"]) for item in functions]
    for item in functions:
        name = snake(str(item["name"]))
        if names.count(str(item["name"])) > 1:
            # Python has no overloading: the types tell the functions apart.
            name = re.sub(r"\W+", "_", signature(item)).strip("_").lower()
        lines += ["", *_function(types, artifact, item, name)]
    return "\n".join(lines)


def _function(types: Types, artifact: Artifact, item: AbiItem, name: str) -> list[str]:
    inputs, outputs = parts(item, "inputs"), parts(item, "outputs")
    reads = item["stateMutability"] in {"view", "pure"}
    text = types.signature(item)
    parameters = ["self", *([] if reads else ["sender: Signer"]), *_parameters(types, inputs)]
    result = _result(types, outputs) if reads else "Receipt"
    lines = definition(name, parameters, result)
    notice = artifact.notices.get(signature(item)) or f"{'Read' if reads else 'Send'} ``{item['name']}``."
    lines += docstring(notice, "        ")
    arguments = _arguments(types, inputs)
    if not reads:
        return lines + wrapped("        return self._send(", ["sender", quoted(text), *arguments], ")")
    return lines + _reading(types, text, arguments, outputs, result)


def _result(types: Types, outputs: list[AbiItem]) -> str:
    kinds = [types.python(part, result=True) for part in outputs]
    if not kinds:
        return "None"
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def _reading(types: Types, text: str, arguments: list[str], outputs: list[AbiItem], result: str) -> list[str]:
    kinds = [quoted(types.abi(part)) for part in outputs]
    kind = f"({kinds[0]},)" if len(kinds) == 1 else f"({', '.join(kinds)})"
    given = [quoted(text), kind, *arguments]
    if not outputs:
        return wrapped("        self._read(", given, ")")
    plain = [f"found[{i}]" for i in range(len(outputs))]
    built = [types.from_abi(part, value) for part, value in zip(outputs, plain, strict=True)]
    if built == plain and len(outputs) > 1:
        return wrapped("        return self._read(", given, ")")
    if built == plain:
        # A name with the function's own type keeps the decoder's untyped values inside this line.
        return [*wrapped(f"        found: {result} = self._read(", given, ")[0]"), "        return found"]
    lines = wrapped("        found = self._read(", given, ")")
    line = f"        return {', '.join(built)}"
    return [*lines, *([line] if len(line) <= WIDTH else wrapped("        return (", built, ")"))]


def _parameters(types: Types, inputs: list[AbiItem]) -> list[str]:
    given = [f"{_parameter(part)}: {types.python(part, result=False)}" for part in inputs]
    # What is many, or only yes or no, is not told apart by its place.
    named = len(given) > 3 or any(part["type"] == "bool" for part in inputs)
    return ["*", *given] if named else given


def _arguments(types: Types, inputs: list[AbiItem]) -> list[str]:
    return [types.to_abi(part, _parameter(part)) for part in inputs]


def _parameter(part: AbiItem) -> str:
    return snake(str(part["name"]), {"cls", "chain", "found", "self", "sender"})


def main() -> int:
    """Write the bindings, remove those of contracts that are gone; return the exit status."""
    written = bindings()
    for path in BINDINGS.glob("*.py"):
        if path not in written and path.name != "__init__.py":
            path.unlink()
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
