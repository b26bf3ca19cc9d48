"""A run's release, and one that is made up."""

from __future__ import annotations

import pytest

from aggregator.serving.book import EventBook, LogFile
from aggregator.serving.release import Releases, replayed_federation
from aggregator.serving.shelf import open_shelf
from tests import world


@pytest.fixture(scope="session")
def finished():
    """A finished run; read it, never write to it."""
    return world.small_run()


@pytest.fixture(scope="session")
def federation(finished):
    """Its contract, on its own chain executed again."""
    return replayed_federation(open_shelf(str(finished.out)), None)


@pytest.fixture
def releases(finished, federation):
    """Where its releases are found."""
    shelf = open_shelf(str(finished.out))
    return Releases(federation, shelf, EventBook(LogFile(shelf), federation.address))


@pytest.fixture(scope="session")
def release(finished, federation):
    """Its newest release."""
    shelf = open_shelf(str(finished.out))
    found = Releases(federation, shelf, EventBook(LogFile(shelf), federation.address))
    return found.load(*found.newest())
