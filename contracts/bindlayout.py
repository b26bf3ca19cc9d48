"""Lay out generated Python as the formatter does, so that it can be checked like any other file."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

WIDTH = 110


def snake(name: str, taken: Collection[str] = ()) -> str:
    """Return a Solidity name in Python's style, kept off keywords, built-ins and names that are taken."""
    text = words(name)
    return f"{text}_" if keyword.iskeyword(text) or hasattr(builtins, text) or text in taken else text


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
    """Lay out a class's constant string; ``{Name.ABI}`` in it stands for a constant of another class."""
    line = f"    {name}: ClassVar[str] = {quoted(text)}"
    if len(line) <= WIDTH:
        return [line]
    if len(line := f"        {quoted(text)}") <= WIDTH:
        return [f"    {name}: ClassVar[str] = (", line, "    )"]
    pieces = [""]
    # After a comma or a space, so that no placeholder is torn.
    for word in re.findall(r"[^ ,]*[ ,]*", text):
        if len(pieces[-1]) + len(word) > WIDTH - 14:
            pieces.append("")
        pieces[-1] += word
    lines = [f"        {quoted(piece)}" for piece in pieces]
    return [f"    {name}: ClassVar[str] = (", *lines, "    )"]


def quoted(text: str) -> str:
    """Write a string in quotes, with placeholders if it has any; a lone placeholder stands for itself."""
    if re.fullmatch(r"\{[\w.]+\}", text):
        return text[1:-1]
    prefix = "f" if "{" in text else ""
    escaped = text.replace("\\", "\\\\")
    if '"' in escaped and "'" not in escaped:
        return f"{prefix}'{escaped}'"
    return prefix + '"' + escaped.replace('"', '\\"') + '"'


def docstring(text: str, pad: str) -> list[str]:
    """Lay out a docstring: its first sentence, then the rest."""
    summary, _, rest = " ".join(text.replace("\\", "").split()).partition(". ")
    summary = summary.rstrip(".") + "."
    if not rest and len(summary) <= WIDTH - len(pad) - 6:
        return [f'{pad}"""{summary}"""']
    body = textwrap.wrap(rest, WIDTH - len(pad), initial_indent=pad, subsequent_indent=pad)
    # One line that has no room for the closing quotes becomes two.
    quotes = 3 if rest or len(summary) > WIDTH - len(pad) - 3 else 6
    first = textwrap.wrap(summary, WIDTH - len(pad) - quotes)
    head = [f'{pad}"""{first[0]}', *(f"{pad}{line}" for line in first[1:])]
    return [*head, *(["", *body] if body else []), f'{pad}"""']


def imports(body: str, module: str, *names: str) -> str:
    """Return the import of those names that the text uses, docstrings aside; empty if it uses none."""
    code = re.sub(r'""".*?"""', "", body, flags=re.DOTALL)
    used = [name for name in names if re.search(rf"\b{name}\b", code)]
    return "\n".join(wrapped(f"from {module} import ", used, "")) + "\n" if used else ""


def imports_of(module: str, names: list[str]) -> str:
    """Return the import of names, over several lines if there are many."""
    line = f"from {module} import {', '.join(names)}"
    if not names or len(line) <= WIDTH:
        return f"{line}\n" if names else ""
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")", ""])
