"""A secure round's lost journal, written again from the transcript that its receipt names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.collect import CLOSED
from aggregator.journal import pack
from aggregator.secure.asking import OPENED, OTHERS, PREFIX, pack_openings, stage_step
from aggregator.secure.attempts import LIARS
from ceramic_bridge.events import SignedEvent, encode
from federation.secagg.stages import Stage
from federation.secagg.transcript import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from federation.secagg.transcript import Transcript
    from federation.types import Did


def secure_steps(
    transcript: Transcript, contributions: Mapping[Did, SignedEvent]
) -> Iterator[tuple[str, bytes]]:
    """Yield the steps of a secure round as its journal had them, as far as anything follows from them.

    Args:
        transcript: Of the attempt that counted; who spoilt the ones before is not known any more, and
            nothing depends on it.
        contributions: The events that the round recorded.
    """
    attempt = transcript.attempt
    for earlier in range(attempt):
        yield f"{PREFIX}{earlier}/{LIARS}", b""
    for stage in STAGES:
        prefix = stage_step(attempt, stage)
        for did, raw in transcript.of(stage).items():
            if stage is Stage.COMMIT:
                # Of a round that ended there no event was recorded, and none is needed.
                event = encode(contributions[did]) if did in contributions else b""
                yield prefix + did, pack([event, raw])
            else:
                yield prefix + did, raw
        yield CLOSED + prefix, b""
    yield CLOSED + stage_step(attempt, Stage.UNMASK, OTHERS), b""
    for stage in (Stage.NORM, Stage.SCALARS):
        yield f"{PREFIX}{attempt}/{OPENED}-{stage}", pack_openings(transcript.opened(stage))
