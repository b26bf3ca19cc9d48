"""A payee's signature says that it accepts to be paid for a DID; anybody else's takes nothing away."""

from __future__ import annotations

import pytest

from contracts.bindings.contributor_registry import Registered
from federation.hashing import did_hash
from federation.types import Did

from .conftest import World, key, make_world, refused

ALICE = did_hash(Did("did:key:zAlice"))
BOB = did_hash(Did("did:key:zBob"))


@pytest.fixture
def world() -> World:
    return make_world()


def register(
    world: World, payee, did, *, signer=None, nonce=0, deadline=None, signed=None, **changes
) -> object:
    deadline = world.chain.timestamp + 60 if deadline is None else deadline
    fields = {
        "chain_id": world.chain.chain_id,
        "registry": world.deployed.registry.address,
        "did_hash": signed or did,
        "nonce": nonce,
        "deadline": deadline,
    }
    signature = (signer or payee).sign_register(**(fields | changes))
    return world.deployed.registry.register_by_sig(
        world.stranger, payee=payee.address, did_hash=did, nonce=nonce, deadline=deadline, signature=signature
    )


def test_registration_binds_did_to_payee_when_anyone_sends_it(world: World) -> None:
    registry, payee = world.deployed.registry, key("payee")
    assert not registry.accepts(ALICE, payee.address)
    receipt = register(world, payee, ALICE)
    (event,) = Registered.decode_logs(receipt.logs)
    assert (event.did_hash, event.payee) == (ALICE, payee.address)
    assert registry.accepts(ALICE, payee.address)
    assert registry.nonces(payee.address) == 1
    register(world, payee, BOB, nonce=1)
    assert registry.accepts(BOB, payee.address)
    assert registry.nonces(payee.address) == 2


def test_registration_reverts_when_the_payee_accepted_before(world: World) -> None:
    register(world, key("payee"), ALICE)
    with refused("AlreadyRegistered", ALICE, key("payee").address):
        register(world, key("payee"), ALICE, nonce=1)


def test_registration_takes_nothing_away_when_a_stranger_came_first(world: World) -> None:
    register(world, key("other"), ALICE)
    register(world, key("payee"), ALICE)
    assert world.deployed.registry.accepts(ALICE, key("payee").address)


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": key("other")},
        {"signed": BOB},
        {"chain_id": 1},
        {"registry": key("registry").address},
    ],
)
def test_registration_reverts_when_signature_is_for_something_else(world: World, changes) -> None:
    with refused("InvalidSignature", key("payee").address):
        register(world, key("payee"), ALICE, **changes)


def test_registration_reverts_when_nonce_is_not_next(world: World) -> None:
    with refused("InvalidNonce", 1, 0):
        register(world, key("payee"), ALICE, nonce=1)
    register(world, key("payee"), ALICE)
    with refused("InvalidNonce", 0, 1):
        register(world, key("payee"), BOB, nonce=0)


def test_registration_is_valid_up_to_its_deadline(world: World) -> None:
    now = world.chain.timestamp
    with refused("SignatureExpired", now + 11):
        register(world, key("payee"), ALICE, deadline=now + 11)
    register(world, key("payee"), ALICE, deadline=now + 12)
