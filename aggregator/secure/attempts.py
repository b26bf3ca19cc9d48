"""The commit phase of a secure round: attempts, until no pledge contradicts another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from aggregator.admission import Committed, admit_contribution
from aggregator.collect import COMMITTED, committed_before
from aggregator.journal import pack, unpack
from aggregator.secure import checks
from aggregator.secure.asking import Asker
from aggregator.secure.sending import fetched
from aggregator.secure.words import Beacons
from ceramic_bridge.delegated import DigestVerifier
from federation.errors import TooFewParticipants
from federation.messages import reject
from federation.models.linear import model_bytes
from federation.secagg.messages import KeyList
from federation.secagg.replay import LIES, Chain, Given, Replayed, advance
from federation.secagg.setup import secure_terms
from federation.secagg.stages import Stage
from federation.secagg.transcript import Transcript
from federation.types import Did

if TYPE_CHECKING:
    from aggregator.gathering import Stand
    from ceramic_bridge.authority import Authority
    from federation.rounds import Base
    from federation.secagg.server import Server
    from federation.secagg.terms import Finding, Terms, Verify

MOST: Final = 3
"""Attempts of a round; if liars spoil so many, nobody is accepted in it."""

LIARS: Final = "liars"
"""The step of an attempt that says who spoilt it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How far an attempt came.

    Attributes:
        terms: Which attempt.
        asker: Asks its members.
        beacons: Its randomness.
        verify: Checks members' signatures.
        transcript: What came.
        replayed: What follows from it.
        committed: The admitted contributions.
        liars: Who was caught before anybody committed; the attempt is void then.
    """

    terms: Terms
    asker: Asker
    beacons: Beacons
    verify: Verify
    transcript: Transcript
    replayed: Replayed = field(default_factory=Replayed)
    committed: Mapping[Did, Committed] = field(default_factory=dict)
    liars: tuple[Did, ...] = ()

    @property
    def server(self) -> Server:
        """What is known after the last stage that ended well."""
        assert self.replayed.server is not None
        return self.replayed.server

    def answered(self, stage: Stage, replies: Mapping[Did, bytes]) -> Attempt:
        """Return the attempt with a stage's answers, and nothing concluded from them yet."""
        return replace(self, transcript=self.transcript.answered(stage, replies))

    def disputed(self, stage: Stage, openings: Iterable[tuple[Did, bytes]]) -> Attempt:
        """Return the attempt with what was opened after a stage."""
        return replace(self, transcript=self.transcript.disputed(stage, tuple(openings)))

    def advanced(self, stand: Stand) -> Attempt:
        """Return the attempt after the stage whose answers are there."""
        chain = Chain(beacon=self.beacons.beacon, challenge=self.beacons.challenge)
        fetch = partial(fetched, stand.ports.public)
        given = Given(self.terms, self.transcript, chain, self.verify, fetch)
        return replace(self, replayed=advance(given, self.replayed))


class Attempts:
    """Runs the commit phase."""

    def __init__(self, stand: Stand, base: Base, authority: Authority) -> None:
        """Take a round, the base that it sent out, and what judges its capabilities."""
        self._stand, self._base, self._authority = stand, base, authority

    def run(self, asked: Collection[Did]) -> Attempt:
        """Return the attempt that counts.

        Whoever lied in an earlier one is left out and not charged: what proves it belongs to that
        attempt, and is not in the transcript.
        """
        left = sorted(asked)
        for number in range(MOST):
            attempt = self._begin(number)
            liars = self._caught(attempt.asker)
            if liars is None:
                attempt = self._run(attempt, left)
                if not attempt.liars:
                    return attempt
                liars = attempt.liars
                attempt.asker.record(attempt.asker.step(LIARS), pack([did.encode() for did in liars]))
                self._stand.tell("secure-again", attempt=number, liars=len(liars))
            left = [did for did in left if did not in liars]
        return replace(self._begin(MOST - 1), replayed=Replayed(over=True))

    def _begin(self, number: int) -> Attempt:
        stand = self._stand
        epoch = stand.epoch
        quotas = epoch.roster.quotas
        return Attempt(
            terms=secure_terms(epoch.manifest, quotas, epoch.domain, stand.round, attempt=number),
            asker=Asker(stand, number),
            beacons=Beacons(stand),
            verify=DigestVerifier(model=epoch.models["contribution"], authority=self._authority),
            transcript=Transcript(attempt=number),
        )

    def _caught(self, asker: Asker) -> tuple[Did, ...] | None:
        """Return who spoilt an attempt before a restart; None if nobody had."""
        raw = asker.recall(asker.step(LIARS))
        return None if raw is None else tuple(Did(one.decode()) for one in unpack(raw))

    def _run(self, attempt: Attempt, members: Collection[Did]) -> Attempt:
        for stage in (self._keys, self._pledges, self._commits):
            attempt = stage(attempt, members)
            if attempt.liars or attempt.replayed.over:
                break
        return attempt

    def _keys(self, attempt: Attempt, members: Collection[Did]) -> Attempt:
        roster = self._stand.epoch.roster.to_bytes()
        check = checks.keys(attempt.terms, attempt.verify)
        found = attempt.asker.ask(Stage.KEYS, dict.fromkeys(members, (roster,)), check, share=1 / 5)
        return attempt.answered(Stage.KEYS, found).advanced(self._stand)

    def _pledges(self, attempt: Attempt, _: Collection[Did]) -> Attempt:
        server = attempt.server
        listed = KeyList(tuple(entry.to_bytes() for entry in server.roll.keys.values()))
        parts = dict.fromkeys(server.roll.keys, (listed.to_bytes(),))
        found = attempt.asker.ask(Stage.PLEDGE, parts, checks.pledge(server), share=1 / 4)
        attempt = attempt.answered(Stage.PLEDGE, found)
        try:
            pledged = server.gather_pledges(found)
        except TooFewParticipants:
            return attempt.advanced(self._stand)
        if edges := pledged.contradictions():
            openings = attempt.asker.open_pairs(
                Stage.OPEN_KEYS,
                edges,
                lambda _did, other: (other.encode(),),
                lambda did, parts, other: checks.keys_opening(did, parts, against=other),
                share=1 / 4,
            )
            return replace(attempt, liars=_liars(pledged.judge_keys(openings)))
        return attempt.advanced(self._stand)

    def _commits(self, attempt: Attempt, _: Collection[Did]) -> Attempt:
        server, base = attempt.server, model_bytes(self._base.weights, self._base.intercept)
        parts = {did: (server.pledge_list(did).to_bytes(), base) for did in server.pledges}
        last = attempt.terms.attempt == MOST - 1
        found = attempt.asker.ask(Stage.COMMIT, parts, self._committing(server), share=1.0 if last else 1 / 2)
        sent = {did: unpack(raw) for did, raw in found.items()}
        openings = [
            (did, one) for did, parts in sent.items() if checks.is_complaint(did, parts) for one in parts
        ]
        if openings:
            return replace(attempt, liars=_liars(server.judge_keys(openings)))
        attempt = attempt.answered(Stage.COMMIT, {did: parts[1] for did, parts in sent.items()})
        attempt = attempt.advanced(self._stand)
        if attempt.replayed.over:
            return attempt
        for did in attempt.server.commits:
            attempt.asker.record(COMMITTED + did, sent[did][0])
        domain, round_ = self._stand.epoch.domain, self._stand.round
        committed = {did: committed_before(sent[did][0], domain, round_) for did in attempt.server.commits}
        return replace(attempt, committed=committed)

    def _committing(self, server: Server) -> checks.Check:
        stand = self._stand

        def check(did: Did, parts: tuple[bytes, ...]) -> bytes:
            if checks.is_complaint(did, parts):
                return pack(parts)
            if len(parts) != 2:
                reject("malformed-parts")
            admitted = admit_contribution(
                parts[0], did, stand.epoch, stand.round, self._base.hash, authority=self._authority
            )
            promised = checks.commitment(server, did, parts[1])
            if admitted.commitment != promised.signed_digest(server.terms):
                reject("commitment-mismatch")
            return pack(parts)

        return check


def _liars(findings: Iterable[Finding]) -> tuple[Did, ...]:
    return tuple(sorted({found.culprit for found in findings if found.reason in LIES}))
