"""The report's chart cards: each a picture for wide and for narrow screens, with its numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from examples.spam_detection.report_facts import HONEST, Facts, MemberFacts
from examples.spam_detection.report_svg import (
    Reference,
    Series,
    Size,
    both,
    change_chart,
    column_chart,
    esc,
    line_chart,
    stacked_bar,
)
from examples.spam_detection.report_tables import Money, folded, number

if TYPE_CHECKING:
    from examples.spam_detection.report import Report

_CHEATS = ("flip", "noise", "zero", "stale", "model", "copy", "scale", "cap", "nan")
NAMES = {
    "central": "all mail pooled",
    "federated_no_dp": "without noise",
    "validation_only": "validation only",
    "local_only": "each member alone",
}


def small(value: float) -> str:
    """Write a small number such as a delta, without a padded exponent."""
    return f"{value:g}".replace("e-0", "e-")


def card(title: str, sub: str, body: str) -> str:
    """Wrap a body, which is HTML already, under a title and a sentence, which are text."""
    return f'<section class="card"><h2>{esc(title)}</h2><p class="sub">{esc(sub)}</p>{body}</section>'


def auc_card(facts: Facts) -> str:
    """Show the test AUC by round against the baselines."""
    values = [item.auc for item in facts.rounds]
    lines = [Series(values=values, css="main", title="federated, this run", label="this run", dots=True)]
    references = [
        Reference(value=value, label=NAMES[name])
        for name, value in facts.baselines.items()
        if value is not None
    ]
    words = f"Test AUC by round, ending at {number(facts.final_auc, 4)}"

    def draw(size: Size) -> str:
        return line_chart(size, words, lines, references, ceiling=1.0)

    rows = [[str(item.number), number(item.auc, 4)] for item in facts.rounds]
    rows += [[esc(NAMES[name]), number(value, 4)] for name, value in facts.baselines.items()]
    chart = both(draw, Size(width=500, height=330, labels=158), Size(width=350, height=300, labels=150))
    return card(
        "Accuracy",
        "AUC on mail that no choice looked at. Dashed: what other ways of training reach.",
        chart + folded(words, ("Round or baseline", "AUC"), rows),
    )


def loss_card(facts: Facts) -> str:
    """Show the Brier loss before and after each round."""
    pairs = [(item.loss_before, item.loss_after) for item in facts.rounds]
    fell = sum(1 for before, after in pairs if before is not None and after is not None and after < before)
    words = f"Brier loss before and after each round; it fell in {fell} of {len(pairs)}"

    def draw(size: Size) -> str:
        return change_chart(size, words, pairs)

    rows = [[str(i.number), number(i.loss_before, 4), number(i.loss_after, 4)] for i in facts.rounds]
    chart = both(draw, Size(width=500, height=330, labels=10), Size(width=350, height=280, labels=10))
    return card(
        "Loss on each round’s shard",
        f"From the model sent out (open dot) to the new one (full dot), lower is better. It fell in {fell} "
        "of "
        f"{len(pairs)}; a new shard each round makes it jump.",
        chart + folded(words, ("Round", "Before", "After"), rows),
    )


def _colour(role: str) -> str:
    return f"c{_CHEATS.index(role) + 1}" if role in _CHEATS else f"c{sum(map(ord, role)) % len(_CHEATS) + 1}"


def _label(member: MemberFacts) -> str:
    return member.name if member.role in member.name else f"{member.name} ({member.role})"


def _lines(
    facts: Facts, values: Callable[[MemberFacts], list[float | None]], mean_title: str
) -> tuple[list[Series], int]:
    honest = [m for m in facts.members if m.role == HONEST]
    lines = [Series(values=values(m), css="muted", title=m.name, first=0) for m in honest]
    columns = [
        [v for v in column if v is not None] for column in zip(*(line.values for line in lines), strict=False)
    ]
    mean: list[float | None] = [sum(column) / len(column) if column else None for column in columns]
    if any(value is not None for value in mean):
        lines.append(Series(values=mean, css="mean", title=mean_title, label=mean_title, first=0))
    return lines, len(honest)


def credit_card(report: Report, facts: Facts, money: Money) -> str:
    """Show each member's cumulative credit: honest ones muted, the others coloured and labelled."""
    unit = 10**report.token_decimals

    def values(member: MemberFacts) -> list[float | None]:
        return [0.0, *(wei / unit for wei in report.balances.get(member.name, ()))]

    lines, count = _lines(facts, values, "honest mean")
    cheats = [member for member in facts.members if member.role != HONEST]
    lines += [
        Series(values=values(m), css=_colour(m.role), title=_label(m), label=_label(m), first=0)
        for m in cheats
    ]
    words = f"Credit of each member over the rounds: {count} honest members and {len(cheats)} cheats"
    coloured = "Coloured: the cheats. " if cheats else ""
    tall = 18 * len(cheats)

    def draw(size: Size) -> str:
        return line_chart(size, words, lines)

    rows = [
        [f"<bdi>{esc(m.name)}</bdi>", *(money.html(wei) for wei in report.balances.get(m.name, ()))]
        for m in facts.members
    ]
    chart = both(
        draw,
        Size(width=1060, height=max(420, 60 + tall), labels=150),
        Size(width=350, height=max(380, 60 + tall), labels=104),
    )
    heads = ("Member", *(str(item.number) for item in facts.rounds))
    return card(
        "Credit over the rounds",
        f"In {report.token_symbol}. Grey: the {count} honest members. {coloured}"
        "Credit below zero is carried forward, and never paid.",
        chart + folded(f"Cumulative credit after each round, {report.token_symbol}", heads, rows),
    )


def epsilon_card(report: Report, facts: Facts) -> str:
    """Show the epsilon each member has spent against the lifetime budget."""

    def values(member: MemberFacts) -> list[float | None]:
        spent = report.epsilons.get(member.name, ())
        finite = [value if math.isfinite(value) else None for value in spent]
        return [0.0, *finite] if member.epsilon is not None else [None for _ in finite]

    others = [m for m in facts.members if m.role != HONEST]
    lines = [Series(values=values(m), css="muted", title=_label(m), first=0) for m in others]
    lines += _lines(facts, values, "honest mean")[0]
    references = (
        [] if report.budget_epsilon is None else [Reference(value=report.budget_epsilon, label="budget")]
    )
    words = "Epsilon spent by each member over the rounds, against the lifetime budget"

    def draw(size: Size) -> str:
        return line_chart(size, words, lines, references, floor=0.0)

    rows = [
        [f"<bdi>{esc(m.name)}</bdi>", *(number(v, 2, "no noise") for v in values(m)[m.epsilon is not None :])]
        for m in facts.members
    ]
    bare = [member.name for member in facts.members if member.epsilon is None]
    note = f"Without noise of their own, so without an epsilon: {', '.join(bare)}." if bare else ""
    chart = both(draw, Size(width=500, height=330, labels=104), Size(width=350, height=280, labels=104))
    return card(
        "Privacy spent by each member",
        f"Epsilon at delta {small(report.delta)}; one example is protected. A client stops before its "
        "budget is overspent.",
        chart
        + f'<p class="note">{esc(f"{report.dp_note} {note}".strip())}</p>'
        + folded(words, ("Member", *(str(item.number) for item in facts.rounds)), rows),
    )


def improvement_card(report: Report) -> str:
    """Show what the improvement was spent on, and how much each round gave."""
    shares = (
        ("Paid to members", report.paid_share, "paid"),
        ("Withheld: direction already public", report.projection_share, "proj"),
        ("Withheld: beyond a member’s quota", report.clip_share, "clip"),
        ("Other: offset by losses, or unspent", report.rest_share, "rest"),
    )
    words = "; ".join(f"{name} {share:.1%}" for name, share, _ in shares)

    def bar(size: Size) -> str:
        return stacked_bar(size.width, words, shares)

    def columns(size: Size) -> str:
        return column_chart(size, "Positive improvement of each round in Brier loss", report.improvement)

    keys = "".join(
        f'<li><span class="swatch {css}"></span>{esc(name)} <span '
        f'class="strong">{number(100 * share, 1)}%</span></li>'
        for name, share, css in shares
    )
    wide, narrow = Size(width=500, height=210, labels=10), Size(width=350, height=200, labels=10)
    rows = [[str(i), number(value, 6)] for i, value in enumerate(report.improvement, start=1)]
    return card(
        "Where the improvement went",
        f"{sum(report.improvement):.4f} Brier in all rounds together. What is not paid stays in the pool.",
        both(bar, wide, narrow)
        + f'<ul class="key">{keys}</ul><h3 class="note">Improvement by round</h3>'
        + both(columns, wide, narrow)
        + folded("Positive improvement of each round, Brier loss", ("Round", "Improvement"), rows),
    )
