"""What the terminal shows of a run: a live table of rounds, and the members at the end.

Everything goes to stderr; on anything but a real terminal each round is one plain line. Rich itself
honours ``NO_COLOR``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from examples.spam_detection.report_facts import HONEST, clean, compact, places_for, read_summary, tokens

_FRAME_LINES = 7
"""Lines of the live display that are not rows: header, rules, note, and one to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """One finished round.

    Attributes:
        round: Its number, from 1.
        loss_before: Brier loss of the base sent out, on the round's shard.
        loss_after: Brier loss of the new model, on the same shard.
        auc: Test AUC of the new model, or None where it has none.
        eta: The step taken; 0 left the model as it was.
        epsilon: The largest epsilon spent so far, or None without differential privacy.
        credited: How many members earned something.
        wei: What they earned together.
        rejections: How many updates were refused.
        suspensions: How many members were left out.
    """

    round: int
    loss_before: float
    loss_after: float
    auc: float | None
    eta: int
    epsilon: float | None
    credited: int
    wei: int
    rejections: int
    suspensions: int


class RoundTable:
    """Shows rounds as they finish.

    Args:
        symbol: The reward token's symbol.
        decimals: The reward token's decimals.
        console: Where to write; stderr unless given.
    """

    def __init__(self, *, symbol: str = "tokens", decimals: int = 18, console: Console | None = None) -> None:
        self._symbol = clean(symbol)
        self._decimals = decimals
        self._console = Console(stderr=True) if console is None else console
        # FORCE_COLOR makes rich call a pipe a terminal; cursor movements would garble a log all the same.
        self._plain = not self._console.file.isatty() or self._console.is_dumb_terminal
        self._rows: list[RoundRow] = []
        self._total = 0
        self._note = ""
        self._live: Live | None = None

    def start(self, total_rounds: int) -> None:
        """Begin to show ``total_rounds`` rounds."""
        self._total = total_rounds
        if not self._plain:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
            self._refresh()

    def note(self, text: str) -> None:
        """Say what is happening; allowed before ``start`` too."""
        self._note = clean(text)
        if self._live is None:
            self._line(self._note)
        else:
            self._refresh()

    def add(self, row: RoundRow) -> None:
        """Show one more round."""
        self._rows.append(row)
        if self._live is None:
            self._line(self._plain_row(row))
        else:
            self._refresh()

    def stop(self) -> None:
        """End the live display and leave the whole table behind; does nothing the second time."""
        if self._live is None:
            return
        self._live.stop()
        self._live = None
        if self._rows:
            self._console.print(self._table(self._rows))

    def _line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def _refresh(self) -> None:
        if self._live is None:
            return
        fitting = max(1, self._console.height - _FRAME_LINES)
        note = Text(self._note or f"round {len(self._rows)} of {self._total}", style="dim")
        shown = Group(self._table(self._rows[-fitting:]), note) if self._rows else note
        self._live.update(shown, refresh=True)

    def _plain_row(self, row: RoundRow) -> str:
        parts = (
            f"round {row.round}/{self._total}",
            f"loss {row.loss_before:.4f} -> {row.loss_after:.4f}",
            f"AUC {_number(row.auc, 4)}",
            f"step {row.eta}",
            f"epsilon {_number(row.epsilon, 2)}",
            f"credited {row.credited}",
            f"{self._tokens(row.wei)} {self._symbol}",
            f"rejected {row.rejections}",
            f"suspended {row.suspensions}",
        )
        return "  ".join(parts)

    def _table(self, rows: list[RoundRow]) -> Table:
        table = Table(header_style="bold")
        heads = ("round", "loss", "AUC", "step", "epsilon", "credited", self._symbol, "rejected", "suspended")
        for head in heads:
            table.add_column(Text(head), justify="right", no_wrap=True)
        for row in rows:
            fell = row.loss_after < row.loss_before
            loss = Text(f"{row.loss_before:.4f} → {row.loss_after:.4f}", style="green" if fell else "yellow")
            table.add_row(
                f"{row.round}/{self._total}",
                loss,
                _number(row.auc, 4),
                str(row.eta),
                _number(row.epsilon, 2),
                str(row.credited),
                self._tokens(row.wei),
                Text(str(row.rejections), style="red" if row.rejections else ""),
                Text(str(row.suspensions), style="yellow" if row.suspensions else ""),
            )
        return table

    def _tokens(self, wei: int) -> str:
        return tokens(wei, self._decimals, 4)


def member_table(summary: Mapping[str, object], *, symbol: str = "tokens", decimals: int = 18) -> Table:
    """Build the table of members for the end of a run.

    Args:
        summary: The decoded ``summary.json``.
        symbol: The reward token's symbol.
        decimals: The reward token's decimals.

    Returns:
        A table with a row per member, the best paid first; amounts in whole tokens.

    Raises:
        ConfigError: The summary lacks a field or holds one of another type.
    """
    members = read_summary(summary).members
    places = places_for([amount for m in members for amount in (m.credit, m.paid, m.balance)], decimals)
    table = Table(
        title=Text(f"Members (amounts in {clean(symbol)})"),
        header_style="bold",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("member", no_wrap=True)
    table.add_column("role", no_wrap=True)
    for head in ("examples", "epsilon", "score", "credit", "paid", "balance"):
        table.add_column(head, justify="right", no_wrap=True)
    for member in sorted(members, key=lambda m: (-m.paid, -m.credit, m.name)):
        # Text, not str: a name that looks like rich markup is shown as it is.
        table.add_row(
            Text(clean(member.name)),
            Text(clean(member.role), style="" if member.role == HONEST else "red"),
            str(member.examples),
            _number(member.epsilon, 2),
            Text(compact(clean(member.score))),
            *(Text(tokens(wei, decimals, places)) for wei in (member.credit, member.paid, member.balance)),
        )
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
