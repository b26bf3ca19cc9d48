"""Same inputs, same bytes; and no other bytes are accepted."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import rlp

from contracts.abi import encode, selector
from contracts.accounts import Account
from contracts.agreement import stake_lock
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.bindings.event_anchor import EventAnchor
from contracts.bindings.federation import Federation, RoundRecorded
from contracts.bindings.structs import Phase
from contracts.chain import Transaction, UnsignedTransaction
from contracts.deploy import JUDGES, Deployment, check_code, check_creation, creation_codes
from contracts.replay import replay
from contracts.view import FederationView
from federation.errors import ChainError, Reverted, VerificationFailed
from federation.hashing import keccak256

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


def test_transaction_says_the_same_when_its_block_is_executed_again() -> None:
    payer = key("payer")
    chain = EmbeddedChain(TIME, [payer.address])
    anchor = EventAnchor.deploy(chain, payer)
    sent = anchor.anchor_dag_cbor(payer, h("root"))
    # Another chain's blocks may hold failures; the embedded chain makes none by itself.
    short = payer.sign_transaction(
        UnsignedTransaction(
            chain_id=chain.chain_id,
            nonce=2,
            max_priority_fee_per_gas=0,
            max_fee_per_gas=10**11,
            gas=25_000,
            to=anchor.address,
            data=selector("anchorDagCbor(bytes32)") + h("never"),
        )
    )
    chain._blocks.append(chain._machine.build([short], chain._next_time()))
    again = replay(*chain.export())
    for name in (sent.transaction_hash, keccak256(short)):
        assert again.transaction(name) == chain.transaction(name)
    assert again.transaction(sent.transaction_hash).succeeded
    assert not again.transaction(keccak256(short)).succeeded
    assert again.transaction(h("none")) is None
    assert again.after(1).transaction(sent.transaction_hash) is None


def test_two_runs_export_the_same_bytes(exported) -> None:
    assert played().chain.export() == exported


def test_replay_reads_like_the_live_chain(world: World, exported) -> None:
    chain, again = world.chain, replay(*exported)
    federation = world.federation.address
    assert (again.chain_id, again.block_number) == (chain.chain_id, chain.block_number)
    assert [again.block_hash(n) for n in range(again.block_number + 1)] == [
        chain.block_hash(n) for n in range(chain.block_number + 1)
    ]
    assert [again.block_time(n) for n in range(again.block_number + 1)] == [
        chain.block_time(n) for n in range(chain.block_number + 1)
    ]
    with pytest.raises(ChainError, match="no block"):
        again.block_time(again.block_number + 1)
    assert again.logs(federation) == chain.logs(federation)
    assert again.logs(federation, chain.block_number) == chain.logs(federation, chain.block_number)
    assert again.code(federation) == chain.code(federation)
    deployed = world.deployed
    config = deployed.federation.config()
    assert tuple(again.created) == (
        config.randomness,
        *config.judges,
        deployed.token.address,
        deployed.registry.address,
        federation,
        deployed.pool.address,
        deployed.vault.address,
    )
    bound = Deployment.at(again, federation, deployed.registry.address)
    assert FederationView(bound.federation).words(1, 1) == world.words()
    assert bound.federation.round_digest(1, 1) == deployed.federation.round_digest(1, 1)
    found = (bound.pool.address, bound.token.address, bound.vault.address)
    assert found == (deployed.pool.address, deployed.token.address, deployed.vault.address)
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


def test_past_chain_answers_as_the_live_one_did_when_a_block_is_named(new_world) -> None:
    world = new_world()
    world.fund()
    seen = {}
    for step in (world.open, world.to_draw, world.draw, world.record):
        step()
        number = world.chain.block_number
        view = FederationView(world.federation)
        seen[number] = (world.federation.phase(), view.words(1, 1), world.federation.logs())
    again = replay(*world.chain.export())
    for number, (phase, words, logs) in seen.items():
        past = again.after(number)
        bound = Federation(past, world.federation.address)
        assert (past.block_number, past.chain_id) == (number, again.chain_id)
        assert (bound.phase(), FederationView(bound).words(1, 1), bound.logs()) == (phase, words, logs)
        assert past.block_hash(number) == again.block_hash(number)
        with pytest.raises(ChainError, match="no block"):
            past.block_hash(number + 1)
    # The past leaves the present as it was.
    assert Federation(again, world.federation.address).phase() is Phase.OPEN
    assert again.after(again.block_number).logs(world.federation.address) == logs


def test_past_chain_has_no_contract_when_it_was_created_later(exported, world: World) -> None:
    again = replay(*exported)
    federation = world.federation.address
    born = next(
        n for n in range(1, again.block_number + 1) if federation in again.after(n).created
    )  # fmt: skip
    assert again.after(born - 1).code(federation) == b""
    assert again.after(born).code(federation) == again.code(federation)
    assert again.after(0).created == {}
    for number in (-1, again.block_number + 1):
        with pytest.raises(ChainError, match="no block"):
            again.after(number)


def test_every_contract_is_named_with_the_arguments_it_was_created_with(world: World, exported) -> None:
    again = replay(*exported)
    deployed = Deployment.at(again, world.federation.address, world.deployed.registry.address)
    named = list(deployed.creations())
    assert {address for _, address, _ in named} == set(again.created)
    assert [name for name, _, _ in named[-len(JUDGES) :]] == list(JUDGES)
    for name, address, arguments in named:
        check_creation(again.created[address], address, name, arguments)


def test_creation_is_refused_when_other_code_or_arguments_ran(world: World, exported) -> None:
    again = replay(*exported)
    deployed = Deployment.at(again, world.federation.address, world.deployed.registry.address)
    for name, address, arguments in deployed.creations():
        code = again.created[address]
        for other in (code[:-32], code + bytes(32), bytes([code[0] ^ 1]) + code[1:], b""):
            with pytest.raises(VerificationFailed, match="created") as info:
                check_creation(other, address, name, arguments)
            assert info.value.subject == f"{name} at {address}"
        for wrong in (flipped(arguments, 8 * len(arguments) - 1) if arguments else b"\0", arguments + b"\0"):
            with pytest.raises(VerificationFailed, match="created"):
                check_creation(code, address, name, wrong)


def test_creation_is_refused_when_the_constructor_was_given_another_lock(world: World) -> None:
    chain, token = EmbeddedChain(TIME, [world.community.address]), world.deployed.token.address
    other = ContributorRegistry.deploy(chain, world.community, token, 1)
    code = replay(*chain.export()).created[other.address]
    right = encode(("address", "uint48"), (token, stake_lock(world.manifest)))
    check_creation(code, other.address, "ContributorRegistry", encode(("address", "uint48"), (token, 1)))
    with pytest.raises(VerificationFailed, match="created"):
        check_creation(code, other.address, "ContributorRegistry", right)


def test_deployment_is_refused_when_its_judges_are_others(new_world) -> None:
    world = new_world()
    config = world.federation.config()
    for judges in (
        config.judges[:-1],
        (*config.judges, world.stranger.address),
        (*config.judges[:-1], world.stranger.address),
        config.judges[::-1],
    ):
        other = Federation.deploy(world.chain, world.community, replace(config, judges=judges))
        with pytest.raises(VerificationFailed):
            Deployment.at(world.chain, other.address, world.deployed.registry.address)
    lucky = replace(config, randomness=world.deployed.token.address)
    other = Federation.deploy(world.chain, world.community, lucky)
    with pytest.raises(VerificationFailed, match="BlockhashRandomness"):
        Deployment.at(world.chain, other.address, world.deployed.registry.address)


def test_cost_is_told_beforehand_when_a_federation_is_deployed(new_world) -> None:
    world = new_world()
    sent = list(replay(*world.chain.export()).created.values())
    told = creation_codes(world.manifest, world.stranger.address)
    # Pool and vault are created by the federation's constructor.
    assert [len(code) for code in told] == [len(code) for code in sent[:-2]]
