"""``folkmoot aggregator compare`` on the session's recorded run."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from aggregator.compare import compare_games, compare_run
from aggregator.compare_cli import compare
from aggregator.games import read_games
from federation.errors import ConfigError, UsageError, VerificationFailed
from federation.valuation import METHODS
from tests.modules import execute_module
from tests.strategies import execute_rules
from tests.world import copy_of


@pytest.fixture(scope="module")
def games(finished):
    return read_games(finished.out, lambda _: None)


def test_games_of_a_recorded_run_gain_what_its_rounds_recorded(finished, games):
    rounds = {r["round"]: r for r in finished.summary["rounds"]}
    assert games[0]
    for recorded in games[0]:
        facts = rounds[recorded.round]
        moved = facts["loss_before"] - facts["loss_after"]
        if facts["eta"]:
            assert recorded.game.gain / 2**40 == pytest.approx(moved, abs=3e-9)
        assert recorded.game.dids == tuple(sorted(recorded.game.dids))
        assert len({g.game.seed for g in games[0]}) == len(games[0])


def test_recorded_scores_are_aumann_shapleys_less_what_is_projected_in_the_first_round(games):
    # Nothing is public yet but the initial model: there is nothing to project on.
    first = games[0][0]
    assert first.round == 1
    assert METHODS["aumann-shapley"](first.game) == first.scores


@pytest.mark.parametrize(
    ("strategy", "method"), [("momentum", "market-order"), ("adam", "leave-one-out"), ("median", "cosine")]
)
def test_recorded_scores_are_the_methods_own_when_a_federation_chose_one(tmp_path, strategy, method):
    games, _ = read_games(execute_rules(tmp_path, strategy=strategy, method=method).out, lambda _: None)
    assert [g.round for g in games] == [1, 2]
    for recorded in games:
        assert METHODS[method](recorded.game) == recorded.scores
        assert any(recorded.scores)


@pytest.mark.slow
def test_rounds_of_a_network_are_games_too(tmp_path):
    games, _ = read_games(execute_module(tmp_path).out, lambda _: None)
    first = games[0]
    assert METHODS["aumann-shapley"](first.game) == first.scores
    found = compare_games(games, {}, ["leave-one-out"])
    assert found.exact
    assert found.rows[1].spearman > 0.9


def test_report_compares_all_methods_on_one_round_in_json(finished):
    ran = CliRunner().invoke(compare, [str(finished.out), "--round", "1", "--format", "json"])
    assert ran.exit_code == 0, ran.output
    data = json.loads(ran.stdout)["data"]
    assert data["rounds"] == [1]
    assert data["reference"] == "exact-shapley"
    rows = {row["method"]: row for row in data["methods"]}
    assert list(rows) == ["recorded", *METHODS]
    assert rows["aumann-shapley"]["spearman"] >= 0.98
    assert rows["recorded"]["scores"] == rows["aumann-shapley"]["scores"]
    assert data["others"] > 0
    assert 0 <= rows["recorded"]["detection_auc"] <= 1
    assert rows["recorded"]["roles"]["flip"] < 0


def test_report_is_a_table_on_stdout_when_it_is_for_people(finished):
    ran = CliRunner().invoke(compare, [str(finished.out), "--methods", "cosine, leave-one-out"])
    assert ran.exit_code == 0, ran.output
    lines = ran.stdout.splitlines()
    assert lines[0].split()[:2] == ["method", "spearman"]
    assert [line.split()[0] for line in lines[1:4]] == ["recorded", "cosine", "leave-one-out"]
    assert len({len(line) for line in lines[:4]}) == 1
    assert "exact Shapley" in ran.stdout
    assert "ok  cosine played" in ran.stderr


def test_run_is_refused_when_it_does_not_recompute(finished, tmp_path):
    damaged = copy_of(finished, tmp_path)
    blob = next((damaged / "public" / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes() + b"\0")
    with pytest.raises(VerificationFailed):
        compare_run(damaged, round_=None, methods=None)


def test_round_and_methods_are_refused_when_there_are_none(finished, tmp_path):
    with pytest.raises(UsageError, match="no round 99") as refused:
        compare_run(finished.out, round_=99, methods=["cosine"])
    assert "there are: 1" in refused.value.hint
    with pytest.raises(UsageError, match="no such method: dice"):
        compare_run(finished.out, round_=1, methods=["dice"])
    ran = CliRunner().invoke(compare, [str(tmp_path / "nowhere")])
    assert isinstance(ran.exception, ConfigError)
