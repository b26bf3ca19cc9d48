"""A small federation by other rules than the default ones, honest or with an aggregator that lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aggregator import driver
from examples.spam_detection import run as runner
from examples.spam_detection.settings import Settings
from federation.aggregation.section import AggregationSection
from federation.evaluation import LinearEvaluation
from federation.manifest import Manifest
from tests.modules import MAILS, QUORUM
from tests.world import Finished, execute

SETTINGS = Settings(members=4, rounds=2, seed=0, epsilon=8.0, alpha=5.0, cheats=("flip",))
FLIPPER = "member-05"

SECTIONS = {
    "momentum": AggregationSection(strategy="momentum", beta_milli=500),
    "adam": AggregationSection(strategy="adam", beta1_milli=500, beta2_milli=900, floor_milli=1000),
    "norm-cap": AggregationSection(strategy="norm-cap", norm_milli=900),
    "trimmed-mean": AggregationSection(strategy="trimmed-mean", trim_milli=200),
    "median": AggregationSection(strategy="median"),
    "krum": AggregationSection(strategy="krum", faulty_milli=200),
    "multi-krum": AggregationSection(strategy="multi-krum", faulty_milli=200),
    "gated": AggregationSection(strategy="gated"),
}


def execute_rules(
    out: Path,
    *,
    strategy: str = "sum",
    method: str = "aumann-shapley",
    liar: type[LinearEvaluation] | None = None,
) -> Finished:
    """Run a federation by a strategy and a method; with a liar, its aggregator evaluates by that."""
    build = runner.build_manifest

    def agree(*args: Any, **more: Any) -> Manifest:
        manifest = build(*args, **more)
        changes = {
            "validators": QUORUM,
            "aggregation": SECTIONS.get(strategy, AggregationSection()),
            "reward": manifest.reward.model_copy(update={"method": method}),
        }
        return Manifest.model_validate({**dict(manifest), **changes})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "build_manifest", agree)
        patch.setattr(runner, "baselines", lambda *_: {})
        if liar:
            patch.setattr(driver, "evaluation_of", lambda manifest: liar(manifest.model.dim))
        return execute(SETTINGS, out, mails=MAILS)
