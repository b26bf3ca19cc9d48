"""The directory a run writes: one run at a time, and only what a run wrote is ever removed."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from aggregator.public import PublicDirectory
from federation.errors import ConfigError

_MARKER: Final = "folkmoot-run"
"""Says that a directory is a run's, so that the next run may clear it."""


class RunDirectory:
    """An empty run directory, held for this process until it is closed.

    Attributes:
        path: Where it is.
        public: Its public part.

    Raises:
        ConfigError: On opening: it holds something else, another run holds it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDONLY)
            try:
                self._clear()
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
        self.public = PublicDirectory(path / "public")

    def _clear(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another run is writing to {self.path}") from error
        marker = self.path / "private" / _MARKER
        if any(self.path.iterdir()) and not marker.is_file():
            raise ConfigError(
                f"{self.path} is not empty and not a run's directory", hint="name another one with --out"
            )
        for name in ("public", "private"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("summary.json", "report.html"):
            (self.path / name).unlink(missing_ok=True)
        (self.path / "private").mkdir(mode=0o700)
        marker.touch()

    def write_private(self, name: str, data: bytes) -> None:
        """Write a file that only its owner may read."""
        path = self.path / "private" / name
        path.touch(mode=0o600)
        path.write_bytes(data)

    def close(self) -> None:
        """Let other runs in."""
        os.close(self._lock)
