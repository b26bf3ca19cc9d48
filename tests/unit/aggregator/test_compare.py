"""Comparing methods: what the report says of games that were made up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.compare import (
    RECORDED,
    compare_games,
    playable,
    reference_of,
    require_methods,
)
from aggregator.games import RecordedGame
from federation.errors import ConfigError, UsageError
from federation.types import Did
from federation.valuation import METHODS
from federation.valuation.exact_shapley import exact_shapley
from tests.unit.federation.test_valuation_methods import game, made_game


def recorded(played, *, round_=1, quotas=None, scores=None) -> RecordedGame:
    n = len(played.dids)
    return RecordedGame(round=round_, game=played, scores=scores or (7,) * n, quotas=quotas or (1,) * n)


def row(found, method):
    [one] = [r for r in found.rows if r.method == method]
    return one


def test_every_method_has_a_row_and_the_recorded_scores_come_first():
    found = compare_games([recorded(game())], {}, list(METHODS))
    assert [r.method for r in found.rows] == [RECORDED, *METHODS]
    assert (found.rounds, found.members, found.others, found.exact, found.error) == ((1,), 6, 0, True, 0.0)
    exact = row(found, "exact-shapley")
    assert exact.spearman == pytest.approx(1)
    assert exact.kendall == pytest.approx(1)
    assert exact.calls == 63
    assert exact.cpu_seconds > 0
    assert row(found, "leave-one-out").calls == 7
    assert row(found, "aumann-shapley").calls == 0
    assert row(found, "market-order").missed == 0
    assert (
        row(found, RECORDED).spearman
        is row(found, RECORDED).calls
        is row(found, RECORDED).cpu_seconds
        is None
    )


def test_cost_is_a_methods_own_when_another_has_evaluated_the_same_coalitions():
    first = compare_games([recorded(game())], {}, ["exact-shapley", "leave-one-out"])
    second = compare_games([recorded(game())], {}, ["leave-one-out"])
    assert row(first, "leave-one-out").calls == row(second, "leave-one-out").calls == 7


def test_scores_calls_and_gaps_are_those_of_all_rounds_together():
    one, two = made_game(lambda who: 100 * bool(who.any())), made_game(lambda who: 10 * int(who.sum()))
    found = compare_games([recorded(one), recorded(two, round_=4)], {}, ["leave-one-out", "exact-shapley"])
    loo = row(found, "leave-one-out")
    assert found.rounds == (1, 4)
    assert loo.calls == 12
    assert set(loo.totals.values()) == {10}
    # Of 100 nothing, of 50 all.
    assert loo.missed == pytest.approx(100 / 150)
    assert loo.spearman is None
    assert set(row(found, "exact-shapley").totals.values()) == {30}


def test_gaps_do_not_cancel_when_one_round_gains_what_another_loses():
    up, down = made_game(lambda who: 100 * bool(who.any())), made_game(lambda who: -100 * bool(who.any()))
    found = compare_games([recorded(up), recorded(down, round_=2)], {}, ["leave-one-out"])
    assert row(found, "leave-one-out").missed == 1


def roles(played, *cheats) -> dict[Did, str]:
    return {did: "flip" if i in cheats else "honest" for i, did in enumerate(played.dids)}


@pytest.mark.parametrize(
    ("worth", "quotas", "expected"),
    [
        ([10, 20, 30, -5, 1], (1,) * 5, 1.0),
        # The first honest one scores no more than a cheat.
        ([1, 20, 30, -5, 1], (1,) * 5, (3 + 2.5) / 6),
        # A small honest member is none for its small score: per unit of quota it stands above.
        ([10, 20, 30, -5, 15], (1, 1, 1, 1, 10), 1.0),
    ],
)
def test_detection_is_the_chance_that_an_honest_member_stands_above_a_cheat(worth, quotas, expected):
    played = made_game(lambda who: int(who @ worth))
    found = compare_games([recorded(played, quotas=quotas)], roles(played, 3, 4), ["exact-shapley"])
    assert found.others == 2
    assert row(found, "exact-shapley").detection == pytest.approx(expected)


@pytest.mark.parametrize("cheats", [(), range(5)])
def test_detection_is_unknown_when_all_are_cheats_or_nobody_is(cheats):
    played = made_game(lambda who: int(who.sum()))
    found = compare_games([recorded(played)], roles(played, *cheats), ["exact-shapley"])
    assert row(found, "exact-shapley").detection is None


def test_member_counts_as_honest_when_no_role_is_known():
    played = made_game(lambda who: int(who.sum()))
    assert compare_games([recorded(played)], {played.dids[0]: "stale"}, ["cosine"]).others == 1


def test_reference_is_exact_for_few_members_and_an_estimate_with_its_error_for_many():
    few = made_game(lambda who: int(who[0]) * 1000, members=16)
    assert reference_of(few) == replace(reference_of(few), scores=exact_shapley(few), error=0.0, exact=True)
    many = made_game(lambda who: 1000 * int(who[0]) * int(who[1:3].any()) * int(who[3:].any()), members=17)
    found = reference_of(many)
    assert not found.exact
    assert 0 < found.error < 0.2
    assert playable([recorded(few)]) == list(METHODS)
    assert playable([recorded(few), recorded(many)]) == [name for name in METHODS if name != "exact-shapley"]


def test_exact_shapley_says_so_when_it_is_asked_for_too_many():
    many = made_game(lambda who: int(who.sum()), members=17)
    with pytest.raises(ConfigError, match="at most 16"):
        compare_games([recorded(many)], {}, ["exact-shapley"])


@pytest.mark.parametrize(
    ("names", "message"), [(["dice", "cosine"], "no such method: dice"), ([], "no method")]
)
def test_methods_are_refused_when_there_are_none_of_that_name(names, message):
    with pytest.raises(UsageError, match=message) as refused:
        require_methods(names)
    assert "aumann-shapley" in refused.value.hint


def test_roles_are_weighed_by_quota_beside_honest_members():
    played = made_game(lambda who: int(who @ [10, 20, 30, -5, 48]))
    known = {**roles(played, 3, 4), played.dids[4]: "cap"}
    found = compare_games([recorded(played, quotas=(1, 2, 3, 1, 2))], known, ["exact-shapley"])
    # Honest members score 60 on a quota of 6.
    assert row(found, "exact-shapley").roles == {"cap": 2.4, "flip": -0.5}


def test_roles_are_left_out_when_honest_members_score_nothing():
    played = made_game(lambda who: int(who[3]))
    assert (
        row(compare_games([recorded(played)], roles(played, 3), ["exact-shapley"]), "exact-shapley").roles
        == {}
    )
