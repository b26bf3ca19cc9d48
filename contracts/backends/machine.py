"""A py-evm chain in which a block follows from its parent, its transactions and its time alone.

The embedded chain builds blocks with it, a replay builds them again and compares: every header
field that Ethereum leaves to the proposer is fixed by a rule here, so that no byte of a block is
free. Rules are those of Cancun, without blobs and withdrawals.
"""

from __future__ import annotations

import sys
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.abi import reverted, to_address, to_bytes
from contracts.chain import Inclusion, Log, Receipt
from federation.errors import ChainError
from federation.hashing import abi_words, keccak256, purpose
from federation.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eth.abc import BlockAPI, BlockHeaderAPI, ComputationAPI, ReceiptAPI, VirtualMachineAPI

    from contracts.genesis import Genesis

CALLER = bytes(20)
CALL_GAS = 25_000_000
TRANSACTION_FIELDS, ACCESS_LIST = 12, 8
"""The number of fields of an EIP-1559 transaction, and where its access list stands."""
ZERO = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A block that was executed.

    Attributes:
        encoded: Its RLP encoding.
        hash: The hash of its header.
        number: Its number.
        timestamp: Its Unix seconds.
        receipts: One per transaction; a reverted one has no logs.
        inclusions: One per transaction, in the same order.
        created: Contracts created and their creation code, creators before what they create.
    """

    encoded: bytes
    hash: Hash32
    number: int
    timestamp: int
    receipts: tuple[Receipt, ...]
    inclusions: tuple[Inclusion, ...]
    created: tuple[tuple[Address, bytes], ...]


def mix_hash(parent_hash: bytes, timestamp: int) -> Hash32:
    """Return the header field that ties a block's time to its parent (EIP-4399 ``prevrandao``).

    Nothing else in a header would notice a changed time of the last block.
    """
    return keccak256(abi_words(purpose("prevrandao"), parent_hash, timestamp))


def _import_py_evm() -> None:
    """Import py-evm and undo what its import does to the whole process.

    It raises the recursion limit a hundredfold, with which deeply nested JSON crashes the interpreter
    instead of raising an error.
    """
    limit = sys.getrecursionlimit()
    import eth

    assert eth
    sys.setrecursionlimit(limit)


class Machine:
    """Executes blocks on a state of its own, in memory."""

    def __init__(self, genesis: Genesis) -> None:
        _import_py_evm()
        from eth.chains.base import MiningChain
        from eth.consensus import ConsensusApplier, NoProofConsensus
        from eth.constants import BLANK_ROOT_HASH
        from eth.db.atomic import AtomicDB
        from eth.vm.forks.cancun import CancunVM

        configuration = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, CancunVM),))
        rules = MiningChain.configure(
            __name__="EmbeddedMiningChain", vm_configuration=configuration, chain_id=genesis.chain_id
        )
        state = {
            to_bytes(address): {"balance": int(amount), "nonce": 0, "code": b"", "storage": {}}
            for address, amount in genesis.alloc
        }
        # The document's hash in the header leaves no byte of it without effect on later blocks.
        header = {
            "difficulty": 0,
            "gas_limit": genesis.gas_limit,
            "timestamp": genesis.timestamp,
            "base_fee_per_gas": genesis.base_fee_per_gas,
            "extra_data": keccak256(genesis.encode()),
            "withdrawals_root": BLANK_ROOT_HASH,
        }
        self.genesis = genesis
        self._chain = rules.from_genesis(AtomicDB(), header, state)
        self._head: BlockHeaderAPI = self._chain.get_canonical_head()
        self.hashes: list[Hash32] = [Hash32(self._head.hash)]

    @property
    def number(self) -> int:
        """The number of the latest block."""
        return len(self.hashes) - 1

    @property
    def timestamp(self) -> int:
        """The Unix seconds of the latest block."""
        return int(self._head.timestamp)

    def build(self, raw: Sequence[bytes], timestamp: int, *, refuse_reverts: bool = False) -> Built:
        """Execute transactions as the next block.

        Args:
            raw: Signed EIP-1559 transactions, in order.
            timestamp: The block's Unix seconds, later than its parent's.
            refuse_reverts: Leave the chain as it was and raise if a transaction reverts.

        Raises:
            ChainError: A transaction is malformed or not allowed in this state.
            Reverted: A transaction reverted, and ``refuse_reverts`` is set.
        """
        from eth.exceptions import PyEVMError
        from eth_keys.exceptions import BadSignature
        from eth_utils.exceptions import ValidationError
        from rlp.exceptions import RLPException

        vm = self._vm(timestamp)
        try:
            builder = vm.get_transaction_builder()
            transactions = [builder.decode(_dynamic_fee(item)) for item in raw]
            header, receipts, computations = vm.apply_all_transactions(transactions, vm.get_header())
            for computation in computations if refuse_reverts else ():
                if computation.is_error:
                    raise reverted(computation.output)
            filled = vm.set_block_transactions_and_withdrawals(vm.get_block(), header, transactions, receipts)
            block = vm.mine_block(filled).block
            self._chain.chaindb.persist_block(block)
        except (PyEVMError, ValidationError, RLPException, BadSignature) as err:
            raise ChainError(f"the chain refuses the transaction: {err}") from err
        self._head = block.header
        self.hashes.append(Hash32(block.hash))
        return _built(block, raw, receipts, computations)

    def rewind(self, number: int) -> None:
        """Make an earlier block the latest one; its state is still in the database, by its root."""
        del self.hashes[number + 1 :]
        self._head = self._chain.get_block_header_by_hash(self.hashes[number])

    def past(self, number: int) -> Machine:
        """Return a machine whose latest block is an earlier one; this one stays as it is."""
        earlier = copy(self)
        earlier.hashes = list(self.hashes)
        earlier.rewind(number)
        return earlier

    def call(self, to: Address, data: bytes, timestamp: int) -> bytes:
        """Run a call in the next block's place, and forget it.

        Raises:
            Reverted: The contract refuses it.
        """
        from eth.vm.message import Message

        # Not in py-evm's costless state, whose block is of this machine's present time.
        state = self._vm(timestamp).state
        target = to_bytes(to)
        message = Message(
            gas=CALL_GAS, to=target, sender=CALLER, value=0, data=data, code=state.get_code(target)
        )
        context = state.get_transaction_context_class()(gas_price=0, origin=CALLER)
        computation = state.computation_class.apply_message(state, message, context)
        if computation.is_error:
            raise reverted(computation.output)
        return bytes(computation.output)

    def code(self, address: Address) -> bytes:
        """Return the code at an address."""
        return bytes(self._latest().state.get_code(to_bytes(address)))

    def nonce(self, address: Address) -> int:
        """Return the number of transactions an account has sent."""
        return int(self._latest().state.get_nonce(to_bytes(address)))

    def _latest(self) -> VirtualMachineAPI:
        return self._chain.get_vm(self._head)

    def _vm(self, timestamp: int) -> VirtualMachineAPI:
        header = self._chain.create_header_from_parent(
            self._head,
            timestamp=timestamp,
            gas_limit=self._head.gas_limit,
            mix_hash=mix_hash(self._head.hash, timestamp),
            extra_data=b"",
            parent_beacon_block_root=ZERO,
        )
        return self._chain.get_vm(header)


def _dynamic_fee(raw: bytes) -> bytes:
    """Refuse all but one kind of transaction: others have several encodings or unsigned side data.

    The decoder behind it trusts the shape of what it is given, so the shape is checked here.
    """
    import rlp

    fields = rlp.decode(raw[1:]) if raw[:1] == b"\x02" else None
    if not isinstance(fields, list) or len(fields) != TRANSACTION_FIELDS:
        raise ChainError("only EIP-1559 transactions are accepted")
    access_list = fields.pop(ACCESS_LIST)
    if access_list != [] or not all(isinstance(part, bytes) for part in fields):
        raise ChainError("only EIP-1559 transactions without an access list are accepted")
    return raw


def _built(
    block: BlockAPI,
    raw: Sequence[bytes],
    receipts: Sequence[ReceiptAPI],
    computations: Sequence[ComputationAPI],
) -> Built:
    import rlp

    number, timestamp = int(block.number), int(block.header.timestamp)
    results, gas_before, index = [], 0, 0
    for item, receipt, computation in zip(raw, receipts, computations, strict=True):
        logs = []
        for log in receipt.logs:
            logs.append(
                Log(
                    address=to_address(log.address),
                    topics=tuple(Hash32(int(topic).to_bytes(32, "big")) for topic in log.topics),
                    data=bytes(log.data),
                    block_number=number,
                    index=index,
                    transaction_hash=keccak256(item),
                )
            )
            index += 1
        message = computation.msg
        results.append(
            Receipt(
                transaction_hash=keccak256(item),
                block_number=number,
                gas_used=int(receipt.gas_used) - gas_before,
                logs=tuple(logs),
                contract_address=to_address(message.storage_address) if message.is_create else None,
            )
        )
        gas_before = int(receipt.gas_used)
    return Built(
        encoded=rlp.encode(block),
        hash=Hash32(block.hash),
        number=number,
        timestamp=timestamp,
        receipts=tuple(results),
        inclusions=tuple(_inclusion(computation, number, timestamp) for computation in computations),
        created=tuple(pair for computation in computations for pair in _created(computation)),
    )


def _inclusion(computation: ComputationAPI, number: int, timestamp: int) -> Inclusion:
    message = computation.msg
    return Inclusion(
        succeeded=not computation.is_error,
        to=None if message.is_create else to_address(message.to),
        data=bytes(message.code if message.is_create else message.data),
        block_number=number,
        timestamp=timestamp,
    )


def _created(computation: ComputationAPI) -> Iterator[tuple[Address, bytes]]:
    if computation.is_error:
        return
    if computation.msg.is_create:
        yield to_address(computation.msg.storage_address), bytes(computation.msg.code)
    for child in computation.children:
        yield from _created(child)
