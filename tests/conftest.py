"""Hypothesis draws the same examples on every machine, and a slow machine is no failure."""

from __future__ import annotations

import signal
import uuid

import pytest
from hypothesis import settings

from client import hygiene
from tests.database import running

settings.register_profile("folkmoot", deadline=None, derandomize=True, database=None)
settings.load_profile("folkmoot")

# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, for all tests that want one."""
    with running() as server:
        yield server


@pytest.fixture
def schema(postgres):
    """The URL of a store that is not there yet."""
    return postgres.url(f"s{uuid.uuid4().hex}")


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs inside the tests' own process leaves that process as it was."""
    monkeypatch.setattr(hygiene, "harden_process", lambda: None)
