"""The session's one small run."""

from __future__ import annotations

import pytest

from tests import world
from tests.world import Finished


@pytest.fixture(scope="session")
def finished() -> Finished:
    """A finished run of five honest members and every cheat; read it, never write to it."""
    return world.small_run()
