"""Which node is whose: members' nodes by DID, let in at the SuperLink on a signed statement.

One node a member: a newer statement with another key puts the older node out. The book outlives
the SuperLink's own memory; ``restore`` lets everybody in again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ceramic_bridge.authority import SKEW
from ceramic_bridge.cacao import Capability
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.did import verify
from federation.errors import ConfigError, IdentityError, PeerError
from federation.nodestatement import NodeStatement, key_pem
from federation.types import Address, Did

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ceramic_bridge.cid import StreamId

OLDEST: Final = 600
"""Seconds for which a statement may be handed in after it was signed, and by which clocks may differ."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS nodes (
    did TEXT PRIMARY KEY,
    key BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    node TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nodes_by_key ON nodes (key)
"""
"""A node's number has 64 bits without a sign, hence text; none while it is not let in."""

_logger = logging.getLogger(__name__)


class Gatekeeper(Protocol):
    """Where nodes are let in: a SuperLink."""

    def register(self, public_key: bytes) -> int:
        """Let a node in by its key (PEM) and return its number; the same again changes nothing."""
        ...

    def unregister(self, node_id: int) -> None:
        """Put a node out."""
        ...

    def nodes(self) -> Mapping[bytes, tuple[int, str]]:
        """Return number and status of every node that is let in, by its key (PEM)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whose statements count.

    Attributes:
        chain_id: The federation's chain.
        federation: The federation's contract.
        contribution: The event model of contributions: a session that may sign those may say where
            its member's node is.
        admits: Tells whether a DID, under a payee, is a member or may become one; it may ask the chain.
    """

    chain_id: int
    federation: Address
    contribution: StreamId
    admits: Callable[[Did, Address], bool]

    def require(self, statement: NodeStatement, now: float) -> None:
        """Check all of a statement; what costs least is checked first.

        Args:
            statement: As it was sent.
            now: Unix seconds.

        Raises:
            IdentityError: It does not count.
            FolkmootError: Whether it counts cannot be found out now.
        """
        said = (statement.chain_id, statement.federation.lower())
        if said != (self.chain_id, self.federation.lower()):
            raise IdentityError("the statement is for another federation")
        if abs(now - statement.at) > OLDEST:
            raise IdentityError(
                "the statement was not signed just now", hint="is the clock right? sign another one"
            )
        self._require_signer(statement, now)
        verify(statement.signer, statement.member_digest(), statement.signature)
        statement.require_possession()
        if not self.admits(statement.did, statement.payee):
            raise IdentityError(
                "the member is neither admitted nor registered",
                hint="the payee registers it: folkmoot chain register FILE",
            )

    def _require_signer(self, statement: NodeStatement, now: float) -> None:
        if not statement.capability:
            if statement.signer != statement.did:
                raise IdentityError("the statement is signed by another key than the member's")
            return
        try:
            capability = Capability.read(statement.capability)
        except MalformedData as error:
            raise IdentityError(f"the capability is malformed: {error.message}") from error
        grant = capability.grant
        if (capability.controller, grant.audience) != (statement.did, statement.signer):
            raise IdentityError("the capability is for another account or another key")
        if f"ceramic://*?model={self.contribution}" not in (grant.resources or ()):
            raise IdentityError("the capability does not cover contributions to this federation")
        at = int(1000 * now)
        since = max(grant.issued_at, grant.not_before or 0)
        if at + SKEW < since or (grant.expires is not None and at > grant.expires):
            raise IdentityError(
                "the capability is not valid now", hint="let the wallet authorise a key again"
            )


def nodes_let_in(path: Path) -> int:
    """Return how many members' nodes a book has let in; 0 without a book.

    Raises:
        ConfigError: The file cannot be read.
    """
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            return int(file.execute("SELECT count(node) FROM nodes").fetchone()[0])
    except sqlite3.Error as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


class NodeBook(Mapping[Did, int]):
    """The number of each member's node that is let in; safe for threads, and as of now."""

    def __init__(self, path: Path, gate: Gatekeeper) -> None:
        """Open the book.

        Args:
            path: Its file; made if it is not there.
            gate: The SuperLink.

        Raises:
            ConfigError: The file cannot be opened.
        """
        self._gate, self._turn = gate, threading.RLock()
        try:
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(_SCHEMA)
            rows = self._file.execute("SELECT did, node FROM nodes WHERE node IS NOT NULL").fetchall()
        except sqlite3.Error as error:
            raise ConfigError(f"{path} cannot be opened: {error}") from error
        path.chmod(0o600)
        self._nodes = {Did(did): int(node) for did, node in rows}

    # A round that looks a node up must not wait for a SuperLink that lets another one in.

    def __getitem__(self, did: Did) -> int:
        return self._nodes[did]

    def __iter__(self) -> Iterator[Did]:
        return iter(tuple(self._nodes))

    def __len__(self) -> int:
        return len(self._nodes)

    def admit(self, statement: NodeStatement, admission: Admission, *, now: float | None = None) -> int:
        """Let a member's node in, in the place of the one before.

        Args:
            statement: What the member sent.
            admission: Whose statements count.
            now: Unix seconds; the clock's unless given.

        Returns:
            The node's number; the same statement again returns the same.

        Raises:
            IdentityError: The statement does not count, is older than one that does, or its key was
                given up before.
            PeerError: The SuperLink does not answer.
        """
        admission.require(statement, time.time() if now is None else now)
        with self._turn:
            before = self._row(statement.did)
            if before is not None and before.key == statement.node_key and before.node is not None:
                return before.node
            if before is not None and statement.at <= before.at:
                raise IdentityError("a newer statement of this member is known", hint="sign another one")
            if self._holder(statement.node_key) not in (None, statement.did):
                raise IdentityError("this node connects for another member")
            number = self._gate.register(statement.key_pem())
            # Once the new node counts, nothing but its own number leads to the old one.
            if before is not None and before.node is not None:
                self._gate.unregister(before.node)
            self._write(statement.did, statement.node_key, statement.at, number)
            return number

    def remove(self, did: Did) -> bool:
        """Put a member's node out; a newer statement lets another one in.

        Returns:
            Whether there was one.

        Raises:
            PeerError: The SuperLink does not answer.
        """
        with self._turn:
            row = self._row(did)
            if row is None or row.node is None:
                return False
            self._gate.unregister(row.node)
            self._write(did, row.key, row.at, None)
            return True

    def restore(self) -> None:
        """Let every node in again that the SuperLink has forgotten, under the number that it gets now.

        Raises:
            PeerError: The SuperLink does not answer.
        """
        with self._turn:
            known = self._gate.nodes()
            rows = self._file.execute("SELECT did, key, signed_at FROM nodes WHERE node IS NOT NULL")
            for did, key, at in rows.fetchall():
                pem = key_pem(key)
                try:
                    number = known[pem][0] if pem in known else self._gate.register(pem)
                except IdentityError as error:
                    # As after a crash between two steps of ``admit``: its member signs again.
                    _logger.warning("the node of %s is not let in again: %s", did, error.message)
                    self._write(did, key, at, None)
                    continue
                if number != self._nodes[did]:
                    self._write(did, key, at, number)

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._file.close()

    def _row(self, did: Did) -> _Row | None:
        words = "SELECT key, signed_at, node FROM nodes WHERE did = ?"
        found = self._file.execute(words, (did,)).fetchone()
        if found is None:
            return None
        key, at, node = found
        return _Row(key=key, at=at, node=None if node is None else int(node))

    def _holder(self, key: bytes) -> Did | None:
        words = "SELECT did FROM nodes WHERE key = ? AND node IS NOT NULL"
        found = self._file.execute(words, (key,)).fetchone()
        return None if found is None else Did(found[0])

    def _write(self, did: Did, key: bytes, at: int, node: int | None) -> None:
        words = "INSERT OR REPLACE INTO nodes (did, key, signed_at, node) VALUES (?, ?, ?, ?)"
        try:
            self._file.execute(words, (did, key, at, None if node is None else str(node)))
        except sqlite3.Error as error:
            raise PeerError(f"the book of nodes cannot be written: {error}") from error
        if node is None:
            self._nodes.pop(did, None)
        else:
            self._nodes[did] = node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    key: bytes
    at: int
    node: int | None
