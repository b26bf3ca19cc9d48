from __future__ import annotations

import io
import json
import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import click
import pytest

from federation.cli import (
    COMMAND_GROUP,
    build_group,
    debug_option,
    emit_json,
    format_option,
    installed_commands,
    run_command,
)
from federation.errors import ConfigError, FolkmootError, TooFewParticipants, VerificationFailed

HEAVY = {"torch", "opacus", "flwr", "web3", "numpy"}


def failing(error: BaseException) -> click.Command:
    @click.command()
    @format_option
    @debug_option
    def command(output_format: str) -> None:
        raise error

    return command


@pytest.fixture
def group(monkeypatch):
    """A group with one good command and three that cannot be loaded."""

    @click.command(short_help="Greet.", help="Greet someone.")
    @click.argument("who")
    def greet(who: str) -> None:
        click.echo(f"hello {who}")

    module = types.ModuleType("folkmoot_test_commands")
    module.greet, module.number = greet, 5
    monkeypatch.setitem(sys.modules, module.__name__, module)
    values = {
        "greet": "folkmoot_test_commands:greet",
        "absent": "no_such_module_at_all:command",
        "number": "folkmoot_test_commands:number",
        "lost": "folkmoot_test_commands:lost",
    }
    return build_group(
        lambda: {name: EntryPoint(name, value, COMMAND_GROUP) for name, value in values.items()}
    )


# How things end


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("no such key"), 3, "prog: error: no such key\n"),
        (TooFewParticipants("only 2 answered"), 9, "prog: error: only 2 answered\n"),
        (VerificationFailed("blobs/ab", "hash differs"), 8, "prog: error: blobs/ab: hash differs\n"),
        (click.Abort(), 130, "prog: error: interrupted\n"),
        (KeyboardInterrupt(), 130, "prog: error: interrupted\n"),
        (
            click.FileError("a.toml", "Permission denied."),
            3,
            "prog: error: could not open file 'a.toml': Permission denied\n",
        ),
    ],
)
def test_failure_is_one_line_and_its_own_exit_code_when_a_command_raises(capsys, error, code, line):
    assert run_command(failing(error), "prog", []) == code
    out, err = capsys.readouterr()
    assert (out, err.lstrip("\n")) == ("", line)


def test_failure_shows_every_line_of_the_hint_when_it_has_one(capsys):
    run_command(failing(ConfigError("no such key", hint="add it\nor drop the table")), "prog", [])
    assert capsys.readouterr().err == "prog: error: no such key\nhint: add it\nhint: or drop the table\n"


def test_failure_escapes_control_characters_when_the_message_quotes_a_peer(capsys):
    run_command(failing(ConfigError("peer said \x1b[2Jhi\r\nprog: ok – é")), "prog", [])
    assert capsys.readouterr().err == "prog: error: peer said \\x1b[2Jhi\\r\\nprog: ok – é\n"


def test_bug_hides_its_traceback_when_debug_is_off(capsys):
    assert run_command(failing(ZeroDivisionError("1 / 0")), "prog", []) == 1
    err = capsys.readouterr().err
    assert err.startswith("prog: error: bug: ZeroDivisionError: 1 / 0\nhint: run again with --debug")
    assert "Traceback" not in err


@pytest.mark.parametrize("error", [ZeroDivisionError("1 / 0"), ConfigError("no such key")])
def test_error_shows_its_traceback_when_debug_is_on(capsys, error):
    run_command(failing(error), "prog", ["--debug"])
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert f"{type(error).__name__}: {error}" in err


@pytest.mark.parametrize(
    "args", [["--format", "json"], ["--format=json"], ["--format", "text", "--format", "json"]]
)
def test_error_envelope_goes_to_stdout_when_json_is_asked(capsys, args):
    assert run_command(failing(ConfigError("no such key", hint="add it")), "prog", args) == 3
    out, err = capsys.readouterr()
    error = {"code": "config", "message": "no such key", "hint": "add it"}
    assert json.loads(out) == {"schema_version": 1, "status": "error", "error": error}
    assert err == "prog: error: no such key\nhint: add it\n"


@pytest.mark.parametrize("args", [[], ["--format", "text"], ["--format=json", "--format=text"]])
def test_stdout_stays_empty_when_json_is_not_asked(capsys, args):
    run_command(failing(ConfigError("no such key")), "prog", args)
    assert capsys.readouterr().out == ""


def test_error_envelope_is_there_when_click_cannot_even_parse(capsys):
    assert run_command(failing(ConfigError("unused")), "prog", ["--format", "json", "--nope"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


@pytest.mark.parametrize(("error", "code"), [(OSError("disk"), "bug"), (KeyboardInterrupt(), "interrupted")])
def test_error_envelope_names_what_is_no_folkmoot_error_when_json_is_asked(capsys, error, code):
    run_command(failing(error), "prog", ["--format=json"])
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_words_after_the_separator_are_values_when_they_look_like_options(capsys, group):
    assert run_command(group, "folkmoot", ["greet", "--", "--debug"]) == 0
    assert run_command(group, "folkmoot", ["greet", "--", "--debug", "--format=json"]) == 2
    out, err = capsys.readouterr()
    assert out == "hello --debug\n"
    assert "Traceback" not in err


def test_usage_error_points_to_the_commands_help_when_an_argument_is_missing(capsys, group):
    assert run_command(group, "folkmoot", ["greet"]) == 2
    expected = "folkmoot: error: missing argument 'WHO'\nhint: see 'folkmoot greet --help'\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(("result", "code"), [(None, 0), (7, 7), (True, 0), ("text", 0)])
def test_exit_code_is_the_commands_integer_when_it_returns_one(result, code):
    assert run_command(click.Command("c", callback=lambda: result), "prog", []) == code


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_left_out_when_no_color_is_set(monkeypatch, no_color, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    run_command(failing(ConfigError("red", hint="blue")), "prog", [])
    assert ("\x1b[" in terminal.getvalue()) is coloured


# JSON


def test_emit_json_prints_one_line_when_all_is_well(capsys):
    emit_json("ok", {"wei": "12", "name": "Zoë"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"schema_version": 1, "status": "ok", "data": {"wei": "12", "name": "Zoë"}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"raw", {1, 2}])
def test_emit_json_refuses_when_json_has_no_such_value(capsys, value):
    with pytest.raises(FolkmootError, match="json"):
        emit_json("ok", {"value": value})
    assert capsys.readouterr().out == ""


# Finding commands


def test_command_runs_when_it_is_an_entry_point(capsys, group):
    assert run_command(group, "folkmoot", ["greet", "world"]) == 0
    assert capsys.readouterr().out == "hello world\n"


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_all_when_some_commands_are_broken(capsys, group, flag):
    assert run_command(group, "folkmoot", [flag]) == 0
    out, err = capsys.readouterr()
    words = " ".join(out.split())
    assert "greet Greet." in words
    for name, reason in (
        ("absent", "No module named"),
        ("lost", "AttributeError"),
        ("number", "it is no click"),
    ):
        assert f"{name} (command {name} cannot be loaded: " in words
        assert reason in words
    assert err == ""


@pytest.mark.parametrize("name", ["absent", "lost", "number"])
def test_broken_command_is_a_config_error_when_it_is_run(capsys, group, name):
    assert run_command(group, "folkmoot", [name]) == ConfigError.exit_code
    assert f"folkmoot: error: command {name} cannot be loaded" in capsys.readouterr().err


def test_unknown_command_is_a_usage_error_when_it_is_run(capsys, group):
    assert run_command(group, "folkmoot", ["greeet"]) == 2
    assert capsys.readouterr().err.startswith("folkmoot: error: no such command 'greeet'")


def test_help_goes_to_stderr_when_no_command_is_given(capsys, group):
    assert run_command(group, "folkmoot", []) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: folkmoot")


def test_group_option_reaches_the_command_when_debug_comes_first(capsys, group):
    assert run_command(group, "folkmoot", ["--debug", "absent"]) == 3
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in capsys.readouterr().err


def test_version_is_printed_when_asked(capsys, monkeypatch, group):
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"folkmoot": "1.2.3"}[name])
    assert run_command(group, "folkmoot", ["--version"]) == 0
    assert capsys.readouterr().out == "folkmoot 1.2.3\n"


def test_installed_commands_are_those_of_the_entry_point_group_when_listed(monkeypatch):
    ours = EntryPoint("greet", "a:b", COMMAND_GROUP)
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda *, group: [ours] if group == COMMAND_GROUP else []
    )
    assert installed_commands() == {"greet": ours}


def test_help_imports_nothing_heavy_when_all_installed_commands_are_listed():
    script = (
        "import sys\n"
        "from federation.cli import build_group, run_command\n"
        "code = run_command(build_group(), 'folkmoot', ['--help'])\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert "click" in modules
    assert HEAVY.isdisjoint(modules)
    assert "Usage: folkmoot" in done.stdout
