"""The stages of a secure round: what a server asks, in order, and the disputes in between."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """What is asked of a member."""

    KEYS = "keys"
    PLEDGE = "pledge"
    OPEN_KEYS = "open-keys"
    """Two pledges of one edge differ: open the mask secret, before anything is masked."""
    COMMIT = "commit"
    REVEAL = "reveal"
    NORM = "norm"
    OPEN_EDGE = "open-edge"
    """Two answers about one edge differ: open its seed."""
    UNMASK = "unmask"
    SCALARS = "scalars"
