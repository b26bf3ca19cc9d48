"""What a process that holds keys does first: no core dumps, no readable files, no debugger of the same user.

Python copies and keeps what it handles: keys and texts stay in memory until the process ends, and may
be swapped out. Only encrypted swap, or none, helps against that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4


def harden_process() -> None:
    """Switch core dumps off and make new files private; call before a vault is opened.

    On Linux the process is also made undumpable: another process of the same user can neither
    attach to it nor read its memory.
    """
    os.umask(0o077)
    with suppress(ImportError, ValueError, OSError):  # not on Windows; or the limit is fixed at 0 already
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
