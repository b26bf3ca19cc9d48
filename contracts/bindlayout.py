"""Lay out generated Python as the formatter does, so that it can be checked like any other file."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap

WIDTH = 110


def snake(name: str) -> str:
    """Return a Solidity name in Python's style, kept off keywords and built-ins."""
    text = words(name)
    return f"{text}_" if keyword.iskeyword(text) or hasattr(builtins, text) else text


def words(name: str) -> str:
    """Return a Solidity name's words in lower case, with underscores between them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_")).lower()


def wrapped(start: str, items: list[str], end: str) -> list[str]:
    """Lay out a list on one line, on one indented line, or one item a line."""
    pad = start[: len(start) - len(start.lstrip())]
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{pad}    {', '.join(items)}"
    if len(inner) <= WIDTH and not start.rstrip().endswith(("return (", "= [", "= (", "import (")):
        return [start, inner, f"{pad}{end}"]
    return [start, *(f"{pad}    {item}," for item in items), f"{pad}{end}"]


def returned_tuple(items: list[str]) -> list[str]:
    """Lay out a method's ``return`` of a tuple."""
    if len(items) == 1:
        return [f"        return ({items[0]},)"]
    return wrapped("        return (", items, ")")


def definition(name: str, parameters: list[str], result: str) -> list[str]:
    """Lay out the head of a method."""
    return wrapped(f"    def {name}(", parameters, f") -> {result}:")


def constant(name: str, text: str) -> list[str]:
    """Lay out a class's constant string."""
    pieces = textwrap.wrap(text, WIDTH - 11, break_on_hyphens=False, drop_whitespace=False)
    quoted = [_quoted(piece) for piece in pieces] or ['""']
    line = f"    {name}: ClassVar[str] = {quoted[0]}"
    if len(quoted) == 1 and len(line) <= WIDTH:
        return [line]
    return [f"    {name}: ClassVar[str] = (", *(f"        {piece}" for piece in quoted), "    )"]


def docstring(text: str, pad: str) -> list[str]:
    """Lay out a docstring: its first sentence, then the rest."""
    summary, _, rest = " ".join(text.replace("\\", "").split()).partition(". ")
    summary = summary.rstrip(".") + "."
    if not rest and len(summary) <= WIDTH - len(pad) - 6:
        return [f'{pad}"""{summary}"""']
    body = textwrap.wrap(rest, WIDTH - len(pad), initial_indent=pad, subsequent_indent=pad)
    first = textwrap.wrap(summary, WIDTH - len(pad) - 3)
    head = [f'{pad}"""{first[0]}', *(f"{pad}{line}" for line in first[1:])]
    return [*head, *(["", *body] if body else []), f'{pad}"""']


def imports(body: str, module: str, *names: str) -> str:
    """Return the import of those names that the text uses; empty if it uses none."""
    used = [name for name in names if re.search(rf"\b{name}\b", body)]
    return "\n".join(wrapped(f"from {module} import ", used, "")) + "\n" if used else ""


def imports_of(module: str, names: list[str]) -> str:
    """Return the import of names, over several lines if there are many."""
    line = f"from {module} import {', '.join(names)}"
    if not names or len(line) <= WIDTH:
        return f"{line}\n" if names else ""
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\")
    if '"' in escaped and "'" not in escaped:
        return f"'{escaped}'"
    return '"' + escaped.replace('"', '\\"') + '"'
