"""The demo's command line: what it says at once, and a whole run on the user's own table."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.verify import verify_run
from examples.spam_detection.__main__ import demo as demo_command
from examples.spam_detection.settings import ROLES
from federation.cli import run_command
from tests.world import CANARY, made_up_mails

ROOT = Path(__file__).parents[3]


def demo(*arguments: str | Path, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.spam_detection", *map(str, arguments)]
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)


def fails(capsys, *arguments: str | Path) -> tuple[int, str]:
    """Run the command line here, which saves the start, and return its exit code and its words."""
    code = run_command(demo_command, "demo", [*map(str, arguments)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return code, captured.err


def write_table(path: Path, n: int = 300) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        # Letters for digits: a table's rows that differ in digits alone are one text.
        letters = str.maketrans("0123456789", "qwertzuiop")
        mails = made_up_mails(n)
        writer.writerows([m.text.translate(letters), "spam" if m.label else "ham"] for m in mails)
    return path


def test_help_explains_every_option_and_loads_nothing_heavy_when_asked():
    script = (
        "import sys\n"
        "from examples.spam_detection.__main__ import demo\n"
        "from federation.cli import run_command\n"
        "code = run_command(demo, 'demo', ['--help'])\n"
        "heavy = {'torch', 'flwr', 'opacus', 'web3', 'eth', 'numpy'} & sys.modules.keys()\n"
        "print(code, sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    *text, last = done.stdout.splitlines()
    assert last == "0 []"
    options = "--members --rounds --epsilon --seed --no-seed --alpha --no-cheats --data --out --format"
    assert set(options.split()) <= set(" ".join(text).split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--epsilon", "0"), 2, "epsilon"),
        (("--epsilon", "-1"), 2, "epsilon"),
        (("--epsilon", "nan"), 2, "epsilon"),
        (("--members", "1"), 2, "--members"),
        (("--rounds", "0"), 2, "--rounds"),
        (("--seed", "-1"), 2, "--seed"),
        (("--nonsense",), 2, "--nonsense"),
        (("--data", "no-such-file.csv"), 3, "no-such-file.csv"),
        (("--data", "README.md"), 3, "README.md"),
    ],
)
def test_demo_says_what_is_wrong_when_an_argument_is(tmp_path, capsys, arguments, code, words):
    exit_code, said = fails(capsys, *arguments, "--out", tmp_path / "out")
    assert (exit_code, words in said) == (code, True)
    assert not (tmp_path / "out").exists()


def test_demo_names_the_line_when_a_row_is_malformed(tmp_path, capsys):
    table = write_table(tmp_path / "mine.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[41] = '"a text without its label",perhaps'
    table.write_text("\n".join(lines), encoding="utf-8")
    code, said = fails(capsys, "--data", table, "--out", tmp_path / "out")
    assert (code, "42" in said) == (3, True)


def test_demo_says_how_many_rounds_there_can_be_when_the_table_is_small(tmp_path, capsys):
    table = write_table(tmp_path / "mine.csv")
    options = ("--data", table, "--members", "2", "--rounds", "9")
    code, said = fails(capsys, *options, "--out", tmp_path / "out")
    assert (code, "this set allows 1 round" in said) == (3, True)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A federation on the user's own table, the way a user starts it."""
    path = tmp_path_factory.mktemp("own")
    table = write_table(path / "mine.csv")
    options = ("--data", table, "--members", "2", "--rounds", "1", "--format", "json")
    return demo(*options, "--out", path / "out"), path


def test_demo_prints_one_envelope_when_it_is_asked_for_json(own):
    done, path = own
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert (envelope["schema_version"], envelope["status"]) == (1, "ok")
    assert envelope["data"] == json.loads((path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert envelope["data"]["verified"] is True
    assert [m["role"] for m in envelope["data"]["members"]] == ["honest", "honest", *ROLES]


def test_demo_leaves_a_report_and_a_verifiable_run_when_it_is_done(own):
    _, path = own
    assert verify_run(path / "out").members == 2 + len(ROLES)
    html = (path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.lower().startswith("<!doctype html>")
    assert CANARY not in html


def test_demo_publishes_no_text_and_no_test_set_when_the_data_are_the_users(own):
    done, path = own
    claims = [
        json.loads(data)
        for blob in (path / "out" / "public" / "blobs").iterdir()
        if (data := blob.read_bytes()).startswith(b'{"aucs"')
    ]
    assert len(claims) == 1
    assert claims[0]["test_set"] is None
    everything = [p.read_bytes() for p in (path / "out").rglob("*") if p.is_file()]
    assert not any(CANARY.encode() in data for data in everything)
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.slow
def test_demo_repeats_byte_for_byte_when_pythons_hashes_differ(own, tmp_path):
    _, path = own
    options = ("--data", path / "mine.csv", "--members", "2", "--rounds", "1", "--format", "json")
    assert demo(*options, "--out", tmp_path, hash_seed="7").returncode == 0
    index = Path("public", "index.json")
    assert (tmp_path / index).read_bytes() == (path / "out" / index).read_bytes()
