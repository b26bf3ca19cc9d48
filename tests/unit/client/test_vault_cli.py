"""The commands around the vault: what they say, what they leave on disk, how they refuse."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import pytest

from ceramic_bridge.did import Identity
from client.budget import dataset_budget, set_budget
from client.cli import client
from client.home import ClientHome
from client.keys import Kdf
from client.own import identity, payee, payee_account
from client.restored import restored_at
from client.vault import Vault
from federation.cli import run_command
from federation.errors import ConfigError, IdentityError
from federation.privacy import Budget
from federation.types import Row

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "zebracanary"
PAYEE = "0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, object]:
        data: dict[str, object] = json.loads(self.out)["data"]
        return data


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClientHome:
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "folkmoot"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for method in (Vault.create.__func__, Vault.change_passphrase):  # half a second each else
        monkeypatch.setitem(method.__kwdefaults__, "kdf", Kdf.MINIMUM)
    return ClientHome.of(os.environ)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return private(tmp_path / "passphrase", "correct horse\n")


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture
def run(home: ClientHome, secret: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command of the client with the passphrase file."""

    def call(*args: object) -> Answer:
        words = [str(arg) for arg in args]
        if "--passphrase-file" not in words:
            words += ["--passphrase-file", str(secret)]
        capfd.readouterr()
        code = run_command(client, "folkmoot client", words)
        return Answer(code, *capfd.readouterr())

    return call


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,label\n{CANARY} wins,spam\nlunch {CANARY},ham\nplain words,ham\n")
    return path


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def opened(home: ClientHome) -> Vault:
    return Vault.open(home.vault, b"correct horse")


# init


def test_init_makes_keys_payee_and_budget(run: Callable[..., Answer], home: ClientHome) -> None:
    said = run("init", "--format", "json")
    assert said.code == 0
    with opened(home) as vault:
        assert said.data["did"] == identity(vault).did == Identity(vault.get_secret("did-seed")).did
        assert said.data["payee"] == payee(vault) == payee_account(vault).address
        assert dataset_budget(vault) == Budget(epsilon=8.0, delta=1e-5)
        assert restored_at(vault) is None
    assert {f.name for f in home.path.iterdir()} == {"vault.db", "vault.db.mark"}
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_init_names_the_users_own_payee_when_given(run: Callable[..., Answer], home: ClientHome) -> None:
    said = run("init", "--payee", PAYEE.lower(), "--epsilon", 3, "--delta", 1e-6)
    assert said.code == 0
    assert PAYEE in said.out
    with opened(home) as vault:
        assert (payee(vault), dataset_budget(vault)) == (PAYEE, Budget(epsilon=3.0, delta=1e-6))
        with pytest.raises(IdentityError):
            payee_account(vault)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--payee", "0x12"], 2),
        (["--payee", PAYEE.replace("B38D", "b38d")], 2),
        (["--epsilon", "0"], 2),
        (["--epsilon", "nan"], 3),
        (["--delta", "1"], 2),
    ],
)
def test_init_leaves_nothing_when_refused(
    run: Callable[..., Answer], home: ClientHome, options: list[str], code: int
) -> None:
    assert run("init", *options).code == code
    assert not home.vault.exists()


def test_init_is_refused_when_there_is_a_vault(run: Callable[..., Answer], home: ClientHome) -> None:
    run("init")
    before = home.vault.read_bytes()
    said = run("init")
    assert (said.code, home.vault.read_bytes()) == (3, before)
    assert "there already" in said.err


def test_init_is_refused_when_others_may_read_its_folder(
    run: Callable[..., Answer], home: ClientHome
) -> None:
    home.path.mkdir(parents=True)
    home.path.chmod(0o755)
    said = run("init")
    assert (said.code, "chmod 700" in said.err) == (3, True)
    assert not list(home.path.iterdir())


def on_terminal(words: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal of its own, and answer what it asks."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", _RUN, *words]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as running:
        os.close(theirs)
        said, waiting = "", list(answers)
        with contextlib.suppress(OSError):  # what reading a terminal whose other end is closed gives
            while piece := os.read(ours, 4096).decode():
                said += piece
                if waiting and said.rstrip().endswith(waiting[0][0]):
                    os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        os.close(ours)
    return running.returncode, said


def test_person_is_asked_for_passphrase_and_budget_on_a_terminal(home: ClientHome, rows: Path) -> None:
    asked = [("[8.0]:", "3"), ("New passphrase:", "correct horse"), ("confirmation:", "correct horse")]
    code, said = on_terminal(["init"], asked)
    assert code == 0, said
    assert "correct horse" not in said
    code, said = on_terminal(["import", str(rows)], [("Passphrase:", "correct horse")])
    assert code == 0, said
    assert "3 rows added" in said
    code, said = on_terminal(
        ["export", str(rows) + ".out"], [("Passphrase:", "correct horse"), ("[y/N]:", "n")]
    )
    assert (code, Path(str(rows) + ".out").exists()) == (130, False)
    with opened(home) as vault:
        assert (vault.count, dataset_budget(vault).epsilon) == (3, 3.0)


def test_one_vault_is_made_when_two_init_at_once(home: ClientHome, secret: Path) -> None:
    command = [sys.executable, "-c", _RUN, "init", "--passphrase-file", str(secret)]
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)
    ]
    assert sorted(process.wait(60) for process in running) == [0, 3, 3]
    opened(home).close()


_RUN = """
import sys
from client.cli import client
from federation.cli import run_command
sys.exit(run_command(client, "folkmoot client"))
"""


def test_budget_is_missed_when_none_was_set(tmp_path: Path) -> None:
    with Vault.create(tmp_path / "v" / "v", b"x", kdf=Kdf.MINIMUM) as vault:
        with pytest.raises(ConfigError, match="no privacy budget"):
            dataset_budget(vault)
        set_budget(vault, Budget(epsilon=1.0, delta=1e-5))
        set_budget(vault, Budget(epsilon=2.0, delta=1e-5))
        assert dataset_budget(vault).epsilon == 2.0


# import, data


def test_files_are_imported_once_and_listed(run: Callable[..., Answer], rows: Path, tmp_path: Path) -> None:
    run("init")
    other = tmp_path / "more" / "a.jsonl"
    other.parent.mkdir()
    other.write_text('{"text": "another", "label": 1}\n')
    said = run("import", rows, other.parent)
    assert said.code == 0
    assert said.out.splitlines()[-1] == "4 rows added, 4 in the vault"
    assert run("import", rows, "--format", "json").data["count"] == 4
    sources = run("data", "ls", "--format", "json").data["sources"]
    assert isinstance(sources, list)
    assert [(s["name"], s["rows"], s["positive"]) for s in sources] == [("rows.csv", 3, 1), ("a.jsonl", 1, 1)]
    found = run("data", "ls", "--find", CANARY.upper())
    assert len(found.out.splitlines()) == 2


def test_import_says_which_rows_are_bad_and_goes_on_with_the_next_file(
    run: Callable[..., Answer], rows: Path, tmp_path: Path
) -> None:
    run("init")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"text,label\n{CANARY},maybe\nfine,1\n")
    said = run("import", wrong, rows)
    assert (said.code, CANARY in said.out + said.err) == (3, False)
    assert "row or line 2: the label is none of the known values" in said.err
    assert "3 rows added, 3 in the vault" in said.out
    said = run("import", wrong, "--skip-bad", "--format", "json")
    assert (said.code, said.data["count"]) == (0, 4)


def test_import_takes_the_labels_that_are_named(run: Callable[..., Answer], tmp_path: Path) -> None:
    run("init")
    path = tmp_path / "a.txt"
    path.write_text("Junk\tone\nFine\ttwo\n")
    options = [
        "--kind",
        "csv",
        "--no-header",
        "--label",
        1,
        "--text",
        2,
        "--positive",
        "junk",
        "--negative",
        "fine",
    ]
    assert run("import", path, *options).code == 0
    assert [line.split()[1] for line in run("data", "ls", "--find", "o").out.splitlines()] == ["+", "-"]
    assert run("import", path, "--positive", "x", "--negative", "X").code == 2


@pytest.mark.parametrize(
    "args", [["import", "/nowhere"], ["data", "forget"], ["data", "forget", "--find", "nothing"]]
)
def test_command_is_refused_when_nothing_is_meant(run: Callable[..., Answer], args: list[str]) -> None:
    run("init")
    assert run(*args).code in {2, 3}


def test_rows_are_forgotten_by_number_source_and_words(run: Callable[..., Answer], rows: Path) -> None:
    run("init")
    run("import", rows)
    refused = run("data", "forget", "--row", 1)  # nobody to ask
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert run("data", "forget", "--row", 1, "--source", "x", "--yes").code == 2
    assert run("data", "forget", "--row", 9, "--yes").code == 3
    assert run("data", "forget", "--row", 3, "--yes", "--format", "json").data == {"forgotten": 1, "count": 2}
    assert "1 rows forgotten, 1 left" in run("data", "forget", "--find", "LUNCH", "--yes").out
    assert run("data", "forget", "--source", "rows", "--yes").code == 3
    assert "1 rows forgotten, 0 left" in run("data", "forget", "--source", "rows.csv", "--yes").out
    assert "no rows" in run("data", "ls").out


def test_row_with_terminal_codes_is_shown_escaped(run: Callable[..., Answer], tmp_path: Path) -> None:
    run("init")
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "red \\u001b[31m alert", "label": 1}\n')
    run("import", path)
    shown = run("data", "ls", "--find", "red").out
    assert "\x1b" not in shown
    assert "\\x1b[" in shown


def test_import_is_all_or_nothing_when_interrupted_from_the_keyboard(
    run: Callable[..., Answer], home: ClientHome, secret: Path, tmp_path: Path
) -> None:
    run("init")
    path = tmp_path / "big.csv"
    path.write_text(
        "text,label\n"
        + "".join(f"{'word ' * 400}{chr(97 + i % 26) * (i // 26 + 1)},1\n" for i in range(9000))
    )
    command = [sys.executable, "-c", _RUN, "import", str(path), "--passphrase-file", str(secret)]
    log, ended = home.vault.with_name("vault.db-wal"), (0, "")
    for _ in range(9):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            until = time.monotonic() + 30
            while running.poll() is None and time.monotonic() < until:
                with contextlib.suppress(FileNotFoundError):
                    if log.stat().st_size > 500_000:
                        break
                time.sleep(0.002)
            running.send_signal(signal.SIGINT)
            err = running.communicate(timeout=30)[1]
        ended = running.returncode, err.strip()
        with opened(home) as vault:
            assert vault.count == (9000 if running.returncode == 0 else 0)
        if running.returncode:
            break
        # A machine that looked away too long saw the whole import.
        run("data", "forget", "--source", "big.csv", "--yes")
    assert ended == (130, "folkmoot client: error: interrupted")


# Keeping


def test_rows_are_exported_to_a_private_file_when_the_user_agrees(
    run: Callable[..., Answer], rows: Path, tmp_path: Path
) -> None:
    run("init")
    run("import", rows)
    target = tmp_path / "out.jsonl"
    assert run("export", target).code == 2
    assert not target.exists()
    assert run("export", target, "--yes").code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [json.loads(line)["label"] for line in target.read_text().splitlines()] == [True, False, False]
    assert run("export", target, "--yes").code == 3
    run("data", "forget", "--source", "rows.csv", "--yes")
    assert run("import", target).code == 0


def test_vault_goes_on_under_another_key_and_passphrase(
    run: Callable[..., Answer], rows: Path, tmp_path: Path
) -> None:
    run("init")
    run("import", rows)
    assert run("rotate-key", "--format", "json").data == {"key": 2}
    new = private(tmp_path / "new", "battery staple\n")
    assert run("change-passphrase", "--new-passphrase-file", new).code == 0
    assert run("data", "ls").code == 4
    assert "3 rows" in run("data", "ls", "--passphrase-file", new).out


def test_vault_is_refused_after_an_old_copy_and_comes_back_by_restore(
    run: Callable[..., Answer], rows: Path, home: ClientHome, tmp_path: Path
) -> None:
    run("init")
    old = home.vault.read_bytes()
    run("import", rows)
    assert run("backup", tmp_path / "copy").code == 0
    assert run("backup", tmp_path / "copy").code == 3
    home.vault.write_bytes(old)
    said = run("data", "ls", "--format", "json")
    assert said.code == 8
    assert json.loads(said.out)["error"]["code"] == "vault-rolled-back"
    assert run("restore", tmp_path / "copy").code == 3
    home.vault.unlink()
    assert run("restore", tmp_path / "copy").code == 0
    assert "3 rows" in run("data", "ls").out
    with opened(home) as vault:
        assert restored_at(vault) is not None


@pytest.mark.parametrize("command", ["import", "export", "rotate-key", "change-passphrase", "backup", "data"])
def test_command_names_init_when_there_is_no_vault(
    run: Callable[..., Answer], rows: Path, command: str
) -> None:
    args = {"import": [rows], "export": ["x", "--yes"], "backup": ["x"], "data": ["ls"]}.get(command, [])
    said = run(command, *args)
    assert said.code == 3
    assert "folkmoot client init" in said.err


def test_no_plaintext_is_written_by_any_command(
    run: Callable[..., Answer], home: ClientHome, rows: Path, tmp_path: Path
) -> None:
    run("init")
    with opened(home) as watching:  # keeps the write-ahead log on disk
        run("import", rows)
        run("data", "ls", "--find", CANARY)
        run("data", "forget", "--row", 1, "--yes")
        watching.import_rows([Row(text=f"{CANARY} again", label=True)])
        run("backup", tmp_path / "folkmoot" / "copy")
        run("change-passphrase", "--new-passphrase-file", private(tmp_path / "new", "battery staple"))
        assert home.vault.with_name("vault.db-wal").exists()
        seen = everything(tmp_path / "folkmoot")
    assert len(seen) > 50_000
    for word in (CANARY, "rows.csv", "correct horse", "battery staple"):
        assert word.encode() not in seen + everything(tmp_path / "folkmoot")


# The page about it


def test_commands_of_the_page_parse() -> None:
    text = (Path(__file__).parents[3] / "docs" / "client.md").read_text()
    lines = [
        line
        for block in re.findall(r"^```shell\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    assert len(lines) > 15
    for line in lines:
        program, group, *words = shlex.split(line)
        assert (program, group) == ("folkmoot", "client")
        command: click.Command | None = client
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, line
        command.make_context("x", words)


def test_every_command_of_the_vault_is_on_the_page_with_an_example() -> None:
    text = (Path(__file__).parents[3] / "docs" / "client.md").read_text()
    for name in ("init", "import", "data", "export", "rotate-key", "change-passphrase", "backup", "restore"):
        assert f"folkmoot client {name}" in text
        command = client.get_command(click.Context(client), name)
        for leaf in command.commands.values() if isinstance(command, click.Group) else [command]:
            assert leaf is not None
            assert f"Example: folkmoot client {name}" in " ".join(str(leaf.help).split())
