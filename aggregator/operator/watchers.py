"""Who is told what happens: one after the other, none in the way of a round."""

from __future__ import annotations

import json
import logging
import time
from threading import Lock
from typing import TYPE_CHECKING

from federation.cli import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aggregator.happenings import Happening, Watcher

_logger = logging.getLogger(__name__)


class Everybody:
    """A ``Watcher`` that tells several; threads may share it, and each is told one thing at a time."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        """Name them."""
        self._watchers, self._turn = tuple(watchers), Lock()

    def __call__(self, happening: Happening, /) -> None:
        """Tell everybody; who fails at being told is left out this time."""
        with self._turn:
            for watcher in self._watchers:
                try:
                    watcher(happening)
                except Exception as error:  # noqa: BLE001 -- no watcher may end a round
                    _logger.warning("%s cannot be told: %s", type(watcher).__name__, type(error).__name__)


class JsonLines:
    """Writes each happening as one line of JSON."""

    def __init__(self, write: Callable[[str], None], *, now: Callable[[], float] = time.time) -> None:
        """Name where lines go, and the clock."""
        self._write, self._now = write, now

    def __call__(self, happening: Happening, /) -> None:
        """Write one."""
        told: dict[str, object] = {"time": round(self._now(), 3), "kind": happening.kind}
        if happening.epoch:
            told["epoch"] = happening.epoch
        if happening.round:
            told["round"] = happening.round
        self._write(json.dumps(told | {"facts": dict(happening.facts)}))


class TextLines:
    """Writes each happening as a line for people."""

    def __init__(self, write: Callable[[str], None], *, now: Callable[[], float] = time.time) -> None:
        """Name where lines go, and the clock."""
        self._write, self._now = write, now

    def __call__(self, happening: Happening, /) -> None:
        """Write one."""
        stamp = time.strftime("%H:%M:%S", time.localtime(self._now()))
        self._write(f"{stamp} {line_of(happening)}")


def line_of(happening: Happening) -> str:
    """Return a happening as a line for people, without a time."""
    place = "".join(
        f" {what} {number}"
        for what, number in (("epoch", happening.epoch), ("round", happening.round))
        if number
    )
    facts = "".join(f"  {name}={_short(value)}" for name, value in happening.facts.items())
    return printable(f"{happening.kind}{place}{facts}")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
