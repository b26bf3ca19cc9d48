"""What an aggregator that runs tells about itself, and what it is told: apart from how either travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Wanted(StrEnum):
    """What an operator wants of a running aggregator."""

    RUN = "run"
    PAUSE = "pause"
    """Finish the round under way, open no other."""
    CANCEL = "cancel"
    """Finish the round under way, then end the epoch: the rounds that are recorded are paid."""


class Control(Protocol):
    """Where a running aggregator looks for what its operator wants."""

    def wanted(self) -> Wanted:
        """Return what is wanted now; asked between rounds and while there is nothing else to do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened.

    Attributes:
        kind: Its stable name, e.g. "round-closed"; `docs/operator.md` lists them.
        epoch: The epoch, 0 outside of one.
        round: The round, 0 outside of one.
        facts: What there is to say, in plain values; nothing private.
    """

    kind: str
    epoch: int = 0
    round: int = 0
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class Watcher(Protocol):
    """Is told what happens: a terminal, a file of JSON lines, metrics, a tracker."""

    def __call__(self, happening: Happening, /) -> None:
        """Take one; must neither raise nor wait."""
        ...
