import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.spam_detection.report import Report, render
from examples.spam_detection.report_facts import MemberFacts, explain, tokens
from examples.spam_detection.report_svg import dodge, ticks
from federation.errors import ConfigError

UNIT = 10**18
VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = "<script>alert(1)</script>\"' onload=x \u202e& javascript:"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice on {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def titles(self) -> set[str]:
        return {attrs["title"] or "" for _, attrs in self.tags if "title" in attrs}


def report(
    roles: Mapping[str, str] | None = None, *, rounds: int = 3, baselines: float | None = 0.95
) -> Report:
    roles = {"ann": "honest", "bob": "honest", "flip": "flip", "scale": "scale"} if roles is None else roles
    step = {"honest": 123_456_789_012_345_678, "flip": -5 * UNIT // 7}
    balances = {
        name: [step.get(role, 0) * number for number in range(1, rounds + 1)] for name, role in roles.items()
    }
    outcomes = [
        {name: "rejected: over-cap" if role == "scale" else "accepted" for name, role in roles.items()}
        for _ in range(rounds)
    ]
    summary = {
        "schema_version": 1,
        "seed": 7,
        "epsilon": 8.0,
        "rounds": [
            {
                "round": number,
                "loss_before": 0.2 / number,
                "loss_after": 0.19 / number,
                "auc": None if baselines is None else 0.9 + number / 100,
                "eta": 2,
                "shard": 10 + number,
                "credited_wei": str(2 * step["honest"]),
                "bounty_wei": str(10**21),
                "rejections": 1,
            }
            for number in range(1, rounds + 1)
        ],
        "members": [
            {
                "name": name,
                "role": role,
                "did": f"did:key:z6Mk{name}",
                "payee": "0x" + "ab" * 20,
                "examples": 120,
                "quota": 120,
                "epsilon": None if role == "scale" else 7.98,
                "score": 1234,
                "credit_wei": str(balances[name][-1]),
                "paid_wei": str(max(0, balances[name][-1])),
                "balance_wei": str(max(0, balances[name][-1])),
            }
            for name, role in roles.items()
        ],
        "baselines": dict.fromkeys(
            ("central", "local_only", "validation_only", "federated_no_dp"), baselines
        ),
        "final_auc": baselines and 0.9312,
        "verified": True,
        "cpu_seconds": 12.0,
    }
    return Report(
        summary=summary,
        balances=balances,
        epsilons={
            name: [] if role == "scale" else [2.66 * number for number in range(1, rounds + 1)]
            for name, role in roles.items()
        },
        outcomes=outcomes,
        improvement=[0.0123] * rounds,
        paid_share=0.613,
        projection_share=0.221,
        clip_share=0.057,
        rest_share=0.109,
        federation="0x" + "cd" * 20,
        chain_id=61,
        token_symbol="MOOT",
        token_decimals=18,
        verification="every payment recomputes",
        budget_epsilon=8.0,
        delta=1e-5,
        seeded=True,
        dp_note="Composed exactly.",
    )


def with_summary(base: Report, **changes: object) -> Report:
    return replace(base, summary={**base.summary, **changes})


@pytest.mark.parametrize(
    "case",
    [
        report(),
        report(rounds=1),
        report({"ann": "honest"}),
        report({"ann": "honest"}, rounds=1, baselines=None),
        report({"flip": "flip"}, rounds=2),
        report({}, rounds=0),
        replace(report(), budget_epsilon=None, epsilons={}, paid_share=1.2, rest_share=-0.5),
    ],
)
def test_page_is_balanced_and_free_of_nan_when_data_is_small_or_missing(case: Report) -> None:
    text = render(case)
    Page(text)
    assert text.startswith("<!doctype html>")
    numbers = re.findall(r'(?:points|x|y|x1|y1|cx|cy|width|height)="([^"]*)"', text)
    assert not [value for value in numbers if "nan" in value or "inf" in value]
    assert not re.findall(r'(?:width|height)="-', text)


def test_page_loads_nothing_when_opened() -> None:
    text = render(report())
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object", "use", "image", "base"} & {
        tag for tag, _ in page.tags
    }
    names = {name for _, attrs in page.tags for name in attrs}
    assert not {"src", "href", "srcset", "action", "xlink:href"} & names
    assert not [name for name in names if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?:|//", text)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("role", ["honest", "flip", "scale", HOSTILE])
def test_names_stay_text_when_they_are_hostile(role: str) -> None:
    base = report({HOSTILE: role, "ann": "honest"})
    outcomes = [{**outcome, HOSTILE: f"rejected: {HOSTILE}"} for outcome in base.outcomes]
    hostile = replace(
        base,
        outcomes=outcomes,
        verification=HOSTILE,
        dp_note=HOSTILE,
        token_symbol=HOSTILE,
        federation=HOSTILE,
    )
    text = render(hostile)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "\u202e" not in text
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text


def test_amounts_are_exact_to_the_wei_when_floats_would_round() -> None:
    odd = 12_345_678_901_234_567_890_123
    base = report({"ann": "honest"}, rounds=1)
    members = [{**base.summary["members"][0], "paid_wei": str(odd), "credit_wei": str(-odd)}]  # type: ignore[index]  # the summary is plain JSON
    page = Page(render(with_summary(base, members=members)))
    assert {f"{odd} wei", f"{-odd} wei"} <= page.titles
    assert "12,345.68" in page.text
    assert "−12,345.68" in page.text


def test_numbers_equal_the_data_when_rendered() -> None:
    base = report()
    page = Page(render(base))
    for number in range(1, 4):
        for value in (0.2 / number, 0.19 / number, 0.9 + number / 100):
            assert f"{value:.4f}" in page.text
        assert f"{2.66 * number:.2f}" in page.text
    for wei in (wei for series in base.balances.values() for wei in series):
        assert f"{wei} wei" in page.titles
    for share in ("61.3%", "22.1%", "5.7%", "10.9%"):
        assert share in page.text
    total = 2 * 3 * 123_456_789_012_345_678
    assert f"{total} wei" in page.titles
    assert "0.9312" in page.text
    assert "0.0369 Brier" in page.text
    assert "rejected: over-cap (3)" in page.text
    assert sum(1 for tag, a in page.tags if tag == "td" and a.get("class") == "cell rejected") == 3
    assert sum(1 for tag, a in page.tags if tag == "td" and a.get("class") == "cell accepted") == 9


def test_share_of_cheats_is_stated_when_one_was_paid() -> None:
    base = report({"ann": "honest", "cap": "flip"}, rounds=1)
    paid = {"ann": 3 * UNIT, "cap": UNIT}
    members = [{**m, "paid_wei": str(paid[m["name"]])} for m in base.summary["members"]]  # type: ignore[attr-defined]  # the summary is plain JSON
    assert (
        "25.0% of it to members labelled as cheats" in Page(render(with_summary(base, members=members))).text
    )


@pytest.mark.parametrize("verified", [True, False])
def test_verdict_follows_the_summary_when_it_is_yes_or_no(verified: bool) -> None:
    text = Page(render(with_summary(report(), verified=verified))).text
    assert ("✓ Yes" in text) is verified
    assert ("did not verify" in text) is not verified
    assert ("What this proves" in text) is verified


def test_seeded_run_warns_and_unseeded_run_does_not() -> None:
    warning = "The privacy of this run is for show"
    assert warning in Page(render(report())).text
    assert warning not in Page(render(replace(report(), seeded=False))).text


def test_missing_privacy_is_said_when_there_is_no_budget() -> None:
    warning = "had no differential privacy"
    assert warning in Page(render(replace(report(), budget_epsilon=None))).text
    assert warning not in Page(render(report())).text


def test_three_epsilons_are_said_when_deltas_were_masked() -> None:
    views = {"sum": 1.0, "transcript": 4.754, "server": None}
    page = render(with_summary(report(), epsilons=views))
    assert "of the sum 1.00, of all that is public 4.75, to the aggregator with colluders none" in page
    assert "all that is public" not in render(report())


def test_charts_have_words_when_they_cannot_be_seen() -> None:
    page = Page(render(report()))
    pictures = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("aria-hidden") != "true"]
    assert len(pictures) == 12
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in pictures)
    assert sum(1 for tag, _ in page.tags if tag == "details") == 6


@pytest.mark.parametrize("key", ["rounds", "members", "baselines", "final_auc"])
def test_summary_is_refused_when_a_field_is_missing(key: str) -> None:
    base = report()
    short = {name: value for name, value in base.summary.items() if name != key}
    with pytest.raises(ConfigError, match=key):
        render(replace(base, summary=short))


@pytest.mark.parametrize("wrong", ["1.5", "many", None, True, [1]])
def test_summary_is_refused_when_an_amount_is_no_integer(wrong: object) -> None:
    base = report({"ann": "honest"})
    members = [{**base.summary["members"][0], "paid_wei": wrong}]  # type: ignore[index]  # the summary is plain JSON
    with pytest.raises(ConfigError, match=r"members\[0\]: paid_wei"):
        render(with_summary(base, members=members))


def member(credit: int, paid: int | None = None) -> MemberFacts:
    return MemberFacts(
        name="m",
        role="honest",
        did="d",
        payee="p",
        examples=1,
        epsilon=None,
        score="0",
        credit=credit,
        paid=max(0, credit) if paid is None else paid,
        balance=0,
    )


@pytest.mark.parametrize(
    ("statuses", "balance", "paid", "sentence"),
    [
        (["accepted"] * 3, [5, 4, 9], None, "Improved the model in 2 of 3 rounds."),
        (["accepted"], [5], None, "Improved the model in 1 of 1 round."),
        (["accepted"], [5], 4, "Improved the model in 1 of 1 round; scaled down"),
        (["accepted", "suspended", "suspended"], [-5, -5, -5], None, "suspended in 2 rounds, from round 2."),
        (["accepted"] * 2, [0, 0], None, "Sent nothing, or only directions that were already public"),
        (["accepted"] * 2, [4, 0], None, "Its gains and losses cancel."),
        (["accepted"] * 2, [4, -1], None, "Made the model worse in 1 of 2 rounds, more than it helped."),
        (
            ["rejected: over-cap"] * 2 + ["rejected: late"],
            [0] * 3,
            None,
            "Rejected in 2 rounds: over-cap; rejected in 1",
        ),
        (["rejected:"], [0], None, "Rejected in 1 round: no reason given."),
        (["silent", "absent"], [0, 0], None, "Silent in 1 round; absent in 1 round."),
        ([], [], None, "Took no part."),
    ],
)
def test_reason_follows_statuses_and_credits_when_explained(
    statuses: Sequence[str], balance: Sequence[int], paid: int | None, sentence: str
) -> None:
    assert sentence in explain(member(balance[-1] if balance else 0, paid), statuses, balance)


@pytest.mark.parametrize("role", ["flip", "honest", "scale"])
def test_reason_ignores_the_label_when_roles_are_swapped(role: str) -> None:
    facts = replace(member(3), role=role)
    assert explain(facts, ["accepted"], [3]) == explain(member(3), ["accepted"], [3])


@pytest.mark.parametrize(
    ("wei", "places", "text"),
    [
        (0, 2, "0.00"),
        (1, 4, "<0.0001"),
        (-1, 2, "−<0.01"),
        (-UNIT, 2, "−1.00"),
        (UNIT - 1, 4, "1.0000"),
        (1234 * UNIT + UNIT // 2, 3, "1,234.500"),
        (2**256 - 1, 2, "115,792,089,237,316,195,423,570,985,008,687,907,853,269,984,665,640,564,039,457.58"),
    ],
)
def test_tokens_are_written_exactly_when_large_small_or_negative(wei: int, places: int, text: str) -> None:
    assert tokens(wei, 18, places) == text


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_labels_keep_apart_in_order_and_inside_when_they_fit(wanted: list[float]) -> None:
    placed = dodge(wanted, 15.0, 0.0, 300.0)
    ranked = sorted(range(len(wanted)), key=lambda index: wanted[index])
    spots = [placed[index] for index in ranked]
    assert all(after - before >= 15.0 - 1e-6 for before, after in pairwise(spots))
    assert min(spots) >= -1e-6
    assert max(spots) <= 300.0 + 1e-6


def test_labels_stay_where_they_are_when_nothing_overlaps() -> None:
    assert dodge([200.0, 10.0, 100.0], 15.0, 0.0, 300.0) == [200.0, 10.0, 100.0]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_lie_within_the_axis_when_it_has_any_range(low: float, span: float, count: int) -> None:
    marks = ticks(low, low + span, count)
    slack = span * 1e-6 + abs(low) * 1e-9
    assert len(marks) <= count + 1
    assert all(low - slack <= mark <= low + span + slack for mark in marks)
