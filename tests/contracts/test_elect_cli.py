"""folkmoot validation elect, on anvil: announced on chain, drawn, checked."""

from __future__ import annotations

import pytest

from aggregator.anchor_cli import anchor
from aggregator.validation.cli import validation
from aggregator.validation.election import Announcement, Statement
from federation.cli import run_command
from tests.unit.aggregator.validation.test_election import standing


@pytest.mark.slow
def test_election_goes_from_the_announcement_to_the_check_when_nobody_cheats(home, node, capsys):
    chain, socket = node
    sent = ["--rpc", str(socket), "--key", "community", "--passphrase-file", str(home / "words"), "--yes"]

    def do(command, *words):
        code = run_command(command, "folkmoot", [str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    assert do(anchor, "deploy", *sent)[0] == 0
    (home / "list.csv").write_text("did,account\n" + "".join(f"{c.did},{c.account}\n" for c in standing(5)))
    code, out, err = do(validation, "elect", "--candidates", home / "list.csv", "--in-blocks", 5, *sent)
    assert code == 0, err
    made = Announcement.parse(out.encode())
    assert made.seats == 3
    assert made.block > chain.block_number
    (home / "announcement.json").write_text(out)
    reading = ["--rpc", str(socket)]
    early = do(validation, "elect", "--announcement", home / "announcement.json", *reading)
    assert early[:2] == (6, "")
    chain.mine(5)
    code, out, err = do(validation, "elect", "--announcement", home / "announcement.json", *reading)
    assert code == 0, err
    assert Statement.parse(out.encode()).beacon == chain.block_hash(made.block)
    (home / "election.json").write_text(out)
    assert do(validation, "elect", "--check", home / "election.json", *reading)[0] == 0


@pytest.mark.slow
def test_announcement_is_worth_nothing_when_its_anchor_comes_with_the_block_that_decides(home, node, capsys):
    _, socket = node
    sent = ["--rpc", str(socket), "--key", "community", "--passphrase-file", str(home / "words"), "--yes"]
    run_command(anchor, "folkmoot", ["deploy", *sent])
    (home / "list.csv").write_text("did,account\n" + "".join(f"{c.did},{c.account}\n" for c in standing(5)))
    capsys.readouterr()
    words = ["elect", "--candidates", str(home / "list.csv"), "--in-blocks", "1", *sent]
    assert run_command(validation, "folkmoot", words) == 2
    assert capsys.readouterr().out == ""
