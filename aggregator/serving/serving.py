"""A release that is ready to answer, and the one that answers at present."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from aggregator.serving.card import Card
from aggregator.serving.questions import Reader, Refusal
from aggregator.serving.scoring import LinearScorer, Scorer, scorer_of
from ceramic_bridge import multibase
from federation.features import FeatureSpec, pipeline_of
from federation.models.linear import ONE, Examples

if TYPE_CHECKING:
    from aggregator.serving.questions import Question, Words
    from aggregator.serving.release import Release
    from aggregator.serving.scoring import Answer
    from aggregator.serving.signed import AnswerSigner


class Served:
    """A model that answers. It never changes: a request that began with it ends with it.

    Attributes:
        release: Where it comes from.
        scorer: The model.
        reader: Reads questions for it.
        light: Whether an answer takes microseconds, so that it needs no thread of its own.
        card: Its card, as JSON.
    """

    def __init__(self, release: Release, signer: AnswerSigner | None = None) -> None:
        """Make a release ready.

        Args:
            release: The model.
            signer: Signs answers; without, nobody does.

        Raises:
            ConfigError: The model's bytes, its network or its rule for texts are unknown here.
        """
        pipeline = pipeline_of(release.manifest.model.features_sha256, release.manifest.words)
        self.release, self._signer = release, signer
        self.scorer: Scorer = scorer_of(release.manifest, release.model, release.mean)
        self.reader = Reader(self.scorer.words, pipeline.indices)
        self.light = isinstance(self.scorer, LinearScorer) and isinstance(pipeline, FeatureSpec)
        last = release.last
        facts: dict[str, str | int] = {
            "model": last.model_hash.hex(),
            "receipt": str(last.receipt_cid),
            "epoch": release.domain.epoch,
            "round": last.round,
        }
        self._tail = json.dumps(facts, separators=(",", ":")).encode()[1:]
        signs = None if signer is None else signer.did
        self.card = json.dumps({**Card(release).table(), "answers_signed_by": signs}).encode()

    def one(self, question: Question) -> bytes:
        """Return the answer to a question of one example, as JSON.

        Raises:
            Refusal: It is to be signed, and nobody signs.
        """
        # Only a batch is read flat.
        assert isinstance(question.rows, tuple)
        (words,) = question.rows
        body = self._line(words, self.scorer.score(words), sign=question.sign)
        return b"{%b,%b" % (body.encode(), self._tail)

    def many(self, question: Question) -> bytes:
        """Return the answer to a batch, as JSON.

        Raises:
            Refusal: It is to be signed, and nobody signs.
        """
        rows = question.rows
        if isinstance(rows, Examples):
            lines = list(map(_said, *self.scorer.score_flat(rows)))
        else:
            answers = self.scorer.score_all(rows)
            lines = [self._line(*pair, sign=question.sign) for pair in zip(rows, answers, strict=True)]
        return b'{"answers":[{%b}],%b' % ("},{".join(lines).encode(), self._tail)

    def _line(self, words: Words, answer: Answer, *, sign: bool) -> str:
        said = _said(answer.logit, answer.chance)
        if not sign:
            return said
        if self._signer is None:
            raise Refusal(422, "sign", "this server signs no answers")
        car = self._signer.sign(self.release, words, answer, now=time.time_ns() // 1_000_000)
        return f'{said},"event":"{multibase.encode("m", car)}"'


class Current:
    """The model that answers at present; swapped as a whole, while others are answering."""

    def __init__(self) -> None:
        self.served: Served | None = None
        self.looked: float | None = None
        """When the chain was last seen to have nothing newer, by ``time.monotonic``."""
        self.trouble: str | None = None
        """Why it could not be seen since."""


def _said(logit: int, chance: int) -> str:
    # Numbers alone, so that nothing needs escaping; json.dumps takes as long as the model.
    return f'"probability":{chance / ONE!r},"chance":{chance},"logit":{logit}'
