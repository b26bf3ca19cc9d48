"""Everything around the rounds, opened in order and closed in reverse: desk, SuperLink, events, metrics."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.certificates import Certificates
from aggregator.happenings import Happening
from aggregator.journal import Journal
from aggregator.nodes import Admission, NodeBook
from aggregator.noderoutes import router as node_router
from aggregator.operator import desk
from aggregator.operator.assemble import Parts, assemble
from aggregator.operator.control import FileControl
from aggregator.operator.deployed import bind, recorded
from aggregator.operator.eventsink import PublishingSink
from aggregator.operator.health import Standing
from aggregator.operator.live import ROUND_RECORDED
from aggregator.operator.metrics import Metrics, exported
from aggregator.operator.models import load_models
from aggregator.operator.presence import present
from aggregator.operator.probe import Probe
from aggregator.operator.reach import Onlooker, connect
from aggregator.operator.trackers import MLflow, TensorBoard, Tracked
from aggregator.operator.watchers import Everybody
from aggregator.outbox import JournaledChain
from aggregator.public import MANIFEST, PublicDirectory
from aggregator.relayed import RelayedGrid
from aggregator.superlink import ManagedSuperLink
from aggregator.superlinkcontrol import SuperLinkControl
from aggregator.validation.mailbox import Mailbox
from aggregator.validation.remote import Patience, RemoteProvider
from aggregator.validation.routes import router as validation_router
from ceramic_bridge.store.sqlite import SqliteStore
from federation.errors import ConfigError
