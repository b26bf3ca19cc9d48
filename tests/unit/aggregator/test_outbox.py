"""A transaction is written down before it leaves, and is executed once however often it is asked for."""

from __future__ import annotations

import pytest

from aggregator.journal import Journal
from aggregator.outbox import JournaledChain, called
from contracts.accounts import Account
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.moot_token import MootToken
from contracts.chain import Chain, Transaction, UnsignedTransaction
from contracts.signed import read_signed
from federation.errors import ChainError, ConfigError, Overtaken, Reverted
from federation.types import Address, Wei

SENDER, OTHER = Account(b"\x01" * 32), Account(b"\x02" * 32)


class Dead(Exception):
    """The process dies here."""


class Dying(EmbeddedChain):
    """A chain that the process does not live to hear of, or to speak to."""

    dies: str | None = None

    def _append(self, raw):
        if raw and self.dies == "before":
            raise Dead
        built = super()._append(raw)
        if raw and self.dies == "after":
            raise Dead
        return built


@pytest.fixture
def chain():
    return Dying(1_700_000_000, [SENDER.address, OTHER.address])


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "home" / "journal.db", federation=Address("0x" + "ab" * 20), chain_id=1) as made:
        yield made


@pytest.fixture
def wrapped(chain, journal):
    return JournaledChain(chain, journal)


def sent(chain, to):
    return [i for block in chain._blocks for i in block.inclusions if i.to == to]


def test_wrapped_chain_is_a_chain(wrapped):
    assert isinstance(wrapped, Chain)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_transaction_is_executed_once_when_the_process_died_around_it(chain, wrapped, dies):
    token = MootToken.deploy(chain, SENDER)
    bound = MootToken(wrapped, token.address)
    wrapped.at(1, 2)
    chain.dies = dies
    with pytest.raises(Dead):
        bound.approve(SENDER, OTHER.address, 5)
    chain.dies = None
    again = MootToken(JournaledChain(chain, wrapped._journal), token.address)
    again.reader.at(1, 2)
    first = again.approve(SENDER, OTHER.address, 5)
    assert again.approve(SENDER, OTHER.address, 5) == first
    assert len(sent(chain, token.address)) == 1


def test_signed_form_is_in_the_journal_when_it_leaves(chain, wrapped, journal):
    token = MootToken.deploy(chain, SENDER)
    chain.dies = "before"
    wrapped.at(3, 4)
    with pytest.raises(Dead):
        MootToken(wrapped, token.address).approve(SENDER, OTHER.address, 5)
    ((name, raw),) = journal.steps(3, 4, "sent/").items()
    assert name.endswith("//0000/0000")
    assert (read_signed(raw).to, read_signed(raw).nonce) == (token.address, 1)


def test_calls_are_apart_when_round_or_label_is_another(chain, wrapped):
    token = MootToken.deploy(chain, SENDER)
    bound = MootToken(wrapped, token.address)
    for round_ in (1, 2):
        wrapped.at(1, round_)
        for label in ("a", "b"):
            with called(wrapped, label):
                bound.approve(SENDER, OTHER.address, 5)
        bound.approve(SENDER, OTHER.address, 5)
    assert len(sent(chain, token.address)) == 6


def test_other_transaction_is_refused_when_one_was_signed_in_its_place(chain, wrapped):
    token = MootToken(wrapped, MootToken.deploy(chain, SENDER).address)
    token.approve(SENDER, OTHER.address, 5)
    with pytest.raises(ConfigError, match="another transaction"):
        token.approve(SENDER, OTHER.address, 6)


def test_call_is_signed_anew_when_the_contract_had_refused_it(chain, wrapped):
    token = MootToken(wrapped, MootToken.deploy(chain, SENDER).address)
    with pytest.raises(Reverted):
        token.transfer(SENDER, OTHER.address, 5)
    MootToken(chain, token.address).mint(SENDER, SENDER.address, 5)
    token.transfer(SENDER, OTHER.address, 5)
    assert token.balance_of(OTHER.address) == 5


def test_call_is_signed_anew_when_another_transaction_took_its_nonce(chain, wrapped):
    token = MootToken(wrapped, MootToken.deploy(chain, SENDER).address)
    chain.dies = "before"
    with pytest.raises(Dead):
        token.approve(SENDER, OTHER.address, 5)
    chain.dies = None
    MootToken(chain, token.address).mint(SENDER, SENDER.address, 5)
    with pytest.raises(Overtaken):
        token.approve(SENDER, OTHER.address, 5)
    token.approve(SENDER, OTHER.address, 5)
    assert token.allowance(SENDER.address, OTHER.address) == 5


@pytest.mark.parametrize("data", [b"", b"\x01\x02\x03"])
@pytest.mark.parametrize("to", [None, OTHER.address])
def test_fields_come_back_when_a_signed_transaction_is_read(data, to):
    wanted = UnsignedTransaction(
        chain_id=5,
        nonce=0,
        max_priority_fee_per_gas=Wei(1),
        max_fee_per_gas=Wei(10**12),
        gas=21_000,
        to=to,
        data=data,
    )
    assert read_signed(SENDER.sign_transaction(wanted)) == wanted


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x01\xc0", b"\x02\xc0", b"\x02\xc3\x01\x02\x03"])
def test_bytes_are_refused_when_they_are_no_such_transaction(raw):
    with pytest.raises(ChainError):
        read_signed(raw)


def test_transaction_is_passed_on_when_it_creates_a_contract(chain, wrapped):
    receipt = wrapped.send(Transaction(to=None, data=b"\x00"), SENDER)
    assert receipt.contract_address
    assert wrapped.send(Transaction(to=None, data=b"\x00"), SENDER) == receipt
