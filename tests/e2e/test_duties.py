"""A provider that keeps the drawn shard to itself: it opens its part on chain, or loses its bond."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from aggregator.challenge.examples import open_part
from aggregator.challenge.openings import Validation
from aggregator.provider import Provider
from contracts.bindings.federation import BondLost
from contracts.bindings.structs import Context, Phase
from contracts.deploy import JUDGES
from contracts.view import FederationView
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from federation.errors import PeerError
from tests.world import Quiet, made_up_mails, scratch

KEEPER = 1
NOBODY = 2**32 - 1


@pytest.fixture(scope="module")
def stuck() -> Run:
    """A run whose provider 1 does not open the first drawn shard."""
    settings = Settings(members=5, rounds=2, seed=0, cheats=(), out=scratch() / "stuck")
    run = Run(settings, build_cast(made_up_mails(), settings), Quiet())
    run._found_community()
    run._join_members()
    run._open_epoch()
    opened = Provider.open

    def keep(provider: Provider, *args: object) -> bytes:
        if provider is run.providers[KEEPER]:
            raise PeerError("the provider does not answer")
        return opened(provider, *args)  # type: ignore[arg-type]  # passed on as they came

    with mock.patch.object(Provider, "open", keep), pytest.raises(PeerError, match="provider 1") as caught:
        run._train()
    assert "accused" in str(caught.value.hint)
    return run


@pytest.fixture
def run(stuck: Run) -> Iterator[Run]:
    before = stuck.chain.snapshot()
    yield stuck
    stuck.chain.revert(before)


def test_provider_is_cleared_when_it_opens_its_part_on_chain(run: Run):
    federation, epoch = run.deployment.federation, run.epoch
    assert federation.accused() == KEEPER
    words = FederationView(federation).words(epoch.domain.epoch, 1)
    validation = Validation(
        domain=epoch.domain,
        providers=len(run.providers),
        index=epoch.index,
        parts={(words.shard, KEEPER): run.providers[KEEPER].part(words.shard)},
        mean=b"",
    )
    context = Context(federation=federation.address, terms=epoch.terms, round_=1, words=words)
    part = run.providers[KEEPER].part(words.shard).to_bytes()
    opening = open_part(context, KEEPER, part, validation.entry(words.shard, KEEPER))
    opening.send(run.chain, run.relayer, federation.config().judges[list(JUDGES).index(opening.judge)])
    assert federation.accused() == NOBODY
    assert federation.phase() is Phase.RECORD


def test_provider_loses_its_bond_when_it_does_not_open_its_part_in_time(run: Run):
    federation = run.deployment.federation
    run.chain.advance_time(run.manifest.deadlines.answer)
    receipt = federation.lapse(run.relayer, run.epoch.terms)
    lost = [(event.account, event.amount) for event in BondLost.decode_logs(receipt.logs)]
    assert lost == [(run.epoch.terms.providers[KEEPER], int(run.manifest.bonds.provider_wei))]
    assert federation.phase() is Phase.SETTLE
