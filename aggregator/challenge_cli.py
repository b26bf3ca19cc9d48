"""``folkmoot verify challenge``."""

from __future__ import annotations

import click

challenge = click.Command("challenge")
