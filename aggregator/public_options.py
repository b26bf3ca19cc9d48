"""Options of the commands that work from public material alone: a node, an event node, a public place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING

import click

from contracts.session import Target, Which, confirmations_option, federation_options, node_options
from federation.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aggregator.ground import Ground, Progress
    from ceramic_bridge.events import SignedEvent
    from contracts.backends.rpc import RpcChain
    from contracts.pinned import PinnedChain

Command = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicOptions:
    """Where everything public of a federation is.

    Attributes:
        target: The chain's node.
        which: The federation and its registry.
        events: URL of an event node, or a CAR file.
        public: URL or folder of the federation's public files.
    """

    target: Target
    which: Which
    events: str
    public: str

    def open(self, progress: Progress) -> tuple[RpcChain, PinnedChain, Ground]:
        """Find the federation on its chain, as it stands at the latest confirmed block.

        Raises:
            ChainError: The node cannot be reached.
            ConfigError: Nothing names the federation's registry.
            VerificationFailed: Something else than a federation of this software is there.
        """
        from aggregator.ground import live
        from aggregator.sources import RemoteMaterial
        from contracts.pinned import PinnedChain

        material = RemoteMaterial(self.public)
        chain = self.target.connect()
        pinned = PinnedChain(chain, chain.settled)
        bound = self.which.bind(chain)
        ground = live(pinned, material, bound.federation.address, bound.registry.address, progress)
        return chain, pinned, ground

    def read_events(self, ground: Ground) -> Iterable[SignedEvent]:
        """Return the events at hand that may be the federation's."""
        from aggregator.sources import events_from
        from aggregator.verify_federation import marks

        return events_from(self.events, marks(ground))


def place_options(command: Command) -> Command:
    """Declare ``--events`` and ``--public``."""
    for option in (
        click.option(
            "--public",
            required=True,
            metavar="URL|DIR",
            help="The federation's public files: what its aggregator serves.",
        ),
        click.option(
            "--events", required=True, metavar="URL|CAR", help="An event node, or a file of events."
        ),
    ):
        command = option(command)
    return command


def public_options(command: Command) -> Command:
    """Declare where everything public is, passed as ``sources``."""

    @wraps(command)
    def inner(
        *, target: Target, which: Which, confirmations: int, events: str, public: str, **rest: object
    ) -> None:
        node = replace(target, confirmations=confirmations)
        command(sources=PublicOptions(target=node, which=which, events=events, public=public), **rest)

    return node_options(federation_options(confirmations_option(place_options(inner))))


def optional_public_options(command: Command) -> Command:
    """Declare the same for a command that can do without, passed as ``sources``; None if not given."""

    @wraps(command)
    def inner(
        *,
        target: Target,
        which: Which,
        confirmations: int,
        events: str | None,
        public: str | None,
        **rest: object,
    ) -> None:
        if (events is None) != (public is None):
            raise UsageError("--events and --public go together", hint="give both, or a run's directory")
        sources = None
        if events is not None and public is not None:
            node = replace(target, confirmations=confirmations)
            sources = PublicOptions(target=node, which=which, events=events, public=public)
        command(sources=sources, **rest)

    options = node_options(federation_options(confirmations_option(place_options(inner))))
    for parameter in getattr(options, "__click_params__", ()):
        if parameter.name in {"events", "public"}:
            parameter.required = False
    return options
