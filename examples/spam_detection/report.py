"""One self-contained HTML page about a run: what was learned, who was paid, and what that proves.

The page loads nothing: styles and charts are inline, there is no script, and a content security policy
forbids everything else. Member names come from outside and are escaped wherever they appear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from examples.spam_detection.report_cards import (
    NAMES,
    auc_card,
    card,
    credit_card,
    epsilon_card,
    improvement_card,
    loss_card,
    small,
)
from examples.spam_detection.report_facts import HONEST, Facts, places_for, read_summary
from examples.spam_detection.report_style import STYLE
from examples.spam_detection.report_svg import esc
from examples.spam_detection.report_tables import Money, heat_map, members_table, number, rounds_table

_PROVES = """\
Every score and every payment follows from signed events and a committed validation set by published rules,
and recomputes to the last wei.

Each update was committed before its examples were drawn, so nobody could fit them.

In each round, the positive credits add up to no more than the bounty times the measured improvement.

What the chain paid equals the table on this page.
"""
_LIMITS = """\
That a member’s data is genuine, or that its client really added the noise: skipping noise hurts the
member’s own privacy first, and its pay is held to its quota’s share.

That no provider, aggregator and member worked together: they are bounded to that member’s quota share, not
stopped.

That the filter is as good on your mail. The AUC and its baselines are the experimenter’s measurement on
public mails: no payment depends on them.

That a single embedded chain cannot be rewritten by who runs it: pin its last block with --expect-head, or
use a chain with many operators.
"""
_GAP = "\n\n"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page shows.

    Attributes:
        summary: The decoded ``summary.json``.
        balances: Member name to its cumulative credit in wei after each round (signed).
        epsilons: Member name to its epsilon spent after each round.
        outcomes: For each round, member name to ``accepted``, ``suspended``, ``silent``, ``absent`` or
            ``rejected: REASON``.
        improvement: The positive improvement of each round, in Brier loss.
        paid_share: Of the summed positive improvement, the part that was paid.
        projection_share: ... the part withheld because its directions were already public.
        clip_share: ... the part withheld by the clip to a member's quota.
        rest_share: ... the rest: others' losses, and what was not spent.
        federation: The federation's address.
        chain_id: The chain's number.
        token_symbol: The reward token's symbol.
        token_decimals: The reward token's decimals.
        verification: The outcome of the independent verification, in words.
        budget_epsilon: The lifetime budget, or None without differential privacy.
        delta: The delta that goes with every epsilon.
        seeded: Whether noise and keys follow from a seed, so that privacy is for show.
        dp_note: How privacy was accounted, in words.
    """

    summary: Mapping[str, object]
    balances: Mapping[str, Sequence[int]]
    epsilons: Mapping[str, Sequence[float]]
    outcomes: Sequence[Mapping[str, str]]
    improvement: Sequence[float]
    paid_share: float
    projection_share: float
    clip_share: float
    rest_share: float
    federation: str
    chain_id: int
    token_symbol: str
    token_decimals: int
    verification: str
    budget_epsilon: float | None
    delta: float
    seeded: bool
    dp_note: str


def render(report: Report) -> str:
    """Render the page.

    Args:
        report: The data; amounts in integer wei, losses and improvements in Brier loss.

    Returns:
        A complete HTML document.

    Raises:
        ConfigError: The summary lacks a field or holds one of another type.
    """
    facts = read_summary(report.summary)
    amounts = [value for member in facts.members for value in (member.paid, member.credit, member.balance)]
    total = facts.paid(honest=True) + facts.paid(honest=False)
    money = Money(report.token_decimals, places_for([*amounts, total], report.token_decimals))
    sections = (
        _head(report, facts, money),
        f'<div class="two">{auc_card(facts)}{loss_card(facts)}</div>',
        credit_card(report, facts, money),
        f'<div class="two">{epsilon_card(report, facts)}{improvement_card(report)}</div>',
        card(
            "Who was paid what, and why",
            "The best paid first. Each reason is read off the public record: statuses and credits, never "
            "the label. "
            "Hover an amount for its exact wei.",
            members_table(facts, report.outcomes, report.balances, money, report.token_symbol),
        ),
        card(
            "What became of every update",
            "One row per member, one column per round. A refused update stops nobody else's round.",
            heat_map(facts, report.outcomes)
            + rounds_table(facts, report.outcomes, money, report.token_symbol),
        ),
        _claims(report, facts),
        _footer(report, facts),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Folkmoot: {esc(_headline(facts))}</title><style>{STYLE}</style></head>"
        f'<body><div class="page"><main>{"".join(sections[:-1])}</main>{sections[-1]}</div></body></html>\n'
    )


def _headline(facts: Facts) -> str:
    return f"{len(facts.members)} members trained one spam filter, and no training mail left its owner"


def _head(report: Report, facts: Facts, money: Money) -> str:
    dots = "".join(
        f'<circle cx="{13 + 10 * math.cos(i * math.tau / 9):.1f}" '
        f'cy="{13 + 10 * math.sin(i * math.tau / 9):.1f}" r="2.4"/>'
        for i in range(9)
    )
    cheats = sum(1 for member in facts.members if member.role != HONEST)
    mixed = f" and {cheats} {'cheat' if cheats == 1 else 'cheats'}" if cheats else ""
    lead = (
        f"{len(facts.members) - cheats} honest members{mixed}, {len(facts.rounds)} "
        f"{'round' if len(facts.rounds) == 1 else 'rounds'}. Each update was scored on sealed examples "
        "that were drawn only after it was committed, and paid for what it was worth."
    )
    return (
        f'<header><div class="brand"><svg viewBox="0 0 26 26" aria-hidden="true">{dots}</svg>'
        f"Folkmoot · run report</div>{_banners(report, facts)}<h1>{esc(_headline(facts))}</h1>"
        f'<p class="lead">{esc(lead)}</p>{_tiles(report, facts, money)}'
        '<p class="note">Roles such as “honest” or “flip” are the experimenter’s labels, added to this page '
        "afterwards. "
        "No code that scores, suspends or pays knows them.</p></header>"
    )


def _banners(report: Report, facts: Facts) -> str:
    parts = []
    if not facts.verified:
        parts.append(
            '<div class="banner alarm" role="note"><strong>This run did not verify</strong>'
            f"<p>{esc(report.verification)} Take no number on this page as proven.</p></div>"
        )
    if report.seeded:
        seed = "" if facts.seed is None else f" (seed {facts.seed})"
        parts.append(
            '<div class="banner" role="note"><strong>The privacy of this run is for show</strong><p>It was '
            f"seeded{seed} so "
            "that anyone can repeat it. Its keys, salts and noise follow from the seed, so anyone can take "
            "the noise off "
            "again. A real client draws its noise from the operating system and has no seed option.</p></div>"
        )
    if report.budget_epsilon is None:
        parts.append(
            '<div class="banner" role="note"><strong>This run had no differential privacy</strong><p>Its '
            "updates carry "
            "no noise and can give away the words of the mails behind them.</p></div>"
        )
    return "".join(parts)


def _tiles(report: Report, facts: Facts, money: Money) -> str:
    baselines = "; ".join(
        f"{NAMES[name]} {number(value, 3)}" for name, value in facts.baselines.items() if value is not None
    )
    honest, others = facts.paid(honest=True), facts.paid(honest=False)
    total = honest + others
    share = f"{others / total:.1%}" if total else "0.0%"
    verdict = '<span class="yes">✓ Yes</span>' if facts.verified else '<span class="no">✗ No</span>'
    spent = [member.epsilon for member in facts.members if member.epsilon is not None]
    symbol = esc(report.token_symbol)
    epsilon = f"ε {max(spent):.2f}" if spent else "none"
    budget = (
        "" if report.budget_epsilon is None else f"largest spent, of a budget of {report.budget_epsilon:g}, "
    )
    views = (
        "; of the sum {}, of all that is public {}, to the aggregator with colluders {}".format(
            *(number(value, 2, "none") for value in facts.epsilons)
        )
        if facts.epsilons
        else ""
    )
    tiles = (
        (
            "Final AUC on unseen mail",
            number(facts.final_auc, 4),
            esc(baselines) or "no baselines in this run",
        ),
        ("Independently verified", verdict, esc(report.verification)),
        (
            "Paid out",
            f"{money.html(total)} <small>{symbol}</small>",
            f"{share} of it to members labelled as cheats ({money.html(others)})",
        ),
        (
            "Privacy spent",
            epsilon,
            f"{budget}δ {small(report.delta)}{views}" if spent else "no member added noise",
        ),
    )
    return (
        '<dl class="tiles">'
        + "".join(
            f'<div class="tile"><dt>{title}</dt><dd class="value">{value}</dd><dd '
            f'class="more">{more}</dd></div>'
            for title, value, more in tiles
        )
        + "</dl>"
    )


def _claims(report: Report, facts: Facts) -> str:
    lists = [
        f'<ul class="plain">{"".join(f"<li>{esc(line)}</li>" for line in text.strip().split(_GAP))}</ul>'
        for text in (_PROVES, _LIMITS)
    ]
    title = "What this proves" if facts.verified else "What this would prove, had it verified"
    return (
        f'<div class="two"><section class="card"><h2>{title}</h2>{lists[0]}</section>'
        f'<section class="card"><h2>What it does not prove</h2>{lists[1]}</section></div>'
        '<section class="card"><h2>Check it yourself</h2><p class="sub">Reads only the public folder of the '
        "run, executes "
        "every block again, and says yes or names the first thing that is wrong (exit code 8).</p>"
        f"<pre><code>folkmoot verify RUN_DIR --expect {esc(report.federation)}</code></pre>"
        f'<p class="note">Here it said: {esc(report.verification)}</p></section>'
    )


def _footer(report: Report, facts: Facts) -> str:
    time = "" if facts.cpu_seconds is None else f" · {facts.cpu_seconds:.0f} CPU seconds"
    return (
        f"<footer>Federation <code>{esc(report.federation)}</code> · chain {report.chain_id} · "
        f"{esc(report.token_symbol)}, {report.token_decimals} decimals{time}</footer>"
    )
