"""Where this program keeps things: XDG base directories, or one directory named by ``FOLKMOOT_HOME``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return where keys, deployments and the state of local chains are kept.

    Args:
        environ: The process environment.
    """
    return _directory(environ, "data", "XDG_DATA_HOME", ".local/share")


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return where what can be downloaded again is kept.

    Args:
        environ: The process environment.
    """
    return _directory(environ, "cache", "XDG_CACHE_HOME", ".cache")


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that nobody else can read, whole or not at all.

    Args:
        path: Where to; missing folders are made, for the owner alone.
        content: Its bytes.
        replace: Whether a file that is there is replaced.

    Raises:
        ConfigError: It cannot be written, or is there and must not be replaced.
    """
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as err:
        raise ConfigError(f"{path} is there already", hint="choose another name") from err
    except OSError as err:
        raise ConfigError(f"{path} cannot be written: {(err.strerror or str(err)).lower()}") from err


def _directory(environ: Mapping[str, str], part: str, variable: str, default: str) -> Path:
    try:
        if home := environ.get("FOLKMOOT_HOME"):
            return Path(home).expanduser() / part
        base = environ.get(variable, "")
        # The XDG base directory specification has relative paths ignored.
        return (Path(base) if Path(base).is_absolute() else Path.home() / default) / "folkmoot"
    except RuntimeError as error:
        raise ConfigError("there is no home directory", hint="set FOLKMOOT_HOME") from error
