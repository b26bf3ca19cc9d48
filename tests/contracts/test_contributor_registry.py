"""A payee's signature says that it accepts to be paid for a DID; anybody else's takes nothing away."""

from __future__ import annotations

import pytest

from contracts.bindings.anchored_events_policy import AnchoredEventsPolicy, ImportEvent
from contracts.bindings.contributor_registry import PayeeChanging, Registered
from contracts.bindings.event_anchor import DidAnchor, EventAnchor
from contracts.bindings.list_policy import ListPolicy
from contracts.bindings.stake_policy import StakePolicy
from federation.hashing import did_hash, keccak256
from federation.merkle import MerkleTree, leaf_hash
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


def test_payee_hands_over_when_the_delay_has_passed(world: World) -> None:
    registry = world.deployed.registry
    old, new = world.community, world.aggregator
    for payee in (old, new):
        registry.register(payee, ALICE)
    (event,) = PayeeChanging.decode_logs(registry.change_payee(old, ALICE, old.address, new.address).logs)
    assert (event.did_hash, event.named, event.next_) == (ALICE, old.address, new.address)
    with refused("NotPayee", ALICE, old.address, new.address):
        registry.change_payee(new, ALICE, old.address, old.address)
    with refused("NoChangePending", ALICE, old.address, new.address):
        registry.keep_payee(new, ALICE, old.address)
    world.chain.advance_time(registry.change_delay())
    assert registry.payee_of(ALICE, old.address) == new.address
    with refused("NotPayee", ALICE, old.address, old.address):
        registry.change_payee(old, ALICE, old.address, new.address)


def test_payee_stays_when_the_change_is_cancelled_or_the_next_has_not_accepted(world: World) -> None:
    registry = world.deployed.registry
    old, new = world.community, world.aggregator
    registry.register(old, ALICE)
    with refused("NotAccepted", ALICE, new.address):
        registry.change_payee(old, ALICE, old.address, new.address)
    registry.register(new, ALICE)
    registry.change_payee(old, ALICE, old.address, new.address)
    registry.keep_payee(old, ALICE, old.address)
    world.chain.advance_time(registry.change_delay())
    assert registry.payee_of(ALICE, old.address) == old.address


def test_stake_counts_until_it_is_taken_off_and_returns_after_the_lock(world: World) -> None:
    registry, token, member = world.deployed.registry, world.deployed.token, world.community
    policy = StakePolicy.deploy(world.chain, member, registry.address, 3)
    token.mint(member, member.address, 10)
    token.approve(member, registry.address, 10)
    registry.stake(member, ALICE, 10)
    staked_at = world.chain.timestamp
    registry.unstake(member, ALICE, 4)
    world.chain.advance_time(1)
    assert policy.quota_of(ALICE, member.address, staked_at) == 3
    assert registry.stake_of(ALICE, member.address) == 6
    amount, since = registry.leaving(member.address)
    assert amount == 4
    with refused("Locked", member.address, since):
        registry.withdraw(member)
    world.chain.advance_time(registry.lock())
    registry.withdraw(member)
    assert token.balance_of(member.address) == 4


def test_listed_quota_counts_when_the_member_proves_its_leaf(world: World) -> None:
    policy = ListPolicy.deploy(world.chain, world.community, world.community.address)
    rows = [(ALICE, 30), (BOB, 50)]
    leaves = [leaf_hash(world.chain.chain_id, policy.address, did, quota) for did, quota in rows]
    tree = MerkleTree.build(leaves)
    policy.set_root(world.community, tree.root)
    with refused("NotListed", ALICE, 50):
        policy.prove(world.stranger, ALICE, 50, tree.proof(0))
    policy.prove(world.stranger, ALICE, 30, tree.proof(0))
    proved_at = world.chain.timestamp
    world.chain.advance_time(1)
    assert policy.quota_of(ALICE, world.stranger.address, proved_at) == 30
    assert policy.quota_of(ALICE, world.stranger.address, proved_at - 1) == 0


def test_anchored_events_count_when_their_root_is_on_the_chain(world: World) -> None:
    anchor = EventAnchor.deploy(world.chain, world.community)
    member, token = world.community, world.deployed.token
    policy = AnchoredEventsPolicy.deploy(
        world.chain,
        member,
        anchor=anchor.address,
        token=token.address,
        lock=10,
        deposit_per_event=2,
        ceiling=1,
    )
    events = [(keccak256(b"stream"), keccak256(bytes([i]))) for i in range(3)]
    tree = MerkleTree.build([leaf_hash(*event) for event in events])
    given = [
        ImportEvent(root=tree.root, stream_digest=s, payload_digest=p, proof=tree.proof(i))
        for i, (s, p) in enumerate(events)
    ]
    token.mint(member, member.address, 4)
    token.approve(member, policy.address, 4)
    with refused("NotAnchored", tree.root, leaf_hash(*events[0])):
        policy.count(member, ALICE, given[:1])
    (anchored,) = DidAnchor.decode_logs(anchor.anchor_dag_cbor(world.stranger, tree.root).logs)
    assert (anchored.sender, anchored.root) == (world.stranger.address, tree.root)
    with refused("CeilingExceeded", 2, 1):
        policy.count(member, ALICE, given[:2])
    policy.count(member, ALICE, given[2:])
    assert (policy.count_of(ALICE, member.address), token.balance_of(policy.address)) == (1, 2)
