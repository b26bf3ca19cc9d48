import io

import pytest
from rich.console import Console

from examples.spam_detection.progress import RoundRow, RoundTable, member_table
from federation.errors import ConfigError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROW = RoundRow(
    round=1,
    loss_before=0.25,
    loss_after=0.2312,
    auc=0.8765,
    eta=4,
    epsilon=1.789,
    credited=17,
    wei=4_105_250_000_000_000_000,
    rejections=3,
    suspensions=1,
)
LINE = (
    "round 1/20  loss 0.2500 -> 0.2312  AUC 0.8765  step 4  epsilon 1.79  credited 17  "
    "4.1053 MOOT  rejected 3  suspended 1"
)


def show(console: Console, rows: int = 1) -> None:
    table = RoundTable(symbol="MOOT", console=console)
    table.note("reading [bold]the[/bold] corpus")
    table.start(20)
    for number in range(1, rows + 1):
        table.add(RoundRow(**{**{name: getattr(ROW, name) for name in ROW.__slots__}, "round": number}))
    table.stop()
    table.stop()


@pytest.mark.parametrize("force", [None, True])
def test_rounds_are_plain_lines_when_the_stream_is_no_terminal(force: bool | None) -> None:
    stream = io.StringIO()
    show(Console(file=stream, force_terminal=force, width=40, color_system=None))
    assert stream.getvalue().splitlines() == ["reading [bold]the[/bold] corpus", LINE]


def test_rounds_are_plain_lines_when_the_terminal_is_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    show(Console(file=stream))
    assert stream.getvalue().splitlines() == ["reading [bold]the[/bold] corpus", LINE]


def test_newest_round_is_seen_when_the_terminal_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    console = Console(file=stream, width=120, height=10)
    table = RoundTable(console=console)
    table.start(20)
    for number in range(1, 13):
        before = len(stream.getvalue())
        table.add(RoundRow(**{**{name: getattr(ROW, name) for name in ROW.__slots__}, "round": number}))
        assert f"{number}/20" in stream.getvalue()[before:]
    before = len(stream.getvalue())
    table.stop()
    assert all(f"{number}/20" in stream.getvalue()[before:] for number in range(1, 13))


def test_no_colour_is_written_when_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> str:
        stream = Terminal()
        show(Console(file=stream, width=120))
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in written()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in written()


def test_nothing_reaches_stdout_when_no_console_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    table = RoundTable(symbol="MOOT")
    table.start(20)
    table.add(ROW)
    table.stop()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{LINE}\n"


def test_missing_numbers_are_dashes_when_a_run_has_no_privacy(capsys: pytest.CaptureFixture[str]) -> None:
    RoundTable().add(
        RoundRow(**{**{n: getattr(ROW, n) for n in ROW.__slots__}, "auc": None, "epsilon": None})
    )
    assert "AUC -  step 4  epsilon -  " in capsys.readouterr().err


def summary() -> dict[str, object]:
    fields = {"did": "d", "payee": "p", "quota": 1, "score": 5, "examples": 120, "epsilon": None}
    money = {"credit_wei": "-5", "paid_wei": "0", "balance_wei": "0"}
    paid = {"credit_wei": "2500000000000000000", "paid_wei": "2500000000000000000", "balance_wei": "1"}
    return {
        "seed": None,
        "epsilon": None,
        "rounds": [],
        "members": [
            {**fields, **money, "name": "[red]eve\x1b[2J", "role": "flip"},
            {**fields, **paid, "name": "ann", "role": "honest", "epsilon": 7.981},
        ],
        "baselines": dict.fromkeys(("central", "local_only", "validation_only", "federated_no_dp")),
        "final_auc": None,
        "verified": False,
        "cpu_seconds": None,
    }


def test_members_are_listed_best_paid_first_when_the_run_ends() -> None:
    stream = io.StringIO()
    Console(file=stream, width=120).print(member_table(summary(), symbol="MOOT"))
    lines = [line for line in stream.getvalue().splitlines() if "eve" in line or "ann" in line]
    assert lines[0].split() == [
        "ann",
        "honest",
        "120",
        "7.98",
        "5",
        "2.5000",
        "2.5000",
        "<0.0001",
    ]
    assert lines[1].split() == [
        "[red]eve\ufffd[2J",
        "flip",
        "120",
        "-",
        "5",
        "−<0.0001",
        "0.0000",
        "0.0000",
    ]


def test_members_are_refused_when_the_summary_has_none() -> None:
    with pytest.raises(ConfigError, match="members"):
        member_table({**summary(), "members": None})
