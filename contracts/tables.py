"""Write the sigmoid and softplus tables of ``federation.fixedpoint`` as Solidity constants.

``python -m contracts.tables`` writes them. They are committed; a test writes them again and compares,
and the tables themselves are pinned by ``fixedpoint.TABLE_SHA256``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from contracts.artifact import SOLIDITY
from federation.fixedpoint import ENTRIES, STEP_BITS, tables

if TYPE_CHECKING:
    from pathlib import Path

    from federation.fixedpoint import Ints

WIDTH: Final = 3
"""Bytes of an entry: all are below 2^24."""

_PER_LINE: Final = 48
_TEMPLATE: Final = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title {what}, written by `contracts/tables.py`: do not edit.
/// @dev {entries} entries of {width} bytes for x = 0, 2^-{bits}, ... 16, in units of 2^-24.
library {name} {{
    bytes internal constant ENTRIES =
{lines};
}}
"""


def packed(table: Ints) -> bytes:
    """Return a table's entries as big-endian numbers of ``WIDTH`` bytes; shape (2049,), below 2^24."""
    return b"".join(int(entry).to_bytes(WIDTH, "big") for entry in table)


def _library(name: str, what: str, table: Ints) -> str:
    data = packed(table)
    lines = (f'        hex"{data[at : at + _PER_LINE].hex()}"' for at in range(0, len(data), _PER_LINE))
    return _TEMPLATE.format(
        name=name,
        what=what,
        entries=ENTRIES,
        width=WIDTH,
        bits=24 - STEP_BITS,
        lines="\n".join(lines),
    )


def libraries() -> dict[Path, str]:
    """Return the text of each table's library, by its path."""
    sigmoid, softplus = tables()
    folder = SOLIDITY / "libraries"
    return {
        folder / "SigmoidTable.sol": _library("SigmoidTable", "1 / (1 + exp(-x))", sigmoid),
        folder / "SoftplusTable.sol": _library("SoftplusTable", "log(1 + exp(-x))", softplus),
    }


def main() -> int:
    """Write the libraries; return the exit status."""
    for path, text in libraries().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
