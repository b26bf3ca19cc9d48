"""The session's one small run."""

from __future__ import annotations

from functools import lru_cache

import pytest

from aggregator import ground
from tests import world
from tests.world import Finished


@pytest.fixture(scope="session")
def finished() -> Finished:
    """A finished run of five honest members and every cheat; read it, never write to it."""
    return world.small_run()


@pytest.fixture(scope="session", autouse=True)
def replayed_once():
    """Execute each exported chain once: a replay depends on its bytes alone and is only read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground, "replay", lru_cache(maxsize=8)(ground.replay))
        yield
