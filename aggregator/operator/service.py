"""Everything around the rounds, opened in order and closed in reverse: desk, SuperLink, events, metrics."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeVar

from aggregator.certificates import Certificates
from aggregator.happenings import Happening, Wanted
from aggregator.journal import Journal
from aggregator.noderoutes import router as node_router
from aggregator.nodes import Admission, NodeBook
from aggregator.operator import desk
from aggregator.operator.assemble import Parts, assemble
from aggregator.operator.control import FileControl
from aggregator.operator.deployed import Contracts, bind, recorded
from aggregator.operator.eventsink import PublishingSink
from aggregator.operator.live import ROUND_RECORDED
from aggregator.operator.metrics import Metrics, exported
from aggregator.operator.models import load_models
from aggregator.operator.presence import present
from aggregator.operator.probe import Probe
from aggregator.operator.reach import Onlooker, connect
from aggregator.operator.revocations import Revocations
from aggregator.operator.rosters import load_roster
from aggregator.operator.running import PromptClock, patiently
from aggregator.operator.trackers import MLflow, TensorBoard, Tracked, Tracker
from aggregator.operator.watchers import Everybody
from aggregator.public import MANIFEST, PublicDirectory
from aggregator.relayed import RelayedGrid
from aggregator.superlink import ManagedSuperLink
from aggregator.superlinkcontrol import SuperLinkControl
from aggregator.validation.mailbox import Mailbox
from aggregator.validation.remote import Patience, RemoteProvider
from aggregator.validation.routes import router as validation_router
from ceramic_bridge.reading import signed_by
from ceramic_bridge.store.base import EVERYTHING
from ceramic_bridge.store.sqlite import SqliteStore
from federation.errors import ConfigError
from federation.hashing import Domain
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastapi import APIRouter

    from aggregator.happenings import Watcher
    from aggregator.home import AggregatorHome
    from aggregator.operator.config import OperatorConfig
    from aggregator.operator.health import Health, Standing
    from aggregator.operator.running import Runner, Waiting
    from ceramic_bridge.did import Identity
    from contracts.chain import Signer
    from federation.manifest import Manifest

T = TypeVar("T")

_LONGEST_SOCKET: Final = 103
"""Bytes in the path of a Unix socket that every system takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who runs a federation, and how.

    Attributes:
        home: Its folder.
        manifest: What was agreed.
        config: What is set.
        sender: Its account.
        identity: Its DID.
        standing: Is kept up to date on how things stand.
        watchers: Are told what happens.
        waiting: Waits, and ends the process when that is wanted.
    """

    home: AggregatorHome
    manifest: Manifest
    config: OperatorConfig
    sender: Signer
    identity: Identity
    standing: Standing
    watchers: Sequence[Watcher]
    waiting: Waiting


@contextmanager
def opened(operator: Operator) -> Iterator[Runner]:
    """Open everything, and give what runs epochs.

    Raises:
        ConfigError: Another process runs the federation, or a setting is wrong.
        VerificationFailed: Other contracts are deployed than were agreed.
    """
    home, manifest, config, standing = operator.home, operator.manifest, operator.config, operator.standing
    where = recorded(config, manifest)
    if where is None:
        raise ConfigError(
            f"no contracts are recorded for the manifest of {manifest.name}",
            hint=f"folkmoot chain deploy {home.manifest} --key community",
        )
    with ExitStack() as held:
        journal = held.enter_context(
            Journal(home.journal, federation=where.federation, chain_id=manifest.chain.chain_id)
        )
        held.enter_context(present(home.running))
        # Members join before the first epoch opens.
        PublicDirectory(home.public).write(MANIFEST, manifest.to_toml().encode())
        metrics, links = Metrics(standing), _Links(standing)
        tracked = held.enter_context(Tracked(_trackers(config, manifest), ROUND_RECORDED, manifest.rounds))
        watch = Everybody([metrics, tracked, links, *operator.watchers])

        def wait_for(act: Callable[[], T]) -> T:
            return patiently(act, watch=watch, waiting=operator.waiting)

        store = held.enter_context(SqliteStore(home.events))
        sink = held.enter_context(PublishingSink(store, config.events.node, watch))
        models, signed = wait_for(lambda: load_models(home, manifest, config.events.node))
        for event in signed:
            sink.append(event)
        onlooker = held.enter_context(Onlooker(config, manifest))
        socket = _socket(home, held)
        gate = _gate(operator, watch, socket)
        book = NodeBook(home.nodes, gate)
        held.callback(book.close)
        mailbox = Mailbox(home.mailbox)
        admission = Admission(
            chain_id=manifest.chain.chain_id,
            federation=where.federation,
            contribution=models["contribution"],
            admits=lambda did, payee: _listed(operator, where, did) or onlooker.registered(did, payee),
        )
        routers: list[APIRouter] = [
            validation_router(mailbox, manifest, federation=where.federation, epoch=lambda: standing().epoch),
            node_router(book, admission, root=lambda: _root(operator, gate).read_bytes()),
        ]
        app = desk.build_desk(
            public=home.public, health=standing, routers=routers, max_body=config.desk.max_body
        )
        host, port = held.enter_context(desk.serving(app, config.desk))
        watch(Happening(kind="desk-open", facts={"address": f"{host}:{port}"}))
        if config.metrics.bind:
            held.enter_context(exported(metrics, config.metrics.bind))
        control = FileControl(home.control)
        probe = Probe(standing, onlooker.federation, _looks(book, sink, control, gate))
        held.enter_context(probe)
        if isinstance(gate, ManagedSuperLink):
            wait_for(lambda: held.enter_context(gate.running(book.restore)))
        else:
            wait_for(book.restore)
        clock = PromptClock(operator.waiting)
        chain = wait_for(lambda: connect(config, manifest, held, clock))
        deployment = wait_for(lambda: bind(chain, config, manifest))
        patience = Patience(opening=config.timeouts.providers, round=config.timeouts.shards)
        providers = [
            RemoteProvider(
                mailbox,
                manifest,
                number,
                federation=where.federation,
                identity=operator.identity,
                patience=patience,
            )
            for number in range(len(manifest.providers))
        ]
        revocations = held.enter_context(Revocations(config.events.node, watch))
        grid = held.enter_context(RelayedGrid(socket, summon=gate.summon))
        yield assemble(
            Parts(
                home=home,
                manifest=manifest,
                journal=journal,
                chain=chain,
                deployment=deployment,
                sender=operator.sender,
                identity=operator.identity,
                grid=grid,
                nodes=book,
                providers=providers,
                log=sink,
                history=lambda: signed_by(store, EVERYTHING, own=True),
                models=models,
                control=control,
                watch=watch,
                waiting=operator.waiting,
                timeout=config.timeouts.members,
                claim=config.settle.claim,
                revocations=revocations,
            )
        )


class _Links:
    """A ``Watcher`` that notes whether members can connect."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def __call__(self, happening: Happening, /) -> None:
        if happening.kind in {"superlink-up", "superlink-down"}:
            up = happening.kind == "superlink-up"
            self._standing.change(lambda health: replace(health, superlink=up))


def _listed(operator: Operator, where: Contracts, did: Did) -> bool:
    """Tell whether a member is on the roster of the present epoch or of the next."""
    present = operator.standing().epoch
    for number in (present, present + 1):
        domain = Domain(chain_id=operator.manifest.chain.chain_id, federation=where.federation, epoch=number)
        found = load_roster(operator.home, Did(operator.manifest.parties.community), domain)
        if found is not None and did in found[0].quotas:
            return True
    return False


def _socket(home: AggregatorHome, held: ExitStack) -> Path:
    """Return where a ServerApp finds this process: in the folder, unless its path is too long."""
    if len(os.fsencode(home.relay.absolute())) <= _LONGEST_SOCKET:
        return home.relay
    return Path(held.enter_context(TemporaryDirectory(prefix="folkmoot-"))) / home.relay.name


def _gate(operator: Operator, watch: Watcher, socket: Path) -> ManagedSuperLink | SuperLinkControl:
    home, settings = operator.home, operator.config.superlink
    if settings.existing:
        return SuperLinkControl(settings.existing, Path(settings.authority), socket=socket)
    given = None
    if settings.certificate:
        given = Certificates(
            root=Path(settings.authority), certificate=Path(settings.certificate), key=Path(settings.key)
        )
    return ManagedSuperLink(
        home.superlink,
        listen=settings.bind,
        hosts=settings.hosts,
        socket=socket,
        watch=watch,
        certificates=given,
    )


def _root(operator: Operator, gate: ManagedSuperLink | SuperLinkControl) -> Path:
    return gate.root if isinstance(gate, ManagedSuperLink) else Path(operator.config.superlink.authority)


def _looks(
    book: NodeBook,
    sink: PublishingSink,
    control: FileControl,
    gate: ManagedSuperLink | SuperLinkControl,
) -> Callable[[Health], Health]:
    def look(health: Health) -> Health:
        found = replace(
            health, members=len(book), waiting=sink.waiting, paused=control.wanted() is not Wanted.RUN
        )
        if isinstance(gate, SuperLinkControl):
            found = replace(found, superlink=gate.answers())
        return found

    return look


def _trackers(config: OperatorConfig, manifest: Manifest) -> list[Tracker]:
    found: list[Tracker] = []
    if config.trackers.tensorboard:
        found.append(TensorBoard(config.trackers.tensorboard))
    if config.trackers.mlflow:
        found.append(MLflow(config.trackers.mlflow, manifest.name))
    return found
