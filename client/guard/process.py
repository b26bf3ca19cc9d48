"""What makes the guard's process hard to look into, and the only one of its vault."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from client.hygiene import harden_process
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PR_GET_DUMPABLE: Final = 3
_PR_SET_NO_NEW_PRIVS: Final = 38


def harden() -> None:
    """Keep other processes of the same user out of this one's memory.

    No core dumps; no ptrace, no ``/proc/<pid>/mem``, ``environ`` or ``fd`` for anybody but the
    administrator (``PR_SET_DUMPABLE``, prctl(2)); nothing that is started here gains rights; files
    are made for the owner alone. It must be called before a key is in memory.

    Raises:
        ConfigError: The system does not do it.
    """
    harden_process()
    if sys.platform != "linux":
        raise ConfigError("this process cannot be hardened", hint="the guard needs Linux")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise ConfigError(f"this process cannot be hardened: {os.strerror(ctypes.get_errno())}")


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
