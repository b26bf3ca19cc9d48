"""The tables in Solidity are the committed ones."""

from __future__ import annotations

import hashlib
import re

import numpy as np

from contracts.artifact import SOLIDITY
from contracts.tables import WIDTH, libraries
from federation.fixedpoint import TABLE_SHA256


def test_libraries_are_those_that_the_generator_writes() -> None:
    for path, text in libraries().items():
        assert path.read_text() == text, f"{path.name}: run python -m contracts.tables"


def test_entries_have_the_pinned_hash_when_read_from_the_sources() -> None:
    data = b""
    for name in ("SigmoidTable", "SoftplusTable"):
        text = (SOLIDITY / "libraries" / f"{name}.sol").read_text()
        packed = bytes.fromhex("".join(re.findall(r'hex"([0-9a-f]+)"', text)))
        entries = [int.from_bytes(packed[at : at + WIDTH], "big") for at in range(0, len(packed), WIDTH)]
        data += np.array(entries, dtype="<i8").tobytes()
    assert hashlib.sha256(data).hexdigest() == TABLE_SHA256
