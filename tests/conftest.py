"""Hypothesis draws the same examples on every machine, and a slow machine is no failure."""

from __future__ import annotations

import pytest
from hypothesis import settings

from client import hygiene

settings.register_profile("folkmoot", deadline=None, derandomize=True, database=None)
settings.load_profile("folkmoot")


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs inside the tests' own process leaves that process as it was."""
    monkeypatch.setattr(hygiene, "harden_process", lambda: None)
