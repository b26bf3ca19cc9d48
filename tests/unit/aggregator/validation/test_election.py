"""An election comes out the same for everybody, and only as it was announced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.validation.election import (
    Announcement,
    Candidate,
    Statement,
    candidate,
    draw,
    require_no_members,
)
from contracts.abi import to_address
from federation.errors import ConfigError, IdentityError, VerificationFailed
from federation.hashing import sha256
from federation.types import Did, Hash32
from tests.agreed import identity

VECTOR = Path(__file__).parents[3] / "vectors" / "election.json"
ANCHOR = to_address(bytes([0xAB]) * 20)
BEACON = sha256(b"block")


def standing(n: int) -> list[Candidate]:
    return [candidate(identity(f"candidate {i}").did, f"0x{i + 1:040x}") for i in range(n)]


def announced(n: int = 9, seats: int = 3) -> Announcement:
    return Announcement.of(standing(n), chain_id=31337, block=100, seats=seats)


def test_order_is_that_of_the_vector_when_it_is_drawn():
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    made = Announcement.parse(vector["announcement"].encode())
    assert made.digest.hex() == vector["digest"]
    assert list(draw(made, Hash32(bytes.fromhex(vector["beacon"])))) == vector["order"]


def test_order_is_that_of_the_protocols_formula_when_it_is_drawn():
    made = announced()
    types = ["bytes32", "uint256", "uint256", "bytes32", "bytes32"]
    digest = sha256(made.to_bytes())
    seed = keccak(encode(types, [keccak(b"folkmoot.election"), 31337, 100, BEACON, digest]))
    tickets = sorted((keccak(seed + keccak(c.did.encode())), c.did) for c in made.candidates)
    assert list(draw(made, BEACON)) == [did for _, did in tickets]


@given(st.permutations(range(7)))
@settings(max_examples=20)
def test_announcement_is_the_same_when_the_list_is_shuffled(order):
    people = standing(7)
    shuffled = [people[i] for i in order]
    made = Announcement.of(shuffled, chain_id=31337, block=100, seats=3)
    assert made == announced(7)
    assert Announcement.parse(made.to_bytes()) == made


def test_everybody_is_elected_as_often_when_blocks_pass():
    made, won = announced(5), dict.fromkeys((c.did for c in announced(5).candidates), 0)
    for i in range(400):
        for did in draw(made, sha256(i.to_bytes(4, "big")))[:3]:
            won[did] += 1
    # 240 each on average; the standard deviation is 10.
    assert all(200 < times < 280 for times in won.values())


def test_seed_is_another_when_anything_was_announced_otherwise():
    made = announced()
    others = [replace(made, block=101), replace(made, chain_id=1), replace(made, seats=4)]
    orders = {draw(one, BEACON) for one in [made, *others]} | {draw(made, sha256(b"other"))}
    assert len(orders) == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seats": 2}, "too few"),
        ({"seats": 10}, "too few for 10 seats"),
        ({"candidates": tuple(reversed(announced().candidates))}, "not in order"),
        ({"candidates": (announced().candidates[0], *announced().candidates)}, "stands twice"),
    ],
)
def test_announcement_is_refused_when_nobody_could_be_elected_under_it(change, says):
    with pytest.raises(ConfigError, match=says):
        replace(announced(), **change)


def test_announcement_is_refused_when_two_share_an_account():
    people = standing(4)
    people[1] = replace(people[1], account=people[0].account)
    with pytest.raises(ConfigError, match="same account"):
        Announcement.of(people, chain_id=1, block=1, seats=3)


def test_candidate_is_refused_when_it_has_no_key_or_no_account():
    with pytest.raises(IdentityError):
        candidate("did:key:zNobody", f"0x{1:040x}")
    with pytest.raises(ConfigError):
        candidate(identity("a").did, "0x12")


def test_candidates_are_refused_when_they_are_members():
    made = announced()
    one = made.candidates[2]
    require_no_members(made, {identity("a member").did})
    with pytest.raises(ConfigError, match="is a member"):
        require_no_members(made, {one.did})
    with pytest.raises(ConfigError, match="is a member"):
        require_no_members(made, {Did(f"did:pkh:eip155:31337:{one.account.lower()}")})


def test_statement_is_believed_when_its_tickets_are_right():
    made = Statement.hold(announced(), BEACON, ANCHOR)
    assert len(made.elected) == 3
    assert len(made.reserves) == 6
    assert Statement.parse(made.to_bytes()).to_bytes() == made.to_bytes()


@pytest.mark.parametrize("what", ["elected", "reserves", "beacon", "block", "seats", "candidates", "format"])
def test_statement_is_refused_when_it_was_changed(what):
    table = json.loads(Statement.hold(announced(), BEACON, ANCHOR).to_bytes())
    table[what] = {
        "elected": list(reversed(table["elected"])),
        "reserves": table["reserves"][:-1],
        "beacon": "00" * 32,
        "block": 101,
        "seats": 4,
        "candidates": table["candidates"][:-1],
        "format": "other",
    }[what]
    text = json.dumps(table, sort_keys=True, separators=(",", ":")) + "\n"
    with pytest.raises(VerificationFailed, match="election"):
        Statement.parse(text.encode())


def test_files_are_refused_when_they_are_not_canonical():
    text = announced().to_bytes().decode()
    for other in (
        "",
        "{}",
        text.replace(",", ", "),
        text.strip(),
        "[" * 50,
        text.replace("31337", "31337.0"),
    ):
        with pytest.raises(VerificationFailed):
            Announcement.parse(other.encode())
