"""What happens, as a table on a terminal: the last rounds, and the last words about anything else."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aggregator.operator.watchers import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from aggregator.happenings import Happening
    from aggregator.operator.health import Health

_ROUNDS: Final = 12
_LINES: Final = 8
_COLUMNS: Final = ("accepted", "rejected", "silent", "absent", "gain", "auc", "credited_wei")

ROUND_RECORDED: Final = "round-recorded"
"""The kind of happening that ends a round and has its figures."""


class LiveTable:
    """A ``Watcher`` on a terminal; a context manager that leaves the last picture there."""

    def __init__(self, console: Console, health: Callable[[], Health]) -> None:
        """Name the terminal, and who knows how things stand."""
        self._health = health
        self._rounds: deque[Happening] = deque(maxlen=_ROUNDS)
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, happening: Happening, /) -> None:
        """Show one; the picture changes with the next refresh."""
        if happening.kind == ROUND_RECORDED:
            self._rounds.append(happening)
        else:
            self._lines.append(f"{time.strftime('%H:%M:%S')} {line_of(happening)}")

    def _picture(self) -> Group:
        table = Table(expand=False)
        for column in ("epoch", "round", *_COLUMNS):
            table.add_column(column, justify="right")
        for happening in self._rounds:
            cells = [_cell(happening.facts, column) for column in _COLUMNS]
            table.add_row(str(happening.epoch), str(happening.round), *cells)
        standing = self._health()
        words = [
            "chain" if standing.chain else "NO CHAIN",
            "superlink" if standing.superlink else "NO SUPERLINK",
        ]
        words += [f"{standing.members} nodes", f"epoch {standing.epoch}", standing.phase or "-"]
        if standing.deadline:
            words.append(f"{standing.left(time.time()):.0f} s left")
        if standing.paused:
            words.append("PAUSED")
        return Group(
            table,
            *(Text(line, no_wrap=True, overflow="ellipsis") for line in self._lines),
            Text("  ".join(words)),
        )


def _cell(facts: Mapping[str, str | int | float | bool], column: str) -> str:
    value = facts.get(column)
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
