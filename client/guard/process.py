"""One guard for a vault, and how a supervisor hears from it."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Be the only guard of a vault, for as long as the context lasts or the process lives.

    Raises:
        ConfigError: Another one runs, or the lock cannot be made.
    """
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{lock} cannot be made: {(error.strerror or str(error)).lower()}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError("a guard of this vault runs already", hint="stop it first") from error
        yield
    finally:
        os.close(handle)


def tell_supervisor(state: str, environ: Mapping[str, str]) -> None:
    """Tell systemd how this service is (sd_notify(3)); where nobody asked, do nothing."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        # A leading @ stands for Linux's abstract names.
        line.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
