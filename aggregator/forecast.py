"""The state after a round, read off what was published of it: nothing of it is believed.

A round starts from the state that the one before leaves, and all but one part of it is public: the
model and its base give weights and step, the receipt gives scores, and from those the kernel gives
credits and suspensions. What a strategy remembers from round to round is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aggregator.sources import fetching
from aggregator.statements import status_of
from federation.models.linear import parse_model
from federation.rounds import Base, EpochState, Measured, Status, finish
from federation.trace import Op, Trace
from federation.types import Did

if TYPE_CHECKING:
    from aggregator.recompute import Around
    from aggregator.statements import Statements


def published_state(around: Around, state: EpochState, said: Statements) -> EpochState:
    """Return the state after a round as its receipt, its models and its trace would have it.

    Args:
        around: What stands around the rounds.
        state: The state before it.
        said: What its events say.

    Raises:
        FolkmootError: Something is missing, or malformed.
        ValueError: Models of other sizes, or numbers that are none.
    """
    words = said.words
    # Whether anybody can be what its line says, is asked where the round is recomputed.
    absent = {did: (status_of(line), "") for did, line in said.lines.items()}
    models = [(digest, f"round {state.round}'s model") for digest in (words.base_hash, words.model_hash)]
    with fetching(around.public, models) as blobs:
        base, model = (np.reshape(parse_model(blob())[0], state.weights.shape) for blob in blobs)
    scores = {
        Did(did): int(line["score"]) for did, line in said.lines.items() if line["status"] == Status.ACCEPTED
    }
    measured = None
    if scores:
        eta = int(str(said.receipt.content["eta"]))
        measured = Measured(
            eta=eta,
            scored_eta=eta,
            losses=(),
            step=model - base,
            gain=_gain(around, said, eta),
            scores=scores,
            withheld=0,
        )
    shown = Base(weights=base, intercept=0, beta_tenths=0, losses=())
    return finish(state, shown, around.manifest.rules, absent=absent, measured=measured).state


def _gain(around: Around, said: Statements, eta: int) -> int:
    """Return G as it was measured: the receipt has it as it counts, at most 0 where nothing moved."""
    if eta:
        return int(str(said.receipt.content["improvement"]))
    trace = Trace.parse(around.public.blob(said.trace_hash, "the trace"))
    return trace.find(Op.IMPROVEMENT).value("gain")
