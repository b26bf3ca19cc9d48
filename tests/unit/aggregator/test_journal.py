"""The journal keeps what it was told, first word first, and one process at a time has it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.journal import Forgetful, Journal, pack, unpack
from federation.errors import ConfigError
from federation.types import Address

HERE, THERE = Address("0x" + "ab" * 20), Address("0x" + "cd" * 20)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "homes" / "one" / "journal.db"


def opened(path, federation=HERE, chain_id=31337):
    return Journal(path, federation=federation, chain_id=chain_id)


def test_steps_are_there_when_the_journal_is_opened_again(path):
    with opened(path) as journal:
        journal.record(1, 2, "commit/b", b"two")
        journal.record(1, 2, "commit/a", b"one")
        journal.record(1, 3, "commit/a", b"another round")
    with opened(path) as journal:
        assert journal.recall(1, 2, "commit/a") == b"one"
        assert journal.recall(2, 2, "commit/a") is None
        assert list(journal.steps(1, 2, "commit/").items()) == [("a", b"one"), ("b", b"two")]


def test_first_value_stays_when_another_is_recorded(path):
    with opened(path) as journal:
        journal.record(1, 1, "root", b"first")
        journal.record(1, 1, "root", b"first")
        with pytest.raises(ConfigError, match="another value"):
            journal.record(1, 1, "root", b"second")
        assert journal.recall(1, 1, "root") == b"first"


def test_wildcards_are_letters_when_a_prefix_holds_them(path):
    with opened(path) as journal:
        journal.record(1, 1, "a%b", b"1")
        journal.record(1, 1, "acb", b"2")
        assert journal.steps(1, 1, "a%") == {"b": b"1"}


SECOND = """
import sys
from pathlib import Path
from aggregator.journal import Journal
from federation.errors import ConfigError
try:
    Journal(Path(sys.argv[1]), federation=sys.argv[2], chain_id=int(sys.argv[3]))
except ConfigError as error:
    sys.exit(error.message)
"""


def second_process(path, federation=HERE, chain_id=31337):
    command = [sys.executable, "-c", SECOND, str(path), federation, str(chain_id)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ)).stderr


def test_second_process_is_refused_when_the_federation_is_run_already(path):
    with opened(path):
        assert "another aggregator" in second_process(path)
        # Whatever it calls the federation, and however it writes the address.
        other = path.parent.parent / "two" / "journal.db"
        assert "another aggregator" in second_process(other, HERE.upper().replace("0X", "0x"))
        assert second_process(other, THERE) == ""
    assert second_process(path) == ""


def test_other_federation_is_refused_when_the_journal_is_not_its_own(path):
    opened(path).close()
    with pytest.raises(ConfigError, match="another federation"):
        opened(path, THERE)
    with pytest.raises(ConfigError, match="another chain"):
        opened(path, HERE, 1)
    # Refused, it holds nothing locked.
    opened(path).close()


def test_damaged_journal_is_refused_when_it_is_no_database(path):
    opened(path).close()
    for file in path.parent.glob("journal.db*"):
        file.write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        opened(path)


def test_journal_is_its_owners_alone_when_it_is_made(path):
    opened(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_value_is_on_disk_when_record_returns(path):
    with opened(path) as journal:
        journal.record(1, 1, "step", b"value")
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        assert reader.execute("SELECT value FROM steps").fetchall() == [(b"value",)]
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.close()


def test_nothing_is_known_when_nobody_resumes():
    memory = Forgetful()
    memory.record(1, 1, "step", b"value")
    assert memory.recall(1, 1, "step") is None
    assert memory.steps(1, 1, "") == {}


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_packed_values_come_back_when_they_are_unpacked(parts):
    assert unpack(pack(parts)) == parts
