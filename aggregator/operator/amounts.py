"""Amounts for people."""

from __future__ import annotations

from typing import Final

TOKEN: Final = 10**18


def tokens(wei: int | str) -> str:
    """Return an amount of wei in tokens, exactly."""
    value = int(wei)
    whole, part = divmod(abs(value), TOKEN)
    rest = f"{part:018d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' + rest if rest else ''} tokens"
