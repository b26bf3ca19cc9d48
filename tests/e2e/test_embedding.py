"""A federation on embedded texts from manifest to verdict; a stand-in for the network, which CI lacks."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.verify import verify_run
from examples.spam_detection import run as runner
from examples.spam_detection import settings as chosen
from examples.spam_detection import world as cast
from examples.spam_detection.settings import Settings
from federation import embedding
from federation.embedding import EmbeddingSpec
from federation.features import FeatureSpec, word_indices
from tests.world import execute, made_up_mails

SETTINGS = Settings(members=4, rounds=3, seed=0, epsilon=8.0, alpha=5.0, cheats=())
ONE_PER_WORD = FeatureSpec(dim=1 << 20)


class Bag:
    """The mean of a fixed random direction per word: near texts are near, as in a real embedding."""

    def embed(self, text):
        seeds = word_indices(text, ONE_PER_WORD)
        if not seeds:
            return None
        mean = np.mean([np.random.Generator(np.random.PCG64(i)).normal(0, 1, 384) for i in seeds], axis=0)
        return mean / np.linalg.norm(mean)


def test_federation_on_embeddings_verifies_without_the_network_when_members_had_it(tmp_path, monkeypatch):
    for module in (chosen, runner, cast):
        monkeypatch.setattr(module, "FEATURES", EmbeddingSpec())
    monkeypatch.setattr(runner, "baselines", lambda *_: {})
    monkeypatch.setattr(embedding, "load_encoder", lambda longest: Bag())
    finished = execute(SETTINGS, tmp_path / "embedded", mails=made_up_mails(900, foreign=0))
    assert finished.run.manifest.model.features_sha256 == EmbeddingSpec().digest.hex()
    assert finished.run.manifest.model.dim == EmbeddingSpec().dim
    assert finished.summary["final_auc"] > 0.7
    monkeypatch.setattr(embedding, "load_encoder", lambda longest: pytest.fail("the verifier embeds"))
    verdict = verify_run(finished.out, expect=finished.run.epoch.domain.federation)
    assert (verdict.rounds, verdict.members, verdict.tolerance) == (3, 4, None)
