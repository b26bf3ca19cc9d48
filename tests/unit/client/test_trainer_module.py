"""Training a module: Opacus' hooks give the textbook sum, the closed form's on the linear model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from client import trainer_module
from client.trainer import LinearEngine
from client.trainer_module import LARGEST, ModuleEngine
from federation.delta import quantise
from federation.errors import PeerError
from federation.models.linear import INTERCEPT_BOUND, Design, Examples, integer_mean
from federation.models.module import Network, dense, encode_dense
from federation.models.registry import Architecture
from federation.rounds import Base
from tests.unit.federation._world import examples, rows

ROOT = Path(__file__).parents[3]
WORDS = 60
KINDS = [Architecture(name=name, words=WORDS, hidden=3) for name in ("mlp", "embedding")]


def made(seed: int, n: int) -> Design:
    sets = examples(rows(np.random.default_rng(seed), n, WORDS))
    return Design.build(sets, integer_mean(sets.counts(WORDS), len(sets)))


def base_of(architecture: Architecture, intercept: float = -0.3) -> Base:
    return Base(weights=architecture.initial(), intercept=int(intercept * 2**24), beta_tenths=0, losses=())


def engine_of(architecture: Architecture) -> ModuleEngine:
    return ModuleEngine(lambda: Network.of(architecture))


def one_by_one(architecture: Architecture, design: Design, base: Base) -> list[np.ndarray]:
    """Every example's gradient, by plain autograd."""
    network, found = Network.of(architecture), []
    network.load(base.weights)
    parameters = list(network.module.parameters())
    for inputs, labels in network.blocks(design, 1):
        logits = network.module(*inputs)[:, 0] + base.intercept / 2**24
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]).numpy())
    return found


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_step_is_the_sum_of_clipped_gradients_taken_one_by_one(architecture, share):
    design, base = made(1, 150), base_of(architecture)
    gradients = one_by_one(architecture, design, base)
    norms = np.array([np.linalg.norm(g) for g in gradients])
    # From the smallest norm that is not zero, which shortens all others, to none at all.
    clip = float(np.quantile(norms[norms > 0], share)) if share < 1 else np.inf
    expected = -sum(g * min(1.0, clip / n) for g, n in zip(gradients, norms, strict=True) if n)
    step = engine_of(architecture).step(design, base, clip)
    assert np.abs(step - expected).max() <= 1e-8 * len(design)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
@pytest.mark.parametrize("clip", [0.05, 0.5])
def test_sum_changes_by_at_most_the_clip_when_one_example_is_added_or_removed(architecture, clip):
    design, base, engine = made(2, 12), base_of(architecture), engine_of(architecture)
    whole, changes = engine.step(design, base, clip), []
    for out in range(len(design)):
        kept = [i for i in range(len(design)) if i != out]
        at = design.examples.offsets
        part = Examples.build(
            [design.examples.words[at[i] : at[i + 1]].tolist() for i in kept], design.labels[kept].tolist()
        )
        rest = engine.step(Design.build(part, design.mean), base, clip)
        changes.append(np.linalg.norm(whole - rest))
    assert 0.99 * min(clip, 0.2) < max(changes) <= clip


def test_ghost_clipping_is_used_when_and_only_when_there_are_embeddings():
    mlp, embedding = (engine_of(a) for a in KINDS)
    assert (mlp._ghost, embedding._ghost) == (False, True)
    embedding.step(made(3, 5), base_of(KINDS[1]), 0.5)
    table = embedding._network.module.vectors.weight
    assert getattr(table, "grad_sample", None) is None


def test_ghost_norms_give_what_per_example_gradients_give(monkeypatch):
    architecture, design = KINDS[1], made(4, 70)
    ghost = engine_of(architecture).step(design, base_of(architecture), 0.3)
    monkeypatch.setattr(ModuleEngine, "_ghost", False)
    hooks = engine_of(architecture).step(design, base_of(architecture), 0.3)
    assert np.abs(ghost - hooks).max() < 1e-9


def unit_rows(n: int) -> Design:
    """Examples of 4 or 16 words about a zero mean: their norm is exactly 1, as the closed form assumes."""
    rng = np.random.default_rng(6)
    sets = [np.sort(rng.choice(WORDS, size, replace=False)).tolist() for size in rng.choice([4, 16], n)]
    labels = (rng.random(n) < 0.5).astype(int).tolist()
    design = Design.build(Examples.build(sets, labels), np.zeros(WORDS, dtype=np.int64))
    assert np.allclose(np.linalg.norm(dense(design), axis=1), 1, rtol=0, atol=1e-12)
    return design


@pytest.mark.parametrize("clip", [0.25, 0.5, 1.0])
def test_opacus_gives_the_closed_form_when_the_module_is_the_linear_model(clip):
    design = unit_rows(50)
    base = Base(
        weights=quantise(0.4 * np.random.default_rng(7).standard_normal(WORDS)),
        intercept=int(0.2 * 2**24),
        beta_tenths=0,
        losses=(),
    )
    closed = LinearEngine().step(design, base, clip)
    linear = ModuleEngine(lambda: Network(torch.nn.Linear(WORDS, 1, bias=False), encode_dense))
    hooks = linear.step(design, base, clip)
    assert np.linalg.norm(closed - hooks) <= 1e-6 * np.linalg.norm(closed)
    assert np.abs(closed).max() > 0.1
    with_less = LinearEngine().step(design, base, 0.1)
    assert np.linalg.norm(with_less - hooks) > 1e-2


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_step_is_the_same_when_blocks_are_smaller_and_when_it_is_asked_twice(architecture, monkeypatch):
    design, base, engine = made(8, 30), base_of(architecture), engine_of(architecture)
    first = engine.step(design, base, 0.4)
    assert np.array_equal(engine.step(design, base, 0.4), first)
    monkeypatch.setattr(trainer_module, "_BLOCK", 7)
    assert np.allclose(engine.step(design, base, 0.4), first, rtol=0, atol=1e-12)


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_step_is_finite_when_examples_are_none_or_wordless(architecture):
    base, mean = base_of(architecture), made(9, 4).mean
    engine = engine_of(architecture)
    assert not engine.step(Design.build(Examples.build([], []), mean), base, 0.5).any()
    wordless = Design.build(Examples.build([[]], [1]), np.zeros(WORDS, dtype=np.int64))
    assert np.isfinite(engine.step(wordless, base, 0.5)).all()


def refused(base: Base) -> str:
    with pytest.raises(PeerError) as info:
        engine_of(KINDS[0]).require(base)
    return info.value.message


@pytest.mark.parametrize("weight", [LARGEST, -LARGEST - 1, (1 << 63) - 1, -(1 << 63)])
def test_base_is_refused_when_a_weight_is_out_of_bounds(weight):
    weights = KINDS[0].initial()
    weights[3] = weight
    message = refused(Base(weights=weights, intercept=0, beta_tenths=0, losses=()))
    assert message == "the base model's weights are out of bounds"


@pytest.mark.parametrize("intercept", [INTERCEPT_BOUND + 1, -INTERCEPT_BOUND - 1])
def test_base_is_refused_when_its_intercept_is_out_of_bounds(intercept):
    base = Base(weights=KINDS[0].initial(), intercept=intercept, beta_tenths=0, losses=())
    assert "intercept is out of bounds" in refused(base)


@pytest.mark.parametrize("sign", [1, -1])
def test_step_is_finite_and_clipped_when_the_base_is_at_its_bounds(sign):
    architecture, design = KINDS[0], made(10, 1)
    base = Base(
        weights=np.full(architecture.dim, sign * (LARGEST - 1)),
        intercept=INTERCEPT_BOUND,
        beta_tenths=0,
        losses=(),
    )
    engine = engine_of(architecture)
    engine.require(base)
    step = engine.step(design, base, 0.5)
    assert np.isfinite(step).all()
    assert np.linalg.norm(step) <= 0.5


def test_torch_is_loaded_at_the_first_step_and_not_before():
    code = """
import sys
import numpy as np
import federation.evaluation, federation.tolerance, client.member
from client.trainer import engine_of
from federation.rounds import Base
from tests.agreed import agreed
from tests.modules import SMALL, module_section, with_module
engine = engine_of(with_module(agreed(), module_section()))
engine.require(Base(weights=SMALL.initial(), intercept=0, beta_tenths=0, losses=()))
assert type(engine).__name__ == "ModuleEngine"
sys.exit("torch" in sys.modules or "opacus" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
