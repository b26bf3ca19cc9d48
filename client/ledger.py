"""What a dataset has spent of its privacy, over all federations and across restarts.

A release is reserved on disk before its noise is drawn, its noisy payload is stored before it is
sent, and a retry sends what was stored: drawing anew for the same round would let an observer
average the noise away. A release that was reserved and then lost counts as spent.

Rows form a chain under a keyed hash, and a sealed head holds their number, what they spend and the
last link, so that editing or dropping a row shows. A check reads the head and the federation's own
rows. The number of a release is published with it (``Contribution.release``), so that an older copy
of the whole file shows: see ``require_current``.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from client.keys import bind
from client.release import Release
from client.watermark import VaultRolledBack
from federation.errors import IdentityError, PrivacyBudgetExhausted, VerificationFailed
from federation.privacy import Budget, History, PrivacySpend, Sampled

if TYPE_CHECKING:
    import sqlite3

    from client.vault import Vault

_HEAD = struct.Struct(">Qd32s")
_SAMPLED = struct.Struct(">ddQ")


class Status(StrEnum):
    """How far a release went; each state counts as spent."""

    RESERVED = "reserved"
    STORED = "stored"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The right to draw noise once, for one release.

    Attributes:
        release: What was reserved.
        number: Which release of the dataset it is, over all federations, from 1.
    """

    release: Release
    number: int


class Stored(NamedTuple):
    """A release that can be sent.

    Attributes:
        number: As ``Reservation.number``.
        payload: What was stored.
    """

    number: int
    payload: bytes


class _Head(NamedTuple):
    """Of the whole ledger, or of one federation's rows; ``link`` is that of the last row."""

    rows: int
    history: History
    link: bytes

    def encode(self) -> bytes:
        groups = b"".join(_SAMPLED.pack(*one) for one in self.history.sampled)
        return _HEAD.pack(self.rows, self.history.mu_squared, self.link) + groups

    @classmethod
    def decode(cls, data: bytes) -> _Head:
        rows, mu_squared, link = _HEAD.unpack_from(data)
        groups = tuple(Sampled(*one) for one in _SAMPLED.iter_unpack(data[_HEAD.size :]))
        return cls(rows, History(mu_squared, groups), link)


_NOTHING = _Head(0, History(), bytes(32))


class _Facts(NamedTuple):
    """The columns of a row that never change, in the order of the table."""

    seq: int
    federation: str
    epoch: int
    round: int
    base_hash: bytes
    unit: str
    sigma: float
    clip: float
    rate: float
    steps: int

    @classmethod
    def of(cls, release: Release, seq: int) -> _Facts:
        return cls(
            seq,
            release.federation,
            release.epoch,
            release.round,
            release.base_hash,
            release.unit,
            release.sigma,
            release.clip,
            release.rate,
            release.steps,
        )

    @property
    def release(self) -> Release:
        values = self._asdict()
        del values["seq"]
        return Release(**values)

    def encode(self) -> bytes:
        numbers = struct.pack(
            ">QQQdddQ", self.seq, self.epoch, self.round, self.sigma, self.clip, self.rate, self.steps
        )
        return bind(numbers, self.federation.encode(), self.base_hash, self.unit.encode())


class _Entry(NamedTuple):
    facts: _Facts
    link: bytes
    status: Status


class PrivacyLedger:
    """The privacy ledger of one vault.

    Use::

        payload = ledger.stored(release)
        if payload is None:
            reservation = ledger.reserve(release)
            payload = train_with_fresh_noise()
            ledger.store(reservation, payload)
        send(payload)
        ledger.release(release)

    Processes that share the file cannot overspend together.
    """

    def __init__(self, vault: Vault, budget: Budget) -> None:
        """Open the ledger that lives in a vault and check every row.

        Raises:
            VerificationFailed: Rows are missing, altered, moved or added.
        """
        self._vault, self._budget = vault, budget
        self._key = vault.keys.subkey("ledger chain")
        self._payloads = vault.keys.sealer("ledger payloads")
        self._check_all()

    def spent(self) -> PrivacySpend:
        """Return what all releases so far spend, reserved ones included."""
        with self._vault.storage.transaction(write=False) as db:
            history = self._head(db).history
        return PrivacySpend(history.mu_squared, history.epsilon(self._budget.delta))

    def history(self, federation: str | None = None) -> History:
        """Return what the dataset has released, to all federations or to one (``Release.federation``)."""
        with self._vault.storage.transaction(write=False) as db:
            return self._head(db, federation).history

    def releases(self, federation: str) -> tuple[tuple[Release, Status], ...]:
        """Return the releases for a federation, in their order, and how far each went."""
        columns = ", ".join((*_Facts._fields, "status"))
        query = f"SELECT {columns} FROM releases WHERE federation = ? ORDER BY seq"  # noqa: S608 -- our own names
        with self._vault.storage.transaction(write=False) as db:
            found = db.execute(query, (federation,)).fetchall()
        return tuple((_Facts(*row[:-1]).release, Status(row[-1])) for row in found)

    def require_current(self, published: int) -> None:
        """Refuse to go on with an older copy of the vault.

        Args:
            published: The highest number of a release among the member's signed events.

        Raises:
            VaultRolledBack: The ledger has fewer releases.
        """
        with self._vault.storage.transaction(write=False) as db:
            rows = self._head(db).rows
        if rows < published:
            raise VaultRolledBack(
                "vault",
                f"it knows {rows} releases of its data, and you have published {published}",
                hint="put the newest copy back: what this one has forgotten is spent all the same",
            )

    def reserve(self, release: Release, promised: Budget) -> Reservation:
        """Spend for a release; it is on disk when this returns, and only then may noise be drawn.

        Args:
            release: What is about to be made.
            promised: What its federation may take of this dataset, over all its epochs.

        Raises:
            PrivacyBudgetExhausted: It does not fit the dataset's budget or the federation's, or the
                round's one release was reserved before. Nothing was written.
            IdentityError: The round has a release from another base model.
        """
        with self._vault.storage.transaction(write=True) as db:
            if entry := self._find(db, release):
                raise PrivacyBudgetExhausted(
                    f"{_name(release)} has its one release already ({entry.status})",
                    hint="send the stored delta again"
                    if entry.status != Status.RESERVED
                    else "its delta was lost before it was stored; take part again from the next round",
                )
            head = self._head(db)
            _require_within(self._budget, release.after(head.history), release, "this dataset")
            own = self._head(db, release.federation)
            _require_within(promised, release.after(own.history), release, "the federation")
            facts = _Facts.of(release, head.rows + 1)
            link = self._link(head.link, facts)
            row = (*facts, link, Status.RESERVED.value, self._tag(link, Status.RESERVED))
            db.execute("INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            for federation, before in ((None, head), (release.federation, own)):
                after = _Head(before.rows + 1, release.after(before.history), link)
                self._vault.storage.write_head(db, _head_name(federation), after.encode())
        return Reservation(release=release, number=facts.seq)

    def store(self, reservation: Reservation, payload: bytes) -> None:
        """Keep the noisy delta, sealed, before it is sent.

        Raises:
            VerificationFailed: The reservation is not an open one of this ledger.
        """
        with self._vault.storage.transaction(write=True) as db:
            entry = self._find(db, reservation.release)
            if entry is None or entry.facts.seq != reservation.number or entry.status != Status.RESERVED:
                raise VerificationFailed("privacy ledger", f"{_name(reservation.release)} is not reserved")
            sealed = self._payloads.seal(entry.link, payload)
            db.execute("INSERT INTO payloads VALUES (?, ?)", (entry.facts.seq, sealed))
            self._set_status(db, entry, Status.STORED)

    def stored(self, release: Release) -> Stored | None:
        """Return what was stored for a release, to send it again; none where there is nothing.

        Raises:
            IdentityError: The round has a release from another base model.
            VerificationFailed: The payload is missing or was altered.
        """
        with self._vault.storage.transaction(write=False) as db:
            entry = self._find(db, release)
            if entry is None or entry.status == Status.RESERVED:
                return None
            found = db.execute("SELECT sealed FROM payloads WHERE seq = ?", (entry.facts.seq,)).fetchone()
        if found is None:
            raise VerificationFailed("privacy ledger", f"the stored delta of {_name(release)} is missing")
        return Stored(entry.facts.seq, self._payloads.open(entry.link, found[0]))

    def release(self, release: Release) -> None:
        """Note that a stored payload was sent; again does nothing.

        Raises:
            VerificationFailed: Nothing is stored for it.
        """
        with self._vault.storage.transaction(write=True) as db:
            entry = self._find(db, release)
            if entry is None or entry.status == Status.RESERVED:
                raise VerificationFailed("privacy ledger", f"nothing is stored for {_name(release)}")
            if entry.status != Status.RELEASED:
                self._set_status(db, entry, Status.RELEASED)

    def _head(self, db: sqlite3.Connection, federation: str | None = None) -> _Head:
        """Return the head of all rows, or of those of one federation."""
        if federation is not None:
            query = "SELECT 1 FROM releases WHERE federation = ? LIMIT 1"
            if db.execute(query, (federation,)).fetchone() is None:
                return _NOTHING
        return _Head.decode(self._vault.storage.read_head(db, _head_name(federation)))

    def _find(self, db: sqlite3.Connection, release: Release) -> _Entry | None:
        """Return the round's row, checked."""
        query = "SELECT * FROM releases WHERE federation = ? AND epoch = ? AND round = ?"
        found = db.execute(query, (release.federation, release.epoch, release.round)).fetchone()
        if found is None:
            return None
        previous = db.execute("SELECT link FROM releases WHERE seq = ?", (found[0] - 1,)).fetchone()
        entry = self._checked(found, previous[0] if previous else bytes(32))
        if entry.facts.base_hash != release.base_hash:
            raise IdentityError(
                f"{_name(release)} was trained from another base model before",
                hint="somebody asks twice for one round: do not answer, and tell the community",
            )
        return entry

    def _check_all(self) -> None:
        with self._vault.storage.transaction(write=False) as db:
            rows = db.execute("SELECT * FROM releases ORDER BY seq").fetchall()
            payloads = {seq for (seq,) in db.execute("SELECT seq FROM payloads")}
            found: dict[str | None, _Head] = {None: _NOTHING}
            stored = set()
            for seq, row in enumerate(rows, 1):
                entry = self._checked(row, found[None].link)
                if entry.facts.seq != seq:
                    raise _altered(seq)
                for federation in (None, entry.facts.federation):
                    before = found.get(federation, _NOTHING)
                    history = entry.facts.release.after(before.history)
                    found[federation] = _Head(before.rows + 1, history, entry.link)
                if entry.status != Status.RESERVED:
                    stored.add(seq)
            heads = {federation: self._head(db, federation) for federation in found}
        if heads != found or payloads != stored:
            raise _altered(len(rows))

    def _checked(self, row: tuple[Any, ...], previous: bytes) -> _Entry:
        """Return a row if it continues the chain and its status is one that was set."""
        columns = len(_Facts._fields)
        facts, (link, status, tag) = _Facts(*row[:columns]), row[columns:]
        try:
            entry = _Entry(facts, link, Status(status))
            intact = hmac.compare_digest(link, self._link(previous, facts))
            intact &= hmac.compare_digest(tag, self._tag(link, entry.status))
        except (TypeError, ValueError, AttributeError, struct.error) as error:
            raise _altered(facts.seq) from error
        if not intact:
            raise _altered(facts.seq)
        return entry

    def _set_status(self, db: sqlite3.Connection, entry: _Entry, status: Status) -> None:
        row = (status.value, self._tag(entry.link, status), entry.facts.seq)
        db.execute("UPDATE releases SET status = ?, tag = ? WHERE seq = ?", row)

    def _link(self, previous: bytes, facts: _Facts) -> bytes:
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


def _head_name(federation: str | None) -> str:
    return "ledger" if federation is None else f"ledger {federation}"


def _name(release: Release) -> str:
    return f"round {release.round} of epoch {release.epoch} of {release.federation}"


def _altered(seq: int) -> VerificationFailed:
    return VerificationFailed(
        "privacy ledger",
        f"rows at {seq} are missing, altered, moved or added",
        hint="restore the vault file from a backup",
    )
