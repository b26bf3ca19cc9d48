"""A revocation that an aggregator has taken counts, whatever becomes of the aggregator."""

from __future__ import annotations

from unittest import mock

import pytest

from aggregator.happenings import Wanted
from ceramic_bridge.cacao import Capability
from client.identity import Session, propose_grant
from contracts.bindings.federation import Federation
from federation.errors import PeerError
from federation.hashing import sha256
from tests.operated import Standing
from tests.wallets import own_revocation, wallet

NAME = "member-02"


class Stop(Exception):
    """The process dies here."""


class Accounts(Standing):
    """A federation in which one member is an account, whose wallet let a key sign for it."""

    def _session(self, party, vault):
        own = super()._session(party, vault)
        if party.name != NAME:
            return own
        account = wallet(NAME)
        grant = propose_grant(
            account.address,
            own.did,
            self.manifest,
            self.models,
            domain="folkmoot.example",
            issued_at=self.chain.timestamp,
            entropy=lambda n: sha256(NAME.encode())[:n],
        )
        signed = Capability.sign(grant, account.personal_sign)
        Session.save(vault, "first", seed=vault.get_secret("did-seed"), capability=signed)
        return Session.load(vault, "first")


@pytest.fixture
def standing(tmp_path):
    made = Accounts(tmp_path / "run", members=4)
    made.found()
    yield made
    made.close()


@pytest.mark.parametrize(("call", "times"), [("open_round", 2), ("close_commits", 2)])
def test_revocation_counts_when_the_aggregator_died_after_it_was_taken(standing, call, times):
    session = next(a.session for a in standing.actors if a.party.name == NAME)
    asked, real, count = [], getattr(Federation, call), [0]

    def die(self, *args):
        count[0] += 1
        if count[0] == times:
            raise Stop
        return real(self, *args)

    class Revoking:
        def wanted(self):
            asked.append(1)
            if len(asked) == 2:
                running.revoke(own_revocation(session))
            return Wanted.RUN

    with standing.running() as running, mock.patch.object(Federation, call, die):
        running._control = Revoking()
        with pytest.raises(PeerError, match="no epoch is open"):
            running.revoke(own_revocation(session))
        with pytest.raises(Stop):
            running.run(standing.plan())
    with standing.running() as running:
        report = running.run(standing.plan())
    assert report.rounds == 2
    closed = {h.round: h.facts for h in standing.told if h.kind == "commits-closed"}
    assert [(closed[r]["committed"], closed[r]["refused"]) for r in (1, 2)] == [(4, 0), (3, 1)]
