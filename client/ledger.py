"""What a dataset has spent of its privacy, over all federations and across restarts.

A release is reserved on disk before its noise is drawn, its noisy payload is stored before it is
sent, and a retry sends what was stored: drawing anew for the same round would let an observer
average the noise away. A release that was reserved and then lost counts as spent.

Rows form a chain under a keyed hash, and a sealed head holds their number, their sum and the last
link, so that editing or dropping a row shows. A check reads the head alone, whatever the number
of rows. Putting an older copy of the whole file back is not noticed here.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from client.keys import bind
from federation.errors import ConfigError, IdentityError, PrivacyBudgetExhausted, VerificationFailed
from federation.privacy import Budget, PrivacySpend, epsilon_of, increment

if TYPE_CHECKING:
    import sqlite3

    from client.vault import Vault
    from federation.types import Hash32

_HEAD = struct.Struct(">Qd32s")
_MECHANISM = "gaussian"


class Status(StrEnum):
    """How far a release went; each state counts as spent."""

    RESERVED = "reserved"
    STORED = "stored"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One noisy delta that a member is about to make.

    Attributes:
        federation: Which federation, e.g. a CAIP-10 account of its contract.
        epoch: Its epoch.
        round: Its round.
        base_hash: Hash of the model the delta is trained from; 32 bytes.
        sigma: Noise multiplier; 0 for a release without noise, which spends everything.
        clip: Clipping norm (L2) of one example.
    """

    federation: str
    epoch: int
    round: int
    base_hash: Hash32
    sigma: float
    clip: float

    def __post_init__(self) -> None:
        whole = all(0 <= number < 1 << 63 for number in (self.epoch, self.round))
        real = math.isfinite(self.sigma) and math.isfinite(self.clip)
        if not (whole and real and self.sigma >= 0 and self.clip > 0 and len(self.base_hash) == 32):
            raise ConfigError(f"not a release: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The right to draw noise once, for one release.

    Attributes:
        release: What was reserved.
        seq: Its row in the ledger, from 1.
    """

    release: Release
    seq: int


class _Head(NamedTuple):
    rows: int
    mu_squared: float
    link: bytes


class _Facts(NamedTuple):
    """The columns of a row that never change, in the order of the table."""

    seq: int
    federation: str
    epoch: int
    round: int
    base_hash: bytes
    mechanism: str
    sigma: float
    clip: float
    mu_squared: float

    def encode(self) -> bytes:
        numbers = struct.pack(
            ">QQQddd", self.seq, self.epoch, self.round, self.sigma, self.clip, self.mu_squared
        )
        return bind(numbers, self.federation.encode(), self.base_hash, self.mechanism.encode())


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
            return self._spend(self._head(db).mu_squared)

    def reserve(self, release: Release) -> Reservation:
        """Spend for a release; it is on disk when this returns, and only then may noise be drawn.

        Raises:
            PrivacyBudgetExhausted: It does not fit the budget, or the round's one release was
                reserved before. Nothing was written.
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
            spend = increment(release.sigma)
            total = self._spend(head.mu_squared + spend)
            if total.epsilon > self._budget.epsilon:
                raise PrivacyBudgetExhausted(
                    f"{_name(release)} would take this dataset to epsilon {total.epsilon:.4g}, "
                    f"and its budget is {self._budget.epsilon:.4g}",
                    hint="take part with more noise or in fewer rounds",
                )
            facts = _Facts(
                head.rows + 1,
                release.federation,
                release.epoch,
                release.round,
                release.base_hash,
                _MECHANISM,
                release.sigma,
                release.clip,
                spend,
            )
            link = self._link(head.link, facts)
            row = (*facts, link, Status.RESERVED.value, self._tag(link, Status.RESERVED))
            db.execute("INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._vault.write_head(db, "ledger", _HEAD.pack(facts.seq, total.mu_squared, link))
        return Reservation(release=release, seq=facts.seq)

    def store(self, reservation: Reservation, payload: bytes) -> None:
        """Keep the noisy delta, sealed, before it is sent.

        Raises:
            VerificationFailed: The reservation is not an open one of this ledger.
        """
        with self._vault.storage.transaction(write=True) as db:
            entry = self._find(db, reservation.release)
            if entry is None or entry.facts.seq != reservation.seq or entry.status != Status.RESERVED:
                raise VerificationFailed("privacy ledger", f"{_name(reservation.release)} is not reserved")
            sealed = self._payloads.seal(entry.link, payload)
            db.execute("INSERT INTO payloads VALUES (?, ?)", (entry.facts.seq, sealed))
            self._set_status(db, entry, Status.STORED)

    def stored(self, release: Release) -> bytes | None:
        """Return the payload stored for a release, to send it again; none where there is none.

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
        return self._payloads.open(entry.link, found[0])

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

    def _spend(self, mu_squared: float) -> PrivacySpend:
        return PrivacySpend(mu_squared, epsilon_of(math.sqrt(mu_squared), self._budget.delta))

    def _head(self, db: sqlite3.Connection) -> _Head:
        return _Head(*_HEAD.unpack(self._vault.read_head(db, "ledger")))

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
            head = self._head(db)
            rows = db.execute("SELECT * FROM releases ORDER BY seq").fetchall()
            payloads = {seq for (seq,) in db.execute("SELECT seq FROM payloads")}
        link, total, stored = bytes(32), 0.0, set()
        for seq, row in enumerate(rows, 1):
            entry = self._checked(row, link)
            if entry.facts.seq != seq:
                raise _altered(seq)
            link, total = entry.link, total + entry.facts.mu_squared
            if entry.status != Status.RESERVED:
                stored.add(seq)
        if head != (len(rows), total, link) or payloads != stored:
            raise _altered(len(rows))

    def _checked(self, row: tuple[Any, ...], previous: bytes) -> _Entry:
        """Return a row if it continues the chain and its status is one that was set."""
        facts, (link, status, tag) = _Facts(*row[:9]), row[9:]
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


def _name(release: Release) -> str:
    return f"round {release.round} of epoch {release.epoch} of {release.federation}"


def _altered(seq: int) -> VerificationFailed:
    return VerificationFailed(
        "privacy ledger",
        f"rows at {seq} are missing, altered, moved or added",
        hint="restore the vault file from a backup",
    )
