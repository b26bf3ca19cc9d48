"""One training step of any module: Opacus finds each example's gradient, its sum comes back as a vector.

Opacus is used for its per-example gradients alone. Clipping, noise and accounting are the client's
own, so that there is one noise path and one ledger whatever the model: no optimizer, loader or
accountant of Opacus is ever made, and nothing is read from its checkpoints, which are pickles.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.errors import PeerError
from federation.fixedpoint import LOGIT_BITS, Floats
from federation.models.linear import INTERCEPT_BOUND, Design
from federation.models.module import Network
from federation.rounds import Base

if TYPE_CHECKING:
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
    from torch import Tensor

LARGEST: Final = 1 << 31
"""No weight of a base may be as large: 2^15 in real terms, where every gradient is still finite."""

_BLOCK: Final = 64
"""So many examples have their gradients in memory at once."""

_SLACK: Final = 1 - 1e-9
"""A norm in float64 may come out that much too small."""


class ModuleEngine:
    """Per-example clipping through Opacus' hooks, or by ghost norms where the module has embeddings.

    Ghost clipping never holds an example's gradient of an embedding, which is as large as the table.
    """

    def __init__(self, build: Callable[[], Network]) -> None:
        """Remember how to build the network; torch is loaded at the first step, not before.

        Args:
            build: Makes a network of this engine's own: Opacus hangs hooks on it.
        """
        self._build = build

    def require(self, base: Base) -> None:
        """Refuse a base so large that some example's gradient might not be finite.

        Raises:
            PeerError: It is.
        """
        if abs(base.intercept) > INTERCEPT_BOUND:
            raise PeerError("the base model's intercept is out of bounds")
        if int(np.abs(base.weights).max(initial=0)) >= LARGEST or int(base.weights.min(initial=0)) < -LARGEST:
            raise PeerError("the base model's weights are out of bounds")

    def step(self, design: Design, base: Base, clip: float) -> Floats:
        """Return ``-sum_e clip(grad_e)`` of the logarithmic loss.

        Args:
            design: The member's examples.
            base: The model to train from.
            clip: Clipping norm C, infinite for none.

        Returns:
            Shape (dim,); adding or removing one example moves it by at most C in L2 norm.
        """
        self._network.load(base.weights)
        intercept = math.ldexp(base.intercept, -LOGIT_BITS)
        total = np.zeros(self._network.dim)
        with warnings.catch_warnings():
            # The first layer's inputs are data: torch warns that they have no gradient, and nobody wants it.
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            for inputs, labels in self._network.blocks(design, _BLOCK):
                total -= self._clipped_sum(inputs, labels, intercept, clip)
        return total

    @cached_property
    def _network(self) -> Network:
        return self._build()

    @cached_property
    def _ghost(self) -> bool:
        from torch import nn

        return any(isinstance(m, nn.Embedding) for m in self._network.module.modules())

    @cached_property
    def _hooked(self) -> GradSampleModule | GradSampleModuleFastGradientClipping:
        """The module with Opacus' hooks, hung once: a second time is an error."""
        from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping

        kind = GradSampleModuleFastGradientClipping if self._ghost else GradSampleModule
        return kind(self._network.module, loss_reduction="sum")

    def _clipped_sum(
        self, inputs: tuple[Tensor, ...], labels: Tensor, intercept: float, clip: float
    ) -> Floats:
        import torch

        hooked, parameters = self._hooked, list(self._network.module.parameters())
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            hooked(*inputs)[:, 0] + intercept, labels, reduction="none"
        )
        torch.autograd.backward(losses.sum(), retain_graph=self._ghost)
        if self._ghost:
            shares = _shares(hooked.get_norm_sample(), clip)
            hooked.disable_hooks()
            sums = torch.autograd.grad((shares * losses).sum(), parameters)
            hooked.enable_hooks()
        else:
            samples = [parameter.grad_sample for parameter in parameters]  # type: ignore[attr-defined]  # Opacus'
            norms = torch.stack([s.flatten(start_dim=1).norm(dim=1) for s in samples]).norm(dim=0)
            shares = _shares(norms, clip)
            sums = tuple(torch.einsum("n,n...->...", shares, sample) for sample in samples)
        hooked.zero_grad()
        return torch.nn.utils.parameters_to_vector(sums).detach().numpy()


def _shares(norms: Tensor, clip: float) -> Tensor:
    """Return by how much each example's gradient is shortened; at most 1, also where it is zero."""
    return (clip * _SLACK / norms.detach()).clamp(max=1.0)
