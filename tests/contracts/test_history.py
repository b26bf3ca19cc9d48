"""What logs alone tell: who was paid at any block, as the registry itself says."""

from __future__ import annotations

import random

import pytest

from contracts.abi import topic
from contracts.accounts import Account
from contracts.bindings.federation import RoundRecorded
from contracts.chain import Log
from contracts.history import CHANGE_DELAY, PayeeHistory, epochs
from federation.errors import Reverted, VerificationFailed
from federation.hashing import did_hash
from federation.types import Address, Did, Hash32

from .conftest import World, make_world

MEMBERS = [did_hash(Did(f"did:key:z{name}")) for name in ("Alice", "Bob")]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def accounts(world: World) -> list[Account]:
    return [world.community, world.aggregator, world.stranger]


def step(world: World, draw: random.Random) -> None:
    """Do one thing that an account may try, whether or not the registry lets it."""
    registry, did = world.deployed.registry, draw.choice(MEMBERS)
    account, named, other = (draw.choice(accounts(world)) for _ in range(3))
    act = draw.choice(["register", "change", "keep", "wait", "wait a little"])
    try:
        if act == "register":
            registry.register(account, did)
        elif act == "change":
            registry.change_payee(account, did, named.address, other.address)
        elif act == "keep":
            registry.keep_payee(account, did, named.address)
        else:
            world.chain.advance_time(CHANGE_DELAY if act == "wait" else CHANGE_DELAY // 2)
            world.chain.mine()
    except Reverted:
        world.chain.mine()


def test_payees_are_those_of_the_registry_when_they_follow_from_its_logs(world):
    registry, draw, changed = world.deployed.registry, random.Random(7), 0
    for _ in range(120):
        step(world, draw)
        # A call on the embedded chain runs in the block that would come next.
        now = world.chain._next_time()
        told = PayeeHistory(registry.logs()).at(world.chain.block_number, now)
        for did in MEMBERS:
            for account in accounts(world):
                found = told.payee_of(did, account.address)
                assert found == registry.payee_of(did, account.address)
                changed += found != account.address and int(found, 16) != 0
    assert changed > 20
    assert registry.change_delay() == CHANGE_DELAY


def test_payees_are_those_of_the_time_when_an_earlier_block_is_asked(world):
    registry, draw = world.deployed.registry, random.Random(9)
    before, now = world.chain.block_number, world.chain._next_time()
    asked = [(did, account.address) for did in MEMBERS for account in accounts(world)]
    then = [registry.payee_of(*pair) for pair in asked]
    for _ in range(30):
        step(world, draw)
    told = PayeeHistory(registry.logs()).at(before, now)
    assert [told.payee_of(*pair) for pair in asked] == then


def test_logs_are_refused_when_an_epoch_goes_on_that_was_never_opened():
    word = (5).to_bytes(32, "big")
    log = Log(
        address=Address("0x" + "11" * 20),
        topics=(topic(RoundRecorded.SIGNATURE), Hash32(word), Hash32(word)),
        data=bytes(5 * 32),
        block_number=1,
        index=0,
        transaction_hash=Hash32(bytes(32)),
    )
    with pytest.raises(VerificationFailed, match="epoch 5 goes on and was never opened"):
        epochs([log])
