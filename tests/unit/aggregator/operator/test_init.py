"""A federation is set up by questions, by options or from a file; its manifest never changes."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.operator.config import OperatorConfig
from aggregator.operator.identity import read_identity
from contracts.keyfile import write_keyfile
from federation import home as places
from federation.manifest import Manifest
from tests.agreed import AGGREGATOR, COMMUNITY, PROVIDERS, agreed

ACCOUNTS = [f"0x{i:040x}" for i in range(1, 4)]
PROVIDED = [f"{p.did}={a}" for p, a in zip(PROVIDERS, ACCOUNTS, strict=True)]


@pytest.fixture
def account(office):
    path = places.data_directory(os.environ) / "keys" / "aggregator.json"
    return write_keyfile(path, bytes(31) + b"\x07", "words", iterations=2).address


def given(*words: object) -> list[object]:
    providers = [word for text in PROVIDED for word in ("--provider", text)]
    return ["--community", COMMUNITY.did, *providers, "--chain-id", 31337, *words, "--yes"]


def settings(office) -> OperatorConfig:
    return OperatorConfig.from_toml(office.home.config.read_text())


def test_federation_is_set_up_when_the_options_say_all(run, office, account):
    said = run("init", "small", *given("--rounds", 5, "--funds", "12.5", "--format", "json"))
    assert said.code == 0, said.err
    manifest = Manifest.from_toml(office.home.manifest.read_text())
    assert office.home.manifest.read_text() == manifest.to_toml()
    assert said.data["manifest"] == manifest.hash.hex()
    assert said.data["did"] == manifest.parties.aggregator == read_identity(office.home.identity).did
    assert (manifest.rounds, manifest.validation.shards, manifest.chain.aggregator) == (5, 5, account)
    assert manifest.reward.funds_wei == "12500000000000000000"
    assert "lost by whoever misses a deadline" in said.err
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in office.home.path.iterdir()}
    assert modes == {"identity": 0o600, "federation.toml": 0o600, "operator.toml": 0o600}
    assert stat.S_IMODE(office.home.path.stat().st_mode) == 0o700


def test_file_by_hand_becomes_canonical_when_it_is_right(run, office):
    office.own_seed()
    path = office.write("federation.toml", "# ours\n" + agreed().to_toml())
    said = run("init", "small", "--from", path, "--events", "http://127.0.0.1:5101", "--yes")
    assert said.code == 0, said.err
    assert office.home.manifest.read_text() == agreed().to_toml()
    assert settings(office).events.node == "http://127.0.0.1:5101"
    assert "folkmoot chain deploy" in said.err


def test_settings_change_and_the_manifest_stays_when_init_is_run_again(run, office):
    office.found()
    before = office.home.manifest.read_bytes()
    assert run("init", "small", "--public-url", "https://x.example", "--yes").code == 0
    assert run("init", "small", "--rpc", "http://node:1", "--yes").code == 0
    found = settings(office)
    assert (found.desk.public_url, found.chain.rpc) == ("https://x.example", "http://node:1")
    other = office.write("other.toml", agreed(rounds=2).to_toml())
    said = run("init", "small", "--from", other, "--yes")
    assert (said.code, "cannot change" in said.err) == (3, True)
    assert office.home.manifest.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--community", COMMUNITY.did, "--yes"], 2),
        (given("--epsilon", "much"), 2),
        (given("--funds", "-1"), 2),
        (given("--rpc", ""), 3),
        (given("--events", "tea"), 3),
        (given("--federation", "0x" + "11" * 20), 3),
        (["--from", "missing.toml", "--yes"], 3),
        ([*given(), "--provider", "tea"], 2),
    ],
)
def test_nothing_is_written_but_the_key_when_something_is_wrong(run, office, account, words, code):
    assert run("init", "small", *words).code == code
    assert not office.home.manifest.exists()
    assert not office.home.config.exists()


def test_account_is_asked_for_when_there_is_no_keyfile(run, office):
    said = run("init", "small", *given())
    assert (said.code, "folkmoot keys new aggregator" in said.err) == (3, True)


def test_manifest_is_refused_when_its_aggregator_is_somebody_else_or_its_name_another(run, office):
    path = office.write("federation.toml", agreed().to_toml())
    said = run("init", "small", "--from", path, "--yes")
    assert (said.code, read_identity(office.home.identity).did in said.err) == (3, True)
    office.home.identity.unlink()
    office.own_seed()
    assert run("init", "other", "--from", path, "--yes").code == 3
    assert run("init", "small", "--from", path, "--yes").code == 0
    assert AGGREGATOR.did in office.home.manifest.read_text()


def test_all_faults_of_a_file_are_told_when_there_are_several(run, office):
    office.own_seed()
    text = agreed().to_toml().replace("rounds = 3\n", "rounds = 0\n").replace("draw_delay = 2\n", "")
    said = run("init", "small", "--from", office.write("f.toml", text), "--yes")
    assert said.code == 3
    hints = [line for line in said.err.splitlines() if line.startswith("hint:")]
    assert len(hints) == 2
    assert "[chain] draw_delay" in said.err


def test_questions_make_a_manifest_when_they_are_answered_on_a_terminal(office, account):
    main, end = pty.openpty()
    words = [sys.executable, "-m", "tests.unit.aggregator.operator.typed", "init", "small"]
    with subprocess.Popen(
        words, stdin=end, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[4]
    ) as process:
        os.close(end)
        answers = ["31337", COMMUNITY.did, *PROVIDED, "4", "128", "8", "", "", "", "", "6", "y"]
        os.write(main, "".join(f"{answer}\n" for answer in answers).encode())
        out, err = process.communicate(timeout=60)
    os.close(main)
    assert process.returncode == 0, err.decode()
    manifest = Manifest.from_toml(office.home.manifest.read_text())
    assert (manifest.rounds, manifest.model.dim, manifest.deadlines.phase) == (4, 128, 6 * 3600)
    assert manifest.providers == tuple(p.did for p in PROVIDERS)
    assert manifest.hash.hex() in out.decode()


def test_nothing_is_written_when_the_answer_is_no(office, account):
    main, end = pty.openpty()
    words = [sys.executable, "-m", "tests.unit.aggregator.operator.typed", "init", "small", *given()[:-1]]
    with subprocess.Popen(
        [str(word) for word in words],
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    ) as process:
        os.close(end)
        os.write(main, b"\n" * 8 + b"n\n")
        _, err = process.communicate(timeout=60)
    os.close(main)
    assert process.returncode == 130, err.decode()
    assert not office.home.manifest.exists()
