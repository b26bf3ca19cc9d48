"""What the sentence embedding learns on short posts beside hashed words, and what it costs.

The posts are the first words of the example's mails: short, public and already here, though no chat. Same
federation, noise and seeds for both rules. Without the extra ``embed`` there is nothing to measure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.figure import Figure
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.settings import FEATURES, Settings, privacy_section
from examples.spam_detection.simulate import simulate
from examples.spam_detection.world import build_cast, entropy_for, found_world
from federation.embedding import EmbeddingSpec
from federation.errors import FolkmootError
from federation.features import TextPipeline
from federation.metrics import model_auc
from federation.minilm import require_model
from federation.types import Hash32

SEEDS = (0, 1, 2)
ROUNDS = 20
WORDS = 24
TARGETS = {8.0: 0.945, 3.0: 0.930}


@dataclass(frozen=True, slots=True)
class Remembered:
    """The embedding's rule, each text computed once for all seeds."""

    rule: EmbeddingSpec = field(default_factory=EmbeddingSpec)
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """The rule's."""
        return self.rule.dim

    @property
    def digest(self) -> Hash32:
        """The rule's."""
        return self.rule.digest

    def indices(self, text: str) -> tuple[int, ...]:
        """The rule's."""
        if text not in self.known:
            self.known[text] = self.rule.indices(text)
        return self.known[text]


def figures() -> Iterator[Figure]:
    """Measure test AUC of both rules at two budgets, and the CPU time of one post."""
    try:
        require_model()
    except FolkmootError as error:
        print(f"embedding: not measured: {error.message}", file=sys.stderr)
        return
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    posts = [replace(mail, text=" ".join(mail.text.split()[:WORDS])) for mail in mails]
    sentences = Remembered()
    sentences.indices("the first text loads the model")
    start = time.process_time()
    for post in posts:
        sentences.indices(post.text)
    spent = 1000 * (time.process_time() - start) / len(posts)
    found, hashed = _aucs(posts, sentences), _aucs(posts, FEATURES)
    for epsilon, target in TARGETS.items():
        yield Figure(
            figure=f"test AUC, posts of {WORDS} words as embeddings, epsilon {epsilon:g}",
            value=float(np.mean(found[epsilon])),
            target=target,
            sense=">=",
            how=f"20 members, {ROUNDS} rounds, mean of seeds {SEEDS}; hashed {np.mean(hashed[epsilon]):.4f}",
        )
    yield Figure(
        figure="CPU-ms to embed one post",
        value=spent,
        target=40,
        sense="<=",
        how=f"{len(posts)} posts of {WORDS} words, one at a time, one thread, model loaded",
    )


def _aucs(posts: list[Mail], features: TextPipeline) -> dict[float, list[float]]:
    """Return each budget's test AUCs, one a seed."""
    aucs: dict[float, list[float]] = {epsilon: [] for epsilon in TARGETS}
    for seed in SEEDS:
        settings = Settings(seed=seed, rounds=ROUNDS, cheats=())
        world, test, manifest = found_world(build_cast(posts, settings), settings, features)
        for epsilon, found in aucs.items():
            noise = entropy_for(seed, f"noise/{epsilon}")
            last = simulate(world, manifest.rules, privacy_section(epsilon, ROUNDS), entropy=noise)[-1]
            found.append(model_auc(test, last.state.weights))
    return aucs
