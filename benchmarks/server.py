"""What the server side of a round costs per member: check, aggregate, score, pay, receipts.

The aggregator is the real one, over an embedded chain. Members are scripted: each signs and commits
to noise within its cap. What is done on the members' behalf is left out of the CPU time; what the
server does with their messages, Flower's packing and unpacking included, is in.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final

import rlp
from flwr.app import Message

from aggregator.journal import Journal
from aggregator.operator.eventsink import PublishingSink
from benchmarks.crowd import Federation, Scripted
from benchmarks.figure import Figure
from ceramic_bridge.store.sqlite import SqliteStore
from client.app import answers
from contracts.backends.embedded import EmbeddedChain
from contracts.replay import replay
from federation._flwr_compat import acting_as, decode, encode, set_message_id
from federation.grid import RunGrid

_RUN: Final = 1
WARM: Final = 5
"""Rounds after which memory is looked at first."""


class Stopwatch:
    """The server's CPU time: this process's, but for what is done on the members' behalf."""

    def __init__(self) -> None:
        self._elsewhere = 0.0

    def now(self) -> float:
        """Return the server's CPU seconds so far."""
        return time.process_time() - self._elsewhere

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Leave out what is done meanwhile."""
        began = time.process_time()
        try:
            yield
        finally:
            self._elsewhere += time.process_time() - began


class Crowd(RunGrid):
    """The line to the scripted members; messages travel as bytes."""

    def __init__(self, watch: Stopwatch, members: Mapping[int, Scripted]) -> None:
        super().__init__(_RUN)
        self._watch, self._sent, self._waiting = watch, 0, dict[str, bytes]()
        self._members = {node: answers(member, dim=len(member.delta)) for node, member in members.items()}

    def get_node_ids(self) -> list[int]:
        """Return all nodes."""
        return list(self._members)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Pack requests and have them answered."""
        ids = []
        for message in messages:
            self._sent += 1
            ids.append(f"{self._sent:016x}")
            set_message_id(message, ids[-1])
            wire = encode(message)
            with self._watch.elsewhere():
                self._waiting[ids[-1]] = self._answer(message.metadata.dst_node_id, wire)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Unpack the answers."""
        return [decode(self._waiting.pop(one)) for one in message_ids if one in self._waiting]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Push, then pull."""
        del timeout
        return self.pull_messages(self.push_messages(messages))

    def stream(self, messages: Sequence[Message], *, timeout: float) -> Iterator[tuple[Message, Message]]:
        """Pack and unpack one after the other."""
        del timeout
        for message in messages:
            [reply] = self.pull_messages(self.push_messages([message]))
            yield message, reply

    def _answer(self, node: int, wire: bytes) -> bytes:
        request, answer = decode(wire), self._members[node]
        with acting_as(_RUN, node):
            reply = Message(answer[request.metadata.message_type](request.content), reply_to=request)
            self._sent += 1
            set_message_id(reply, f"{self._sent:016x}")
            return encode(reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Rounds of one federation.

    Attributes:
        seconds: The server's CPU time in each round.
        resident: Bytes of memory that this process held after each.
        paying: The server's CPU time to close the epoch and propose payments.
        chain: Bytes by which the embedded chain grew after round ``WARM``: an operator's is elsewhere.
    """

    seconds: Sequence[float]
    resident: Sequence[int]
    paying: float
    chain: int


def measure(members: int, dim: int, rounds: int) -> Measured:
    """Run rounds, with a journal and a store as an operator has them."""
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as out:
        federation, watch = Federation(Path(out), members=members, dim=dim, rounds=rounds), Stopwatch()
        domain = federation.epoch.domain
        # Locks lie beside an aggregator's home.
        (home := Path(out) / "home").mkdir()
        kept = Journal(home / "journal.db", federation=domain.federation, chain_id=domain.chain_id)
        with kept as journal, SqliteStore(Path(out) / "events.db") as store:
            crowd = Crowd(watch, federation.members)
            driver = federation.connect(crowd, log=PublishingSink(store, "", lambda _: None), memory=journal)
            seconds, resident, blocks = list[float](), list[int](), list[int]()
            for _ in range(rounds):
                before = watch.now()
                driver.run_round()
                seconds.append(watch.now() - before)
                resident.append(_resident())
                blocks.append(federation.chain.block_number)
            grown = _growth(federation.chain, *blocks[WARM - 1 :: rounds - WARM]) if rounds > WARM else 0
            before = watch.now()
            federation.pay()
            return Measured(seconds=seconds, resident=resident, paying=watch.now() - before, chain=grown)


def _growth(chain: EmbeddedChain, first: int, last: int) -> int:
    """Return the bytes that a chain takes up for some blocks, each time executed in a process of its own."""
    genesis, blocks = chain.export()
    items = rlp.decode(blocks)
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        parts = [(genesis, rlp.encode(items[:number])) for number in (first, last)]
        before, after = pool.starmap(_replayed, parts, chunksize=1)
    return int(after - before)


def _replayed(genesis: bytes, blocks: bytes) -> int:
    chain = replay(genesis, blocks)
    assert chain.block_number
    return _resident()


def _resident() -> int:
    """Return the bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def figures() -> Iterator[Figure]:
    """Measure a thousand members over a hundred rounds, then ten thousand in two."""
    found = measure(1000, 4096, 100)
    seconds, first, last = found.seconds, found.resident[WARM - 1], found.resident[-1]
    each = median(seconds) + found.paying / len(seconds)
    yield Figure(
        figure="server side of a round, 1,000 members, 4,096 weights: CPU ms per member",
        value=each,
        target=3,
        sense="<=",
        how=f"median of 100 rounds; first {seconds[0]:.2f}, last {seconds[-1]:.2f}",
    )
    yield Figure(
        figure="resident memory after 100 rounds over that after 5, the embedded chain's left out",
        value=(last - found.chain) / first,
        target=1.05,
        sense="<",
        how=f"{first >> 20} MiB, then {last >> 20} MiB, {found.chain >> 20} of it new blocks",
    )
    found = measure(10_000, 4096, 2)
    yield Figure(
        figure="a round of 10,000 members: CPU ms per member",
        value=found.seconds[-1] / 10,
        target=3,
        sense="<=",
        how=f"the second; the first, with everybody's import, {found.seconds[0] / 10:.2f}; "
        f"{found.resident[-1] >> 20} MiB with the scripted members' deltas",
    )
