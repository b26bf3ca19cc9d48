"""A listed architecture in PyTorch: logits and their gradients in floating point, on flat vectors.

Torch is imported when a network is built, never before. Everything is float64 on one thread, which
keeps two machines within about 1e-12 of each other; nothing here is exact.

The intercept is fitted, never sent, as the linear model's is: a module has no bias at its output.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.fixedpoint import LOGIT_BITS, Floats, Ints
from federation.models.linear import MEAN_BITS, SCALE_BITS, WEIGHT_BITS, Design, Fit, fit_intercept

if TYPE_CHECKING:
    from torch import Tensor, nn

    from federation.models.registry import Architecture

_BLOCK: Final = 512
"""So many examples are made dense at once."""

_LARGEST_LOGIT: Final = 1 << 20


class Network:
    """A module with one logit per example, its parameters seen as one flat vector.

    Attributes:
        module: The module, in float64.
    """

    def __init__(self, module: nn.Module, encode: Callable[[Design], tuple[Tensor, ...]]) -> None:
        """Wrap a module.

        Args:
            module: Its output has shape (n, 1).
            encode: Turns examples into what its ``forward`` takes; the first axis is the example's.
        """
        import torch

        torch.set_num_threads(1)
        self.module = module.double()
        self._encode = encode

    @classmethod
    def of(cls, architecture: Architecture) -> Network:
        """Build a listed architecture; its parameters are not set."""
        build, encode = _BUILDERS[architecture.name]
        return cls(build(architecture), encode)

    @property
    def dim(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def load(self, weights: Ints) -> None:
        """Set all parameters from a flat vector of shape (dim,), ``WEIGHT_BITS`` fractional bits."""
        import torch

        point = torch.from_numpy(np.ldexp(weights.astype(np.float64), -WEIGHT_BITS))
        torch.nn.utils.vector_to_parameters(point, self.module.parameters())

    def blocks(self, design: Design, size: int = _BLOCK) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Yield encoded inputs and labels (float64, shape (n,)) of at most ``size`` examples at a time."""
        import torch

        for start in range(0, len(design), size):
            part = design.rows(start, min(start + size, len(design)))
            yield self._encode(part), torch.from_numpy(part.labels.astype(np.float64))

    def fit(self, weights: Ints, design: Design) -> Fit:
        """Return the model on some examples, its intercept fitted on the same.

        Logits are rounded to ``LOGIT_BITS`` fractional bits; from there on the linear model's integers do
        the rest, so that equal examples count equal wherever a matrix product puts them.
        """
        import torch

        self.load(weights)
        with torch.no_grad():
            found = [self.module(*inputs)[:, 0].numpy() for inputs, _ in self.blocks(design)]
        joined = np.concatenate(found) if found else np.zeros(0)
        bounded = np.clip(joined, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        logits = np.rint(np.ldexp(bounded, LOGIT_BITS)).astype(np.int64)
        return Fit(
            weights=weights,
            logits=logits,
            intercept=fit_intercept(logits, design.labels),
            labels=design.labels,
        )

    def pull_back(self, weights: Ints, design: Design, coefficients: Floats) -> Floats:
        """Return ``sum_e c_e grad z_e``, z_e being the logits; shape (dim,).

        Args:
            weights: Where; shape (dim,), ``WEIGHT_BITS`` fractional bits.
            design: The examples.
            coefficients: c, one per example.
        """
        import torch

        self.load(weights)
        parameters = list(self.module.parameters())
        total, start = np.zeros(len(weights)), 0
        for inputs, labels in self.blocks(design):
            part = torch.from_numpy(coefficients[start : start + len(labels)])
            product = part @ self.module(*inputs)[:, 0]
            total += torch.nn.utils.parameters_to_vector(torch.autograd.grad(product, parameters)).numpy()
            start += len(labels)
        return total


def dense(design: Design) -> Floats:
    """Return the features ``a (b - m)`` of some examples; shape (n, words)."""
    sets = design.examples
    features = np.tile(-np.ldexp(design.mean.astype(np.float64), -MEAN_BITS), (len(design), 1))
    features[np.repeat(np.arange(len(design)), np.diff(sets.offsets)), sets.words] += 1
    features *= np.ldexp(design.scale.astype(np.float64), -SCALE_BITS)[:, None]
    return features


def encode_dense(design: Design) -> tuple[Tensor, ...]:
    """Return the features as one tensor."""
    import torch

    return (torch.from_numpy(dense(design)),)


def _encode_words(design: Design) -> tuple[Tensor, ...]:
    """Return padded word indices (n, longest) and each one's share, 0 for padding."""
    import torch

    sets, lengths = design.examples, np.diff(design.examples.offsets)
    used = np.arange(max(1, int(lengths.max(initial=0))))[None, :] < lengths[:, None]
    indices = np.zeros(used.shape, dtype=np.int64)
    indices[used] = sets.words
    shares = used / np.sqrt(np.maximum(lengths, 1))[:, None]
    return torch.from_numpy(indices), torch.from_numpy(shares)


def _mlp(architecture: Architecture) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            inner=nn.Linear(architecture.words, architecture.hidden, bias=False),
            activation=nn.GELU(),
            outer=nn.Linear(architecture.hidden, 1, bias=False),
        )
    )


def _embedding(architecture: Architecture) -> nn.Module:
    from torch import nn

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = nn.Embedding(architecture.words, architecture.hidden)
            self.outer = nn.Linear(architecture.hidden, 1, bias=False)

        def forward(self, indices: Tensor, shares: Tensor) -> Tensor:
            summed = (self.vectors(indices) * shares[:, :, None]).sum(dim=1)
            logits: Tensor = self.outer(nn.functional.gelu(summed))
            return logits

    return Bag()


_BUILDERS: Final[
    dict[str, tuple[Callable[[Architecture], nn.Module], Callable[[Design], tuple[Tensor, ...]]]]
] = {"mlp": (_mlp, encode_dense), "embedding": (_embedding, _encode_words)}
