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
        260,
        "05def7bbf25706bb40999852b6663dbef6b403b156592f1487e707e1b662e45a",
        "68305d39f3548e9221d6eae9329a148c4a2544b6ec8455e8634f9243ccfa3dfa",
    ),
    (
        EMBEDDING,
        260,
        "939f96eeef822e75273450c44e2b8599760b4c4b6214825cc69199548f4f6291",
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
    inner, outer = wide.parameters
    drawn = inner.initial()
    # 1/sqrt(4096), in units of 2^-16.
    assert (drawn.min(), drawn.max()) == (-1024, 1024)
    assert abs(drawn.mean()) < 4 * 1024 / np.sqrt(3 * drawn.size)
    assert abs(drawn.std() / 1024 - 3**-0.5) < 0.01
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
