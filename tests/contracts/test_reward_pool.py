"""Funding and claims: what is owed is held, and only the leaf's payee is paid."""

from __future__ import annotations

import pytest

from contracts.abi import encode
from contracts.artifact import load_artifact
from contracts.bindings.moot_token import MootToken
from contracts.bindings.reward_pool import Claim, Donated, Funded, Paid, Posted, RewardPool
from contracts.build import TEST_ARTIFACTS
from contracts.chain import Transaction
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Address

from .conftest import FUNDS, World, h, key, make_world, refused

PAYEES = [key(f"payee {i}").address for i in range(3)]


def table(pool: RewardPool, amounts: list[int], *, chain_id: int = 31337) -> MerkleTree:
    rows = zip(PAYEES, amounts, strict=True)
    return MerkleTree.build([leaf_hash(chain_id, pool.address, payee, amount) for payee, amount in rows])


@pytest.fixture
def pool() -> tuple[World, RewardPool]:
    """A pool whose 'federation' is a plain account, so that a test may post any table."""
    world = make_world()
    token = world.deployed.token
    made = RewardPool.deploy(world.chain, world.community, token.address, world.aggregator.address)
    token.mint(world.community, world.community.address, FUNDS)
    token.approve(world.community, made.address, FUNDS)
    made.fund(world.community, FUNDS)
    return world, made


def test_claim_pays_the_difference_to_the_payee_when_anyone_sends_it(pool) -> None:
    world, made = pool
    token = MootToken(world.chain, made.token())
    first = table(made, [10, 20, 0])
    posted = made.post(world.aggregator, first.root, 30)
    assert [(e.root, e.total_cumulative) for e in Posted.decode_logs(posted.logs)] == [(first.root, 30)]
    receipt = made.claim(world.stranger, PAYEES[1], 20, first.proof(1))
    (event,) = Paid.decode_logs(receipt.logs)
    assert (event.payee, event.amount, event.cumulative) == (PAYEES[1], 20, 20)
    second = table(made, [15, 26, 9])
    made.post(world.aggregator, second.root, 50)
    for i, amount in enumerate([15, 26, 9]):
        made.claim(world.stranger, PAYEES[i], amount, second.proof(i))
    assert [token.balance_of(payee) for payee in PAYEES] == [15, 26, 9]
    assert token.balance_of(made.address) == FUNDS - 50
    assert (made.total_paid(), made.paid(PAYEES[1]), made.unallocated()) == (50, 26, FUNDS - 50)


def test_claim_reverts_when_it_was_paid_before(pool) -> None:
    world, made = pool
    tree = table(made, [10, 20, 0])
    made.post(world.aggregator, tree.root, 30)
    made.claim(world.stranger, PAYEES[0], 10, tree.proof(0))
    with refused("NothingToClaim", PAYEES[0], 10, 10):
        made.claim(world.stranger, PAYEES[0], 10, tree.proof(0))
    with refused("NothingToClaim", PAYEES[2], 0, 0):
        made.claim(world.stranger, PAYEES[2], 0, tree.proof(2))


def test_claim_reverts_when_payee_amount_proof_or_root_differs(pool) -> None:
    world, made = pool
    tree = table(made, [10, 20, 5])
    made.post(world.aggregator, tree.root, 35)
    with refused("InvalidProof", world.stranger.address, 20):
        made.claim(world.stranger, world.stranger.address, 20, tree.proof(1))
    with refused("InvalidProof", PAYEES[1], 21):
        made.claim(world.stranger, PAYEES[1], 21, tree.proof(1))
    with refused("InvalidProof", PAYEES[1], 20):
        made.claim(world.stranger, PAYEES[1], 20, tree.proof(0))
    made.post(world.aggregator, table(made, [11, 21, 6]).root, 38)
    with refused("InvalidProof", PAYEES[1], 20):
        made.claim(world.stranger, PAYEES[1], 20, tree.proof(1))


def test_claim_reverts_when_leaf_is_of_another_pool_or_chain(pool) -> None:
    world, made = pool
    for tree in (table(world.pool, [1, 2, 3]), table(made, [1, 2, 3], chain_id=1)):
        made.post(world.aggregator, tree.root, 6)
        with refused("InvalidProof", PAYEES[0], 1):
            made.claim(world.stranger, PAYEES[0], 1, tree.proof(0))


def test_claim_follows_the_chain_id_when_the_chain_is_another() -> None:
    world = make_world(chain_id=5)
    made = RewardPool.deploy(
        world.chain, world.community, world.deployed.token.address, world.aggregator.address
    )
    world.deployed.token.mint(world.community, world.community.address, 6)
    world.deployed.token.approve(world.community, made.address, 6)
    made.fund(world.community, 6)
    tree = table(made, [1, 2, 3], chain_id=5)
    made.post(world.aggregator, tree.root, 6)
    made.claim(world.stranger, PAYEES[2], 3, tree.proof(2))
    assert world.deployed.token.balance_of(PAYEES[2]) == 3


def test_claim_reverts_when_no_table_was_posted(pool) -> None:
    world, made = pool
    with refused("InvalidProof", PAYEES[0], 1):
        made.claim(world.stranger, PAYEES[0], 1, ())


def test_claim_reverts_when_leaves_exceed_the_posted_total(pool) -> None:
    world, made = pool
    tree = table(made, [10, 20, 5])
    made.post(world.aggregator, tree.root, 29)
    made.claim(world.stranger, PAYEES[0], 10, tree.proof(0))
    with refused("Overdrawn", 30, 29):
        made.claim(world.stranger, PAYEES[1], 20, tree.proof(1))
    made.claim(world.stranger, PAYEES[2], 5, tree.proof(2))


def test_post_reverts_when_sender_total_or_funds_are_wrong(pool) -> None:
    world, made = pool
    with refused("NotFederation", world.stranger.address):
        made.post(world.stranger, h("root"), 1)
    with refused("Underfunded", FUNDS + 1, FUNDS):
        made.post(world.aggregator, h("root"), FUNDS + 1)
    made.post(world.aggregator, h("root"), 10)
    with refused("TotalDecreased", 9, 10):
        made.post(world.aggregator, h("root"), 9)


def test_fund_counts_what_arrived(pool) -> None:
    world, made = pool
    token = world.deployed.token
    token.mint(world.community, world.stranger.address, 5)
    with refused("ERC20InsufficientAllowance", made.address, 0, 5):
        made.fund(world.stranger, 5)
    token.approve(world.stranger, made.address, 5)
    with refused("ZeroAmount"):
        made.fund(world.stranger, 0)
    receipt = made.fund(world.stranger, 5)
    assert [
        (e.sender_, e.amount) if hasattr(e, "sender_") else e.amount for e in Funded.decode_logs(receipt.logs)
    ] == [5]
    assert made.funded() == FUNDS + 5 == token.balance_of(made.address)


def test_fund_ignores_tokens_that_were_just_sent(pool) -> None:
    world, made = pool
    world.deployed.token.mint(world.community, made.address, 100)
    assert (made.funded(), made.unallocated()) == (FUNDS, FUNDS)
    with refused("Underfunded", FUNDS + 1, FUNDS):
        made.post(world.aggregator, h("root"), FUNDS + 1)
    world.deployed.token.mint(world.community, world.stranger.address, 5)
    world.deployed.token.approve(world.stranger, made.address, 5)
    made.fund(world.stranger, 5)
    assert made.funded() == FUNDS + 5


def test_fund_reverts_when_the_token_takes_a_fee() -> None:
    world = make_world()
    code = load_artifact("FeeToken", TEST_ARTIFACTS).bytecode + encode(["uint256"], [1000])
    address = world.chain.send(Transaction(to=None, data=code), world.community).contract_address
    token = MootToken(world.chain, Address(str(address)))
    made = RewardPool.deploy(world.chain, world.community, token.address, world.aggregator.address)
    token.approve(world.community, made.address, 1000)
    with refused("FeeOnTransfer", 100, 99):
        made.fund(world.community, 100)
    assert token.balance_of(made.address) == 0


def test_epoch_pays_members_when_settled_through_the_federation(world: World) -> None:
    tree = table(world.pool, [7, 0, 13])
    world.open(rounds=1)
    world.play_round()
    world.settle(tree.root, 20)
    for i, amount in ((0, 7), (2, 13)):
        world.pool.claim(world.stranger, PAYEES[i], amount, tree.proof(i))
    assert [world.deployed.token.balance_of(payee) for payee in PAYEES] == [7, 0, 13]
    assert world.pool.federation() == world.federation.address


def test_mint_reverts_when_sender_is_not_the_deployer(shared_world: World) -> None:
    with refused("NotMinter", shared_world.stranger.address):
        shared_world.deployed.token.mint(shared_world.stranger, shared_world.stranger.address, 1)


def test_claim_many_pays_each_once_when_one_was_paid_before(pool) -> None:
    world, made = pool
    token = MootToken(world.chain, made.token())
    tree = table(made, [10, 20, 5])
    made.post(world.aggregator, tree.root, 35)
    made.claim(world.stranger, PAYEES[1], 20, tree.proof(1))
    claims = [
        Claim(payee=payee, cumulative=amount, proof=tree.proof(i))
        for i, (payee, amount) in enumerate(zip(PAYEES, [10, 20, 5], strict=True))
    ]
    receipt = made.claim_many(world.stranger, claims)
    assert [(e.payee, e.amount) for e in Paid.decode_logs(receipt.logs)] == [(PAYEES[0], 10), (PAYEES[2], 5)]
    assert [token.balance_of(payee) for payee in PAYEES] == [10, 20, 5]


def test_claim_many_reverts_whole_when_one_entry_is_forged(pool) -> None:
    world, made = pool
    tree = table(made, [10, 20, 5])
    made.post(world.aggregator, tree.root, 35)
    claims = [Claim(payee=PAYEES[i], cumulative=10, proof=tree.proof(i)) for i in range(2)]
    with refused("InvalidProof", PAYEES[1], 10):
        made.claim_many(world.stranger, claims)
    assert made.total_paid() == 0


def test_donate_backs_tables_and_gives_no_share(pool) -> None:
    world, made = pool
    token = world.deployed.token
    token.mint(world.community, world.stranger.address, 5)
    token.approve(world.stranger, made.address, 5)
    receipt = made.donate(world.stranger, 5)
    assert [(e.from_, e.amount) for e in Donated.decode_logs(receipt.logs)] == [(world.stranger.address, 5)]
    assert (made.share_of(world.stranger.address), made.share_of(world.community.address)) == (0, FUNDS)
    made.post(world.aggregator, h("root"), FUNDS + 5)


def test_fund_with_permit_counts_only_the_allowance_when_the_permit_is_void(pool) -> None:
    world, made = pool
    token = world.deployed.token
    permit = {"deadline": world.chain.timestamp, "v": 27, "r": h("r"), "s": h("s")}
    with refused("ERC20InsufficientAllowance", made.address, 0, 5):
        made.fund_with_permit(world.stranger, amount=5, **permit)
    token.mint(world.community, world.stranger.address, 5)
    token.approve(world.stranger, made.address, 5)
    made.fund_with_permit(world.stranger, amount=5, **permit)
    assert made.share_of(world.stranger.address) == 5


def test_sweep_reverts_when_the_federation_is_not_silent_for_long(pool) -> None:
    world, made = pool
    made.post(world.aggregator, h("root"), 10)
    assert made.expiry() == world.chain.timestamp + made.sweep_delay()
    with refused("NotExpired", made.expiry()):
        made.sweep(world.community)
