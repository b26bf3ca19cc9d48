"""Typed facts for page and terminal: the summary read strictly, money as text, reasons as sentences."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import ConfigError

HONEST = "honest"
BASELINES = ("central", "federated_no_dp", "validation_only", "local_only")
VIEWS: Final = ("sum", "transcript", "server")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFacts:
    """One round of ``summary.json``; losses are Brier losses on that round's shard, money is integer wei."""

    number: int
    loss_before: float | None
    loss_after: float | None
    auc: float | None
    eta: str
    shard: str
    credited: int
    bounty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """One member of ``summary.json``; ``epsilon`` is None for a member that trained without noise."""

    name: str
    role: str
    did: str
    payee: str
    examples: int
    epsilon: float | None
    score: str
    credit: int
    paid: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The whole of ``summary.json``, typed."""

    seed: int | None
    rounds: tuple[RoundFacts, ...]
    members: tuple[MemberFacts, ...]
    baselines: Mapping[str, float | None]
    final_auc: float | None
    verified: bool
    cpu_seconds: float | None
    epsilons: tuple[float | None, ...] = ()
    """Of a secure run: of the sums, of all that is public, and to the aggregator with colluders."""

    def paid(self, *, honest: bool) -> int:
        """Sum what honest members (or all the others) were paid, in wei."""
        return sum(member.paid for member in self.members if (member.role == HONEST) is honest)


def read_summary(summary: Mapping[str, object]) -> Facts:
    """Read the parts of ``summary.json`` that are shown.

    Args:
        summary: The decoded JSON object.

    Returns:
        The typed facts, rounds and members in their given order.

    Raises:
        ConfigError: A field is missing or has another type; the message names it.
    """
    top = _Fields(summary, "summary")
    baselines = top.table("baselines")
    return Facts(
        seed=None if summary.get("seed") is None else top.integer("seed"),
        rounds=tuple(_round(item) for item in top.rows("rounds")),
        members=tuple(_member(item) for item in top.rows("members")),
        baselines={name: baselines.optional(name) for name in BASELINES},
        final_auc=top.optional("final_auc"),
        verified=summary.get("verified") is True,
        cpu_seconds=top.optional("cpu_seconds"),
        epsilons=tuple(top.table("epsilons").optional(view) for view in VIEWS)
        if "epsilons" in summary
        else (),
    )


def _views(item: _Fields) -> tuple[float | None, ...]:
    return tuple(item.optional(view) for view in VIEWS)


def _round(item: _Fields) -> RoundFacts:
    return RoundFacts(
        number=item.integer("round"),
        loss_before=item.optional("loss_before"),
        loss_after=item.optional("loss_after"),
        auc=item.optional("auc"),
        eta=item.text("eta"),
        shard=item.text("shard"),
        credited=item.integer("credited_wei"),
        bounty=item.integer("bounty_wei"),
    )


def _member(item: _Fields) -> MemberFacts:
    return MemberFacts(
        name=item.text("name"),
        role=item.text("role"),
        did=item.text("did"),
        payee=item.text("payee"),
        examples=item.integer("examples"),
        epsilon=item.optional("epsilon"),
        score=item.text("score"),
        credit=item.integer("credit_wei"),
        paid=item.integer("paid_wei"),
        balance=item.integer("balance_wei"),
    )


class _Fields:
    """One JSON object read field by field; an error says where it was."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self._where = where

    def _get(self, key: str) -> object:
        if key not in self._values:
            raise ConfigError(f"{self._where}: {key} is missing")
        return self._values[key]

    def _wrong(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self._where}: {key} is not {wanted}")

    def text(self, key: str) -> str:
        """Read a string, or a number as it is written."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._wrong(key, "a string or a number")
        return str(value)

    def integer(self, key: str) -> int:
        """Read an integer, or a decimal string such as an amount of wei."""
        try:
            return int(self.text(key))
        except ValueError as error:
            raise self._wrong(key, "an integer") from error

    def optional(self, key: str) -> float | None:
        """Read a number or null; a number that is not finite counts as null."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number or null")
        return float(value) if math.isfinite(value) else None

    def table(self, key: str) -> _Fields:
        """Read an object."""
        value = self._get(key)
        if not isinstance(value, Mapping):
            raise self._wrong(key, "an object")
        return _Fields(value, f"{self._where}.{key}")

    def rows(self, key: str) -> list[_Fields]:
        """Read a list of objects."""
        value = self._get(key)
        if not isinstance(value, Sequence) or not all(isinstance(item, Mapping) for item in value):
            raise self._wrong(key, "a list of objects")
        return [_Fields(item, f"{self._where}.{key}[{index}]") for index, item in enumerate(value)]


def clean(text: str) -> str:
    """Replace line breaks by spaces, and characters that could reorder or hide text by U+FFFD."""
    spaced = text.replace("\n", " ").replace("\t", " ")
    return "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c for c in spaced)


def places_for(amounts: Sequence[int], decimals: int) -> int:
    """Choose how many decimals (2 to 4) a column of wei amounts needs in whole tokens."""
    largest = max((abs(amount) for amount in amounts), default=0)
    if largest >= 1000 * 10**decimals:
        return 2
    return 3 if largest >= 100 * 10**decimals else 4


def tokens(wei: int, decimals: int, places: int) -> str:
    """Write an amount of wei in whole tokens, by integers alone.

    Args:
        wei: The signed amount.
        decimals: The token's decimals.
        places: Decimals to show; the last is rounded half up in magnitude.

    Returns:
        Text such as ``1,234.50`` or ``−0.02``; a nonzero amount too small to show reads ``<0.01``.
    """
    unit = 10**decimals
    shown = (2 * abs(wei) * 10**places + unit) // (2 * unit)
    if shown == 0 and wei != 0:
        return f"{'−' if wei < 0 else ''}<{0.1**places:.{places}f}"
    whole, part = divmod(shown, 10**places)
    sign = "−" if wei < 0 else ""
    return f"{sign}{whole:,}.{part:0{places}d}"


def compact(number: str) -> str:
    """Shorten a decimal number for a narrow column; text that is no number stays as it is."""
    try:
        value = float(number)
    except ValueError:
        return number
    if not math.isfinite(value) or (number.lstrip("-").isdigit() and abs(value) < 1e6):
        return number
    return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{value:.3g}"


def explain(member: MemberFacts, statuses: Sequence[str], balance: Sequence[int]) -> str:
    """Say in one sentence why a member was paid what it was paid.

    The sentence comes from what the rules saw (statuses and credits); the role is not consulted.

    Args:
        member: The member's facts.
        statuses: Its status in each round.
        balance: Its cumulative credit after each round, in wei.
    """
    steps = [after - before for before, after in zip((0, *balance), balance, strict=False)]
    counted = [step for step, status in zip(steps, statuses, strict=False) if status == "accepted"]
    parts: list[str] = []
    if counted:
        parts.append(_merit(member, counted))
    for reason, count in _reasons(statuses).most_common():
        parts.append(f"rejected in {_rounds(count)}: {reason}")
    suspended = [number for number, status in enumerate(statuses, start=1) if status == "suspended"]
    if suspended:
        parts.append(f"suspended in {_rounds(len(suspended))}, from round {suspended[0]}")
    for status in ("silent", "absent"):
        count = sum(1 for item in statuses if item == status)
        if count:
            parts.append(f"{status} in {_rounds(count)}")
    if 0 < member.paid < member.credit:
        parts.append("scaled down, since the pool could not cover every credit")
    sentence = "; ".join(parts) or "took no part"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _merit(member: MemberFacts, steps: Sequence[int]) -> str:
    gains = sum(1 for step in steps if step > 0)
    if not any(steps):
        return "sent nothing, or only directions that were already public, so there was nothing to pay"
    if member.credit > 0:
        return f"improved the model in {gains} of {_rounds(len(steps))}"
    if member.credit < 0:
        losses = sum(1 for step in steps if step < 0)
        return f"made the model worse in {losses} of {_rounds(len(steps))}, more than it helped"
    return "its gains and losses cancel"


def _reasons(statuses: Sequence[str]) -> Counter[str]:
    return Counter(reason for status in statuses if (reason := rejection(status)) is not None)


def rejection(status: str) -> str | None:
    """Return the reason of a ``rejected: REASON`` status, or None for any other."""
    head, _, reason = status.partition(":")
    return (reason.strip() or "no reason given") if head == "rejected" else None


def _rounds(count: int) -> str:
    return f"{count} round" if count == 1 else f"{count} rounds"
