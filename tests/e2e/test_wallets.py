"""Members that are Ethereum accounts: paid like others, judged by the chain's time, for ever alike."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from aggregator import admission, driver
from aggregator.public import INDEX, index_bytes
from aggregator.verify import verify_run
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.did import Identity
from ceramic_bridge.events import DataPayload, create_init, decode
from ceramic_bridge.log import EventLog
from client.identity import Session
from client.member import Member
from federation.errors import PeerError, VerificationFailed
from federation.payloads import Contribution
from federation.trace import Op
from tests.e2e.trial import Trial, tell
from tests.wallets import NOTES, NOW, WalletRun, own_revocation, session, with_capability
from tests.world import SMALL, execute

HONEST = replace(SMALL, cheats=())
ONE_ROUND = replace(HONEST, members=4, rounds=1)
HOUR = 3600
SHORT = {"expires": 1000 * (NOW + 2 * HOUR)}
"""Ends after round 1 where hours pass between the rounds."""


class Stubborn(Member):
    """Contributes whether its wallet's authorisation holds or not."""

    def require_authority(self, round_: int) -> None:
        pass


def hours_pass(run: WalletRun) -> None:
    run.chain.advance_time(3 * HOUR)


def by_name(summary: Any) -> dict[str, Any]:
    return {m["name"]: {k: v for k, v in m.items() if k != "did"} for m in summary["members"]}


def test_accounts_are_paid_as_keys_are_when_all_else_is_the_same(tmp_path):
    # One round and one shard: the draw depends on the commitments, and these on the DIDs.
    keys = execute(ONE_ROUND, tmp_path / "keys")
    mixed = WalletRun.played(tmp_path / "mixed", ONE_ROUND, {"member-01": {}, "member-03": {}})
    assert [a.did[:8] for a in mixed.actors] == ["did:pkh:", "did:key:", "did:pkh:", "did:key:"]
    assert by_name(mixed.summary) == by_name(keys.summary)
    assert any(int(m["paid_wei"]) for m in by_name(mixed.summary).values())
    verdict = verify_run(tmp_path / "mixed")
    assert verdict.paid_wei == verify_run(tmp_path / "keys").paid_wei


def revoke_second(run: WalletRun) -> None:
    """After round 1: hours pass, and the second member's key ends its own capability, twice."""
    hours_pass(run)
    if len(run.reports) == 1:
        event = own_revocation(run.session_of("member-02"))
        run.driver.sessions.revoke(event)
        run.driver.sessions.revoke(event)
        # The same word again, as another event.
        run.driver.sessions.revoke(own_revocation(run.session_of("member-02"), unique=b"\x01" * 12))
    if len(run.reports) == 2:
        run.driver.sessions.revoke(own_revocation(run.session_of("member-02")))


GRANTS = {"member-01": {}, "member-02": {}, "member-03": SHORT, "member-04": SHORT}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Three rounds: one account goes on, one is revoked, one ends, one ends and does not care."""
    return WalletRun.played(
        tmp_path_factory.mktemp("wallets") / "run",
        HONEST,
        GRANTS,
        behaviours={"member-02": Stubborn, "member-04": Stubborn},
        between=revoke_second,
    )


def test_only_who_is_authorised_counts_when_authorities_end_between_rounds(mixed):
    refused = "rejected: not-authorised"
    assert mixed.statuses("member-01") == mixed.statuses("member-05") == ["accepted"] * 3
    assert mixed.statuses("member-02") == ["accepted", refused, refused]
    assert mixed.statuses("member-03") == ["accepted", "absent", "absent"]
    assert mixed.statuses("member-04") == ["accepted", refused, refused]


def test_run_verifies_when_every_capability_of_it_is_long_over(mixed):
    assert verify_run(mixed.settings.out).rounds == 3
    credited = {m["name"]: int(m["paid_wei"]) for m in mixed.summary["members"]}
    assert credited["member-01"] > 0
    events = list(EventLog.from_bytes(public(mixed, "events.car"), authority=UNDATED))
    assert sum(e.capability is not None for e in events) == 4 + 3 + 1 + 1 + 1
    with pytest.raises(VerificationFailed, match="signed under a capability"):
        EventLog.from_bytes(public(mixed, "events.car"))


def public(run: WalletRun, name: str) -> bytes:
    return (run.settings.out / "public" / name).read_bytes()


def test_wallets_secrets_stay_inside_when_the_run_is_published(mixed):
    text = b"".join(p.read_bytes() for p in (mixed.settings.out / "public").rglob("*") if p.is_file())
    for name in GRANTS:
        identity = mixed.session_of(name).identity
        assert isinstance(identity, Identity)
        assert bytes(identity._key) not in text


# What an aggregator may not do


def altered(run: WalletRun, to: Path, change) -> VerificationFailed:
    """Write the run's log again without or with other events, seal it, and have it refused."""
    shutil.copytree(run.settings.out / "public", to / "public")
    shutil.copy(run.settings.out / "summary.json", to / "summary.json")
    log = EventLog()
    for event in change(list(EventLog.from_bytes(public(run, "events.car"), authority=UNDATED))):
        log.append(event)
    (to / "public" / "events.car").write_bytes(log.to_bytes())
    (to / "public" / INDEX).write_bytes(index_bytes(to / "public"))
    with pytest.raises(VerificationFailed) as info:
        verify_run(to)
    return info.value


def revocation_of(run: WalletRun):
    return own_revocation(run.session_of("member-02"))


def test_run_is_refused_when_its_revocation_is_left_out_or_moved(mixed, tmp_path):
    ended = revocation_of(mixed).payload_cid

    def without(events):
        return [e for e in events if e.payload_cid != ended]

    def later(events):
        (moved,) = (e for e in events if e.payload_cid == ended)
        rest = without(events)
        second_card = next(i for i, e in enumerate(rest) if isinstance(e.payload, DataPayload))
        return [*rest[: second_card + 1], moved, *rest[second_card + 1 :]]

    assert altered(mixed, tmp_path / "a", without).subject == "round 2"
    assert altered(mixed, tmp_path / "b", later).subject == "round 2"


def test_run_is_refused_when_a_key_shows_a_capability_that_it_does_not_need(mixed, tmp_path):
    own = mixed.session_of("member-01")
    alone = Session(identity=own.identity).sign(
        mixed.actors[0].import_event.payload.content, model=mixed.models["data"], unique=bytes(12)
    )
    beside = decode(with_capability(alone, own, own.identity), authority=UNDATED)
    assert beside.author == own.did
    failure = altered(mixed, tmp_path / "a", lambda events: [*events[:-4], beside, *events[-4:]])
    assert "does not need" in failure.message


def test_run_is_refused_when_the_aggregators_last_word_shows_a_capability(mixed, tmp_path):
    by_wallet = session(key=mixed.aggregator_id)

    def beside(events):
        *before, card = events
        data = with_capability(card, by_wallet, mixed.aggregator_id)
        return [*before, decode(data, authority=UNDATED)]

    assert "needs no capability" in altered(mixed, tmp_path / "a", beside).message


def test_run_is_refused_when_a_revocation_comes_after_the_rounds(mixed, tmp_path):
    more = own_revocation(mixed.session_of("member-01"))
    failure = altered(mixed, tmp_path / "a", lambda events: [*events, more])
    assert "after the rounds" in failure.message


@pytest.mark.parametrize("which", ["expired", "revoked"])
def test_run_is_refused_when_its_aggregator_lets_an_ended_authority_pass(tmp_path, which):
    name = "member-02"
    grants = {name: SHORT if which == "expired" else {}}

    def between(run: WalletRun) -> None:
        hours_pass(run)
        if which == "revoked":
            run.driver.sessions.revoke(own_revocation(run.session_of(name)))

    with mock.patch.object(admission, "require_authority"):
        run = WalletRun.played(
            tmp_path / "run",
            replace(HONEST, members=3, rounds=2),
            grants,
            behaviours={name: Stubborn},
            between=between,
        )
    assert run.statuses(name) == ["accepted"] * 2
    with pytest.raises(VerificationFailed, match=which) as info:
        verify_run(tmp_path / "run")
    assert info.value.subject.startswith("event ")


def test_run_is_refused_when_its_aggregator_takes_an_import_without_authority(tmp_path):
    grants = {"member-02": {"not_before": 1000 * (NOW + 24 * HOUR)}}
    with (
        mock.patch.object(admission, "holds", return_value=True),
        mock.patch.object(admission, "require_authority"),
    ):
        WalletRun.played(
            tmp_path / "run",
            replace(HONEST, members=3, rounds=1),
            grants,
            behaviours={"member-02": Stubborn},
        )
    with pytest.raises(VerificationFailed, match="not valid before"):
        verify_run(tmp_path / "run")


def test_member_earns_nothing_when_its_import_was_not_authorised(tmp_path):
    early = {"not_before": 1000 * (NOW + 24 * HOUR)}
    run = WalletRun.played(tmp_path / "run", ONE_ROUND, {"member-02": early})
    (event,) = (a.import_event for a in run.actors if a.party.name == "member-02")
    assert run.imports.refused == {event.cid: "not-authorised"}
    line = by_name(run.summary)["member-02"]
    assert (line["paid_wei"], line["payee"]) == ("0", "")
    assert any(int(m["paid_wei"]) for m in by_name(run.summary).values())


def test_run_is_refused_when_two_sessions_of_an_account_both_contribute(tmp_path):
    commits = driver.RoundDriver._commits

    def equivocating(self, collector, base, absent):
        found = commits(self, collector, base, absent)
        own = run.session_of("member-02")
        first = found[own.did].event
        # A second key with a grant of the same wallet says something else in the same round.
        statement = Contribution(
            domain=self._epoch.domain, round=1, base_hash=base.hash, commitment=base.hash, release=1
        )
        assert first.capability is not None
        second = Session(identity=own.identity, capability=first.capability).sign(
            statement.content(), model=self._epoch.models["contribution"], unique=bytes(12)
        )
        self._pending.append(second)
        return found

    settings = replace(HONEST, members=3, rounds=1, out=tmp_path / "run")
    run = WalletRun(settings, {"member-02": {}})
    with mock.patch.object(driver.RoundDriver, "_commits", equivocating):
        run.execute()
    with pytest.raises(VerificationFailed, match="no contribution to round 1"):
        verify_run(tmp_path / "run")


def test_aggregator_takes_a_revocation_of_members_only_when_it_is_asked(mixed):
    stranger = Session(identity=Identity(b"\x09" * 32))
    content = revocation_of(mixed).payload.content
    event = create_init(stranger.identity, model=NOTES, content=content, unique=bytes(12))
    with pytest.raises(PeerError, match="neither"):
        mixed.driver.sessions.revoke(event)
    with pytest.raises(PeerError):
        mixed.driver.sessions.revoke(mixed.actors[0].import_event)
    # A member's own key, for a capability of another.
    mine = mixed.session_of("member-01").identity
    with pytest.raises(PeerError, match="neither"):
        mixed.driver.sessions.revoke(create_init(mine, model=NOTES, content=content, unique=bytes(12)))
    assert mixed.driver.sessions._taken.empty()


def test_round_goes_on_when_a_revocation_is_signed_under_an_ended_capability(tmp_path):
    def between(run: WalletRun) -> None:
        ended = run.session_of("member-02")
        assert ended.capability is not None
        hours_pass(run)
        # Covers everything, so it could end any of the account's capabilities; but it is over.
        run.driver.sessions.revoke(
            ended.sign(dict(own_revocation(ended).payload.content), model=NOTES, unique=bytes(12))
        )

    everything = {**SHORT, "resources": ("ceramic://*",)}
    run = WalletRun.played(
        tmp_path / "run",
        replace(HONEST, members=3, rounds=2),
        {"member-02": everything},
        behaviours={"member-02": Stubborn},
        between=between,
    )
    assert run.statuses("member-01") == ["accepted"] * 2
    assert run.statuses("member-02") == ["accepted", "rejected: not-authorised"]
    assert verify_run(tmp_path / "run").rounds == 2
    assert json.loads((tmp_path / "run" / "summary.json").read_bytes())["verified"] is True


@pytest.mark.parametrize("seed", [1, 2])
def test_accounts_are_paid_as_keys_are_when_anybody_may_be_one(tmp_path, seed):
    rng = random.Random(seed)
    settings = replace(ONE_ROUND, members=6, seed=seed, cheats=("flip", "cap", "copy"))
    accounts = {f"member-{i + 1:02d}": {} for i in range(9) if rng.random() < 0.5}
    keys = WalletRun.played(tmp_path / "keys", settings, {})
    mixed = WalletRun.played(tmp_path / "mixed", settings, accounts)
    assert sum(a.did.startswith("did:pkh:") for a in mixed.actors) == len(accounts) > 0
    assert by_name(mixed.summary) == by_name(keys.summary)
    for name in accounts:
        assert mixed.statuses(name) == keys.statuses(name)
    assert verify_run(tmp_path / "mixed").members == 9


def test_aggregator_loses_its_bond_when_it_records_a_lie_about_an_account(tmp_path):
    settings = replace(HONEST, members=4, rounds=2, out=tmp_path / "run")
    run = WalletRun(settings, {f"member-{i:02d}": {} for i in range(1, 5)})
    trial = Trial.prepare(settings, run=run)
    for field in ("delta", "product", "score", "credit"):
        before = run.chain.snapshot()
        lie, more = tell(trial.honest, Op.MEMBER, 1, 0, field)
        trial.record(lie)
        trial.convicted(trial.find(lie, more))
        run.chain.revert(before)
