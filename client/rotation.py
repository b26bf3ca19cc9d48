"""A new data key for everything in a vault, in one transaction: all of it, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from client.keys import Keyring
    from client.records import Records
    from client.rows import Rows
    from client.state import State

SEALED_TABLES = frozenset({"heads", "rows", "records", "payloads", "cache"})
"""The tables with ciphertexts; each is sealed anew, or emptied, below."""


def reseal(db: sqlite3.Connection, state: State, rows: Rows, records: Records, keys: Keyring) -> None:
    """Seal everything with other keys, inside the caller's transaction.

    Args:
        db: The transaction.
        state: Of the open vault; uses the other keys afterwards.
        rows: Its rows, under the old keys.
        records: Its records, under the old keys.
        keys: The other keys.

    Raises:
        VerificationFailed: Something was altered; nothing may be kept then.
    """
    old = state.keys
    names = [name for (name,) in db.execute("SELECT name FROM heads ORDER BY name").fetchall()]
    heads = {name: state.read_head(db, name) for name in names}
    state.adopt(keys)
    for name, value in heads.items():
        state.write_head(db, name, value)
    rows.reseal(db, keys)
    records.reseal(db, keys)
    _reseal_payloads(db, old, keys)
    db.execute("DELETE FROM cache")


def _reseal_payloads(db: sqlite3.Connection, old: Keyring, new: Keyring) -> None:
    # The ledger's own chain is computed with a key that lasts, so its links stay what was published.
    before, after = old.sealer("ledger payloads"), new.sealer("ledger payloads")
    query = "SELECT payloads.seq, link, sealed FROM payloads JOIN releases USING (seq)"
    for seq, link, sealed in db.execute(query).fetchall():
        fresh = after.seal(link, before.open(link, sealed))
        db.execute("UPDATE payloads SET sealed = ? WHERE seq = ?", (fresh, seq))
