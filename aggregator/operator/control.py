"""What the operator wants of a running aggregator: one small file, so that it outlives both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aggregator.happenings import Wanted
from federation.errors import ConfigError
from federation.home import write_private

if TYPE_CHECKING:
    from pathlib import Path


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["folkmoot-control-1"]
    wanted: Wanted
    epoch: Annotated[int, Field(ge=0)] = 0


class FileControl:
    """A ``Control`` that another process may change at any time."""

    def __init__(self, path: Path) -> None:
        """Name the file; one that is not there stands for RUN."""
        self._path = path

    def wanted(self) -> Wanted:
        """Return what is wanted now.

        Raises:
            ConfigError: The file is damaged.
        """
        return self._read().wanted

    @property
    def cancelled(self) -> int:
        """The epoch that is to end early; 0 for none."""
        found = self._read()
        return found.epoch if found.wanted is Wanted.CANCEL else 0

    def want(self, wanted: Wanted, *, epoch: int = 0) -> None:
        """Say what is wanted from now on.

        Args:
            wanted: What.
            epoch: The epoch to end early, if it is that.

        Raises:
            ConfigError: The file cannot be written.
        """
        table = {"format": "folkmoot-control-1", "wanted": str(wanted), "epoch": epoch}
        write_private(self._path, json.dumps(table).encode() + b"\n", replace=True)

    def _read(self) -> _Document:
        try:
            return _Document.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Document(format="folkmoot-control-1", wanted=Wanted.RUN)
        except (OSError, ValidationError) as error:
            raise ConfigError(
                f"{self._path} does not say what is wanted", hint="folkmoot aggregator resume writes it anew"
            ) from error
