"""The report's HTML tables: what every chart shows, in numbers, and who was paid what and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from examples.spam_detection.report_facts import (
    HONEST,
    Facts,
    MemberFacts,
    compact,
    explain,
    rejection,
    tokens,
)
from examples.spam_detection.report_svg import esc

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GLYPHS = {"accepted": "", "suspended": "–", "silent": "·", "absent": ""}


class Money:
    """Writes wei as whole tokens, the exact wei in the element's title."""

    def __init__(self, decimals: int, places: int) -> None:
        self._decimals = decimals
        self._places = places

    def text(self, wei: int) -> str:
        """Write an amount without its unit."""
        return tokens(wei, self._decimals, self._places)

    def html(self, wei: int) -> str:
        """Write an amount as an element."""
        return f'<span title="{wei} wei">{esc(self.text(wei))}</span>'


def number(value: float | None, digits: int, missing: str = "–") -> str:
    """Write a number with a true minus sign, or what stands for a missing one."""
    return missing if value is None else f"{value:.{digits}f}".replace("-", "−")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Build a table whose first column heads its rows and whose other columns are numbers; cells are HTML."""
    head = "".join(f'<th scope="col"{_num(i)}>{esc(text)}</th>' for i, text in enumerate(heads))
    body = "".join("<tr>" + "".join(_cell(i, cell) for i, cell in enumerate(row)) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table>'
        f"<caption>{esc(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def folded(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Put a table behind a disclosure."""
    return f"<details><summary>Show the numbers</summary>{table(caption, heads, rows)}</details>"


def _num(index: int) -> str:
    return ' class="num"' if index else ""


def _cell(index: int, cell: str) -> str:
    return f'<td class="num">{cell}</td>' if index else f'<th scope="row">{cell}</th>'


def rounds_table(facts: Facts, outcomes: Sequence[Mapping[str, str]], money: Money, symbol: str) -> str:
    """Show every round: losses, AUC, step, money and outcomes."""
    rows = []
    for item, statuses in zip(facts.rounds, outcomes, strict=False):
        kinds = Counter(status.partition(":")[0] for status in statuses.values())
        rows.append(
            [
                str(item.number),
                number(item.loss_before, 4),
                number(item.loss_after, 4),
                number(item.auc, 4),
                esc(item.eta),
                esc(item.shard),
                money.html(item.credited),
                money.html(item.bounty),
                str(kinds["rejected"]),
                str(kinds["suspended"]),
            ]
        )
    money_heads = (f"Credited, {symbol}", f"Bounty B, {symbol}")
    heads = (
        "Round",
        "Loss before",
        "Loss after",
        "AUC",
        "Step",
        "Shard",
        *money_heads,
        "Rejected",
        "Suspended",
    )
    return folded("Each round: Brier loss on its shard, test AUC, money and outcomes", heads, rows)


def members_table(
    facts: Facts,
    outcomes: Sequence[Mapping[str, str]],
    balances: Mapping[str, Sequence[int]],
    money: Money,
    symbol: str,
) -> str:
    """Show who was paid what and why, the best paid first."""
    heads = (
        "Member",
        "Examples",
        "Epsilon",
        "Score",
        f"Credit, {symbol}",
        f"Paid, {symbol}",
        f"Balance, {symbol}",
    )
    head = "".join(
        f'<th scope="col" role="columnheader"{_num(i)}>{esc(text)}</th>' for i, text in enumerate(heads)
    )
    rows = []
    for member in sorted(facts.members, key=lambda m: (-m.paid, -m.credit, m.name)):
        statuses = [status.get(member.name, "absent") for status in outcomes]
        why = explain(member, statuses, balances.get(member.name, ()))
        values = (
            (heads[1], str(member.examples)),
            (heads[2], number(member.epsilon, 2, "no noise")),
            (heads[3], f'<span title="{esc(member.score)}">{esc(compact(member.score))}</span>'),
            (heads[4], money.html(member.credit)),
            (heads[5], f'<span class="strong">{money.html(member.paid)}</span>'),
            (heads[6], money.html(member.balance)),
        )
        cells = "".join(
            f'<td role="cell" class="num" data-label="{esc(label)}">{value}</td>' for label, value in values
        )
        rows.append(f'<tr role="row">{_who(member)}{cells}<td role="cell" class="why">{esc(why)}</td></tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Payments and reasons">'
        '<table class="people" role="table"><thead role="rowgroup"><tr role="row">'
        f'{head}<th scope="col" role="columnheader">Why</th></tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table></div>'
    )


def _who(member: MemberFacts) -> str:
    css = "role" if member.role == HONEST else "role cheat"
    about = esc(f"{member.did}, paid to {member.payee}")
    return (
        f'<th scope="row" role="rowheader" class="first"><bdi title="{about}">{esc(member.name)}</bdi> '
        f'<span class="{css}">{esc(member.role)}</span></th>'
    )


def heat_map(facts: Facts, outcomes: Sequence[Mapping[str, str]]) -> str:
    """Show each member's status in each round, a letter for each reason of rejection, and the key."""
    found: Counter[str] = Counter()
    for statuses in outcomes:
        found.update(reason for status in statuses.values() if (reason := rejection(status)) is not None)
    letters = {reason: _LETTERS[i % len(_LETTERS)] for i, (reason, _) in enumerate(found.most_common())}
    rounds = range(1, len(outcomes) + 1)
    every = 1 if len(outcomes) <= 25 else 5
    head = "".join(f'<th scope="col">{number if number % every == 0 else ""}</th>' for number in rounds)
    rows = "".join(
        f'<tr><th scope="row" class="who" title="{esc(member.name)}"><bdi>{esc(member.name)}</bdi></th>'
        + "".join(
            _status(index, outcome.get(member.name, "absent"), letters)
            for index, outcome in enumerate(outcomes, start=1)
        )
        + "</tr>"
        for member in sorted(facts.members, key=lambda m: m.role == HONEST)
    )
    keys = ['<li><span class="cell accepted"></span>accepted</li>']
    keys += [
        f'<li><span class="cell rejected">{letters[reason]}</span>rejected: {esc(reason)} ({count})</li>'
        for reason, count in found.most_common()
    ]
    for status in ("suspended", "silent", "absent"):
        count = sum(1 for o in outcomes for m in facts.members if o.get(m.name, "absent") == status)
        if count:
            keys.append(f'<li><span class="cell {status}">{_GLYPHS[status]}</span>{status} ({count})</li>')
    return (
        '<table class="heat"><caption class="vh">Status of each member in each round</caption>'
        f'<thead><tr><th scope="col" class="who">round</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'<ul class="key" aria-label="Key">{"".join(keys)}</ul>'
    )


def _status(number_: int, status: str, letters: Mapping[str, str]) -> str:
    reason = rejection(status)
    css = "rejected" if reason is not None else status if status in _GLYPHS else "absent"
    glyph = letters[reason] if reason is not None else _GLYPHS[css]
    return (
        f'<td class="cell {css}" title="round {number_}: {esc(status)}">'
        f'<span aria-hidden="true">{glyph}</span><span class="vh">{esc(status)}</span></td>'
    )
