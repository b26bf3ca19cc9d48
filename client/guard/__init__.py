"""The process that alone holds a member's keys and rows, and what speaks with it."""

from __future__ import annotations

from typing import Final

NODE_CONFIG: Final = "guard"
"""Key under which a SuperNode's ``--node-config`` names the guard's socket."""
