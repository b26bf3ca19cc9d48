"""A small federation of a PyTorch module on made-up mails, honest or with an aggregator that lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aggregator import driver
from contracts.accounts import Account
from examples.spam_detection import run as runner
from examples.spam_detection import settings as chosen
from examples.spam_detection import world as cast
from examples.spam_detection.settings import Settings
from federation.features import FeatureSpec
from federation.hashing import sha256
from federation.manifest import Manifest, ModelSection, ModuleSection, SearchSection, ValidatorSection
from federation.models.registry import Architecture
from federation.tolerance import ModuleEvaluation
from tests.world import Finished, execute, made_up_mails

SMALL = Architecture(name="mlp", words=64, hidden=4)
SETTINGS = Settings(members=4, rounds=3, seed=0, epsilon=8.0, alpha=5.0, cheats=())
VALIDATORS = [Account(sha256(f"validator {i}".encode())) for i in range(3)]
QUORUM = ValidatorSection(accounts=[v.address for v in VALIDATORS], quorum=2)

MAILS = made_up_mails(900, seed=3, foreign=0)


def module_section(architecture: Architecture = SMALL, *, tolerance: str = "1e-6") -> ModuleSection:
    return ModuleSection(
        name=architecture.name,
        words=architecture.words,
        hidden=architecture.hidden,
        sha256=architecture.digest.hex(),
        tolerance=tolerance,
    )


def with_module(manifest: Manifest, section: ModuleSection, **changes: object) -> Manifest:
    """The manifest with a module instead of the linear model."""
    features = FeatureSpec(dim=section.words)
    fields = {
        "model": ModelSection(
            kind="module", dim=section.architecture.dim, features_sha256=features.digest.hex()
        ),
        "module": section,
        "validators": QUORUM,
        **changes,
    }
    return Manifest.model_validate({**dict(manifest), **fields})


@contextmanager
def federating(
    architecture: Architecture = SMALL, *, liar: type[ModuleEvaluation] | None = None, **changes: object
) -> Iterator[None]:
    """Within it, every run is of a module; with a liar, its aggregator evaluates by that.

    Args:
        architecture: The module.
        liar: How the aggregator evaluates instead.
        changes: Sections of the manifest.
    """
    section, build = module_section(architecture), chosen.build_manifest
    search = SearchSection(etas=[0, 1, 4, 16, 64], betas_tenths=[0, 3, 9])

    def agree(*args: Any, **more: Any) -> Manifest:
        return with_module(build(*args, **more), section, **{"search": search, **changes})

    with pytest.MonkeyPatch.context() as patch:
        for module in (chosen, runner, cast):
            patch.setattr(module, "FEATURES", FeatureSpec(dim=architecture.words))
        patch.setattr(runner, "build_manifest", agree)
        patch.setattr(runner, "baselines", lambda *_: {})
        if liar:
            patch.setattr(driver, "evaluation_of", lambda manifest: liar(manifest.module))
        yield


def execute_module(
    out: Path,
    architecture: Architecture = SMALL,
    *,
    liar: type[ModuleEvaluation] | None = None,
    **changes: object,
) -> Finished:
    """Run a federation of a module to its end."""
    with federating(architecture, liar=liar, **changes):
        return execute(SETTINGS, out, mails=MAILS)
