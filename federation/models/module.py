"""A listed architecture in PyTorch: losses and gradients in floating point, on flat vectors.

Torch is imported when a network is built, never before. Everything is float64 on one thread, which
keeps two machines within about 1e-12 of each other; nothing here is exact.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.fixedpoint import LOGIT_BITS, Floats, Ints
from federation.models.linear import MEAN_BITS, SCALE_BITS, WEIGHT_BITS, Design

if TYPE_CHECKING:
    from torch import Tensor, nn

    from federation.models.registry import Architecture

_BLOCK: Final = 512
"""So many examples are made dense at once."""


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

    def load(self, point: Floats) -> None:
        """Set all parameters from a flat vector of shape (dim,)."""
        import torch

        torch.nn.utils.vector_to_parameters(
            torch.from_numpy(np.array(point, dtype=np.float64)), self.module.parameters()
        )

    def blocks(self, design: Design, size: int = _BLOCK) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """Yield encoded inputs and labels (float64, shape (n,)) of at most ``size`` examples at a time."""
        import torch

        for start in range(0, len(design), size):
            part = design.rows(start, min(start + size, len(design)))
            yield self._encode(part), torch.from_numpy(part.labels.astype(np.float64))

    def logits(self, weights: Ints, design: Design) -> Ints:
        """Return the logit per example, rounded to ``LOGIT_BITS`` fractional bits; shape (n,).

        Rounded so that equal examples have equal logits wherever a matrix product puts them.
        """
        import torch

        self.load(real(weights))
        with torch.no_grad():
            found = [self.module(*inputs)[:, 0].numpy() for inputs, _ in self.blocks(design)]
        joined = np.concatenate(found) if found else np.zeros(0)
        return np.rint(np.ldexp(joined, LOGIT_BITS)).astype(np.int64)

    def log_loss(self, weights: Ints, design: Design) -> float:
        """Return the summed logarithmic loss."""
        import torch

        self.load(real(weights))
        with torch.no_grad():
            return sum(
                float(
                    torch.nn.functional.binary_cross_entropy_with_logits(
                        self.module(*inputs)[:, 0], labels, reduction="sum"
                    )
                )
                for inputs, labels in self.blocks(design)
            )

    def brier(self, point: Floats, design: Design) -> float:
        """Return the mean Brier loss at a real point of shape (dim,)."""
        import torch

        self.load(point)
        with torch.no_grad():
            total = sum(
                float(((torch.sigmoid(self.module(*inputs)[:, 0]) - labels) ** 2).sum())
                for inputs, labels in self.blocks(design)
            )
        return total / len(design)

    def brier_gradient(self, point: Floats, design: Design) -> Floats:
        """Return the gradient of the mean Brier loss at a real point; shape (dim,)."""
        import torch

        self.load(point)
        parameters = list(self.module.parameters())
        total = np.zeros(len(point))
        for inputs, labels in self.blocks(design):
            loss = ((torch.sigmoid(self.module(*inputs)[:, 0]) - labels) ** 2).sum()
            total += torch.nn.utils.parameters_to_vector(torch.autograd.grad(loss, parameters)).numpy()
        return total / len(design)


def real(weights: Ints) -> Floats:
    """Return fixed-point weights as real numbers."""
    return np.ldexp(weights.astype(np.float64), -WEIGHT_BITS)


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
            inner=nn.Linear(architecture.words, architecture.hidden),
            activation=nn.Tanh(),
            outer=nn.Linear(architecture.hidden, 1),
        )
    )


def _embedding(architecture: Architecture) -> nn.Module:
    from torch import nn

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = nn.Embedding(architecture.words, architecture.hidden)
            self.outer = nn.Linear(architecture.hidden, 1)

        def forward(self, indices: Tensor, shares: Tensor) -> Tensor:
            summed = (self.vectors(indices) * shares[:, :, None]).sum(dim=1)
            logits: Tensor = self.outer(summed.tanh())
            return logits

    return Bag()


_BUILDERS: Final[
    dict[str, tuple[Callable[[Architecture], nn.Module], Callable[[Design], tuple[Tensor, ...]]]]
] = {"mlp": (_mlp, encode_dense), "embedding": (_embedding, _encode_words)}
