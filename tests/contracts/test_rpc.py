"""A node that lags, forgets, reorganises and refuses, played from memory."""

from __future__ import annotations

import pytest

from contracts.abi import encode, selector
from contracts.backends.patience import Patience
from contracts.backends.rpc import RpcChain
from contracts.backends.transport import RpcRefused
from contracts.chain import Chain, Inclusion, Transaction, UnsignedTransaction
from contracts.signed import read_signed
from federation.errors import ChainError, Overtaken, Reverted
from federation.hashing import keccak256
from federation.types import Wei

from .conftest import h, key

SENDER = key("sender")
PLACE = key("place").address
CALL = Transaction(to=PLACE, data=b"\x01\x02\x03\x04")


class Clock:
    """Time passes only by waiting; each wait may change the world."""

    def __init__(self):
        self.time = 1000.0
        self.waits = 0
        self.then = {}

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        self.waits += 1
        if event := self.then.pop(self.waits, None):
            event()


class Node:
    """Blocks are names: a block's hash says on which branch it is."""

    def __init__(self):
        self.number, self.branch = 5, "a"
        self.nonce = self.pending = 7
        self.balance = 10**18
        self.mempool, self.receipts, self.sent = {}, {}, []
        self.logs, self.most_blocks = [], 10**9
        self.answers = {}
        self.asked = []
        self.on_logs = lambda: None

    def request(self, method, *params):
        self.asked.append((method, params))
        if method in self.answers:
            answer = self.answers[method]
            if isinstance(answer, Exception):
                raise answer
            return answer
        return getattr(self, method)(*params)

    def lose(self):
        """Forget the last block, on another branch: what it held is in the pool again."""
        self.mempool = dict.fromkeys(self.receipts, "back in the pool")
        self.receipts.clear()
        self.branch += "x"
        self.number -= 1
        self.nonce = self.pending = 7

    def hash(self, number):
        return "0x" + h(f"{self.branch} {number}").hex()

    def eth_chainId(self):
        return "0x1"

    def eth_blockNumber(self):
        return hex(self.number)

    def eth_getBlockByNumber(self, block, full):
        number = self.number if block == "latest" else int(block, 16)
        if number > self.number:
            return None
        return {
            "number": hex(number),
            "hash": self.hash(number),
            "timestamp": hex(1000),
            "baseFeePerGas": "0xa",
        }

    def eth_maxPriorityFeePerGas(self):
        return "0x2"

    def eth_estimateGas(self, call):
        return hex(100_000)

    def eth_getTransactionCount(self, address, block):
        return hex(self.pending if block == "pending" else self.nonce)

    def eth_getBalance(self, address, block):
        return hex(self.balance)

    def eth_sendRawTransaction(self, raw):
        name = "0x" + keccak256(bytes.fromhex(raw[2:])).hex()
        self.sent.append(name)
        self.mempool[name] = raw
        return name

    def eth_getTransactionByHash(self, name):
        return {} if name in self.mempool or name in self.receipts else None

    def eth_getTransactionReceipt(self, name):
        return self.receipts.get(name)

    def eth_getLogs(self, wanted):
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if last - first + 1 > self.most_blocks:
            raise RpcRefused("range too wide", b"", reverted=False)
        found = [log for log in self.logs if first <= int(log["blockNumber"], 16) <= last]
        self.on_logs()
        return found

    def include(self, status=1, which=-1):
        name = self.sent[which]
        self.mempool.clear()
        self.number += 1
        self.nonce += 1
        self.receipts[name] = {
            "transactionHash": name,
            "blockNumber": hex(self.number),
            "blockHash": self.hash(self.number),
            "gasUsed": "0x5208",
            "effectiveGasPrice": "0xa",
            "status": hex(status),
            "logs": [],
            "contractAddress": None,
        }

    def grow(self):
        self.number += 1

    def log(self, number, index=0, **changes):
        self.logs.append(
            {
                "address": PLACE.lower(),
                "topics": ["0x" + h(self.branch).hex()],
                "data": "0x01",
                "blockNumber": hex(number),
                "logIndex": hex(index),
                "transactionHash": "0x" + h(f"{self.branch} {number} {index}").hex(),
                "removed": False,
                **changes,
            }
        )


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def clock():
    return Clock()


def connect(node, clock, **patience):
    return RpcChain(node, chain_id=1, patience=Patience(**{"timeout": 60, **patience}), clock=clock)


# Sending


def test_transaction_is_signed_for_its_place_when_it_is_sent(node, clock):
    clock.then[2] = node.include
    seen = []

    class Signer:
        address = SENDER.address

        def sign_transaction(self, unsigned):
            seen.append(unsigned)
            return SENDER.sign_transaction(unsigned)

    chain = connect(node, clock)
    assert isinstance(chain, Chain)
    receipt = chain.send(CALL, Signer())
    (unsigned,) = seen
    assert (unsigned.chain_id, unsigned.nonce, unsigned.gas) == (1, 7, 125_000)
    assert (unsigned.max_priority_fee_per_gas, unsigned.max_fee_per_gas) == (2, 22)
    assert (receipt.block_number, receipt.gas_used) == (6, 21_000)
    assert len(node.sent) == 1


def test_gas_is_never_more_than_offered_when_the_estimate_is_near(node, clock):
    chain = connect(node, clock)
    assert chain.quote(Transaction(to=PLACE, data=b"", gas=110_000), SENDER.address).gas == 110_000


@pytest.mark.parametrize(("limit", "refused"), [(21, True), (22, False)])
def test_quote_is_refused_when_gas_costs_more_than_the_limit(node, clock, limit, refused):
    chain = RpcChain(node, most_per_gas=Wei(limit), clock=clock)
    if refused:
        with pytest.raises(ChainError, match="gas may cost 22 wei, more than the limit of 21"):
            chain.send(CALL, SENDER)
        assert node.sent == []
    else:
        assert chain.quote(CALL, SENDER.address).max_fee_per_gas == limit


def test_send_refuses_when_earlier_transactions_are_pending(node, clock):
    node.pending = 9
    with pytest.raises(ChainError, match=r"2 pending transaction\(s\) from nonce 7"):
        connect(node, clock).send(CALL, SENDER)
    assert node.sent == []


@pytest.mark.parametrize(("missing", "refused"), [(1, True), (0, False)])
def test_send_refuses_when_the_account_lacks_one_wei(node, clock, missing, refused):
    node.balance = 125_000 * 22 - missing
    clock.then[1] = node.include
    chain = connect(node, clock)
    if refused:
        with pytest.raises(ChainError, match="underfunded") as info:
            chain.send(CALL, SENDER)
        assert "own coin" in str(info.value.hint)
        assert node.sent == []
    else:
        chain.send(CALL, SENDER)


def test_connection_is_refused_when_the_chain_is_another(node):
    with pytest.raises(ChainError, match="serves chain 1, not chain 5"):
        RpcChain(node, chain_id=5)


def test_custom_error_arrives_when_the_estimate_reverts(node, clock):
    data = selector("NotAggregator(address)") + encode(("address",), (PLACE,))
    node.answers["eth_estimateGas"] = RpcRefused("execution reverted", data, reverted=True)
    with pytest.raises(Reverted) as info:
        connect(node, clock).send(CALL, SENDER)
    assert (info.value.name, info.value.args_) == ("NotAggregator", (PLACE,))
    assert node.sent == []


def test_custom_error_arrives_when_it_reverts_only_in_its_block(node, clock):
    data = selector("NotAggregator(address)") + encode(("address",), (PLACE,))
    node.answers["eth_call"] = RpcRefused("execution reverted", data, reverted=True)
    clock.then[1] = lambda: node.include(status=0)
    with pytest.raises(Reverted, match="NotAggregator"):
        connect(node, clock).send(CALL, SENDER)


def test_failure_is_an_error_when_it_cannot_be_repeated(node, clock):
    node.answers["eth_call"] = "0x"
    clock.then[1] = lambda: node.include(status=0)
    with pytest.raises(ChainError, match="failed in block 6"):
        connect(node, clock).send(CALL, SENDER)


def test_send_goes_on_when_the_node_has_the_transaction_already(node, clock):
    take = node.eth_sendRawTransaction

    def known(raw):
        take(raw)
        raise RpcRefused("already known", b"", reverted=False)

    node.eth_sendRawTransaction = known
    clock.then[1] = node.include
    assert connect(node, clock).send(CALL, SENDER).block_number == 6


def test_send_fails_when_the_node_refuses_the_transaction(node, clock):
    node.answers["eth_sendRawTransaction"] = RpcRefused("fee too low", b"", reverted=False)
    with pytest.raises(ChainError, match="fee too low"):
        connect(node, clock).send(CALL, SENDER)


def test_transaction_is_sent_again_when_the_network_forgot_it(node, clock):
    clock.then = {1: node.mempool.clear, 4: node.include}
    connect(node, clock).send(CALL, SENDER)
    assert len(node.sent) == 2
    assert len(set(node.sent)) == 1


def test_send_fails_when_another_transaction_took_the_nonce(node, clock):
    def replace():
        node.mempool.clear()
        node.nonce += 1

    clock.then[1] = replace
    with pytest.raises(ChainError, match="took nonce 7"):
        connect(node, clock).send(CALL, SENDER)


@pytest.mark.parametrize("taken", ["nonce", "pending"])
def test_send_fails_and_is_not_repeated_when_somebody_else_was_faster(node, clock, taken):
    def late(raw):
        setattr(node, taken, 8)
        raise RpcRefused("nonce too low", b"", reverted=False)

    node.eth_sendRawTransaction = late
    with pytest.raises(ChainError, match="took nonce 7") as info:
        connect(node, clock).send(CALL, SENDER)
    assert "somebody else sends with this key" in str(info.value.hint)


def test_send_gives_up_when_the_transaction_is_overdue(node, clock):
    with pytest.raises(ChainError, match="overdue after 60 seconds"):
        connect(node, clock).send(CALL, SENDER)
    assert 60 <= clock.time - 1000 < 63


def test_send_waits_when_confirmations_are_missing(node, clock):
    def grow():
        node.number += 1

    clock.then = {1: node.include, 3: grow, 5: grow}
    chain = connect(node, clock, confirmations=3)
    assert chain.send(CALL, SENDER).block_number == 6
    assert (clock.waits, node.number) == (5, 8)


def test_receipt_is_of_the_last_branch_when_the_chain_reorganised(node, clock):
    def reorganise():
        name = node.sent[0]
        node.receipts.clear()
        node.branch, node.number, node.nonce = "b", 9, 7
        node.mempool[name] = "back in the pool"

    def grow():
        node.number += 1

    clock.then = {1: node.include, 2: reorganise, 4: node.include, 5: grow}
    receipt = connect(node, clock, confirmations=2).send(CALL, SENDER)
    assert receipt.block_number == 10


def test_confirmation_does_not_count_when_the_receipt_is_of_a_lost_branch(node, clock):
    def stale():
        node.include()
        node.branch, node.number = "b", 8

    clock.then[1] = stale
    with pytest.raises(ChainError, match="overdue"):
        connect(node, clock, confirmations=2).send(CALL, SENDER)


# Replacing what is stuck


class Watched:
    """A signer that shows what it signed."""

    address = SENDER.address

    def __init__(self):
        self.seen = []

    def sign_transaction(self, unsigned):
        self.seen.append(unsigned)
        return SENDER.sign_transaction(unsigned)

    @property
    def offers(self):
        return [(u.max_priority_fee_per_gas, u.max_fee_per_gas) for u in self.seen]


def test_transaction_is_replaced_by_a_dearer_one_when_it_is_stuck(node, clock):
    signer = Watched()
    clock.then[30] = node.include
    receipt = connect(node, clock, bump_after=10).send(CALL, signer)
    # Each offer is more than a tenth above the last, or what the market asks for.
    assert signer.offers[:3] == [(2, 22), (3, 25), (4, 29)]
    assert len({u.nonce for u in signer.seen}) == 1
    assert len(node.sent) == len(signer.seen) == 3
    assert receipt.transaction_hash.hex() == node.sent[-1][2:]


def test_replacement_follows_the_market_when_it_rose_further(node, clock):
    signer = Watched()
    node.balance = 10**20
    clock.then = {10: lambda: node.answers.update({"eth_maxPriorityFeePerGas": "0x64"}), 24: node.include}
    connect(node, clock, bump_after=10).send(CALL, signer)
    assert signer.offers == [(2, 22), (100, 120)]


def test_first_one_counts_when_a_block_holds_it_after_all(node, clock):
    clock.then[24] = lambda: node.include(which=0)
    receipt = connect(node, clock, bump_after=10).send(CALL, SENDER)
    assert len(node.sent) == 2
    assert receipt.transaction_hash.hex() == node.sent[0][2:]


def test_receipt_is_of_the_replacement_when_a_reorganisation_takes_the_first(node, clock):
    def other():
        node.include(which=1)

    clock.then = {24: lambda: node.include(which=0), 25: node.lose, 26: other, 27: node.grow}
    receipt = connect(node, clock, bump_after=10, confirmations=2).send(CALL, SENDER)
    assert receipt.transaction_hash.hex() == node.sent[1][2:]


@pytest.mark.parametrize(("limit", "offers"), [(24, 1), (25, 2), (28, 2), (29, 3)])
def test_no_more_than_the_limit_is_offered_when_a_transaction_is_stuck(node, clock, limit, offers):
    signer = Watched()
    clock.then[45] = node.include
    patience = Patience(timeout=60, bump_after=10)
    RpcChain(node, most_per_gas=Wei(limit), patience=patience, clock=clock).send(CALL, signer)
    assert len(signer.seen) == offers


def test_send_goes_on_when_the_node_refuses_a_replacement(node, clock):
    take = node.eth_sendRawTransaction

    def once(raw):
        if node.sent:
            raise RpcRefused("replacement transaction underpriced", b"", reverted=False)
        return take(raw)

    node.eth_sendRawTransaction = once
    clock.then[35] = node.include
    assert connect(node, clock, bump_after=10).send(CALL, SENDER).block_number == 6


def test_what_was_accepted_is_sent_again_when_the_network_forgot_all(node, clock):
    take, refused = node.eth_sendRawTransaction, []

    def only_cheap(raw):
        if node.sent and keccak256(bytes.fromhex(raw[2:])).hex() != node.sent[0][2:]:
            refused.append(raw)
            raise RpcRefused("insufficient funds", b"", reverted=False)
        return take(raw)

    node.eth_sendRawTransaction = only_cheap
    clock.then = {22: node.mempool.clear, 24: node.include}
    assert connect(node, clock, bump_after=10).send(CALL, SENDER).block_number == 6
    assert len(refused) == 2
    assert len(node.sent) == 2


# What all may cost together


def test_spending_is_counted_when_a_limit_is_agreed_on(node, clock):
    chain = connect(node, clock)
    chain.limit_cost(Wei(125_000 * 22))
    clock.then[1] = node.include
    chain.send(CALL, SENDER)
    node.pending = node.nonce
    # 21,000 gas at 10 wei are gone: the reserve for a rising base fee becomes smaller.
    signer = Watched()
    clock.then[2] = node.include
    chain.send(CALL, signer)
    assert signer.offers == [(2, (125_000 * 22 - 210_000) // 125_000)]


@pytest.mark.parametrize(("per_gas", "refused"), [(11, True), (12, False)])
def test_nothing_is_sent_when_the_rest_would_not_pay_for_the_next_block(node, clock, per_gas, refused):
    chain = connect(node, clock)
    chain.limit_cost(Wei(125_000 * per_gas))
    clock.then[1] = node.include
    if refused:
        with pytest.raises(ChainError, match="that are left") as info:
            chain.send(CALL, SENDER)
        assert "dearer" in str(info.value.hint)
        assert node.sent == []
    else:
        chain.send(CALL, SENDER)


def test_stuck_transaction_is_not_replaced_when_the_budget_is_used_up(node, clock):
    chain = connect(node, clock, bump_after=10)
    chain.limit_cost(Wei(125_000 * 24))
    signer = Watched()
    clock.then[45] = node.include
    chain.send(CALL, signer)
    assert signer.offers == [(2, 22)]


# Reading


def test_logs_are_in_order_and_complete_when_pages_are_small(node, clock):
    node.number = 23
    for number, index in ((20, 1), (20, 0), (3, 4), (23, 0), (0, 0)):
        node.log(number, index)
    node.most_blocks = 3
    found = connect(node, clock, page=8).logs(PLACE)
    assert [(log.block_number, log.index) for log in found] == [(0, 0), (3, 4), (20, 0), (20, 1), (23, 0)]
    assert {log.address for log in found} == {PLACE}
    assert [log.block_number for log in connect(node, clock).logs(PLACE, 20)] == [20, 20, 23]
    assert connect(node, clock).logs(PLACE, 24) == ()


def test_logs_of_blocks_without_confirmations_are_left_out(node, clock):
    for number in (2, 3, 4, 5):
        node.log(number)
    found = connect(node, clock, confirmations=3).logs(PLACE)
    assert [log.block_number for log in found] == [2, 3]
    node.number = 1
    node.logs.clear()
    node.log(0)
    assert [log.block_number for log in connect(node, clock, confirmations=3).logs(PLACE)] == [0]


def test_snapshots_are_refused_when_the_chain_is_public(node, clock):
    chain = connect(node, clock)
    with pytest.raises(ChainError, match="cannot be taken back") as info:
        chain.snapshot()
    assert "anvil" in str(info.value.hint)
    with pytest.raises(ChainError, match="no development chain"):
        chain.revert("0x1")


def test_logs_are_read_again_when_the_chain_reorganises(node, clock):
    node.log(2)

    def reorganise():
        node.on_logs = lambda: None
        node.branch, node.logs = "b", []
        node.log(4)

    node.on_logs = reorganise
    (found,) = connect(node, clock).logs(PLACE)
    assert (found.block_number, found.topics) == (4, (h("b"),))


def test_logs_fail_when_the_chain_never_holds_still(node, clock):
    def reorganise():
        node.branch += "x"

    node.on_logs = reorganise
    with pytest.raises(ChainError, match="keeps reorganising"):
        connect(node, clock).logs(PLACE)


def test_logs_fail_when_even_one_block_is_too_many(node, clock):
    node.most_blocks = 0
    with pytest.raises(RpcRefused, match="range too wide"):
        connect(node, clock).logs(PLACE)


@pytest.mark.parametrize(
    "changes",
    [{"removed": True}, {"blockNumber": None}, {"address": "0x12"}, {"topics": ["0x12"]}, {"data": "zz"}],
)
def test_log_is_refused_when_it_is_no_log_of_the_chain(node, clock, changes):
    node.log(2)
    node.answers["eth_getLogs"] = [node.logs[0] | changes]
    with pytest.raises(ChainError):
        connect(node, clock).logs(PLACE)


@pytest.mark.parametrize("answer", [None, 5, "5", "0xzz", []])
def test_answer_is_refused_when_it_is_no_number(node, clock, answer):
    node.answers["eth_blockNumber"] = answer
    with pytest.raises(ChainError, match="something else than a number"):
        assert connect(node, clock).block_number


def test_block_is_refused_when_it_is_still_to_come(node, clock):
    chain = connect(node, clock)
    assert (chain.block_hash(5), chain.block_time(5)) == (h("a 5"), 1000)
    for number in (6, -1):
        for ask in (chain.block_hash, chain.block_time):
            with pytest.raises(ChainError, match=f"there is no block {number}"):
                ask(number)


# Time


def test_mine_waits_when_blocks_take_their_time(node, clock):
    def grow():
        node.number += 1

    clock.then = {2: grow, 4: grow}
    connect(node, clock).mine(2)
    assert (clock.waits, node.number) == (4, 7)
    with pytest.raises(ChainError, match="block 8 is overdue"):
        connect(node, clock).mine()


def test_advance_time_waits_until_the_clock_says_so(node, clock):
    connect(node, clock).advance_time(90)
    assert clock.time == 1090
    with pytest.raises(ChainError, match="backwards"):
        connect(node, clock).advance_time(-1)


# Transactions by hash


NAME = h("a transaction")


def included(node, number, **changes):
    """Let the node know a transaction in a block."""
    name = "0x" + NAME.hex()
    node.answers["eth_getTransactionByHash"] = {
        "hash": name,
        "blockHash": node.hash(number),
        "to": PLACE.lower(),
        "input": "0x0102",
        **changes.get("sent", {}),
    }
    node.answers["eth_getTransactionReceipt"] = {
        "transactionHash": name,
        "blockHash": node.hash(number),
        "blockNumber": hex(number),
        "status": "0x1",
        **changes.get("receipt", {}),
    }


def test_transaction_is_found_when_it_has_its_confirmations(node, clock):
    included(node, 4)
    found = Inclusion(succeeded=True, to=PLACE, data=b"\x01\x02", block_number=4, timestamp=1000)
    assert connect(node, clock, confirmations=2).transaction(NAME) == found
    assert connect(node, clock, confirmations=3).transaction(NAME) is None
    node.grow()
    assert connect(node, clock, confirmations=3).transaction(NAME) == found


def test_transaction_tells_how_it_went_when_it_failed_or_created(node, clock):
    included(node, 4, receipt={"status": "0x0"}, sent={"to": None})
    found = connect(node, clock).transaction(NAME)
    assert (found.succeeded, found.to) == (False, None)


@pytest.mark.parametrize("answer", ["eth_getTransactionByHash", "eth_getTransactionReceipt"])
def test_transaction_is_not_there_when_the_node_does_not_know_it(node, clock, answer):
    included(node, 4)
    node.answers[answer] = None
    assert connect(node, clock).transaction(NAME) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sent": {"blockHash": None}},
        {"sent": {"blockHash": "0x" + h("lost").hex()}},
        {"receipt": {"blockHash": "0x" + h("lost").hex()}},
        {"receipt": {"blockNumber": "0x3"}},
        {"receipt": {"blockNumber": "0x6"}},
    ],
)
def test_transaction_is_not_there_when_it_is_pending_or_its_block_is_lost(node, clock, changes):
    included(node, 4, **changes)
    assert connect(node, clock).transaction(NAME) is None


@pytest.mark.parametrize("confirmations", [0, 1])
def test_transaction_is_not_there_when_its_block_is_still_to_come(node, clock, confirmations):
    included(node, 6)
    assert connect(node, clock, confirmations=confirmations).transaction(NAME) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sent": {"hash": "0x" + h("another").hex()}},
        {"receipt": {"transactionHash": "0x" + h("another").hex()}},
        {"sent": {"hash": None}},
        {"sent": {"to": "0x01"}},
        {"sent": {"input": "no bytes"}},
        {"receipt": {"status": None}},
    ],
)
def test_transaction_is_refused_when_answers_are_malformed_or_about_another(node, clock, changes):
    included(node, 4, **changes)
    with pytest.raises(ChainError):
        connect(node, clock).transaction(NAME)


# Taking up what an earlier process has signed


class Mute:
    """Somebody who must not sign any more."""

    address = SENDER.address

    def sign_transaction(self, unsigned):
        raise AssertionError("nothing is signed anew")


def signed(nonce=7, fee=22):
    unsigned = UnsignedTransaction(
        chain_id=1,
        nonce=nonce,
        max_priority_fee_per_gas=Wei(2),
        max_fee_per_gas=Wei(fee),
        gas=125_000,
        to=PLACE,
        data=CALL.data,
    )
    return SENDER.sign_transaction(unsigned)


def deliver(node, clock, *earlier, signer=None, **patience):
    notes = []
    chain = connect(node, clock, **patience)
    receipt = chain.deliver(CALL, signer or Mute(), earlier=earlier, note=notes.append)
    return receipt, notes


def test_every_signed_form_is_noted_before_it_is_sent_when_it_is_replaced(node, clock):
    notes, order = [], []
    real = node.eth_sendRawTransaction
    node.eth_sendRawTransaction = lambda raw: order.append(("sent", raw)) or real(raw)
    clock.then[40] = node.include
    chain = connect(node, clock, bump_after=10)

    def note(raw):
        notes.append(raw)
        order.append(("noted", "0x" + raw.hex()))

    chain.deliver(CALL, SENDER, earlier=(), note=note)
    assert len(notes) > 1
    for raw in notes:
        text = "0x" + raw.hex()
        assert order.index(("noted", text)) < order.index(("sent", text))


def test_receipt_is_found_when_an_earlier_process_sent_it(node, clock):
    raw = signed()
    node.eth_sendRawTransaction("0x" + raw.hex())
    node.include()
    before = list(node.sent)
    receipt, notes = deliver(node, clock, raw)
    assert receipt.transaction_hash == keccak256(raw)
    assert (node.sent, notes) == (before, [])


def test_same_bytes_are_sent_when_an_earlier_process_died_before_it_sent_them(node, clock):
    raw = signed()
    clock.then[3] = node.include
    receipt, notes = deliver(node, clock, raw)
    assert receipt.transaction_hash == keccak256(raw)
    assert (set(node.sent), notes) == ({"0x" + keccak256(raw).hex()}, [])


def test_any_of_them_counts_when_an_earlier_process_had_replaced_it(node, clock):
    cheap, dear = signed(), signed(fee=44)
    node.eth_sendRawTransaction("0x" + cheap.hex())
    node.include()
    receipt, _ = deliver(node, clock, cheap, dear)
    assert receipt.transaction_hash == keccak256(cheap)
    assert len(node.sent) == 1


def test_it_is_replaced_when_what_an_earlier_process_sent_is_stuck(node, clock):
    raw = signed()
    node.eth_sendRawTransaction("0x" + raw.hex())
    clock.then[40] = node.include
    receipt, notes = deliver(node, clock, raw, signer=SENDER, bump_after=10)
    assert notes
    assert receipt.transaction_hash == keccak256(notes[-1])
    assert {read_signed(one).nonce for one in notes} == {7}


def test_it_is_overtaken_when_its_nonce_went_to_another_transaction(node, clock):
    node.nonce = node.pending = 8
    with pytest.raises(Overtaken, match="took nonce 7"):
        deliver(node, clock, signed())
    assert node.sent == []


@pytest.mark.parametrize("confirmations", [1, 3])
def test_newest_settled_block_is_the_last_one_that_logs_show(node, clock, confirmations):
    chain = connect(node, clock, confirmations=confirmations)
    for number in range(1, 6):
        node.log(number)
    assert chain.settled == 6 - confirmations
    assert max(log.block_number for log in chain.logs(PLACE)) == chain.settled
