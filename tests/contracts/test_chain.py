"""What every development chain promises: the same answers on the embedded one and on anvil."""

from __future__ import annotations

import pytest

from contracts.abi import selector
from contracts.bindings.errors import ERC20InsufficientBalance, NotMinter
from contracts.bindings.moot_token import MootToken, Transfer
from contracts.chain import Chain, Inclusion, Transaction
from federation.errors import ChainError, Reverted
from federation.hashing import keccak256

from .conftest import BACKENDS, TIME, key

ALICE, BOB = key("alice"), key("bob")
EMPTY = b"\x5f\x5f\xf3"
"""Creation code of a contract without code: PUSH0 PUSH0 RETURN."""
NAME_TAG = b"\x5f\x5f\xfd"
"""Creation code that reverts without data: PUSH0 PUSH0 REVERT."""


@pytest.fixture
def chain() -> Chain:
    return BACKENDS[-1].open([ALICE.address, BOB.address], 31337)


@pytest.fixture
def token(chain: Chain) -> MootToken:
    return MootToken.deploy(chain, ALICE)


def test_chain_keeps_its_protocol(chain: Chain) -> None:
    assert isinstance(chain, Chain)
    assert (chain.chain_id, chain.block_number, chain.timestamp) == (31337, 0, TIME)


def test_receipt_tells_what_a_transaction_did(chain: Chain, token: MootToken) -> None:
    receipt = token.mint(ALICE, BOB.address, 7)
    (moved,) = Transfer.decode_logs(receipt.logs)
    assert (moved.to, moved.value) == (BOB.address, 7)
    assert (receipt.block_number, receipt.contract_address) == (2, None)
    assert 21_000 < receipt.gas_used < 100_000
    assert token.logs(2) == receipt.logs
    assert token.logs(3) == ()
    assert chain.block_hash(2) != chain.block_hash(1)
    assert [chain.block_time(number) for number in (0, 1, 2)] == [TIME, TIME + 12, TIME + 24]
    with pytest.raises(ChainError, match="there is no block 3"):
        chain.block_time(3)


def test_transaction_is_found_by_its_hash_when_a_block_holds_it(chain: Chain, token: MootToken) -> None:
    then, snapshot = chain.timestamp, chain.snapshot()
    creation = chain.send(Transaction(to=None, data=EMPTY), ALICE)
    sent = token.mint(ALICE, BOB.address, 7)
    found = chain.transaction(sent.transaction_hash)
    assert found is not None
    assert (found.succeeded, found.to, found.block_number) == (True, token.address, 3)
    assert (found.data[:4], found.timestamp) == (selector("mint(address,uint256)"), then + 24)
    assert chain.transaction(creation.transaction_hash) == Inclusion(
        succeeded=True, to=None, data=EMPTY, block_number=2, timestamp=then + 12
    )
    assert chain.transaction(keccak256(b"no transaction")) is None
    chain.revert(snapshot)
    assert chain.transaction(sent.transaction_hash) is None


def test_refused_transaction_is_never_included(chain: Chain, token: MootToken) -> None:
    before = chain.block_number
    with pytest.raises(NotMinter) as info:
        token.mint(BOB, BOB.address, 1)
    assert info.value.caller == BOB.address
    assert BOB.address in info.value.message
    assert info.value.hint == NotMinter.HINT
    with pytest.raises(ERC20InsufficientBalance) as poor:
        token.transfer(BOB, ALICE.address, 3)
    assert (poor.value.balance, poor.value.needed) == (0, 3)
    with pytest.raises(Reverted) as silent:
        chain.send(Transaction(to=None, data=NAME_TAG), ALICE)
    assert (silent.value.name, silent.value.args_) == ("unknown", ())
    assert chain.block_number == before


def test_state_logs_and_blocks_go_back_when_a_snapshot_is_reverted(chain: Chain, token: MootToken) -> None:
    token.mint(ALICE, ALICE.address, 1)
    snapshot = chain.snapshot()
    hashes = [chain.block_hash(number) for number in range(chain.block_number + 1)]
    lost = token.mint(ALICE, ALICE.address, 2)
    chain.mine(3)
    chain.revert(snapshot)
    assert chain.block_number == len(hashes) - 1
    assert [chain.block_hash(number) for number in range(len(hashes))] == hashes
    assert token.total_supply() == 1
    assert len(Transfer.decode_logs(token.logs())) == 1
    with pytest.raises(ChainError, match="there is no block"):
        chain.block_hash(len(hashes))
    other = token.mint(ALICE, ALICE.address, 5)
    assert (other.block_number, token.total_supply()) == (lost.block_number, 6)
    assert other.transaction_hash != lost.transaction_hash
    assert [event.value for event in Transfer.decode_logs(token.logs())] == [1, 5]


def test_blocks_are_the_same_when_the_same_is_done_after_a_revert(chain: Chain, token: MootToken) -> None:
    seen = []
    for _ in range(2):
        snapshot = chain.snapshot()
        receipt = token.mint(ALICE, ALICE.address, 2)
        chain.mine(2)
        seen.append((receipt, chain.block_number, chain.timestamp, token.total_supply()))
        chain.revert(snapshot)
    assert seen[0] == seen[1]


def test_advanced_time_is_forgotten_when_a_snapshot_is_reverted(chain: Chain) -> None:
    snapshot = chain.snapshot()
    chain.advance_time(500)
    chain.revert(snapshot)
    chain.mine()
    assert chain.timestamp == TIME + 12


def test_names_are_used_up_when_a_snapshot_is_reverted(chain: Chain) -> None:
    first = chain.snapshot()
    chain.mine()
    second = chain.snapshot()
    assert first != second
    chain.mine()
    chain.revert(first)
    for name in (first, second, "0x77"):
        with pytest.raises(ChainError, match="there is no snapshot"):
            chain.revert(name)
    third = chain.snapshot()
    chain.mine(2)
    chain.revert(third)
    assert chain.block_number == 0


def test_time_and_blocks_pass_as_they_are_told(chain: Chain) -> None:
    chain.advance_time(100)
    chain.mine()
    assert (chain.block_number, chain.timestamp) == (1, TIME + 112)
    chain.mine(2)
    assert (chain.block_number, chain.timestamp) == (3, TIME + 136)
    with pytest.raises(ChainError, match="backwards"):
        chain.advance_time(-1)
