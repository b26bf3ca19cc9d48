"""A DID's seed lies in one private file."""

from __future__ import annotations

import stat

import pytest

from aggregator.operator.identity import make_identity, read_identity
from federation.errors import ConfigError, IdentityError

SEED = bytes(range(32))


def test_identity_is_the_same_when_it_is_read_again(tmp_path):
    made = make_identity(tmp_path / "deep" / "seed", lambda n: SEED[:n])
    assert read_identity(tmp_path / "deep" / "seed").did == made.did
    assert stat.S_IMODE((tmp_path / "deep" / "seed").stat().st_mode) == 0o600


def test_seed_stays_when_another_would_be_made_in_its_place(tmp_path):
    made = make_identity(tmp_path / "seed", lambda _: SEED)
    with pytest.raises(ConfigError, match="there already"):
        make_identity(tmp_path / "seed", lambda _: bytes(32))
    assert read_identity(tmp_path / "seed").did == made.did


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "\xff"])
def test_file_is_refused_when_it_holds_no_seed(tmp_path, text):
    path = tmp_path / "seed"
    path.touch(mode=0o600)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(IdentityError, match="holds no seed"):
        read_identity(path)


def test_file_is_refused_when_others_may_read_it(tmp_path):
    make_identity(tmp_path / "seed", lambda _: SEED)
    (tmp_path / "seed").chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        read_identity(tmp_path / "seed")


def test_command_shows_the_same_did_when_it_is_run_twice(run, office):
    first = run("identity", "small", "--format", "json")
    assert (first.code, run("identity", "small", "--format", "json").data) == (0, first.data)
    assert first.data["path"] == str(office.home.identity)
    assert SEED.hex() not in first.out
    other = run("identity", "--file", office.folder / "community.key")
    assert other.out.startswith("did:key:z")
    assert other.out.strip() != first.data["did"]


@pytest.mark.parametrize("words", [(), ("small", "--file", "x.key"), ("../escape",), ("Small",), ("a" * 64,)])
def test_command_is_refused_when_it_names_no_one_place(run, office, words):
    assert run("identity", *words).code == 2
    assert not office.home.path.exists()
