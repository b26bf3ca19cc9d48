"""Hypothesis draws the same examples on every machine, and a slow machine is no failure."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import settings

from tests.database import running

settings.register_profile("folkmoot", deadline=None, derandomize=True, database=None)
settings.load_profile("folkmoot")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, for all tests that want one."""
    with running() as server:
        yield server


@pytest.fixture
def schema(postgres):
    """The URL of a store that is not there yet."""
    return postgres.url(f"s{uuid.uuid4().hex}")
