"""What members send in a round: asked for, checked and written down one by one, as it comes.

A crash loses nobody: what was admitted, or finally refused, is in the journal before the next reply
is looked at; whoever has not answered is asked again, and gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from aggregator.admission import Committed, admit_commit, admit_reveal
from aggregator.exchange import replies
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.events import InitPayload, decode, encode
from federation._flwr_compat import CLIENT_RAISED
from federation.delta import delta_bytes, delta_hash, parse_delta
from federation.errors import ConfigError
from federation.hashing import did_hash
from federation.membertree import MemberTree
from federation.messages import (
    ACKNOWLEDGE,
    COMMIT,
    REVEAL,
    Acknowledgement,
    CommitRequest,
    Rejected,
    RevealReply,
    RevealRequest,
)
from federation.payloads import Contribution
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flwr.app import Message, RecordDict

    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from aggregator.journal import Memory
    from ceramic_bridge.authority import Authority
    from federation.hashing import Domain
    from federation.rounds import Base

T = TypeVar("T")

MARGIN: Final = 60
"""Seconds before a phase's end on chain at which the aggregator waits no longer, or a quarter of the
phase if that is less: its transaction has to get into a block in time."""

ACKNOWLEDGING: Final = 30.0
"""Most seconds that members are waited for when they are told that their deltas are here: the round does
not depend on what they answer, and whoever has not heard in time can still reveal on chain."""

COMMITTED: Final = "commit/"
REVEALED: Final = "reveal/"
REFUSED: Final = "refused "
CLOSED: Final = "closed "


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What a phase brought.

    Attributes:
        found: What was admitted of each member.
        refused: Why a member's answer was refused, for good.
    """

    found: dict[Did, T] = field(default_factory=dict)
    refused: dict[Did, str] = field(default_factory=dict)


def commit_tree(committed: Mapping[Did, Committed]) -> MemberTree:
    """Return the tree whose root closes the commit phase."""
    return MemberTree.build({did: found.commitment for did, found in committed.items()})


def reveal_tree(revealed: Mapping[Did, RevealReply]) -> MemberTree:
    """Return the tree whose root closes the reveal phase."""
    return MemberTree.build({did: delta_hash(reply.delta) for did, reply in revealed.items()})


def committed_before(raw: bytes, domain: Domain, round_: int) -> Committed:
    """Return a commitment that was admitted before: it is not judged again.

    Raises:
        ConfigError: The journal is damaged.
    """
    event = decode(raw, authority=UNDATED)
    if not isinstance(event.payload, InitPayload):
        raise ConfigError("a commitment in the journal is damaged")
    statement = Contribution.parse(event.payload.content, domain, round_)
    return Committed(event, statement.commitment)


class Collector:
    """Asks the members in one round."""

    def __init__(self, ports: Ports, epoch: OpenEpoch, memory: Memory, round_: int) -> None:
        """Take up a round, or one that was begun before a crash."""
        self._ports, self._epoch, self._memory, self._round = ports, epoch, memory, round_

    def commits(self, base: Base, asked: Collection[Did], authority: Authority) -> Answers[Committed]:
        """Return the commitments of those who are asked; each is a leaf under the root that goes on chain.

        Args:
            base: The model they train.
            asked: The members.
            authority: Judges capabilities as of the round's opening.
        """
        epoch, round_ = self._epoch, self._round
        request = CommitRequest(domain=epoch.domain, round=round_, base=base).records()

        def admit(did: Did, message: Message) -> tuple[Committed, bytes]:
            found = admit_commit(message, did, epoch, round_, base.hash, authority=authority)
            return found, encode(found.event)

        kept = {
            Did(did): committed_before(raw, epoch.domain, round_)
            for did, raw in self._steps(COMMITTED).items()
        }
        return self.collect(COMMIT, COMMITTED, kept, dict.fromkeys(asked, request), admit)

    def reveals(self, base: Base, committed: Mapping[Did, Committed]) -> Answers[RevealReply]:
        """Return the deltas of those who committed; their bytes are in the directory of what will be public.

        Args:
            base: The model they were trained from.
            committed: The commitments under the root on chain.
        """
        epoch, round_, public = self._epoch, self._round, self._ports.public
        requests = {
            did: RevealRequest(domain=epoch.domain, round=round_, proof=proof).records()
            for did, proof in commit_tree(committed).proofs().items()
        }

        def admit(did: Did, message: Message) -> tuple[RevealReply, bytes]:
            commitment = committed[did].commitment
            reply = admit_reveal(message, did, epoch, round_, base_hash=base.hash, committed=commitment)
            return reply, public.put(delta_bytes(reply.delta)) + reply.salt

        kept = {
            Did(did): found
            for did, raw in self._steps(REVEALED).items()
            if (found := self._delta(raw)) is not None
        }
        return self.collect(REVEAL, REVEALED, kept, requests, admit)

    def acknowledge(self, revealed: Mapping[Did, RevealReply]) -> None:
        """Tell members, signed, that their deltas are here; what they answer does not matter."""
        domain, receipts = self._epoch.domain, {}
        if self._recall("acknowledged") is not None:
            return
        for did, reply in revealed.items():
            digest = delta_hash(reply.delta)
            signed = Acknowledgement.signed_bytes(domain, self._round, did_hash(did), digest)
            receipts[did] = Acknowledgement(
                domain=domain,
                round=self._round,
                delta_sha256=digest,
                signature=self._ports.identity.sign(signed),
            ).records()
        until = self._ports.chain.timestamp + min(ACKNOWLEDGING, self._left())
        for _ in self._replies(ACKNOWLEDGE, receipts, until=until):
            pass
        self._record("acknowledged", b"")

    def collect(
        self,
        kind: str,
        prefix: str,
        kept: dict[Did, T],
        requests: Mapping[Did, RecordDict],
        admit: Callable[[Did, Message], tuple[T, bytes]],
        *,
        share: float = 1.0,
        most: float = math.inf,
        again: int = 0,
    ) -> Answers[T]:
        """Ask those who have not answered, and write down what comes; once closed, ask nobody any more.

        Args:
            kind: Flower message type.
            prefix: Of the journal's steps.
            kept: What had come before a restart.
            requests: Content for each member.
            admit: Gives what a reply says and what is written down of it, or raises ``Rejected``.
            share: Of the time that the phase has left.
            most: Seconds at most.
            again: How often a member whose client fails is asked once more, each time a block later: what it
                reads from the chain may not be there yet.
        """
        refused = {Did(did): raw.decode() for did, raw in self._steps(REFUSED + prefix).items()}
        answers = Answers(kept, refused)
        if self._recall(CLOSED + prefix) is not None:
            return answers
        left = {did: asked for did, asked in requests.items() if did not in kept and did not in refused}
        until = self._ports.chain.timestamp + min(most, share * self._left())
        for chance in range(again + 1):
            if chance:
                self._ports.chain.mine()
            failed = set()
            for did, message in self._replies(kind, left, until=until):
                try:
                    found, raw = admit(did, message)
                except Rejected as error:
                    # A node that is gone, or a client that failed, may answer after a restart: not final.
                    if not message.has_error():
                        self._record(REFUSED + prefix + did, error.message.encode())
                        refused[did] = error.message
                    elif message.error.code == CLIENT_RAISED:
                        failed.add(did)
                    continue
                self._record(prefix + did, raw)
                kept[did] = found
            left = {did: asked for did, asked in left.items() if did in failed}
            if not left or self._ports.chain.timestamp >= until:
                break
        self._record(CLOSED + prefix, b"")
        return answers

    def _left(self) -> float:
        """Return the seconds for which members can be waited for in this phase, on the chain's clock."""
        ports = self._ports
        left = ports.federation.deadline() - ports.chain.timestamp
        return float(left - min(MARGIN, self._epoch.manifest.deadlines.phase // 4))

    def _replies(
        self, kind: str, requests: Mapping[Did, RecordDict], *, until: float
    ) -> Iterator[tuple[Did, Message]]:
        ports = self._ports
        return replies(
            ports.grid,
            ports.nodes,
            requests,
            message_type=kind,
            group=f"{self._epoch.domain.epoch}.{self._round}",
            timeout=max(0.0, min(ports.timeout, until - ports.chain.timestamp)),
        )

    def _delta(self, raw: bytes) -> RevealReply | None:
        """Return a delta that was admitted before; None if its bytes are lost: it is asked for again."""
        data = self._ports.public.get(Hash32(raw[:32]))
        return None if data is None else RevealReply(parse_delta(data), Hash32(raw[32:]))

    def _steps(self, prefix: str) -> Mapping[str, bytes]:
        return self._memory.steps(self._epoch.domain.epoch, self._round, prefix)

    def _recall(self, step: str) -> bytes | None:
        return self._memory.recall(self._epoch.domain.epoch, self._round, step)

    def _record(self, step: str, value: bytes) -> None:
        self._memory.record(self._epoch.domain.epoch, self._round, step, value)
