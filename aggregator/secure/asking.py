"""Asking members in the stages of a secure round; each reply is written down before the next is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from aggregator.admission import content_of
from aggregator.collect import CLOSED, Collector
from aggregator.journal import pack, unpack
from federation.messages import SECURE, Rejected, SecureReply, SecureRequest
from federation.secagg.pairs import Edge, edge_of
from federation.secagg.terms import SecureRefused
from federation.types import Did

if TYPE_CHECKING:
    from flwr.app import Message

    from aggregator.gathering import Stand
    from aggregator.secure.checks import Check
    from federation.secagg.stages import Stage

PREFIX: Final = "secure/"
"""Of all steps of secure rounds in the journal."""

OPENED: Final = "opened"
"""The step of an attempt that holds what a dispute has opened."""

AGAIN: Final = 2
"""How often a member is asked once more: its view of the chain may be some blocks behind."""

OTHERS: Final = "-others"
"""Tells the second question for what opens a sum from the first."""

Parts = Mapping[Did, tuple[bytes, ...]]
"""What each member is asked with."""


class Asker:
    """Asks in one attempt of a round."""

    def __init__(self, stand: Stand, attempt: int) -> None:
        """Take up an attempt, or one that was begun before a crash."""
        self._stand, self._attempt = stand, attempt
        self._collector = Collector(stand.ports, stand.epoch, stand.memory, stand.round)

    def ask(
        self,
        stage: Stage,
        parts: Parts,
        check: Check,
        *,
        share: float,
        most: float = math.inf,
        label: str = "",
    ) -> dict[Did, bytes]:
        """Return what is written down of the replies that can be used, sorted.

        Args:
            stage: What is asked.
            parts: With what, of each member.
            check: Looks at each reply.
            share: Of the time that the phase has left.
            most: Seconds at most.
            label: Tells questions of one stage apart.
        """
        stand = self._stand
        prefix = stage_step(self._attempt, stage, label)
        domain, round_ = stand.epoch.domain, stand.round
        requests = {
            did: SecureRequest(
                domain=domain, round=round_, attempt=self._attempt, stage=stage, parts=given
            ).records()
            for did, given in parts.items()
        }
        was_closed = self.recall(CLOSED + prefix) is not None
        kept = {Did(did): raw for did, raw in self._kept(prefix).items()}
        found = self._collector.collect(
            SECURE, prefix, kept, requests, _admitting(check), share=share, most=most, again=AGAIN
        )
        if not was_closed:
            stand.tell(
                "secure-stage",
                stage=str(stage),
                attempt=self._attempt,
                asked=len(requests),
                answered=len(found.found),
                refused=len(found.refused),
            )
        return dict(sorted(found.found.items()))

    def open_pairs(
        self,
        stage: Stage,
        edges: Collection[Edge],
        question: Callable[[Did, Did], tuple[bytes, ...]],
        check: Callable[[Did, tuple[bytes, ...], Did], bytes],
        *,
        share: float,
        label: str = "",
    ) -> list[tuple[Did, bytes]]:
        """Have both ends of each edge open what decides it; one that does is enough.

        A member answers about one edge at a time, so that whoever contradicts many holds up nobody else.

        Args:
            stage: What is asked.
            edges: In dispute.
            question: What a member is asked with about another.
            check: Looks at a member's reply about another.
            share: Of the time that the phase has left.
            label: Tells disputes of one attempt apart.

        Returns:
            The openings, each with its author, sorted.
        """
        if not edges:
            return []
        done = self.step(f"{OPENED}{label}")
        raw = self.recall(done)
        if raw is None:
            raw = pack_openings(self._in_waves(stage, edges, question, check, share=share, label=label))
            self.record(done, raw)
        return unpack_openings(raw)

    def _in_waves(
        self,
        stage: Stage,
        edges: Collection[Edge],
        question: Callable[[Did, Did], tuple[bytes, ...]],
        check: Callable[[Did, tuple[bytes, ...], Did], bytes],
        *,
        share: float,
        label: str,
    ) -> list[tuple[Did, bytes]]:
        unasked = {(a, b) for edge in edges for a, b in (edge, edge[::-1])}
        found: list[tuple[Did, bytes]] = []
        wave = 0
        while unasked:
            opponents = _first(unasked)

            def about(did: Did, parts: tuple[bytes, ...], asked: Mapping[Did, Did] = opponents) -> bytes:
                return check(did, parts, asked[did])

            parts = {did: question(did, other) for did, other in opponents.items()}
            answers = self.ask(stage, parts, about, share=share, label=f"{label}.{wave}")
            found += answers.items()
            solved = {edge_of(did, opponents[did]) for did in answers}
            unasked = {pair for pair in unasked - set(opponents.items()) if edge_of(*pair) not in solved}
            wave += 1
        return sorted(found)

    def step(self, name: str) -> str:
        """Return the journal's name of a step of this attempt."""
        return f"{PREFIX}{self._attempt}/{name}"

    def recall(self, step: str) -> bytes | None:
        """Return what the journal has of a step of the round."""
        stand = self._stand
        return stand.memory.recall(stand.epoch.domain.epoch, stand.round, step)

    def record(self, step: str, value: bytes) -> None:
        """Write a step of the round down."""
        stand = self._stand
        stand.memory.record(stand.epoch.domain.epoch, stand.round, step, value)

    def _kept(self, prefix: str) -> Mapping[str, bytes]:
        stand = self._stand
        return stand.memory.steps(stand.epoch.domain.epoch, stand.round, prefix)


def stage_step(attempt: int, stage: Stage, label: str = "") -> str:
    """Return how the journal's names of a stage's replies begin."""
    return f"{PREFIX}{attempt}/{stage}{label}/"


def pack_openings(openings: Sequence[tuple[Did, bytes]]) -> bytes:
    """Return what a dispute has opened as the journal has it."""
    return pack([part for did, raw in openings for part in (did.encode(), raw)])


def unpack_openings(data: bytes) -> list[tuple[Did, bytes]]:
    """Return what a dispute has opened."""
    parts = unpack(data)
    return [(Did(did.decode()), raw) for did, raw in zip(parts[::2], parts[1::2], strict=True)]


def _first(pairs: Iterable[tuple[Did, Did]]) -> dict[Did, Did]:
    """Return for each member the first other that it is to be asked about."""
    found: dict[Did, Did] = {}
    for did, other in sorted(pairs):
        found.setdefault(did, other)
    return found


def _admitting(check: Check) -> Callable[[Did, Message], tuple[bytes, bytes]]:
    def admit(did: Did, message: Message) -> tuple[bytes, bytes]:
        parts = SecureReply.parse(content_of(message)).parts
        try:
            raw = check(did, parts)
        except SecureRefused as error:
            raise Rejected(str(error.reason)) from error
        return raw, raw

    return admit
