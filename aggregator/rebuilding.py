"""A lost journal, written again from what others keep: the chain, the event log, the blobs, the providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from aggregator.epochrun import EpochPlan
    from aggregator.journal import Journal
    from contracts.deploy import Deployment
    from contracts.view import FederationView
    from federation.manifest import Manifest


def rebuild_opening(
    ports: Ports, deployment: Deployment, manifest: Manifest, journal: Journal, plan: EpochPlan, number: int
) -> None:
    """Write down what an epoch opened with."""
    raise NotImplementedError


def rebuild_rounds(ports: Ports, epoch: OpenEpoch, view: FederationView, journal: Journal) -> None:
    """Write down the rounds that the chain has recorded, and the journal does not know."""
