"""What a dataset has spent of its privacy, over all federations and across restarts.

A release is reserved on disk before its noise is drawn, its noisy payload is stored before it is
sent, and a retry sends what was stored: drawing anew for the same round would let an observer
average the noise away. A release that was reserved and then lost counts as spent.

Rows form a chain under a keyed hash, and a sealed head holds their number and the last link, so that
editing or dropping a row shows. Each row is checked once and then remembered: what decides is what
was checked, so that who can write to the file cannot make an open ledger forget a round. The number
of a release is published with it (``Contribution.release``), so that an older copy of the whole file
shows: see ``require_current``.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from client.budget import dataset_budget
from client.keys import bind
from client.release import Facts, Head, Release, Reservation, Status, Stored
from client.watermark import VaultRolledBack
from federation.errors import IdentityError, PrivacyBudgetExhausted, VerificationFailed
from federation.privacy import Budget, History, PrivacySpend

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from client.vault import Vault

__all__ = ["PrivacyLedger", "Release", "Reservation", "Status", "Stored"]

_HEAD = "ledger"
_COLUMNS = len(Facts._fields)


class _Row(NamedTuple):
    """A row that was checked; its status is in the file."""

    facts: Facts
    link: bytes


class PrivacyLedger:
    """The privacy ledger of one vault, under the budget that the vault holds at the time.

    Use::

        payload = ledger.stored(release)
        if payload is None:
            reservation = ledger.reserve(release, promised)
            payload = train_with_fresh_noise()
            ledger.store(reservation, payload)
        send(payload)
        ledger.release(release)

    Processes that share the file cannot overspend together.
    """

    def __init__(self, vault: Vault) -> None:
        """Open the ledger that lives in a vault and check every row.

        Raises:
            VerificationFailed: Rows are missing, altered, moved or added.
        """
        self._vault = vault
        self._key = vault.keys.subkey("ledger chain")
        self._payloads = vault.keys.sealer("ledger payloads")
        self._known, self._history = Head(), History()
        self._rows: dict[tuple[str, int, int], _Row] = {}
        self._own: dict[str, History] = {}
        self._check_all()

    def spent(self) -> PrivacySpend:
        """Return what all releases so far spend, reserved ones included.

        Raises:
            ConfigError: The vault has no budget, and so no delta to say it for.
        """
        with self._vault.storage.transaction(write=False) as db:
            self._catch_up(db)
            delta = dataset_budget(self._vault, db).delta
        return PrivacySpend(self._history.mu_squared, self._history.epsilon(delta))

    def history(self, federation: str | None = None) -> History:
        """Return what the dataset has released, to all federations or to one (``Release.federation``)."""
        with self._vault.storage.transaction(write=False) as db:
            self._catch_up(db)
        return self._history if federation is None else self._own.get(federation, History())

    def releases(self, federation: str) -> tuple[tuple[Release, Status], ...]:
        """Return the releases for a federation, in their order, and how far each went."""
        with self._vault.storage.transaction(write=False) as db:
            self._catch_up(db)
            own = [row for row in self._rows.values() if row.facts.federation == federation]
            return tuple((row.facts.release, self._status(db, row)) for row in own)

    def require_current(self, published: int) -> None:
        """Refuse to go on with an older copy of the vault.

        Args:
            published: The highest number of a release among the member's signed events.

        Raises:
            VaultRolledBack: The ledger has fewer releases.
        """
        with self._vault.storage.transaction(write=False) as db:
            self._catch_up(db)
        if self._known.rows < published:
            raise VaultRolledBack(
                "vault",
                f"it knows {self._known.rows} releases of its data, and you have published {published}",
                hint="put the newest copy back: what this one has forgotten is spent all the same",
            )

    def reserve(self, release: Release, promised: Budget) -> Reservation:
        """Spend for a release; it is on disk when this returns, and only then may noise be drawn.

        Args:
            release: What is about to be made.
            promised: What its federation may take of this dataset, over all its epochs.

        Raises:
            ConfigError: The vault has no budget.
            PrivacyBudgetExhausted: It does not fit the dataset's budget or the federation's, or the
                round's one release was reserved before. Nothing was written.
            IdentityError: The round has a release from another base model.
        """
        with self._vault.storage.transaction(write=True) as db:
            if row := self._find(db, release):
                status = self._status(db, row)
                raise PrivacyBudgetExhausted(
                    f"{_name(release)} has its one release already ({status})",
                    hint="send the stored delta again"
                    if status != Status.RESERVED
                    else "its delta was lost before it was stored; take part again from the next round",
                )
            own = self._own.get(release.federation, History())
            budget = dataset_budget(self._vault, db)
            _require_within(budget, release.after(self._history), release, "this dataset")
            _require_within(promised, release.after(own), release, "the federation")
            facts = Facts.of(release, self._known.rows + 1)
            link = self._link(self._known.link, facts)
            values = (*facts, link, Status.RESERVED.value, self._tag(link, Status.RESERVED))
            db.execute("INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            self._vault.storage.write_head(db, _HEAD, Head(facts.seq, link).encode())
        return Reservation(release=release, number=facts.seq)

    def store(self, reservation: Reservation, payload: bytes) -> None:
        """Keep the noisy delta, sealed, before it is sent.

        Raises:
            VerificationFailed: The reservation is not an open one of this ledger.
        """
        with self._vault.storage.transaction(write=True) as db:
            row = self._find(db, reservation.release)
            open_ = row and row.facts.seq == reservation.number and self._status(db, row) == Status.RESERVED
            if row is None or not open_:
                raise VerificationFailed("privacy ledger", f"{_name(reservation.release)} is not reserved")
            sealed = self._payloads.seal(row.link, payload)
            db.execute("INSERT INTO payloads VALUES (?, ?)", (row.facts.seq, sealed))
            self._set_status(db, row, Status.STORED)

    def stored(self, release: Release) -> Stored | None:
        """Return what was stored for a release, to send it again; none where there is nothing.

        Raises:
            IdentityError: The round has a release from another base model.
            VerificationFailed: The payload is missing or was altered.
        """
        with self._vault.storage.transaction(write=False) as db:
            row = self._find(db, release)
            if row is None or self._status(db, row) == Status.RESERVED:
                return None
            found = db.execute("SELECT sealed FROM payloads WHERE seq = ?", (row.facts.seq,)).fetchone()
        if found is None:
            raise VerificationFailed("privacy ledger", f"the stored delta of {_name(release)} is missing")
        return Stored(row.facts.seq, self._payloads.open(row.link, found[0]))

    def release(self, release: Release) -> None:
        """Note that a stored payload was sent; again does nothing.

        Raises:
            VerificationFailed: Nothing is stored for it.
        """
        with self._vault.storage.transaction(write=True) as db:
            row = self._find(db, release)
            status = None if row is None else self._status(db, row)
            if row is None or status == Status.RESERVED:
                raise VerificationFailed("privacy ledger", f"nothing is stored for {_name(release)}")
            if status != Status.RELEASED:
                self._set_status(db, row, Status.RELEASED)

    def _find(self, db: sqlite3.Connection, release: Release) -> _Row | None:
        """Return the round's row; that there is none is as certain as that there is one."""
        self._catch_up(db)
        row = self._rows.get((release.federation, release.epoch, release.round))
        if row is not None and row.facts.base_hash != release.base_hash:
            raise IdentityError(
                f"{_name(release)} was trained from another base model before",
                hint="somebody asks twice for one round: do not answer, and tell the community",
            )
        return row

    def _catch_up(self, db: sqlite3.Connection) -> None:
        """Check the rows that were added since, by this process or another, and remember them."""
        head = Head.decode(self._vault.storage.read_head(db, _HEAD))
        if head == self._known:
            return
        query = "SELECT * FROM releases WHERE seq > ? ORDER BY seq"
        for values in db.execute(query, (self._known.rows,)):
            facts, link = self._checked(values)
            federation, release = facts.federation, facts.release
            self._rows[federation, facts.epoch, facts.round] = _Row(facts, link)
            self._own[federation] = release.after(self._own.get(federation, History()))
            self._history = release.after(self._history)
            self._known = Head(facts.seq, link)
        if head != self._known:
            raise _altered(self._known.rows)

    def _check_all(self) -> None:
        """Check also how far each release went, and that its payload is there."""
        with self._vault.storage.transaction(write=False) as db:
            self._catch_up(db)
            count = db.execute("SELECT COUNT(*) FROM releases").fetchone()[0]
            payloads = {seq for (seq,) in db.execute("SELECT seq FROM payloads")}
            found = {row.facts.seq: self._status(db, row) for row in self._rows.values()}
        stored = {seq for seq, status in found.items() if status != Status.RESERVED}
        if count != self._known.rows or payloads != stored:
            raise _altered(count)

    def _checked(self, values: Sequence[Any]) -> tuple[Facts, bytes]:
        """Return the next row if it continues the chain."""
        facts, link = Facts(*values[:_COLUMNS]), values[_COLUMNS]
        try:
            intact = hmac.compare_digest(link, self._link(self._known.link, facts))
        except (TypeError, ValueError, AttributeError, struct.error) as error:
            raise _altered(self._known.rows + 1) from error
        if not intact or facts.seq != self._known.rows + 1:
            raise _altered(self._known.rows + 1)
        return facts, link

    def _status(self, db: sqlite3.Connection, row: _Row) -> Status:
        """Return how far a release went, if that was set by a ledger."""
        found = db.execute("SELECT status, tag FROM releases WHERE seq = ?", (row.facts.seq,)).fetchone()
        try:
            status = Status(found[0])
            intact = hmac.compare_digest(found[1], self._tag(row.link, status))
        except (TypeError, ValueError) as error:
            raise _altered(row.facts.seq) from error
        if not intact:
            raise _altered(row.facts.seq)
        return status

    def _set_status(self, db: sqlite3.Connection, row: _Row, status: Status) -> None:
        values = (status.value, self._tag(row.link, status), row.facts.seq)
        db.execute("UPDATE releases SET status = ?, tag = ? WHERE seq = ?", values)

    def _link(self, previous: bytes, facts: Facts) -> bytes:
        return self._hash(bind(b"link", previous, facts.encode()))

    def _tag(self, link: bytes, status: Status) -> bytes:
        return self._hash(bind(b"status", link, status.value.encode()))

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()


def _require_within(budget: Budget, history: History, release: Release, whose: str) -> None:
    epsilon = history.epsilon(budget.delta)
    if epsilon > budget.epsilon:
        raise PrivacyBudgetExhausted(
            f"{_name(release)} would take {whose} to epsilon {epsilon:.4g}, "
            f"and its budget is {budget.epsilon:.4g}",
            hint="take part with more noise or in fewer rounds",
        )


def _name(release: Release) -> str:
    return f"round {release.round} of epoch {release.epoch} of {release.federation}"


def _altered(seq: int) -> VerificationFailed:
    return VerificationFailed(
        "privacy ledger",
        f"rows at {seq} are missing, altered, moved or added",
        hint="restore the vault file from a backup",
    )
