"""Write the typed bindings in ``contracts/bindings`` from the committed artifacts.

``python -m contracts.bindgen`` writes them. They are committed, so that they can be read and
type-checked; a test writes them again and compares.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import textwrap
from typing import TYPE_CHECKING, cast

from contracts.abi import abi_type, signature
from contracts.artifact import PACKAGE, AbiItem, Artifact, load_artifact
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BINDINGS = PACKAGE / "bindings"
CONTRACTS = ("BlockhashRandomness", "BondVault", "ContributorRegistry", "Federation", "MootToken", "RewardPool")
WIDTH = 110

HEAD = '''"""Typed binding of {name}.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations
'''


def snake(name: str) -> str:
    """Return a Solidity name in Python's style, kept off keywords and built-ins."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_")).lower()
    return f"{text}_" if keyword.iskeyword(text) or hasattr(builtins, text) else text


def binding(artifact: Artifact) -> str:
    """Return the text of one binding module."""
    items = artifact.abi
    events = [item for item in items if item["type"] == "event" and item["inputs"]]
    functions = [item for item in items if item["type"] == "function"]
    parts = list(_enums(artifact))
    parts += [_struct(struct) for struct in _structs(items).values()]
    parts += [_event(item) for item in events]
    parts.append(_contract(artifact, functions))
    body = "\n\n\n".join(parts) + "\n"
    return HEAD.format(name=artifact.name) + _imports(body) + "\n\n" + body


def _imports(body: str) -> str:
    def line(module: str, *names: str) -> str:
        used = [name for name in names if re.search(rf"\b{name}\b", body)]
        return f"from {module} import {', '.join(used)}\n" if used else ""

    standard = (
        line("dataclasses", "dataclass")
        + line("enum", "IntEnum")
        + "from typing import TYPE_CHECKING, Any, ClassVar, Self\n"
    )
    typing_only = (
        (f"{line('collections.abc', 'Sequence')}\n" if "Sequence[" in body else "")
        + line("contracts.chain", "Chain", "Log", "Receipt", "Signer")
        + line("federation.types", "Address", "Hash32")
    )
    return (
        f"\n{standard}\nfrom contracts.contract import Contract, Event\n"
        f"\nif TYPE_CHECKING:\n{textwrap.indent(typing_only, '    ')}"
    )


def _enums(artifact: Artifact) -> Iterator[str]:
    for name, members in artifact.enums.items():
        lines = [f"class {name.split('.')[-1]}(IntEnum):", f'    """``{name}``."""', ""]
        lines += [f"    {member.upper()} = {number}" for number, member in enumerate(members)]
        yield "\n".join(lines)


def _parts(item: AbiItem, key: str) -> list[AbiItem]:
    return cast("list[AbiItem]", item.get(key, []))


def _structs(items: tuple[AbiItem, ...] | list[AbiItem]) -> dict[str, AbiItem]:
    found: dict[str, AbiItem] = {}
    for item in items:
        for part in (*_parts(item, "inputs"), *_parts(item, "outputs")):
            if part["type"] == "tuple":
                found[_internal(part)] = part
    return found


def _internal(part: AbiItem) -> str:
    return str(part.get("internalType", "")).split(".")[-1].split(" ")[-1]


def _python_type(part: AbiItem, *, result: bool) -> str:
    kind = str(part["type"])
    if kind.endswith("[]"):
        inner = _python_type({**part, "type": kind[:-2]}, result=result)
        return f"tuple[{inner}, ...]" if result else f"Sequence[{inner}]"
    if kind == "tuple" or str(part.get("internalType", "")).startswith("enum "):
        return _internal(part)
    if re.fullmatch(r"u?int\d+", kind):
        return "int"
    if re.fullmatch(r"bytes\d*", kind):
        return "Hash32" if kind == "bytes32" else "bytes"
    known = {"address": "Address", "bool": "bool", "string": "str"}
    if kind not in known:
        raise ConfigError(f"bindings know no type for {kind}")
    return known[kind]


def _from_abi(part: AbiItem, expression: str) -> str:
    if part["type"] == "tuple":
        return f"{_internal(part)}.from_abi({expression})"
    if str(part.get("internalType", "")).startswith("enum "):
        return f"{_internal(part)}({expression})"
    return expression


def _struct(part: AbiItem) -> str:
    fields = _parts(part, "components")
    names = [snake(str(field["name"])) for field in fields]
    if any(str(field["type"]).startswith(("tuple", "address")) for field in fields):
        raise ConfigError(f"bindings know no nested type in struct {_internal(part)}")
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {_internal(part)}:"]
    lines += [f'    """Struct ``{_internal(part)}``; see the interface for its fields."""', ""]
    lines += [f"    {name}: {_python_type(f, result=True)}" for name, f in zip(names, fields, strict=True)]
    lines += ["", "    def to_abi(self) -> tuple[object, ...]:"]
    lines += ['        """Return the fields in the order of the ABI."""']
    lines += _wrapped("        return (", [f"self.{name}" for name in names], ")")
    lines += ["", "    @classmethod", "    def from_abi(cls, values: tuple[Any, ...]) -> Self:"]
    lines += ['        """Build from decoded fields in the order of the ABI."""']
    lines += _wrapped("        return cls(", [f"{name}=values[{i}]" for i, name in enumerate(names)], ")")
    return "\n".join(lines)


def _event(item: AbiItem) -> str:
    inputs = _parts(item, "inputs")
    names = [snake(str(part["name"])) for part in inputs]
    flags = ", ".join(str(bool(part["indexed"])) for part in inputs)
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {item['name']}(Event):"]
    lines += [f'    """Event ``{item["name"]}``."""', ""]
    text = f'    SIGNATURE: ClassVar[str] = "{signature(item)}"'
    lines += _long_string(text)
    lines += [f"    INDEXED: ClassVar[tuple[bool, ...]] = ({flags}{',' if len(inputs) == 1 else ''})"]
    fields = [f"    {n}: {_python_type(part, result=True)}" for n, part in zip(names, inputs, strict=True)]
    lines += ["", *fields]
    lines += ["", "    @classmethod", "    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:"]
    given = [
        f"{n}={_from_abi(p, f'values[{i}]')}" for i, (n, p) in enumerate(zip(names, inputs, strict=True))
    ]
    lines += _wrapped("        return cls(", ["log=log", *given], ")")
    return "\n".join(lines)


def _contract(artifact: Artifact, functions: list[AbiItem]) -> str:
    constructors = [item for item in artifact.abi if item["type"] == "constructor"]
    lines = [f"class {artifact.name}(Contract):", f'    """Calls of ``{artifact.name}``."""', ""]
    lines += [f'    ARTIFACT: ClassVar[str] = "{artifact.name}"', ""]
    inputs = _parts(constructors[0], "inputs") if constructors else []
    lines += ["    @classmethod"]
    lines += _definition("deploy", ["cls", "chain: Chain", "sender: Signer", *_parameters(inputs)], "Self")
    lines += ['        """Deploy a new one."""']
    kinds = "".join(f'"{abi_type(part)}", ' for part in inputs).strip()
    kinds = f"({kinds})" if len(inputs) == 1 else f"({kinds.rstrip(',')})"
    lines += _wrapped("        return cls._deploy(", ["chain", "sender", kinds, *_arguments(inputs)], ")")
    for item in functions:
        lines += ["", *_function(artifact, item)]
    return "\n".join(lines)


def _function(artifact: Artifact, item: AbiItem) -> list[str]:
    inputs, outputs = _parts(item, "inputs"), _parts(item, "outputs")
    reads = item["stateMutability"] in {"view", "pure"}
    text = signature(item)
    parameters = ["self", *([] if reads else ["sender: Signer"]), *_parameters(inputs)]
    kinds = [_python_type(part, result=True) for part in outputs]
    result = "Receipt" if not reads else kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"
    lines = _definition(snake(str(item["name"])), parameters, result)
    notice = artifact.notices.get(text) or f"{'Read' if reads else 'Send'} ``{text}``."
    lines += _docstring(notice)
    if not reads:
        return lines + _wrapped(
            "        return self._send(", ["sender", f'"{text}"', *_arguments(inputs)], ")"
        )
    types = ", ".join(f'"{abi_type(part)}"' for part in outputs)
    types = f"({types},)" if len(outputs) == 1 else f"({types})"
    given = [f'"{text}"', types, *_arguments(inputs)]
    part = outputs[0]
    if len(outputs) > 1:
        return lines + _wrapped("        return self._read(", given, ")")
    if part["type"] == "tuple":
        built = f"        return {_internal(part)}.from_abi(values[0])"
        return [*lines, *_wrapped("        values = self._read(", given, ")"), built]
    if str(part.get("internalType", "")).startswith("enum "):
        return lines + _wrapped(f"        return {_internal(part)}(self._read(", given, ")[0])")
    # A name with the function's own type keeps the decoder's untyped values inside this line.
    return [
        *lines,
        *_wrapped(f"        value: {result} = self._read(", given, ")[0]"),
        "        return value",
    ]


def _parameters(inputs: list[AbiItem]) -> list[str]:
    given = [f"{snake(str(part['name']))}: {_python_type(part, result=False)}" for part in inputs]
    return ["*", *given] if len(given) > 3 else given


def _arguments(inputs: list[AbiItem]) -> list[str]:
    names = ((snake(str(part["name"])), part) for part in inputs)
    return [f"{name}.to_abi()" if part["type"] == "tuple" else name for name, part in names]


def _definition(name: str, parameters: list[str], result: str) -> list[str]:
    return _wrapped(f"    def {name}(", parameters, f") -> {result}:")


def _wrapped(start: str, items: list[str], end: str) -> list[str]:
    """Lay out a list as the formatter does: on one line, on one indented line, or one item a line."""
    pad = start[: len(start) - len(start.lstrip())]
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{pad}    {', '.join(items)}"
    if len(inner) <= WIDTH and start.strip() != "return (":
        return [start, inner, f"{pad}{end}"]
    return [start, *(f"{pad}    {item}," for item in items), f"{pad}{end}"]


def _long_string(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    name, text = line.split(" = ", 1)
    if len(text) + 8 <= WIDTH:
        return [f"{name} = (", f"        {text}", "    )"]
    middle = text.rindex(",", 0, WIDTH - 12) + 1
    return [f"{name} = (", f'        {text[:middle]}"', f'        "{text[middle:]}', "    )"]


def _docstring(text: str) -> list[str]:
    summary, _, rest = text.partition(". ")
    summary = summary.rstrip(".") + "."
    if not rest:
        return [f'        """{summary}"""']
    body = textwrap.wrap(rest, WIDTH - 8, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return [f'        """{summary}', "", *body, '        """']


def bindings() -> dict[Path, str]:
    """Return every binding module's text by its path."""
    return {BINDINGS / f"{snake(name)}.py": binding(load_artifact(name)) for name in CONTRACTS}


def main() -> int:
    """Write the bindings; return the exit status."""
    for path, text in bindings().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
