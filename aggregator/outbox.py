"""Transactions that survive a crash: signed, written to the journal, and only then sent.

Each call of a federation has a place of its own in the journal: its epoch, its round, its selector and
a label where a round may make it several times. Whoever makes it again is given the first one's
receipt, or has the same bytes sent again; all that is ever signed for one place shares one nonce, so
that it cannot be executed twice.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from contracts.chain import Chain
from contracts.signed import read_signed
from federation.errors import ConfigError, Overtaken, Reverted
from federation.hashing import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aggregator.journal import Memory
    from contracts.chain import Inclusion, Log, Note, Receipt, Signer, Transaction
    from federation.types import Address, Hash32

_DEAD = "dead"


class JournaledChain(Chain):
    """A chain whose transactions are in a journal before they leave; for one thread."""

    def __init__(self, chain: Chain, journal: Memory) -> None:
        """Wrap a chain.

        Args:
            chain: Carries the transactions; only this object may send for the aggregator.
            journal: Where they are written down.
        """
        self._chain, self._journal = chain, journal
        self._place, self._label = (0, 0), ""

    def at(self, epoch: int, round_: int) -> None:
        """Say what the transactions that follow are for; round 0 is for what belongs to none."""
        self._place = epoch, round_

    @contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """Tell the calls made within from others of their kind in the same round."""
        before, self._label = self._label, label
        try:
            yield
        finally:
            self._label = before

    def send(self, transaction: Transaction, sender: Signer) -> Receipt:
        """Have a transaction executed once, however often this is asked; see ``Chain.send``.

        Raises:
            ConfigError: Another transaction was signed in this one's place before.
        """
        return self.deliver(transaction, sender, earlier=(), note=lambda _: None)

    def deliver(
        self, transaction: Transaction, sender: Signer, *, earlier: Sequence[bytes], note: Note
    ) -> Receipt:
        """Send as ``send`` does; see ``Chain.deliver``."""
        epoch, round_ = self._place
        selector = transaction.data[:4].hex() if transaction.to is not None else "create"
        prefix = f"sent/{selector}/{self._label}/"
        attempts = _attempts(self._journal.steps(epoch, round_, prefix))
        number = len(attempts) - 1
        if not attempts or attempts[number] is None:
            number, raws = number + 1, []
        else:
            raws = [*earlier, *(attempts[number] or ())]
            _require_same(raws, transaction, f"{selector} in round {round_} of epoch {epoch}")

        def keep(raw: bytes) -> None:
            self._journal.record(epoch, round_, f"{prefix}{number:04}/{len(raws):04}", raw)
            raws.append(raw)
            note(raw)

        try:
            return self._chain.deliver(transaction, sender, earlier=tuple(raws), note=keep)
        except (Overtaken, Reverted):
            # None of these can be executed any more; if it is wanted again, it is signed anew.
            if raws and self._is_over(raws):
                self._journal.record(epoch, round_, f"{prefix}{number:04}/{_DEAD}", b"")
            raise

    def _is_over(self, raws: Sequence[bytes]) -> bool:
        """Tell whether nothing that was signed can still be executed, or be found to have succeeded."""
        found = [self._chain.transaction(keccak256(raw)) for raw in raws]
        return not any(inclusion is not None and inclusion.succeeded for inclusion in found)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._chain.chain_id

    @property
    def block_number(self) -> int:
        """The number of the latest block."""
        return self._chain.block_number

    @property
    def settled(self) -> int:
        """The number of the newest block whose logs are shown."""
        return self._chain.settled

    @property
    def timestamp(self) -> int:
        """Unix seconds of the latest block."""
        return self._chain.timestamp

    def block_hash(self, number: int) -> Hash32:
        """Return the hash of a block."""
        return self._chain.block_hash(number)

    def block_time(self, number: int) -> int:
        """Return the Unix seconds of a block."""
        return self._chain.block_time(number)

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call against the latest state without recording it."""
        return self._chain.call(to, data)

    def logs(self, address: Address, from_block: int = 0) -> tuple[Log, ...]:
        """Return a contract's logs in chain order, from a block on."""
        return self._chain.logs(address, from_block)

    def transaction(self, transaction_hash: Hash32) -> Inclusion | None:
        """Return a transaction by its hash; None if no confirmed block holds it."""
        return self._chain.transaction(transaction_hash)

    def code(self, address: Address) -> bytes:
        """Return the code deployed at an address."""
        return self._chain.code(address)

    def mine(self, count: int = 1) -> None:
        """Wait for (on a development chain: make) ``count`` more blocks."""
        self._chain.mine(count)

    def advance_time(self, seconds: int) -> None:
        """Let at least ``seconds`` pass before the next block."""
        self._chain.advance_time(seconds)

    def snapshot(self) -> str:
        """Remember the present state; see ``Chain.snapshot``."""
        return self._chain.snapshot()

    def revert(self, snapshot: str) -> None:
        """Go back to a state that was remembered; see ``Chain.revert``."""
        self._chain.revert(snapshot)


@contextmanager
def called(chain: Chain, label: str) -> Iterator[None]:
    """Tell a call from others of its kind in the same round, where the chain keeps a journal."""
    if isinstance(chain, JournaledChain):
        with chain.labelled(label):
            yield
    else:
        yield


def _attempts(recorded: Mapping[str, bytes]) -> list[list[bytes] | None]:
    """Return what each attempt has signed, in order; None for one that is over."""
    attempts: list[list[bytes] | None] = []
    for name, raw in recorded.items():
        number, _, part = name.partition("/")
        if int(number) == len(attempts):
            attempts.append([])
        found = attempts[-1]
        if part == _DEAD:
            attempts[-1] = None
        elif found is not None:
            found.append(raw)
    return attempts


def _require_same(raws: Sequence[bytes], wanted: Transaction, what: str) -> None:
    signed = read_signed(raws[-1])
    if (signed.to, signed.data) != (wanted.to, wanted.data):
        raise ConfigError(
            f"the journal holds another transaction for {what}",
            hint="was the software or its settings changed in the middle of a round? go back to them",
        )
