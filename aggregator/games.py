"""Recorded rounds as games: a run is verified, then every scored round is played again by coalitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aggregator.ground import Progress, replayed
from aggregator.public import PublicReader
from aggregator.recompute import PlayedRound
from aggregator.statements import Statements
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_rounds import RoundReplay
from aggregator.verify import claims_of
from federation.delta import parse_delta
from federation.errors import ConfigError
from federation.fixedpoint import Ints
from federation.rounds import Status
from federation.types import Did, Hash32
from federation.valuation import Game, carried_base
from federation.valuation.lossmodel import LINEAR, LossModel, ModuleLosses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedGame:
    """A recorded round as a game.

    Attributes:
        round: Its number.
        game: Its parts, shard and draw.
        scores: As recorded, in the order of ``game.dids``.
        quotas: Of the same members.
    """

    round: int
    game: Game
    scores: tuple[int, ...]
    quotas: tuple[int, ...]


def read_games(run: Path, progress: Progress) -> tuple[list[RecordedGame], Mapping[Did, str]]:
    """Verify a run; return its rounds as games, and the members' roles as its claims have them.

    Raises:
        ConfigError: Its rounds are secure: there is nothing to play.
    """
    epoch = VerifiedEpoch.of_run(replayed(PublicReader(run / "public"), None, progress), progress)
    if epoch.manifest.secure is not None:
        raise ConfigError(
            "nobody has seen the deltas of this run: its aggregation is secure",
            hint="methods that play a round again need every delta; the recorded scores are in its receipts",
        )
    replay = RoundReplay(epoch)
    played = list(replay.play())
    names = claims_of(epoch, played).names
    section = epoch.manifest.module
    model: LossModel = LINEAR
    if section is not None:
        from federation.models.module import Network

        model = ModuleLosses(Network.of(section.architecture))
    games = [
        _recorded(epoch, result, model, replay.statements[result.outcome.round])
        for result in played
        if result.outcome.scored_eta
    ]
    return games, {did: role for did, (_, role) in names.items()}


def _recorded(epoch: VerifiedEpoch, played: PlayedRound, model: LossModel, said: Statements) -> RecordedGame:
    outcome, Q = played.outcome, played.outcome.state.quota_total
    accepted = [m for m in outcome.members if m.status is Status.ACCEPTED]
    parts = outcome.parts or _deltas(epoch, said)
    game = Game(
        dids=tuple(m.did for m in accepted),
        parts=np.stack([parts[m.did] for m in accepted]),
        eta=outcome.scored_eta,
        quota_total=Q,
        base=carried_base(played.base.weights, outcome.carried, eta=outcome.scored_eta, quota_total=Q),
        shard=played.shard,
        seed=epoch.view.draw_seed(epoch.domain.epoch, outcome.round),
        model=model,
    )
    return RecordedGame(
        round=outcome.round,
        game=game,
        scores=tuple(m.score for m in accepted),
        quotas=tuple(outcome.state.quotas[m.did] for m in accepted),
    )


def _deltas(epoch: VerifiedEpoch, said: Statements) -> dict[Did, Ints]:
    """Return a round's accepted deltas, as its receipt names them."""
    accepted = {did: line["delta"] for did, line in said.lines.items() if line["status"] == Status.ACCEPTED}
    digests = {did: Hash32(bytes.fromhex(delta)) for did, delta in accepted.items()}
    return {did: parse_delta(epoch.public.blob(digest, f"{did}'s delta")) for did, digest in digests.items()}
