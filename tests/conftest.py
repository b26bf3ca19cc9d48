"""Hypothesis draws the same examples on every machine, and a slow machine is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("folkmoot", deadline=None, derandomize=True, database=None)
settings.load_profile("folkmoot")
