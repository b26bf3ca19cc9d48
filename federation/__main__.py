"""``python -m federation``: the same as ``folkmoot``."""

from federation.cli import main

main()
