"""Whether an aggregator runs from a folder: a lock that ends with its process, however it ends.

It only informs. What keeps two aggregators apart is the journal's lock, which nobody else ever takes.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from federation.errors import ConfigError
from federation.home import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def present(path: Path) -> Iterator[None]:
    """Be seen as running.

    Args:
        path: The lock's file; made if it is not there.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise ConfigError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from error
    try:
        # Whoever looks holds it for a moment.
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_running(path: Path) -> bool:
    """Tell whether somebody is seen as running."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
