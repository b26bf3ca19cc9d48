"""Architectures: listed by name, pinned by hash, their first weights the same everywhere."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from federation.errors import ConfigError
from federation.models.module import Network
from federation.models.registry import Architecture

MLP = Architecture(name="mlp", words=64, hidden=4)
EMBEDDING = Architecture(name="embedding", words=64, hidden=4)
VECTORS = [
    (
        MLP,
        264,
        "bb3637d10be0f9f1c9c455f2e0231202ac49d43577214ca9a6a46d99b9b18147",
        "f6c4d280579d866dfce327543283c18e7bff6da9134d4967a83450583482159b",
    ),
    (
        EMBEDDING,
        260,
        "8dff7fdb27978d7410c19b986c348f1084e7761d8b71cea3e5593e7338cd5291",
        "a0c9d69eef1f820425ad6ce3b1cc537298ed7a928a7cf3a908956513d32c1e63",
    ),
]


@pytest.mark.parametrize(("architecture", "dim", "digest", "initial"), VECTORS, ids=["mlp", "embedding"])
def test_description_and_first_weights_are_the_committed_ones(architecture, dim, digest, initial):
    assert (architecture.dim, architecture.digest.hex()) == (dim, digest)
    first = architecture.initial()
    assert (first.shape, hashlib.sha256(first.astype("<i8").tobytes()).hexdigest()) == ((dim,), initial)


@pytest.mark.parametrize(
    "other",
    [replace(MLP, words=65), replace(MLP, hidden=5), EMBEDDING],
    ids=["words", "hidden", "name"],
)
def test_digest_is_another_when_anything_is(other):
    assert other.digest != MLP.digest


@pytest.mark.parametrize("architecture", [MLP, EMBEDDING], ids=lambda a: a.name)
def test_parameters_are_torchs_in_its_order_when_the_network_is_built(architecture):
    built = [(name, tuple(p.shape)) for name, p in Network.of(architecture).module.named_parameters()]
    assert built == [(p.name, p.shape) for p in architecture.parameters]
    assert Network.of(architecture).dim == architecture.dim


def test_first_weights_are_uniform_within_their_bound():
    wide = Architecture(name="mlp", words=4096, hidden=16)
    inner, bias, outer = wide.parameters
    drawn = inner.initial()
    # 1/sqrt(4096), in units of 2^-16.
    assert (drawn.min(), drawn.max()) == (-1024, 1024)
    assert abs(drawn.mean()) < 4 * 1024 / np.sqrt(3 * drawn.size)
    assert abs(drawn.std() / 1024 - 3**-0.5) < 0.01
    assert not bias.initial().any()
    assert np.abs(outer.initial()).max() <= 1 << 14


@pytest.mark.parametrize("name", ["linear", "Mlp", "torch.nn.Linear", "os", "../mlp", ""])
def test_architecture_is_refused_when_its_name_is_not_listed(name):
    with pytest.raises(ConfigError, match="no architecture named") as info:
        Architecture(name=name, words=64, hidden=4)
    assert info.value.hint == "this software has mlp, embedding"


@pytest.mark.parametrize(("words", "hidden"), [(1, 4), (64, 0), (64, 4097), ((1 << 20) + 1, 4), (64, -1)])
def test_architecture_is_refused_when_a_size_is_out_of_range(words, hidden):
    with pytest.raises(ConfigError, match="out of range"):
        Architecture(name="mlp", words=words, hidden=hidden)
