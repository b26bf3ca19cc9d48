"""Private files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from client.storage import require_private
from client.watermark import mark_path
from federation.errors import ConfigError
from federation.home import PRIVATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client.home import ClientHome


@contextmanager
def fresh_file(path: Path) -> Iterator[BinaryIO]:
    """Give a new file of mode 0600 to write and read, which gets its name where the body ends well.

    Raises:
        ConfigError: It is there already, or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(temporary)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already", hint="choose another name") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def workshop(home: ClientHome) -> Iterator[Path]:
    """Give an empty private folder inside the home, gone afterwards.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        home.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        require_private(home.path, PRIVATE_FOLDER)
        with tempfile.TemporaryDirectory(dir=home.path, prefix=".new-") as name:
            yield Path(name)
    except OSError as error:
        raise ConfigError(f"{home.path} cannot be written: {error.strerror}") from error


def install(folder: Path, home: ClientHome) -> None:
    """Put a closed vault, its mark and its events from a workshop into the home.

    The vault comes last: before it is there, the same can be done again. Events that are there
    already stay.

    Raises:
        ConfigError: There is a vault already.
    """
    with _alone(home.path):
        require_no_vault(home)
        events = folder / home.events.name
        if events.exists() and not home.events.exists():
            events.rename(home.events)
        made = folder / home.vault.name
        mark_path(made).replace(mark_path(home.vault))
        made.rename(home.vault)
        _sync_folder(home.path)


def require_no_vault(home: ClientHome) -> None:
    """Refuse to go on where there is a vault already.

    Raises:
        ConfigError: There is one.
    """
    if home.vault.exists():
        raise ConfigError(f"{home.vault} is there already", hint="move it away first if it must go")


def write_new(source: BinaryIO, target: Path) -> None:
    """Write what a stream holds to a new private file."""
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        shutil.copyfileobj(source, file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
