"""Bonds: anybody may stake for anybody; they come back between epochs, to those who said they leave."""

from __future__ import annotations

import pytest

from contracts.bindings.bond_vault import Deposited, Leaving, Withdrawn
from contracts.bindings.structs import Phase

from .conftest import AGGREGATOR_BOND, FUNDS, World, h, key, refused


def test_bond_is_the_accounts_when_somebody_else_pays_it(world: World) -> None:
    vault, token, other = world.vault, world.deployed.token, key("other").address
    token.mint(world.community, world.stranger.address, 9)
    token.approve(world.stranger, vault.address, 9)
    receipt = vault.deposit(world.stranger, other, 5)
    (event,) = Deposited.decode_logs(receipt.logs)
    assert (event.account, event.from_, event.amount) == (other, world.stranger.address, 5)
    vault.deposit(world.stranger, other, 4)
    assert (vault.bond_of(other), vault.standing(other), vault.leaving(other)) == (9, 9, False)
    assert token.balance_of(world.stranger.address) == 0
    with refused("ZeroAmount"):
        vault.deposit(world.stranger, other, 0)
    with refused("ERC20InsufficientAllowance", vault.address, 0, 1):
        vault.deposit(world.stranger, other, 1)


def test_bond_comes_back_when_its_account_leaves_between_epochs(world: World) -> None:
    vault, aggregator = world.vault, world.aggregator
    with refused("NotLeaving", aggregator.address):
        vault.withdraw(aggregator, 1)
    (event,) = Leaving.decode_logs(vault.retire(aggregator).logs)
    assert (event.account, event.leaving) == (aggregator.address, True)
    assert (vault.standing(aggregator.address), vault.bond_of(aggregator.address)) == (0, AGGREGATOR_BOND)
    with refused("InsufficientBond", aggregator.address, 0, AGGREGATOR_BOND):
        world.open()
    with refused("BondTooSmall", aggregator.address, AGGREGATOR_BOND, AGGREGATOR_BOND + 1):
        vault.withdraw(aggregator, AGGREGATOR_BOND + 1)
    with refused("ZeroAmount"):
        vault.withdraw(aggregator, 0)
    (gone,) = Withdrawn.decode_logs(vault.withdraw(aggregator, 60).logs)
    assert (gone.account, gone.amount) == (aggregator.address, 60)
    assert world.deployed.token.balance_of(aggregator.address) == 60
    vault.stay(aggregator)
    assert vault.standing(aggregator.address) == AGGREGATOR_BOND - 60


def test_bond_stays_when_an_epoch_is_under_way(world: World) -> None:
    world.open(rounds=1)
    world.vault.retire(world.aggregator)
    with refused("EpochUnderWay"):
        world.vault.withdraw(world.aggregator, 1)
    world.play_round()
    world.settle(h("p"), 0)
    assert world.federation.phase() is Phase.CLOSED
    world.vault.withdraw(world.aggregator, AGGREGATOR_BOND)
    assert world.vault.bond_of(world.aggregator.address) == 0


def test_leaving_account_still_answers_when_it_fails_its_duty(world: World) -> None:
    terms = world.open()
    world.vault.retire(world.aggregator)
    world.chain.advance_time(world.federation.deadline() - world.chain.timestamp)
    world.federation.lapse(world.stranger, terms)
    assert world.vault.bond_of(world.aggregator.address) == 0
    assert world.pool.unallocated() == FUNDS + AGGREGATOR_BOND


@pytest.mark.parametrize("who", ["stranger", "aggregator", "judge"])
def test_bond_is_taken_by_nobody_when_it_is_not_the_federation(shared_world: World, who: str) -> None:
    sender = getattr(shared_world, who)
    with refused("NotFederation", sender.address):
        shared_world.vault.slash(sender, shared_world.aggregator.address, 1, sender.address)
