"""Verifying a federation from public material only: its chain through a node, its events, its files.

Epoch after epoch, since payments are cumulative; round after round, one in memory at a time. An epoch
that still runs is verified as far as it is public, and the verdict says what has to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.ahead import replaying
from aggregator.checkpoints import Checkpoints
from aggregator.crew import prepare
from aggregator.ground import Ground, Progress
from aggregator.selection import Candidates
from aggregator.sources import RemoteMaterial, Unpublished
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_money import card_versions, check_card, read_claims, require_published, settled
from aggregator.verified_rounds import RoundReplay
from ceramic_bridge.authority import REVOCATION
from ceramic_bridge.events import SignedEvent
from contracts.history import STILL_OPEN, EpochHistory
from contracts.payouts import MAGIC, parse_table
from federation.errors import ConfigError, FolkmootError, IdentityError, UsageError, VerificationFailed
from federation.fixedpoint import Ints
from federation.rounds import EpochState
from federation.types import Address, Did, Wei


@dataclass(slots=True, kw_only=True)
class EpochVerdict:
    """What was verified of one epoch.

    Attributes:
        epoch: Its number.
        stage: Where it stands on chain: rounds, settling, proposed, finalized or unpaid.
        recorded: Rounds that are recorded and not proven wrong.
        verified: Rounds that recompute.
        members: Members admitted.
        events: Signed events that the chain recorded.
        paid_wei: What it pays, or is proposed to pay, by a table that recomputes; None without one.
        notes: What could not be checked, in words.
        pending: Whether something that will be public is not yet.
        tolerance: Within which scores recompute, where the model is floating point; None where all is exact.
    """

    epoch: int
    stage: str
    recorded: int
    verified: int = 0
    members: int = 0
    events: int = 0
    paid_wei: int | None = None
    notes: list[str] = field(default_factory=list)
    pending: bool = False
    tolerance: str | None = None

    @property
    def status(self) -> str:
        """Return "verified" or "pending"."""
        return "pending" if self.pending else "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be verified.

    Attributes:
        epoch: One epoch only; all if None.
        round: One round only, with those before that it rests on; all, and the payments, if None.
    """

    epoch: int | None = None
    round: int | None = None


def marks(ground: Ground) -> list[bytes]:
    """Return bytes of which each event of a federation holds some: its address, its models' author."""
    return [
        ground.deployment.federation.address.encode(),
        ground.manifest.parties.community.encode(),
        REVOCATION.encode(),
        b"/modelHash",
        b"/claims",
    ]


def verify_federation(
    ground: Ground,
    events: Iterable[SignedEvent],
    *,
    wanted: Wanted,
    cache: Path | None,
    progress: Progress,
    jobs: int = 1,
) -> list[EpochVerdict]:
    """Verify epochs of a federation.

    Args:
        ground: The federation.
        events: All events at hand, its own among them.
        wanted: Which epochs and rounds.
        cache: Where one's own checkpoints are kept; None keeps and uses none.
        progress: Told what has been established, line by line.
        jobs: How many rounds are recomputed at a time, in processes of their own if more than one.

    Raises:
        VerificationFailed: The first thing that is wrong.
        WorkerDied: One of the processes did not live.
        PeerError: Somebody cannot be reached.
        UsageError: There is no such epoch or round.
    """
    chosen = _chosen(ground, wanted)
    prepare(jobs)
    found = Candidates(events, ground)
    verdicts: list[EpochVerdict] = []
    previous: Mapping[Address, Wei] | None = {} if wanted.epoch is None else None
    for past in chosen:
        if previous is None:
            previous = paid_before(ground, past.number)
        auditor = EpochAuditor(ground, found, past, previous, cache=cache, progress=progress, jobs=jobs)
        try:
            verdicts.append(auditor.audit(wanted.round))
        except VerificationFailed:
            raise
        except (ConfigError, IdentityError) as error:
            raise VerificationFailed(f"epoch {past.number}", error.message) from error
        previous = auditor.paid
    return verdicts


def _chosen(ground: Ground, wanted: Wanted) -> list[EpochHistory]:
    number = wanted.epoch
    if wanted.round is not None and number is None:
        number = ground.epochs[-1].number if ground.epochs else 0
    chosen = [past for past in ground.epochs if number in {None, past.number}]
    if not chosen:
        raise UsageError(f"there is no epoch {number}" if number else "no epoch was ever opened")
    if wanted.round is not None and not 1 <= wanted.round <= chosen[-1].recorded:
        raise UsageError(f"epoch {chosen[-1].number} has {chosen[-1].recorded} recorded rounds")
    return chosen


def paid_before(ground: Ground, number: int) -> Mapping[Address, Wei]:
    """Return what each payee had in all before an epoch, from the published table whose root is on chain.

    Raises:
        Unpublished: Nobody published it.
    """
    finals = [past.finalized for past in ground.epochs if past.number < number and past.finalized]
    if not finals:
        return {}
    root, pool = finals[-1].payout_root, ground.deployment.pool.address
    assert isinstance(ground.public, RemoteMaterial)
    for raw in ground.public.tables(MAGIC):
        try:
            table = parse_table(raw, ground.chain.chain_id, pool)
        except FolkmootError:
            continue
        if table.tree().root == root:
            return dict(table.rows)
    raise Unpublished("payout table", "the one before this epoch was not published")


class EpochAuditor:
    """Verifies one epoch.

    Attributes:
        epoch: It, once its terms, roster, events and validation set are verified.
        paid: What each payee has in all after it.
    """

    epoch: VerifiedEpoch

    def __init__(
        self,
        ground: Ground,
        found: Candidates,
        past: EpochHistory,
        previous: Mapping[Address, Wei],
        *,
        cache: Path | None,
        progress: Progress,
        jobs: int = 1,
    ) -> None:
        self._ground, self._found, self._past, self._cache = ground, found, past, cache
        self._jobs = jobs
        self._previous = self.paid = previous
        self._tell = progress
        self._models: list[tuple[int, Ints]] = []
        self._aucs: list[float] = []
        self._state: EpochState | None = None

    def _progress(self, line: str) -> None:
        self._tell(f"epoch {self._past.number}: {line}")

    def audit(self, only: int | None = None) -> EpochVerdict:
        """Verify the epoch, or one round and those that it rests on.

        Raises:
            VerificationFailed: The first thing that is wrong.
        """
        past = self._past
        verdict = EpochVerdict(epoch=past.number, stage=past.stage, recorded=past.recorded)
        verdict.notes += [f"round {round_} was proven wrong and is not paid" for round_ in past.convicted]
        try:
            self.epoch = VerifiedEpoch.of_many(self._ground, past, self._found, self._progress)
        except Unpublished as error:
            self._excuse(error, verdict)
            return verdict
        verdict.members, verdict.events = len(self.epoch.roster.quotas), len(self.epoch.events)
        verdict.tolerance = self.epoch.evaluation.tolerance
        if caveat := self.epoch.manifest.rules.caveat:
            verdict.notes.append(caveat)
        if not self.epoch.complete:
            verdict.notes.append("the mean of the validation set is its committer's word: parts are sealed")
        self._rounds(verdict, only)
        if only is None and verdict.verified == past.recorded:
            self._closing(verdict)
            self._money(verdict)
        return verdict

    def _excuse(self, error: Unpublished, verdict: EpochVerdict) -> None:
        """Note what is missing where that proves nothing; otherwise it is withheld."""
        if self._past.stage in STILL_OPEN:
            verdict.pending = True
            verdict.notes.append(f"not yet: {error.message}")
        elif self._past.stage == "unpaid":
            verdict.notes.append(f"never published, and nobody was paid: {error.message}")
        else:
            raise error

    def _rounds(self, verdict: EpochVerdict, only: int | None) -> None:
        with replaying(self.epoch, jobs=self._jobs, upto=only) as replay:
            self._replay(replay, verdict, only)

    def _replay(self, replay: RoundReplay, verdict: EpochVerdict, only: int | None) -> None:
        versions, checkpoints = card_versions(self.epoch), Checkpoints(self._cache, self.epoch)
        start, missing = replay.first(), False
        for round_ in range(1, (only or self._past.recorded) + 1):
            state = None if round_ == only else checkpoints.load(round_)
            try:
                if state is not None and not missing:
                    shard = replay.skip(round_)
                    start = replay.onward(start, state, shard)
                else:
                    statements = replay.read(round_)
                    if missing:
                        continue
                    played = replay.recompute(start, statements)
                    check_card(self.epoch, versions[round_ - 1], played)
                    start = replay.onward(start, played.outcome.state, replay.drawn(statements.words, round_))
                    checkpoints.save(round_, start.state)
            except Unpublished as error:
                self._excuse(error, verdict)
                missing = True
                continue
            how = "verified before" if state is not None else "scores, credits and trace recomputed"
            self._progress(f"round {round_}: {how}")
            verdict.verified = round_
            weights = start.state.weights
            self._models.append((round_, weights))
            self._aucs.append(self.epoch.evaluation.auc(weights, start.known[-1].design))
        self._state = start.state

    def _closing(self, verdict: EpochVerdict) -> None:
        """Check the last version of the model card, and the claims that it names."""
        if self._past.revealed is None or self._past.convicted or not self._models:
            return
        versions = card_versions(self.epoch)
        claims, digest = read_claims(self.epoch, versions, self._models)
        if versions[-1] != {**versions[-2], "claims": digest.hex()}:
            raise VerificationFailed("model card", "its last version changes more than the claims")
        # An operator, who has no test set, states each model's AUC on the shard that its round drew.
        if claims.test_set is None and list(claims.aucs) != self._aucs:
            verdict.notes.append("AUCs are the publisher's word: neither on the drawn shards nor a test set")

    def _money(self, verdict: EpochVerdict) -> None:
        assert self._state is not None
        credits: Mapping[Did, int] = self._state.credits if self._past.recorded else {}
        settlement = settled(self.epoch, credits, self._previous)
        if settlement is None:
            if self._past.stage in STILL_OPEN:
                verdict.pending = True
                verdict.notes.append("not yet: no payout table is proposed")
            return
        require_published(self.epoch, settlement)
        verdict.paid_wei = sum(settlement.due.values())
        if self._past.finalized is None:
            assert self._past.proposal is not None
            verdict.pending = True
            until = self._past.proposal.challenge_end
            verdict.notes.append(f"the table can be challenged until {until} (Unix seconds)")
        else:
            self.paid = settlement.amounts
