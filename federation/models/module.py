"""A listed architecture in PyTorch: logits and their gradients in floating point, on flat vectors.

Torch is imported when a network is built, never before. Everything is float64 on one thread, which
keeps two machines within about 1e-12 of each other; nothing here is exact.

The intercept is fitted, never sent, as the linear model's is: a module has no bias at its output.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from federation.fixedpoint import LOGIT_BITS, Floats, Ints
from federation.models.linear import MEAN_BITS, SCALE_BITS, WEIGHT_BITS, Design, Fit, fit_intercept
from federation.models.sparse import SparseFeatures

if TYPE_CHECKING:
    from torch import Tensor, nn

    from federation.models.registry import Architecture

_BLOCK: Final = 512
"""So many examples are made dense at once."""

_LARGEST_LOGIT: Final = 1 << 20


class Encoded(NamedTuple):
    """Examples as a network takes them.

    Attributes:
        design: The examples.
        sparse: Their features, where the first layer is one matrix on them.
        blocks: What ``forward`` takes, block by block, where it is not.
    """

    design: Design
    sparse: SparseFeatures | None
    blocks: tuple[tuple[Tensor, ...], ...]


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
        from torch import nn

        torch.set_num_threads(1)
        self.module = module.double()
        self._encode = encode
        self._first: nn.Linear | None = None
        self._rest = self.module
        layers = list(module) if isinstance(module, nn.Sequential) and encode is encode_dense else []
        if len(layers) > 1 and isinstance(layers[0], nn.Linear) and layers[0].bias is None:
            self._first, self._rest = layers[0], nn.Sequential(*layers[1:])

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

    def encode(self, design: Design) -> Encoded:
        """Return some examples ready to be evaluated many times."""
        if self._first is None:
            return Encoded(design, None, tuple(inputs for inputs, _ in self.blocks(design)))
        return Encoded(design, SparseFeatures.of(design), ())

    def fit(self, weights: Ints, examples: Design | Encoded) -> Fit:
        """Return the model on some examples, its intercept fitted on the same.

        Logits are rounded to ``LOGIT_BITS`` fractional bits; from there on the linear model's integers do
        the rest, so that equal examples count equal wherever a matrix product puts them.
        """
        import torch

        encoded = examples if isinstance(examples, Encoded) else self.encode(examples)
        self.load(weights)
        with torch.no_grad():
            return _fit(weights, encoded.design, self._logits(self._entered(encoded)))

    def pull_back(
        self, points: Sequence[tuple[Ints, int]], examples: Encoded, weigh: Callable[[Fit], Floats]
    ) -> Floats:
        """Return ``sum_k v_k sum_e c_ke grad z_e(w_k)``, z_e being the logits; shape (dim,).

        Each point's logits are computed once. Where the first layer is one matrix, so are its gradient's
        factors: errors are summed over the points first, and multiplied by the inputs once for all.

        Args:
            points: w_k, shape (dim,), ``WEIGHT_BITS`` fractional bits, and v_k.
            examples: The examples.
            weigh: Gives c_k, one per example, from the model at w_k on the examples.
        """
        import torch

        if not len(examples.design):
            return np.zeros(self.dim)
        after = list(self._rest.parameters())
        sums: list[Tensor] = []
        for weights, share in points:
            self.load(weights)
            with torch.no_grad():
                entered = self._entered(examples)
            hidden = [] if examples.sparse is None else [entered[0][0].requires_grad_()]
            logits = self._logits(entered)
            coefficients = share * weigh(_fit(weights, examples.design, logits.detach()))
            found = torch.autograd.grad(torch.from_numpy(coefficients) @ logits, [*hidden, *after])
            sums = [a + b for a, b in zip(sums, found, strict=True)] if sums else list(found)
        if examples.sparse is not None:
            sums[0] = examples.sparse.back(sums[0])
        gradient: Floats = torch.cat([part.flatten() for part in sums]).numpy()
        return gradient

    def _entered(self, examples: Encoded) -> Sequence[tuple[Tensor, ...]]:
        """Return what comes after the first layer, where that is one matrix, else the inputs."""
        if self._first is None or examples.sparse is None:
            return examples.blocks
        return [(examples.sparse.times(self._first.weight),)]

    def _logits(self, entered: Sequence[tuple[Tensor, ...]]) -> Tensor:
        import torch

        found = [self._rest(*inputs)[:, 0] for inputs in entered]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def _fit(weights: Ints, design: Design, found: Tensor) -> Fit:
    bounded = np.clip(found.numpy(), -_LARGEST_LOGIT, _LARGEST_LOGIT)
    logits = np.rint(np.ldexp(bounded, LOGIT_BITS)).astype(np.int64)
    return Fit(
        weights=weights,
        logits=logits,
        intercept=fit_intercept(logits, design.labels),
        labels=design.labels,
    )


def dense(design: Design) -> Floats:
    """Return the features ``a (b - m)`` of some examples; shape (n, words)."""
    sets = design.examples
    mean = np.ldexp(design.mean.astype(np.float64), -MEAN_BITS)
    scale = np.ldexp(design.scale.astype(np.float64), -SCALE_BITS)
    features: Floats = np.multiply.outer(scale, -mean)
    rows = np.repeat(np.arange(len(design)), np.diff(sets.offsets))
    features[rows, sets.words] = scale[rows] * (1 - mean[sets.words])
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
