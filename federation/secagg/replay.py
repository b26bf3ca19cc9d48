"""From a transcript to what a secure round decides: the same for its server and for whoever verifies it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from federation.epochstate import Status
from federation.errors import TooFewParticipants, VerificationFailed
from federation.fixedpoint import Ints
from federation.secagg.messages import KeyList
from federation.secagg.replies import gather_keys
from federation.secagg.server import Server
from federation.secagg.stages import Stage
from federation.secagg.terms import Finding, Reason, SecureSpoilt, Terms, Verify
from federation.secagg.transcript import STAGES, Transcript
from federation.types import Did, Hash32

LIES: Final = frozenset(
    {
        Reason.FALSE_SEED_COMMITMENT,
        Reason.FALSE_SHARE,
        Reason.FALSE_COMPLAINT,
        Reason.FALSE_SECRET,
        Reason.FALSE_SCALAR,
    }
)
"""What a member is proven to have said falsely, over its own signature."""

TOO_FEW: Final = "too-few"
SPOILT: Final = "spoilt"
LATE: Final = "late"
DROPPED: Final = "dropped"
NO_PRODUCT: Final = "no-product"

Absent = Mapping[Did, tuple[Status, str]]
"""Status and reason of members whose delta does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What a replay needs to know from the chain, asked for when it is needed.

    Attributes:
        beacon: The randomness of the graph that a key list's announcement fixed.
        challenge: The randomness of the norm check.
    """

    beacon: Callable[[Terms, KeyList], Hash32]
    challenge: Callable[[], Hash32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """How far an attempt came.

    Attributes:
        server: What its server knew at the end; None if there were too few keys.
        reached: The last stage that ended well.
        total: The sum of the survivors' deltas; None if it was not opened exactly.
        spoilt: Who spoilt the sum.
        over: Whether it ended without a sum.
        late: Whether its sum was announced too late to count.
    """

    server: Server | None = None
    reached: Stage | None = None
    total: Ints | None = None
    spoilt: tuple[Finding, ...] = ()
    over: bool = False
    late: bool = False

    def unannounced(self) -> Replayed:
        """Return what remains of a round whose sum was not announced in time: nobody's delta counts."""
        return replace(self, total=None, over=True, late=True)

    @property
    def ended(self) -> str:
        """Why there is no sum."""
        return SPOILT if self.spoilt else LATE if self.late else TOO_FEW

    @property
    def committed(self) -> frozenset[Did]:
        """Who committed to a masked delta, in a round that came so far."""
        return frozenset(self.server.commits) if self.server else frozenset()

    @property
    def survivors(self) -> tuple[Did, ...]:
        """Whose deltas are summed."""
        return self.server.survivors if self.server else ()

    @property
    def liars(self) -> Mapping[Did, Reason]:
        """Who was proven to lie, and at what."""
        findings = (*(self.server.findings if self.server else ()), *self.spoilt)
        return {found.culprit: found.reason for found in findings if found.reason in LIES}

    def absent(self, asked: Collection[Did]) -> Absent:
        """Return what becomes of members whose delta is not in an opened sum.

        Who lied is charged like one that never reveals in an open round, and is out until the epoch ends.
        Nobody else is charged: that a member fell silent is the server's word, against which a masked delta
        cannot be revealed on chain.

        Args:
            asked: The members that the round asked.
        """
        findings = self.server.findings if self.server else ()
        over = {found.culprit for found in findings if found.reason is Reason.OVER_NORM}
        counted = self.survivors if self.total is not None else ()
        liars = self.liars
        absent: dict[Did, tuple[Status, str]] = {}
        for did in asked:
            if did in counted:
                continue
            if did in liars:
                absent[did] = (Status.SILENT, str(liars[did]))
            elif did in over:
                absent[did] = (Status.REJECTED, str(Reason.OVER_NORM))
            elif did not in self.committed:
                absent[did] = (Status.ABSENT, "")
            else:
                absent[did] = (Status.ABSENT, self.ended if self.total is None else DROPPED)
        return absent


class Priced(NamedTuple):
    """The products of a sum's members with its gradient.

    Attributes:
        products: Of each member whose product is known and that was not caught lying.
        absent: Status and reason of the others.
    """

    products: Mapping[Did, int]
    absent: Absent


def replay(
    terms: Terms, transcript: Transcript, chain: Chain, *, verify: Verify, fetch: Callable[[Hash32], bytes]
) -> Replayed:
    """Repeat all that a server concluded, up to the sum.

    Args:
        terms: The attempt.
        transcript: What it received.
        chain: What the chain says.
        verify: Checks signatures.
        fetch: Returns the blob of a masked delta.

    Raises:
        VerificationFailed: It went on where it should have stopped.
    """
    given, replayed = Given(terms, transcript, chain, verify, fetch), Replayed()
    while not replayed.over and replayed.total is None:
        replayed = advance(given, replayed)
    last = STAGES.index(replayed.reached) if replayed.reached else -1
    # Where members were too few, their answers in that stage may be there, but none of a later one.
    if any(transcript.of(stage) for stage in STAGES[last + 2 :]):
        raise VerificationFailed(f"round {terms.round}", "went on with too few members")
    return replayed


class Given(NamedTuple):
    """What an attempt is repeated from; see ``replay``."""

    terms: Terms
    transcript: Transcript
    chain: Chain
    verify: Verify
    fetch: Callable[[Hash32], bytes]


def advance(given: Given, before: Replayed) -> Replayed:
    """Repeat the next stage of an attempt that is not over; its answers are in the transcript.

    Raises:
        VerificationFailed: The server should have begun again.
    """
    steps = (_keys, _pledges, _commits, _uploads, _norms, _unmask)
    at = 0 if before.reached is None else STAGES.index(before.reached) + 1
    try:
        return steps[at](given, before)
    except TooFewParticipants:
        return replace(before, over=True)
    except SecureSpoilt as error:
        return Replayed(server=before.server, reached=STAGES[at], spoilt=error.findings, over=True)


def _keys(given: Given, _: Replayed) -> Replayed:
    keys, _refused = gather_keys(given.terms, given.transcript.of(Stage.KEYS), given.verify)
    server = Server.begin(given.terms, keys, given.chain.beacon(given.terms, keys), given.verify)
    return Replayed(server=server, reached=Stage.KEYS)


def _pledges(given: Given, before: Replayed) -> Replayed:
    assert before.server is not None
    server = before.server.gather_pledges(given.transcript.of(Stage.PLEDGE))
    if server.contradictions():
        raise VerificationFailed(f"round {given.terms.round}", "went on with pledges that contradict")
    return Replayed(server=server, reached=Stage.PLEDGE)


def _commits(given: Given, before: Replayed) -> Replayed:
    assert before.server is not None
    server = before.server.gather_commits(given.transcript.of(Stage.COMMIT))
    return Replayed(server=server, reached=Stage.COMMIT)


def _uploads(given: Given, before: Replayed) -> Replayed:
    assert before.server is not None
    uploads = {did: given.fetch(digest) for did, digest in given.transcript.uploads.items()}
    return Replayed(server=before.server.gather_uploads(uploads), reached=Stage.REVEAL)


def _norms(given: Given, before: Replayed) -> Replayed:
    assert before.server is not None
    server = before.server.gather_norms(given.chain.challenge(), given.transcript.of(Stage.NORM))
    server, _ = server.close_norms(given.transcript.opened(Stage.NORM))
    return Replayed(server=server, reached=Stage.NORM)


def _unmask(given: Given, before: Replayed) -> Replayed:
    assert before.server is not None
    server, total = before.server.gather_unmask(given.transcript.of(Stage.UNMASK))
    return Replayed(server=server, reached=Stage.UNMASK, total=total)


def priced(replayed: Replayed, transcript: Transcript, gradient: Ints) -> Priced:
    """Return each survivor's product with the one gradient, from the last stage of a transcript.

    A survivor whose product nobody knows, since both ends of one of its edges are silent or contradict each
    other and open nothing, is not paid, and not charged either: its silence is the server's word.

    Args:
        replayed: An attempt whose sum is open.
        transcript: What the server received.
        gradient: As everybody computes it; shape (dim,) of the terms.
    """
    assert replayed.server is not None
    server = replayed.server.gather_scalars(gradient, transcript.of(Stage.SCALARS))
    products, lies = server.products(gradient, transcript.opened(Stage.SCALARS))
    liars = {found.culprit: found.reason for found in lies if found.reason in LIES} | {**replayed.liars}
    absent: dict[Did, tuple[Status, str]] = {}
    for did in server.survivors:
        if did in liars:
            absent[did] = (Status.SILENT, str(liars[did]))
        elif did not in products:
            absent[did] = (Status.ABSENT, NO_PRODUCT)
    return Priced({did: x for did, x in products.items() if did not in absent}, absent)
