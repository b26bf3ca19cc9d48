"""How things stand, in one value that both people and Kubernetes can read."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the aggregator knows of itself; nothing private.

    Attributes:
        looked: Unix seconds at which the chain was last asked with success; 0 for never.
        chain: Whether the node answered when it was asked last.
        superlink: Whether members can connect.
        epoch: The epoch under way, or the last one.
        round: The round under way, or the last one.
        phase: What the contract waits for.
        deadline: Unix seconds until which the phase's duty may be done; 0 where there is none.
        members: Members whose nodes are let in.
        waiting: Events that the event node does not have yet.
        paused: Whether the operator has paused it.
    """

    looked: float = 0.0
    chain: bool = False
    superlink: bool = False
    epoch: int = 0
    round: int = 0
    phase: str = ""
    deadline: float = 0.0
    members: int = 0
    waiting: int = 0
    paused: bool = False

    def left(self, now: float) -> float:
        """Return the seconds that are left for the phase's duty, chain or no chain; 0 where there is none."""
        return self.deadline - now if self.deadline else 0.0

    def ready(self, now: float) -> bool:
        """Tell whether chain and members are in reach, and no deadline has passed."""
        return self.chain and self.superlink and self.left(now) >= 0

    def as_json(self, now: float) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "status": "ready" if self.ready(now) else "waiting",
            "chain": self.chain,
            "superlink": self.superlink,
            "epoch": self.epoch,
            "round": self.round,
            "phase": self.phase,
            "seconds_left": round(self.left(now)),
            "members": self.members,
            "events_waiting": self.waiting,
            "paused": self.paused,
        }


class Standing:
    """The present health; threads share it."""

    def __init__(self) -> None:
        self._health, self._turn = Health(), Lock()

    def __call__(self) -> Health:
        """Return it."""
        return self._health

    def change(self, how: Callable[[Health], Health]) -> None:
        """Put another one in its place."""
        with self._turn:
            self._health = how(self._health)
