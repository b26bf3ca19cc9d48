"""Right code that serves somebody else: contracts of a federation must name each other."""

from __future__ import annotations

import pytest

from contracts.bindings.federation import Federation
from contracts.bindings.reward_pool import RewardPool
from contracts.chain import Transaction
from contracts.deploy import Deployment
from federation.errors import VerificationFailed
from federation.hashing import abi_words, keccak256
from federation.types import Address

from .conftest import World

SSTORE, CODECOPY, RETURN, PUSH32 = b"\x55", b"\x39", b"\xf3", b"\x7f"


def push(value: int) -> bytes:
    return PUSH32 + value.to_bytes(32, "big")


def impostor(world: World, pool: Address) -> Federation:
    """Deploy a federation's own code by a constructor that names another pool in it."""
    judges = world.federation.judges()
    runtime = world.chain.code(world.federation.address)
    runtime = runtime.replace(bytes.fromhex(world.federation.pool()[2:]), bytes.fromhex(pool[2:]))
    first = int.from_bytes(keccak256(abi_words(1)), "big")
    slots = {1: len(judges)} | {first + i: int(judge, 16) for i, judge in enumerate(judges)}
    stores = b"".join(push(value) + push(slot) + SSTORE for slot, value in slots.items())
    start = len(stores) + 5 * 33 + 2
    copy = push(len(runtime)) + push(start) + push(0) + CODECOPY + push(len(runtime)) + push(0) + RETURN
    receipt = world.chain.send(Transaction(to=None, data=stores + copy + runtime), world.stranger)
    assert receipt.contract_address
    return Federation(world.chain, receipt.contract_address)


def test_deployment_is_refused_when_its_pool_obeys_somebody_else(world: World) -> None:
    token = world.federation.config().token
    pool = RewardPool.deploy(world.chain, world.stranger, token, world.stranger.address)
    other = impostor(world, pool.address)
    assert other.config() == world.federation.config()
    assert other.pool() == pool.address
    with pytest.raises(VerificationFailed, match="its RewardPool serves"):
        Deployment.at(world.chain, other.address, world.deployed.registry.address)
