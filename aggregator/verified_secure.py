"""A secure round from its transcript: what its server concluded is concluded again, and held to the chain.

The transcript is all that the server received, the masked deltas beside it. Every signature, the graph,
the norm check, the sum and the products follow from it and from blocks; so does who is charged. That
somebody did *not* answer is the aggregator's word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from aggregator.sources import fetching
from aggregator.statements import SecureFacts, Statements, reasons_of, status_of
from federation.epochstate import Status
from federation.errors import ConfigError, TooFewParticipants, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.membertree import MemberTree
from federation.payloads import NOTHING
from federation.scoring import Summed
from federation.secagg.messages import Commitment, KeyList
from federation.secagg.replay import Chain, Replayed, priced, replay
from federation.secagg.replies import gather_keys
from federation.secagg.setup import key_word, secure_terms, sum_word
from federation.secagg.stages import Stage
from federation.secagg.terms import SecureRefused, Terms, Verify
from federation.secagg.transcript import Transcript
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from aggregator.sources import Material
    from contracts.view import FederationView
    from federation.manifest import Manifest

_TRANSCRIPT: Final = "transcript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a secure round is: all of it checked before.

    Attributes:
        manifest: The rules.
        quotas: Of every admitted member.
        domain: Chain, federation and epoch.
        round: The round.
        public: Where the files are.
    """

    manifest: Manifest
    quotas: Mapping[Did, int]
    domain: Domain
    round: int
    public: Material

    @property
    def subject(self) -> str:
        """What a refusal is about."""
        return f"round {self.round}"

    def wrong(self, reason: str) -> NoReturn:
        """Refuse the round."""
        raise VerificationFailed(self.subject, reason)

    def transcript(self, digest: Hash32) -> Transcript:
        """Return the transcript that a receipt names.

        Raises:
            VerificationFailed: It was not published, or is none.
        """
        return Transcript.parse(self.public.blob(digest, f"{self.subject}'s transcript"))

    def terms(self, transcript: Transcript) -> Terms:
        """Return what its members agreed on.

        Raises:
            VerificationFailed: The manifest has no secure aggregation of these members.
        """
        try:
            return secure_terms(
                self.manifest, self.quotas, self.domain, self.round, attempt=transcript.attempt
            )
        except ConfigError as error:
            raise VerificationFailed(self.subject, error.message) from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecureRound:
    """What a secure round received.

    Attributes:
        summed: The sum and how each is priced; None if no sum counts.
        absent: Status and reason of the members without a part in it.
        reveals: Of accepted members, as their line says: SHA-256 of the masked delta, and no salt.
    """

    summed: Summed | None
    absent: Mapping[Did, tuple[Status, str]]
    reveals: dict[Did, tuple[Hash32, Hash32]]


def transcript_of(place: Place, lists: Mapping[str, object]) -> Hash32 | None:
    """Return the transcript that a receipt names, by its hash; None in a federation that sums in the open.

    Raises:
        VerificationFailed: The receipt is not one of its federation's kind.
    """
    found = lists.get(_TRANSCRIPT)
    if (found is None) != (place.manifest.secure is None):
        place.wrong(
            "its receipt names no transcript of a secure round"
            if found is None
            else "its receipt names a transcript, and nothing is summed in secret here"
        )
    return None if found is None else Hash32(bytes.fromhex(str(found)))


def commitments_in(place: Place, digest: Hash32) -> dict[Did, Hash32]:
    """Return what members committed to by a transcript, for whoever looks for the events that say so.

    No signature is looked at. Nobody did where they are too few to go on: nothing is recorded of them then.
    """
    transcript = place.transcript(digest)
    terms, found = place.terms(transcript), {}
    for did, raw in transcript.of(Stage.COMMIT).items():
        with suppress(SecureRefused):
            found[did] = Commitment.parse(raw).signed_digest(terms)
    return found if len(found) >= terms.minimum else {}


def facts_of(place: Place, digest: Hash32, view: FederationView, verify: Verify) -> SecureFacts:
    """Return what the chain says of a secure round.

    Args:
        place: Where it is.
        digest: Of its transcript.
        view: The chain.
        verify: Checks members' signatures, of those who act by a capability as of this round.

    Raises:
        VerificationFailed: The transcript is none.
    """
    number, delay = place.domain.epoch, place.manifest.chain.draw_delay
    announced = view.announced_during(number, place.round)
    closed = view.commits_closed_in(number, place.round)
    transcript = place.transcript(digest)
    terms, beacon = place.terms(transcript), None
    try:
        key_list, _ = gather_keys(terms, transcript.of(Stage.KEYS), verify)
    except TooFewParticipants:
        pass
    else:
        block = announced.get(key_word(terms, key_list))
        if block is not None and block + delay < closed:
            beacon = view.hash_of(block + delay)
    return SecureFacts(
        transcript=digest,
        announced=frozenset(announced),
        beacon=beacon,
        challenge=view.hash_of(closed + delay),
        verify=verify,
    )


def secure_round(place: Place, said: Statements, asked: Collection[Did], out: Collection[Did]) -> SecureRound:
    """Replay a secure round and hold what its server concluded to the chain and to its receipt.

    Args:
        place: Where it is.
        said: What its events say.
        asked: The members that it asked.
        out: The suspended ones.

    Raises:
        VerificationFailed: The first thing that is wrong.
    """
    assert said.secure is not None
    transcript = place.transcript(said.secure.transcript)
    if said.forced:
        place.wrong("nobody can reveal a masked delta on chain")
    for did in sorted(transcript.of(Stage.KEYS).keys() - set(asked)):
        place.wrong(f"{did} is on the key list and was not asked")
    terms = place.terms(transcript)
    replayed = _replayed(place, terms, transcript, said.secure)
    _check_commitments(place, terms, replayed, said)
    replayed = _checked_sum(place, terms, replayed, transcript, said)
    absent = dict.fromkeys(place.quotas, (Status.ABSENT, "not-drawn"))
    absent |= dict.fromkeys(out, (Status.SUSPENDED, ""))
    for did in asked:
        del absent[did]
    absent |= replayed.absent(asked)
    _check_lines(place, said, absent)
    summed = None
    if replayed.total is not None:

        def products(gradient: Ints) -> tuple[Mapping[Did, int], Mapping[Did, tuple[Status, str]]]:
            found = priced(replayed, transcript, gradient)
            accepted = dict.fromkeys(found.products, (Status.ACCEPTED, ""))
            _check_lines(place, said, {**accepted, **found.absent})
            return found.products, found.absent

        summed = Summed(total=replayed.total, products=products)
    return SecureRound(summed=summed, absent=absent, reveals=_reveals(place, said, replayed, transcript))


def _replayed(place: Place, terms: Terms, transcript: Transcript, facts: SecureFacts) -> Replayed:
    def beacon(_terms: Terms, _keys: KeyList) -> Hash32:
        if facts.beacon is None:
            place.wrong("its key list was not announced between its opening and its commitments")
        return facts.beacon

    chain = Chain(beacon=beacon, challenge=lambda: facts.challenge)
    what = f"masked delta of {place.subject}"
    wanted = [(upload, f"{did}'s {what}") for did, upload in transcript.uploads.items()]
    try:
        with fetching(place.public, wanted) as blobs:
            coming = dict(zip((upload for upload, _ in wanted), blobs, strict=True))
            return replay(
                terms, transcript, chain, verify=facts.verify, fetch=lambda upload: coming[upload]()
            )
    except SecureRefused as error:
        raise VerificationFailed(place.subject, error.message) from error


def _check_commitments(place: Place, terms: Terms, replayed: Replayed, said: Statements) -> None:
    """Compare the commitments of the transcript with those that members signed as events."""
    commits = replayed.server.commits if replayed.server else {}
    for did in sorted(commits.keys() | said.commitments.keys()):
        if did not in commits:
            place.wrong(f"{did} committed, and its transcript does not have it")
        if said.commitments.get(did) != commits[did].signed_digest(terms):
            place.wrong(f"{did}'s commitment in its transcript is not the recorded one")


def _checked_sum(
    place: Place, terms: Terms, replayed: Replayed, transcript: Transcript, said: Statements
) -> Replayed:
    """Check whose deltas were summed; a sum that was not fixed before the shard was known does not count."""
    root = MemberTree.build({}).root if replayed.server is None else replayed.server.reveal_root()
    if said.words.reveal_root != root:
        place.wrong("the reveal root does not hold those whose deltas are summed")
    if replayed.total is None:
        if transcript.of(Stage.SCALARS):
            place.wrong("its members priced a sum that does not count")
        return replayed
    assert said.secure is not None
    if sum_word(terms, root, replayed.total) in said.secure.announced:
        return replayed
    if transcript.of(Stage.SCALARS):
        place.wrong("its sum was not announced before the shard could be known")
    return replayed.unannounced()


def _check_lines(place: Place, said: Statements, expected: Mapping[Did, tuple[Status, str]]) -> None:
    """Compare the receipt's lines of some members with what has to become of them."""
    reasons = reasons_of(said.lists)
    for did, (status, reason) in sorted(expected.items()):
        found = status_of(said.lines[did])
        if found is not status:
            place.wrong(f"{did} is {found} in its receipt, and has to be {status}")
        if (status is Status.REJECTED) != (did in reasons) or reasons.get(did, reason) != reason:
            place.wrong(f"{did}'s reason in its receipt is not {reason!r}")


def _reveals(
    place: Place, said: Statements, replayed: Replayed, transcript: Transcript
) -> dict[Did, tuple[Hash32, Hash32]]:
    """Return what accepted members' lines say of their deltas: which blob is the masked one, and no salt."""
    reveals = {}
    for did, line in said.lines.items():
        if status_of(line) is not Status.ACCEPTED:
            continue
        reveals[did] = Hash32(bytes.fromhex(line["delta"])), Hash32(bytes.fromhex(line["salt"]))
        if did not in replayed.survivors or reveals[did] != (transcript.uploads[did], NOTHING):
            place.wrong(f"{did}'s line in its receipt does not name its masked delta")
    return reveals
