"""From an operator's parts to a runner of epochs; every part can be replaced, as tests do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.driver import Ports
from aggregator.epochrun import EpochPlan, EpochRun
from aggregator.happenings import Happening
from aggregator.operator.rosters import freeze, load_roster
from aggregator.operator.running import EpochControl, PromptClock, Runner
from aggregator.public import EVENTS, PublicDirectory
from ceramic_bridge.bundle import pack
from ceramic_bridge.errors import MalformedData
from federation.hashing import Domain
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flwr.serverapp import Grid

    from aggregator.driver import EventSink
    from aggregator.happenings import Watcher
    from aggregator.home import AggregatorHome
    from aggregator.journal import Journal
    from aggregator.operator.control import FileControl
    from aggregator.operator.revocations import Revocations
    from aggregator.operator.running import Waiting
    from aggregator.provider import ProviderPort
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.did import Identity
    from ceramic_bridge.events import SignedEvent
    from contracts.chain import Chain, Signer
    from contracts.deploy import Deployment
    from federation.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an aggregator is made of.

    Attributes:
        home: Its folder.
        manifest: What was agreed.
        journal: Open, and so locked.
        chain: Carries transactions.
        deployment: The contracts, bound to that chain.
        sender: Its account.
        identity: Its DID.
        grid: Carries messages.
        nodes: Node of each member.
        providers: In the manifest's order.
        log: Takes events.
        history: Gives the events that are kept.
        models: StreamIDs of the event models, by kind.
        control: What the operator wants.
        watch: Is told what happens.
        waiting: Waits, and ends the process when that is wanted.
        timeout: Seconds to wait for members in each phase.
        claim: Whether to claim for every payee once an epoch is paid.
        revocations: Shows members' revocations of their session keys to the epoch under way.
    """

    home: AggregatorHome
    manifest: Manifest
    journal: Journal
    chain: Chain
    deployment: Deployment
    sender: Signer
    identity: Identity
    grid: Grid
    nodes: Mapping[Did, int]
    providers: Sequence[ProviderPort]
    log: EventSink
    history: Callable[[], Iterable[SignedEvent]]
    models: Mapping[str, StreamId]
    control: FileControl
    watch: Watcher
    waiting: Waiting
    timeout: float
    claim: bool
    revocations: Revocations


def assemble(parts: Parts) -> Runner:
    """Return what runs epochs with these parts."""
    federation = parts.deployment.federation

    def run_epoch(number: int, control: EpochControl) -> bool:
        domain = Domain(chain_id=parts.chain.chain_id, federation=federation.address, epoch=number)
        found = load_roster(parts.home, Did(parts.manifest.parties.community), domain)
        if found is None:
            return False
        roster, imports = found
        freeze(parts.home, number)
        plan = EpochPlan(roster=roster, imports=imports, models=parts.models)
        epoch = _epoch_run(parts, number, control)
        with parts.revocations.shown_to(epoch.revoke):
            epoch.run(plan)
        publish_log(parts)
        clear_staging(parts, number)
        return True

    return Runner(
        federation,
        journal=parts.journal,
        control=parts.control,
        run_epoch=run_epoch,
        watch=parts.watch,
        waiting=parts.waiting,
    )


def publish_log(parts: Parts) -> None:
    """Put all events and an index of all files into the public directory, once an epoch is over.

    Whoever has no event node to ask finds there what a verifier needs, until the log has grown too long
    for one file.
    """
    public = PublicDirectory(parts.home.public)
    try:
        public.write(EVENTS, pack(list(parts.history())))
    except MalformedData as error:
        parts.watch(Happening(kind="log-too-long", facts={"reason": error.message}))
    public.seal()


def clear_staging(parts: Parts, number: int) -> None:
    """Remove what waited and has been published; what never may be public stays."""
    public = PublicDirectory(parts.home.public)
    for path in sorted((parts.home.staging(number) / "blobs").glob("[0-9a-f]" * 64)):
        if public.get(Hash32(bytes.fromhex(path.name))) is not None:
            path.unlink()


def _epoch_run(parts: Parts, number: int, control: EpochControl) -> EpochRun:
    ports = Ports(
        grid=parts.grid,
        nodes=parts.nodes,
        chain=parts.chain,
        federation=parts.deployment.federation,
        sender=parts.sender,
        identity=parts.identity,
        providers=parts.providers,
        log=parts.log,
        public=PublicDirectory(parts.home.staging(number)),
        published=PublicDirectory(parts.home.public),
        history=parts.history,
        timeout=parts.timeout,
    )
    return EpochRun(
        ports=ports,
        deployment=parts.deployment,
        manifest=parts.manifest,
        journal=parts.journal,
        watch=parts.watch,
        control=control,
        clock=PromptClock(parts.waiting),
        claim=parts.claim,
    )
