"""What a process that holds keys does first: no core dumps, no readable files, no debugger of the same user.

Python copies and keeps what it handles: keys and texts stay in memory until the process ends, and may
be swapped out. Only encrypted swap, or none, helps against that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

from federation.errors import ConfigError

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def harden_process() -> None:
    """Switch core dumps off and make new files private; call before a vault is opened.

    On Linux the process is also made undumpable (prctl(2)): another process of the same user can
    neither attach to it nor read its memory, environment or open files. What it starts gains no rights.

    Raises:
        ConfigError: Linux refuses.
    """
    os.umask(0o077)
    with suppress(ImportError, ValueError, OSError):  # not on Windows; or the limit is fixed at 0 already
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
            if libc.prctl(option, value, 0, 0, 0):
                raise ConfigError(f"this process cannot be hardened: {os.strerror(ctypes.get_errno())}")
