"""Same inputs, same bytes; and no other bytes are accepted."""

from __future__ import annotations

import json
import random

import pytest
import rlp

from contracts.accounts import Account
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.federation import Federation, RoundRecorded
from contracts.chain import Transaction, UnsignedTransaction
from contracts.deploy import Deployment, check_code, check_creation
from contracts.replay import replay
from federation.errors import ChainError, Reverted, VerificationFailed

from .conftest import TIME, World, h, key, make_world


def played() -> World:
    world = make_world()
    world.fund()
    world.open(rounds=1)
    world.play_round()
    world.settle(h("payout"), 3)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return played()


@pytest.fixture(scope="module")
def exported(world: World) -> tuple[bytes, bytes]:
    return world.chain.export()


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def with_blocks(exported, change) -> tuple[bytes, bytes]:
    blocks = rlp.decode(exported[1])
    return exported[0], rlp.encode(change(blocks))


def test_two_runs_export_the_same_bytes(exported) -> None:
    assert played().chain.export() == exported


def test_replay_reads_like_the_live_chain(world: World, exported) -> None:
    chain, again = world.chain, replay(*exported)
    federation = world.federation.address
    assert (again.chain_id, again.block_number) == (chain.chain_id, chain.block_number)
    assert [again.block_hash(n) for n in range(again.block_number + 1)] == [
        chain.block_hash(n) for n in range(chain.block_number + 1)
    ]
    assert again.logs(federation) == chain.logs(federation)
    assert again.logs(federation, chain.block_number) == chain.logs(federation, chain.block_number)
    assert again.code(federation) == chain.code(federation)
    deployed = world.deployed
    assert tuple(again.created) == (
        deployed.token.address,
        deployed.registry.address,
        federation,
        deployed.pool.address,
    )
    bound = Deployment.at(again, federation, deployed.registry.address)
    assert bound.federation.round_info(1, 1) == world.federation.round_info(1, 1)
    assert (bound.pool.address, bound.token.address) == (deployed.pool.address, deployed.token.address)
    assert RoundRecorded.decode_logs(bound.federation.logs())[0].model_hash == h("r model")


def test_replay_cannot_be_written_to(world: World, exported) -> None:
    bound = Federation(replay(*exported), world.federation.address)
    with pytest.raises(ChainError, match="only be read"):
        bound.finalize(world.stranger)


def test_replay_names_the_genesis_when_any_bit_of_it_flips(exported) -> None:
    genesis, blocks = exported
    for bit in random.Random(0).sample(range(len(genesis) * 8), 60):
        with pytest.raises(VerificationFailed) as info:
            replay(flipped(genesis, bit), blocks)
        assert info.value.subject == "genesis"


def test_replay_refuses_blocks_when_any_bit_of_them_flips(exported) -> None:
    genesis, blocks = exported
    for bit in random.Random(1).sample(range(len(blocks) * 8), 40):
        with pytest.raises(VerificationFailed) as info:
            replay(genesis, flipped(blocks, bit))
        assert info.value.subject.startswith("block")


@pytest.fixture(scope="module")
def short() -> tuple[bytes, bytes]:
    """A chain of one block: no later block vouches for its header."""
    community = key("community")
    chain = EmbeddedChain(TIME, [community.address])
    chain.send(Transaction(to=key("payee").address, data=b""), community)
    return chain.export()


def test_replay_names_the_last_block_when_any_bit_of_it_flips(short) -> None:
    genesis, blocks = short
    for bit in range(24, len(blocks) * 8, 7):
        with pytest.raises(VerificationFailed) as info:
            replay(genesis, flipped(blocks, bit))
        assert info.value.subject in {"block 1", "blocks", "genesis"}, bit


@pytest.mark.parametrize(
    "change",
    [
        lambda blocks: blocks[1:],
        lambda blocks: [*blocks[:3], *blocks[4:]],
        lambda blocks: [blocks[1], blocks[0], *blocks[2:]],
        lambda blocks: [],
        lambda blocks: [*blocks, b""],
        lambda blocks: [[*blocks[0], []], *blocks[1:]],
        lambda blocks: [[blocks[0][0][:-1], *blocks[0][1:]], *blocks[1:]],
        lambda blocks: [[blocks[0][0], [], [], []], *blocks[1:]],
        lambda blocks: [*blocks, blocks[-1]],
    ],
)
def test_replay_refuses_blocks_when_they_are_not_one_chain(exported, change) -> None:
    with pytest.raises(VerificationFailed):
        replay(*with_blocks(exported, change))


def test_replay_accepts_a_chain_cut_at_a_block(exported) -> None:
    assert replay(*with_blocks(exported, lambda blocks: blocks[:2])).block_number == 2


@pytest.mark.parametrize("blocks", [b"", b"\xc0", b"\x80", b"\xf8\x00", b"not rlp"])
def test_replay_refuses_blocks_when_they_are_no_list(exported, blocks: bytes) -> None:
    with pytest.raises(VerificationFailed):
        replay(exported[0], blocks)


def test_replay_refuses_genesis_when_it_is_not_canonical(exported) -> None:
    genesis, blocks = exported
    document = json.loads(genesis)
    variants = [
        json.dumps(document).encode(),
        genesis + b"\n",
        json.dumps(document | {"extra": 1}, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps(document | {"gas_limit": -1}, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps(document | {"fork": "prague"}, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps(document | {"alloc": {"0x00": "1"}}, sort_keys=True, separators=(",", ":")).encode(),
    ]
    for variant in variants:
        with pytest.raises(VerificationFailed, match="genesis"):
            replay(variant, blocks)


def test_replay_refuses_a_block_when_time_runs_slower_than_agreed(short) -> None:
    genesis = json.loads(short[0])
    genesis["block_time"] = 13
    with pytest.raises(VerificationFailed):
        replay(json.dumps(genesis, sort_keys=True, separators=(",", ":")).encode(), short[1])


def test_check_code_fails_when_another_contract_is_there(shared_world: World) -> None:
    pool = shared_world.pool.address
    check_code(shared_world.chain, pool, "RewardPool")
    with pytest.raises(VerificationFailed) as info:
        check_code(shared_world.chain, pool, "Federation")
    assert info.value.subject == f"Federation at {pool}"
    with pytest.raises(VerificationFailed):
        check_code(shared_world.chain, key("nobody").address, "RewardPool")


def test_chain_is_unchanged_when_a_call_is_refused(shared_world: World) -> None:
    chain = shared_world.chain
    before = chain.block_number
    with pytest.raises(Reverted):
        shared_world.federation.finalize(shared_world.stranger)
    assert chain.block_number == before


def test_chain_refuses_a_sender_without_gas_money(shared_world: World) -> None:
    with pytest.raises(ChainError, match="refuses the transaction"):
        shared_world.federation.finalize(key("penniless"))


def test_chain_refuses_a_transaction_that_is_signed_for_another_chain(shared_world: World) -> None:
    class Elsewhere(Account):
        def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
            from dataclasses import replace

            return super().sign_transaction(replace(transaction, chain_id=1))

    with pytest.raises(ChainError):
        shared_world.federation.finalize(Elsewhere(h("key of stranger")))


def test_time_advances_once_when_asked(new_world) -> None:
    chain = new_world().chain
    start = chain.timestamp
    chain.advance_time(100)
    chain.mine(2)
    assert chain.timestamp == start + 100 + 24
    with pytest.raises(ChainError):
        chain.advance_time(-1)
    with pytest.raises(ChainError):
        chain.block_hash(chain.block_number + 1)


def test_creation_is_refused_when_other_code_ran(world: World) -> None:
    again = replay(*world.chain.export())
    federation = world.deployed.federation.address
    code = again.created[federation]
    check_creation(code, federation, "Federation")
    for other in (code[:-32], code + bytes(32), bytes([code[0] ^ 1]) + code[1:], b""):
        with pytest.raises(VerificationFailed, match="created"):
            check_creation(other, federation, "Federation")
