"""``folkmoot aggregator`` as a program of its own, for tests that type on a terminal."""

from __future__ import annotations

import sys

from aggregator.commands import aggregator
from federation.cli import run_command

if __name__ == "__main__":
    sys.exit(run_command(aggregator, "folkmoot aggregator"))
