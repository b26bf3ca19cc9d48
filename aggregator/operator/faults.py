"""Everything that is wrong with a settings file at once, each with its section and a way out."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel


def read_table(text: str, name: str) -> dict[str, object]:
    """Return a TOML file's table.

    Raises:
        ConfigError: It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is not TOML: {error}", hint="text stands in double quotes") from error


def require(
    model: type[BaseModel],
    table: Mapping[str, object],
    name: str,
    hint: Callable[[str, str], str],
) -> None:
    """Refuse a table that a model refuses, and name all its faults.

    Args:
        model: What the table must be.
        table: What was read.
        name: The file's name.
        hint: Says, for a section and a key, what would be right.

    Raises:
        ConfigError: Something is wrong: the message says what first, the hint has a line for each fault.
    """
    try:
        model.model_validate(table)
    except ValidationError as error:
        found = [_told(fault["loc"], str(fault["msg"]), hint) for fault in error.errors()]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        first = found[0][0]
        lines = [f"{what}: {way_out}" if way_out else what for what, way_out in found]
        raise ConfigError(f"{name}: {first}{more}", hint="\n".join(lines)) from error


def _told(place: tuple[int | str, ...], message: str, hint: Callable[[str, str], str]) -> tuple[str, str]:
    words = [str(part) for part in place]
    section, key = (words[0], ".".join(words[1:])) if len(words) > 1 else ("", "".join(words))
    where = f"[{section}] {key}" if section else key or "the file as a whole"
    said = message.removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}", hint(section, key.split(".")[0])
