"""Python for Solidity's types: structs, enums and custom errors, each written once for all contracts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from contracts.abi import signature
from contracts.artifact import AbiItem
from contracts.bindlayout import constant, definition, docstring, returned_tuple, snake, words, wrapped
from contracts.hints import HINTS
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contracts.artifact import Artifact

ARRAY = re.compile(r"\[\d*\]$")
OF_ERRORS = {"args", "args_", "code", "exit_code", "hint", "message", "name", "self"}
OF_STRUCTS = {"self", "to_abi", "from_abi"}
"""Names that a custom error's or a struct's own fields cannot have."""


def parts(item: AbiItem, key: str) -> list[AbiItem]:
    """Return the inputs, outputs or components of an ABI entry, all of them named."""
    found = cast("list[AbiItem]", item.get(key, []))
    return [{**part, "name": part.get("name") or f"arg{i}"} for i, part in enumerate(found)]


def _internal(part: AbiItem) -> str:
    return str(part.get("internalType", ""))


def _element(part: AbiItem) -> AbiItem | None:
    """Return an array's element; None if it is no array."""
    kind = str(part["type"])
    if not ARRAY.search(kind):
        return None
    return {**part, "type": ARRAY.sub("", kind), "internalType": ARRAY.sub("", _internal(part))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """Every named type of a set of contracts.

    Attributes:
        structs: ABI entry of each struct, by class name; those it is made of come first.
        enums: Members of each enum, by class name.
        errors: ABI entry of each custom error, by class name.
        notices: What each error means (NatSpec), by signature.
        names: Class name of each struct and enum, by the compiler's name (``struct IFederation.Config``).
    """

    structs: Mapping[str, AbiItem]
    enums: Mapping[str, list[str]]
    errors: Mapping[str, AbiItem]
    notices: Mapping[str, str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, artifacts: Iterable[Artifact]) -> Types:
        """Collect them.

        Raises:
            ConfigError: Two that differ would have one name.
        """
        structs: dict[str, AbiItem] = {}
        enums: dict[str, list[str]] = {}
        errors: dict[str, AbiItem] = {}
        notices: dict[str, str] = {}
        for artifact in artifacts:
            enums |= {f"enum {name}": members for name, members in artifact.enums.items()}
            notices |= artifact.errors
            for item in artifact.abi:
                for part in (*parts(item, "inputs"), *parts(item, "outputs")):
                    structs |= _structs(part)
                if item["type"] == "error":
                    errors[signature(item)] = item
        names = _class_names({full: json.dumps(part["components"]) for full, part in structs.items()})
        names |= _class_names({full: json.dumps(members) for full, members in enums.items()})
        called = {name: errors[text] for text, name in _error_names(errors).items()}
        return cls(
            structs={names[full]: part for full, part in structs.items()},
            enums={names[full]: enums[full] for full in sorted(enums)},
            errors={name: called[name] for name in sorted(called)},
            notices=notices,
            names=names,
        )

    def python(self, part: AbiItem, *, result: bool) -> str:
        """Return the annotation of a value that a contract takes, or returns."""
        if (element := _element(part)) is not None:
            inner = self.python(element, result=result)
            return f"tuple[{inner}, ...]" if result else f"Sequence[{inner}]"
        if (name := self.names.get(_internal(part))) is not None:
            return name
        kind = str(part["type"])
        if re.fullmatch(r"u?int\d+", kind):
            return "int"
        if re.fullmatch(r"bytes\d*", kind):
            return "Hash32" if kind == "bytes32" else "bytes"
        known = {"address": "Address", "bool": "bool", "string": "str"}
        if kind not in known:
            raise ConfigError(f"bindings know no type for {kind} {_internal(part)}")
        return known[kind]

    def from_abi(self, part: AbiItem, value: str, depth: int = 0) -> str:
        """Return the expression that makes a typed value of a decoded one."""
        if (element := _element(part)) is not None:
            item = f"item{depth or ''}"
            inner = self.from_abi(element, item, depth + 1)
            return value if inner == item else f"tuple({inner} for {item} in {value})"
        if part["type"] == "tuple":
            return f"{self.names[_internal(part)]}.from_abi({value})"
        name = self.names.get(_internal(part))
        return value if name is None else f"{name}({value})"

    def to_abi(self, part: AbiItem, value: str, depth: int = 0) -> str:
        """Return the expression that makes an encodable value of a typed one."""
        if (element := _element(part)) is not None:
            item = f"item{depth or ''}"
            inner = self.to_abi(element, item, depth + 1)
            return value if inner == item else f"tuple({inner} for {item} in {value})"
        return f"{value}.to_abi()" if part["type"] == "tuple" else value

    def abi(self, part: AbiItem) -> str:
        """Return a value's canonical type, with a placeholder for a struct's."""
        if (element := _element(part)) is not None:
            return self.abi(element) + str(part["type"])[len(str(element["type"])) :]
        return f"{{{self.names[_internal(part)]}.ABI}}" if part["type"] == "tuple" else str(part["type"])

    def signature(self, item: AbiItem) -> str:
        """Return ``name(type,...)`` with placeholders for the types of structs."""
        return f"{item['name']}({','.join(self.abi(part) for part in parts(item, 'inputs'))})"

    def used(self, items: Iterable[AbiItem]) -> set[str]:
        """Return the class names of the structs and enums that appear in ABI entries."""
        found: set[str] = set()
        for item in items:
            for part in (*parts(item, "inputs"), *parts(item, "outputs"), *parts(item, "components")):
                if (name := self.names.get(re.sub(r"(\[\d*\])+$", "", _internal(part)))) is not None:
                    found.add(name)
                found |= self.used([{"components": part.get("components", [])}])
        return found


def _structs(part: AbiItem) -> dict[str, AbiItem]:
    if not str(part["type"]).startswith("tuple"):
        return {}
    full = re.sub(r"(\[\d*\])+$", "", _internal(part))
    found: dict[str, AbiItem] = {}
    for inner in parts(part, "components"):
        found |= _structs(inner)
    return found | {full: part}


def _class_names(definitions: dict[str, str]) -> dict[str, str]:
    """Name types by their last word; those that differ but share it, by their scope too."""
    shared = defaultdict(set)
    for full, text in definitions.items():
        shared[_last(full)].add(text)
    names = {
        full: _last(full) if len(shared[_last(full)]) == 1 else full.split(" ")[1].replace(".", "")
        for full in definitions
    }
    owner: dict[str, str] = {}
    for full, text in definitions.items():
        if owner.setdefault(names[full], text) != text:
            raise ConfigError(f"two types that differ are called {names[full]}", hint="rename one")
    return names


def _last(full: str) -> str:
    return re.split(r"[ .]", full)[-1]


def _error_names(errors: dict[str, AbiItem]) -> dict[str, str]:
    """Name errors as Solidity does; those that differ but share the name, by their values' names too."""
    shared = defaultdict(list)
    for text, item in errors.items():
        shared[str(item["name"])].append(text)
    names = {}
    for text, item in errors.items():
        extra = "" if len(shared[str(item["name"])]) == 1 else "_".join(_field_names(item))
        names[text] = str(item["name"]) + extra.title().replace("_", "")
    if len(set(names.values())) < len(names):
        raise ConfigError("two errors that differ have one name and values of the same names")
    return names


def _field_names(item: AbiItem) -> list[str]:
    return [snake(str(part["name"]), OF_ERRORS) for part in parts(item, "inputs")]


def enum_text(name: str, members: list[str]) -> str:
    """Return the class of an enum."""
    lines = [f"class {name}(IntEnum):", f'    """Enum ``{name}``."""', ""]
    lines += [f"    {words(member).upper()} = {number}" for number, member in enumerate(members)]
    return "\n".join(lines)


def struct_text(types: Types, name: str, part: AbiItem) -> str:
    """Return the class of a struct."""
    fields = parts(part, "components")
    names = [snake(str(field["name"]), OF_STRUCTS) for field in fields]
    pairs = list(zip(names, fields, strict=True))
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
    lines += [f'    """Struct ``{name}``; see the interface for its fields."""', ""]
    lines += [*constant("ABI", f"({','.join(types.abi(kind) for kind in fields)})"), ""]
    lines += [f"    {field}: {types.python(kind, result=True)}" for field, kind in pairs]
    lines += ["", "    def to_abi(self) -> tuple[object, ...]:"]
    lines += ['        """Return the fields in the order of the ABI."""']
    lines += returned_tuple([types.to_abi(kind, f"self.{field}") for field, kind in pairs])
    lines += ["", "    @classmethod", "    def from_abi(cls, values: tuple[Any, ...]) -> Self:"]
    lines += ['        """Build from decoded fields in the order of the ABI."""']
    given = [f"{field}={types.from_abi(kind, f'values[{i}]')}" for i, (field, kind) in enumerate(pairs)]
    lines += wrapped("        return cls(", given, ")")
    return "\n".join(lines)


def error_text(types: Types, name: str, item: AbiItem) -> str:
    """Return the class of a custom error.

    Raises:
        ConfigError: Nothing says what to do about it.
    """
    text = signature(item)
    notice = types.notices.get(text)
    hint = HINTS.get(str(item["name"])) or _hint(notice)
    if hint is None:
        raise ConfigError(f"error {text} has neither a notice nor an entry in contracts/hints.py")
    return "\n".join(_error_lines(types, name, item, notice or f"Custom error ``{item['name']}``.", hint))


def _hint(notice: str | None) -> str | None:
    if notice is None:
        return None
    flat = " ".join(notice.split()).rstrip(".")
    return flat if flat[:2].isupper() else flat[:1].lower() + flat[1:]


def _error_lines(types: Types, name: str, item: AbiItem, notice: str, hint: str) -> Iterator[str]:
    fields = parts(item, "inputs")
    names = _field_names(item)
    yield f"class {name}(CustomError):"
    yield from docstring(notice, "    ")
    yield ""
    yield from constant("SIGNATURE", types.signature(item))
    yield from constant("HINT", hint)
    if not fields:
        return
    annotations = [types.python(kind, result=True) for kind in fields]
    given = [f"{field}: {kind}" for field, kind in zip(names, annotations, strict=True)]
    yield ""
    yield from definition("__init__", ["self", *given], "None")
    yield from wrapped("        super().__init__(", names, ")")
    yield from (f"        self.{field} = {field}" for field in names)
    built = [types.from_abi(kind, f"values[{i}]") for i, kind in enumerate(fields)]
    if built != [f"values[{i}]" for i in range(len(fields))]:
        yield ""
        yield "    @classmethod"
        yield "    def from_abi(cls, values: tuple[Any, ...]) -> Self:"
        yield '        """Build from decoded values."""'
        yield from wrapped("        return cls(", built, ")")
