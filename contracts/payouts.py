"""Read a payout table back, and find the one whose root is on the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.abi import to_address
from federation.errors import ConfigError, VerificationFailed
from federation.reward import PayoutTable
from federation.types import Wei

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from federation.types import Address, Hash32

MAGIC = b"FMP1"
ROW = 52


def parse_table(raw: bytes, chain_id: int, pool: Address) -> PayoutTable:
    """Read ``PayoutTable.to_bytes``.

    Args:
        raw: The table's bytes.
        chain_id: The chain its leaves are bound to.
        pool: The pool its leaves are bound to.

    Raises:
        ConfigError: It is not in that one form.
    """
    body = raw.removeprefix(MAGIC)
    if not raw.startswith(MAGIC) or len(body) % ROW:
        raise ConfigError("this is no payout table")
    amounts = {
        to_address(body[start : start + 20]): Wei(int.from_bytes(body[start + 20 : start + ROW], "big"))
        for start in range(0, len(body), ROW)
    }
    table = PayoutTable.build(chain_id, pool, amounts)
    if table.to_bytes() != raw:
        raise ConfigError("this payout table is not in its one form")
    return table


def find_table(path: Path, chain_id: int, pool: Address, root: Hash32) -> PayoutTable:
    """Return the table that a pool pays by.

    Args:
        path: A table, or a directory of which ``blobs/`` holds one.
        chain_id: The pool's chain.
        pool: The pool.
        root: The pool's payout root.

    Raises:
        ConfigError: The path cannot be read, or holds no payout table.
        VerificationFailed: None of its tables has that root.
    """
    try:
        files = sorted((path / "blobs").iterdir()) if path.is_dir() else [path]
        tables = [raw for file in files if (raw := _table_bytes(file)) is not None]
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {(err.strerror or str(err)).lower()}") from err
    return pick_table(tables, chain_id, pool, root, place=str(path))


def pick_table(
    tables: Iterable[bytes], chain_id: int, pool: Address, root: Hash32, *, place: str
) -> PayoutTable:
    """Return the table that a pool pays by.

    Args:
        tables: The bytes of some tables.
        chain_id: The pool's chain.
        pool: The pool.
        root: The pool's payout root.
        place: Where they are from, for errors.

    Raises:
        ConfigError: There is none, or one is not in its one form.
        VerificationFailed: None of them has that root.
    """
    raw = None
    for raw in tables:
        table = parse_table(raw, chain_id, pool)
        if table.tree().root == root:
            return table
    if raw is None:
        raise ConfigError(f"{place} holds no payout table", hint="name a table, or a run's public directory")
    raise VerificationFailed(
        f"payout table in {place}",
        f"its root is not the one that pool {pool} pays by on chain {chain_id}",
        hint="it may be of another epoch, or not final yet",
    )


def _table_bytes(file: Path) -> bytes | None:
    with file.open("rb") as opened:
        start = opened.read(len(MAGIC))
        return start + opened.read() if start == MAGIC else None
