"""The aggregator is killed at every point at which anything outlives it, and nothing comes of it."""

from __future__ import annotations

import os
import signal

import pytest

from contracts.backends.anvil_binary import find_anvil
from federation.errors import ConfigError
from tests.e2e.crashing import Scene, event_node

pytestmark = [pytest.mark.enable_socket]
FEW = 6
"""Points of the normal suite, spread over the run."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    try:
        binary = find_anvil(os.environ)
    except ConfigError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    folder = tmp_path_factory.mktemp("crashes")
    with event_node(folder / "store") as url:
        made = Scene(folder, binary, url)
        yield made
        made.close()


@pytest.fixture(scope="module")
def undisturbed(scene):
    place = scene.fresh()
    ended, points = scene.process(place)
    assert ended == 0
    return scene.outcome(place), points


def disturbed(scene, at):
    place = scene.fresh()
    ended, _ = scene.process(place, at)
    assert ended == signal.SIGKILL
    assert scene.process(place)[0] == 0
    return scene.outcome(place)


def test_run_is_the_same_when_nothing_disturbs_it(scene, undisturbed):
    place = scene.fresh()
    assert scene.process(place)[0] == 0
    expected, points = undisturbed
    assert scene.outcome(place) == expected
    assert len(set(expected.calls)) < len(expected.calls) < len(points)


@pytest.mark.parametrize("share", [i / FEW for i in range(FEW)])
def test_outcome_is_the_same_when_the_aggregator_is_killed(scene, undisturbed, share):
    expected, points = undisturbed
    assert disturbed(scene, 1 + int(share * len(points))) == expected


@pytest.mark.slow
def test_outcome_is_the_same_when_the_aggregator_is_killed_anywhere(scene, undisturbed):
    expected, points = undisturbed
    wrong = [points[at - 1] for at in range(1, len(points) + 1) if disturbed(scene, at) != expected]
    assert wrong == []
