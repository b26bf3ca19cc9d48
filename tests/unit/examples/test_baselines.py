"""The baselines: what each way to do without the federation is worth, on the same features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from examples.spam_detection.baselines import baselines, logistic_regression
from examples.spam_detection.simulate import World
from federation.metrics import model_auc
from federation.models.linear import Design, Examples
from federation.rounds import Rules
from tests.unit.federation._world import TERMS, make_world

WORLD = make_world(5, members=5, each=40, shards=3)
RULES = Rules(terms=TERMS, etas=(0, 1, 2, 4, 8, 16), betas_tenths=(0, 2, 4, 6, 9, 13, 20))
PURE = World(members=list(WORLD.members.values()), public=WORLD.public, shards=WORLD.shards)
TEST = Design.concat(list(make_world(5, members=5, each=40, shards=6).shards[3:]))


@pytest.fixture(scope="module")
def measured():
    return baselines(PURE, TEST, RULES)


def test_every_baseline_is_measured_when_asked(measured):
    assert list(measured) == ["central", "local_only", "validation_only", "federated_no_dp"]
    assert all(0.5 < auc <= 1.0 for auc in measured.values())


def test_central_training_beats_a_member_alone_when_data_are_shared(measured):
    assert measured["central"] > measured["local_only"] + 0.03
    assert measured["federated_no_dp"] > measured["local_only"]


def test_baselines_repeat_when_asked_twice(measured):
    assert baselines(PURE, TEST, RULES) == measured


def test_local_baseline_is_the_mean_over_members_when_they_differ(measured):
    alone = [model_auc(TEST, logistic_regression(m)) for m in PURE.members]
    assert len(set(alone)) > 1
    assert measured["local_only"] == round(float(np.mean(alone)), 6)


def test_shards_count_when_some_are_left_out(measured):
    fewer = baselines(replace(PURE, shards=PURE.shards[:1]), TEST, RULES)
    assert fewer["validation_only"] != measured["validation_only"]
    assert fewer["federated_no_dp"] != measured["federated_no_dp"]


def test_regression_separates_when_two_words_decide():
    design = Design.build(Examples.build([[0, 2], [1, 2]] * 10, [1, 0] * 10), np.zeros(3, dtype=np.int64))
    weights = logistic_regression(design)
    assert weights[0] > 0 > weights[1]
    assert model_auc(design, weights) == 1.0


def test_regression_learns_the_other_way_when_labels_are_flipped():
    design = PURE.members[0]
    flipped = replace(
        design,
        examples=Examples(design.examples.words, design.examples.offsets, 1 - design.examples.labels),
    )
    one, other = logistic_regression(design), logistic_regression(flipped)
    # Fixed-point rounding is not symmetric; the direction is.
    assert np.abs(one + other).max() <= 0.01 * np.abs(one).max()
