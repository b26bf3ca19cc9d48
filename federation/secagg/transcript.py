"""All that the server of a secure round received, in one blob that anybody can replay.

The server keeps nothing to itself: whoever reads the transcript sees what it saw. Who did not answer,
and what was refused as malformed, is its word, as in central mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from federation.errors import VerificationFailed
from federation.secagg.messages import Message
from federation.secagg.stages import Stage
from federation.secagg.terms import SecureRefused
from federation.types import Did, Hash32

STAGES: Final = (
    Stage.KEYS,
    Stage.PLEDGE,
    Stage.COMMIT,
    Stage.REVEAL,
    Stage.NORM,
    Stage.UNMASK,
    Stage.SCALARS,
)
"""Those whose answers are kept, one of each member."""

_Item = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class _Wire(Message):
    """A transcript as it is written: stage, member and message, one after the other."""

    KIND = "transcript"
    SHAPE = ("i", [("s", "s", "b")], [("s", "s", "b")])
    attempt: int
    answers: tuple[_Item, ...]
    openings: tuple[_Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What came in the one attempt of a round that counts.

    Attributes:
        attempt: Which.
        answers: By stage, each member's message; of a masked delta only its SHA-256, the bytes being a blob
            of their own.
        openings: After the norm check and after the scalars, the ``EdgeOpening`` that each member sent.
    """

    attempt: int = 0
    answers: Mapping[Stage, Mapping[Did, bytes]] = field(default_factory=dict)
    openings: Mapping[Stage, Sequence[tuple[Did, bytes]]] = field(default_factory=dict)

    def of(self, stage: Stage) -> Mapping[Did, bytes]:
        """Return what members answered in a stage."""
        return self.answers.get(stage, {})

    def opened(self, stage: Stage) -> Sequence[tuple[Did, bytes]]:
        """Return what was opened after the norm check, or after the scalars."""
        return self.openings.get(stage, ())

    def answered(self, stage: Stage, replies: Mapping[Did, bytes]) -> Transcript:
        """Return the transcript with a stage's answers."""
        return replace(self, answers={**self.answers, stage: dict(replies)})

    def disputed(self, stage: Stage, openings: Sequence[tuple[Did, bytes]]) -> Transcript:
        """Return the transcript with what was opened after a stage."""
        return replace(self, openings={**self.openings, stage: tuple(openings)})

    @property
    def uploads(self) -> Mapping[Did, Hash32]:
        """SHA-256 of every masked delta's message."""
        return {did: Hash32(digest) for did, digest in self.of(Stage.REVEAL).items()}

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        answers = tuple(
            (str(stage), did, raw) for stage in STAGES for did, raw in sorted(self.of(stage).items())
        )
        openings = tuple(
            (str(stage), did, raw)
            for stage in (Stage.NORM, Stage.SCALARS)
            for did, raw in sorted(self.opened(stage))
        )
        return _Wire(self.attempt, answers, openings).to_bytes()

    @classmethod
    def parse(cls, data: bytes) -> Transcript:
        """Return the transcript that canonical bytes hold.

        Raises:
            VerificationFailed: They are none, or not in their one form.
        """
        try:
            wire = _Wire.parse(data)
        except SecureRefused as error:
            raise VerificationFailed("transcript", "is malformed") from error
        found: dict[Stage, dict[Did, bytes]] = {}
        shown: dict[Stage, list[tuple[Did, bytes]]] = {}
        known = {str(stage): stage for stage in STAGES}
        if {stage for stage, _, _ in (*wire.answers, *wire.openings)} - known.keys():
            raise VerificationFailed("transcript", "names a stage that there is not")
        for stage, did, raw in wire.answers:
            found.setdefault(known[stage], {})[Did(did)] = raw
        for stage, did, raw in wire.openings:
            shown.setdefault(known[stage], []).append((Did(did), raw))
        parsed = cls(attempt=wire.attempt, answers=found, openings=shown)
        bad_upload = any(len(digest) != 32 for digest in parsed.of(Stage.REVEAL).values())
        if bad_upload or parsed.to_bytes() != data:
            raise VerificationFailed("transcript", "is not in canonical form")
        return parsed
