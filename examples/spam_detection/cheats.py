"""Members who do not play by the rules: real ClientApps, real messages, no special treatment.

Each is a ``Member`` that does one thing differently. No code that aggregates, scores, records or
pays knows that they exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from ceramic_bridge.events import InitPayload, SignedEvent
from client.mechanism import clipped_step
from client.member import Member
from client.noise import gaussian
from federation.delta import quantise
from federation.fixedpoint import Floats, Ints
from federation.messages import CommitRequest, RevealReply, RevealRequest
from federation.models.linear import WEIGHT_BITS, Design, Examples
from federation.types import Hash32


@dataclass(slots=True)
class Wiretap:
    """What an eavesdropper saw of its victim's last messages."""

    event: SignedEvent | None = None
    reply: RevealReply | None = None


class Tapped(Member):
    """An honest member whose line is tapped."""

    tap: Wiretap

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Commit, overheard."""
        self.tap.event = super().commit(request)
        return self.tap.event

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Reveal, overheard."""
        self.tap.reply = super().reveal(request)
        return self.tap.reply


class Cheat(Member):
    """A member that can fill its norm cap with whatever it likes."""

    def filled(self, direction: Floats) -> Ints:
        """Return a direction scaled to just below the member's norm cap."""
        cap, dim = self._terms.manifest.cap(self._vault.count), len(direction)
        norm = float(np.linalg.norm(direction))
        target = np.ldexp(cap - 2 * np.sqrt(dim), -WEIGHT_BITS)
        return quantise(direction * (target / norm) if norm else direction)

    def signal(self, request: CommitRequest) -> Floats:
        """Return the clipped step without its noise."""
        design = Design.build(self.examples(), self._terms.mean)
        return clipped_step(self._engine, design, request.base, self._terms.manifest.privacy)


class Flipper(Member):
    """Flips every label, and is otherwise honest."""

    def examples(self) -> Examples:
        """Return the examples with the wrong labels."""
        found = super().examples()
        return Examples(found.words, found.offsets, 1 - found.labels)


class CapFlipper(Cheat):
    """Flips every label, skips its noise and fills the norm cap."""

    def train(self, request: CommitRequest) -> Ints:
        """Return the wrong direction at full norm."""
        return self.filled(-self.signal(request))


class NoiseSender(Cheat):
    """Sends noise that fills the norm cap."""

    def train(self, request: CommitRequest) -> Ints:
        """Return noise."""
        return self.filled(gaussian(len(request.base.weights), 1.0, self._entropy))


class ZeroSender(Cheat):
    """Sends zeros."""

    def train(self, request: CommitRequest) -> Ints:
        """Return zeros."""
        return np.zeros_like(request.base.weights)


class StaleSender(Cheat):
    """Resends the last sum at the norm cap; two successive bases give it away."""

    _last: Ints | None = None

    def train(self, request: CommitRequest) -> Ints:
        """Return the last move of the base."""
        last, self._last = self._last, request.base.weights
        move = request.base.weights - last if last is not None else np.zeros_like(request.base.weights)
        return self.filled(move.astype(np.float64))


class ModelSender(Cheat):
    """Resends the public model at the norm cap."""

    def train(self, request: CommitRequest) -> Ints:
        """Return the base itself."""
        return self.filled(request.base.weights.astype(np.float64))


class Copier(Cheat):
    """Copies what it overhears: another's commitment, then that one's delta and salt."""

    tap: Wiretap

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Sign the victim's commitment as its own."""
        overheard = self.tap.event
        if overheard is None or not isinstance(overheard.payload, InitPayload):
            return super().commit(request)
        return self._session.sign(
            overheard.payload.content,
            model=self._terms.contribution_model,
            unique=overheard.payload.unique,
        )

    def reveal(self, request: RevealRequest) -> RevealReply:  # noqa: ARG002 - it ignores what it is asked
        """Send the victim's delta and salt, or a guess if they were not overheard yet."""
        dim = self._terms.manifest.model.dim
        return self.tap.reply or RevealReply(np.zeros(dim, dtype=np.int64), Hash32(bytes(32)))


class Scaler(Cheat):
    """Multiplies its delta by 100."""

    def train(self, request: CommitRequest) -> Ints:
        """Return a hundred times the honest delta."""
        return 100 * super().train(request)


class CapFiller(Cheat):
    """Skips its noise and fills the norm cap with signal."""

    def train(self, request: CommitRequest) -> Ints:
        """Return the noiseless step at full norm."""
        return self.filled(self.signal(request))


class NanSender(Cheat):
    """Sends NaN."""

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Send NaN with an honest salt."""
        honest = super().reveal(request)
        return RevealReply(cast("Ints", np.full(len(honest.delta), np.nan)), honest.salt)


CHEATS: Mapping[str, type[Member]] = {
    "flip": Flipper,
    "noise": NoiseSender,
    "zero": ZeroSender,
    "stale": StaleSender,
    "model": ModelSender,
    "copy": Copier,
    "scale": Scaler,
    "cap": CapFiller,
    "nan": NanSender,
    "flipcap": CapFlipper,
}
