"""An epoch from its opening to its payments, on the embedded chain, whatever comes between."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest

from aggregator import opening, payday
from aggregator.challenge.examples import open_part
from aggregator.challenge.openings import Validation
from aggregator.happenings import Wanted
from aggregator.journal import Journal
from aggregator.provider import Provider
from aggregator.public import PublicDirectory
from contracts.bindings.federation import BondLost, Cancelled, ShardDrawn
from contracts.bindings.structs import Context, Phase
from contracts.deploy import JUDGES
from contracts.view import End, FederationView
from federation.errors import ChainError, ConfigError, PeerError, Reverted
from federation.grid import Drop, Offline
from federation.hashing import sha256
from federation.manifest import CohortSection, Manifest, ValidationSection
from federation.validation import parse_opening
from tests.operated import Standing


class Stop(Exception):
    """The process dies here."""


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    made = Standing(tmp_path_factory.mktemp("standing") / "run")
    made.found()
    yield made
    made.close()


@pytest.fixture
def standing(founded, tmp_path):
    """A founded federation as it was before anything ran on it."""
    before, log = founded.chain.snapshot(), founded.log
    founded.log = type(log).from_bytes(log.to_bytes())
    founded.told, out = [], founded.settings.out
    founded.settings = replace(founded.settings, out=tmp_path)
    yield founded
    founded.chain.revert(before)
    founded.settings, founded.log = replace(founded.settings, out=out), log


def run(standing, epoch=1, **more):
    with standing.running(epoch, **more) as running:
        return running.run(standing.plan(epoch))


def crash(standing, **more):
    """Run until something raises ``Stop``."""
    with standing.running(**more) as running, pytest.raises(Stop):
        running.run(standing.plan())


def dying(standing, call, *, times=1):
    """A federation whose aggregator dies just before it makes a call for the n-th time."""
    real, count = getattr(type(standing.deployment.federation), call), [0]

    def die(self, *args, **more):
        count[0] += 1
        if count[0] == times:
            raise Stop
        return real(self, *args, **more)

    return mock.patch.object(type(standing.deployment.federation), call, die)


def lost(standing, kind):
    return [(e.account, e.amount) for e in kind.decode_logs(standing.deployment.federation.logs())]


def test_epoch_is_paid_when_it_runs_to_its_end(standing):
    report = run(standing, claim=True)
    assert (report.epoch, report.end, report.rounds) == (1, End.REVEALED, 2)
    assert standing.phase is Phase.CLOSED
    assert standing.deployment.pool.root() == report.payout_root
    assert sum(report.due.values()) == report.total == standing.deployment.pool.total_paid() > 0
    kinds = ["round-opened", "commits-closed", "reveals-closed", "shard-opened", "round-recorded"]
    assert standing.kinds() == [
        "epoch-open",
        *kinds,
        *kinds,
        "revealed",
        "proposed",
        "finalized",
        "epoch-over",
    ]
    assert [h.round for h in standing.told if h.kind == "round-recorded"] == [1, 2]


def test_report_is_the_same_when_the_run_is_started_again_after_its_end(standing):
    first, blocks = run(standing), standing.chain.block_number
    assert run(standing) == first
    assert standing.chain.block_number == blocks


def test_nothing_of_rounds_is_public_when_the_epoch_is_not_revealed(standing):
    with dying(standing, "reveal_epoch"):
        crash(standing)
    staged = {p.name for p in (standing.settings.out / "staging-1" / "blobs").iterdir()}
    public = {p.name for p in (standing.settings.out / "public" / "blobs").iterdir()}
    view = FederationView(standing.deployment.federation)
    terms = view.terms(1)
    words = [view.words(1, r) for r in (1, 2)]
    shown = [terms.mean_hash, terms.public_hash, terms.roster_hash]
    shown += [h for w in words for h in (w.base_hash, w.model_hash)]
    assert public == {h.hex() for h in shown} < staged
    run(standing)
    public = {p.name for p in (standing.settings.out / "public" / "blobs").iterdir()}
    assert len(public) > len(staged)
    assert all(
        sha256(p.read_bytes()).hex() == p.name for p in (standing.settings.out / "public" / "blobs").iterdir()
    )


def test_cumulative_payouts_never_fall_when_epochs_follow_each_other(tmp_path):
    standing = Standing(tmp_path / "run", epsilon=None, rounds=1)
    standing.found()
    try:
        federation, pool = standing.deployment.federation, standing.deployment.pool
        token, funds = standing.deployment.token, standing.manifest.rules.terms.funds
        first = run(standing, claim=True)
        paid = [pool.paid(actor.account.address) for actor in standing.actors]
        token.mint(standing.community, standing.community.address, funds)
        token.approve(standing.community, pool.address, funds)
        pool.fund(standing.community, funds)
        second = run(standing, 2, claim=True)
        assert (second.epoch, federation.epoch(), second.rounds) == (2, 2, 1)
        after = [pool.paid(actor.account.address) for actor in standing.actors]
        assert all(old <= new for old, new in zip(paid, after, strict=True))
        assert second.total == first.total + sum(second.due.values()) > first.total > 0
        assert sum(after) == second.total
    finally:
        standing.close()


def test_plan_is_refused_when_its_roster_was_signed_for_another_epoch(standing):
    plan = standing.plan(3)
    with standing.running() as running, pytest.raises(ConfigError, match="neither for epoch 0"):
        running.run(plan)
    assert standing.phase is Phase.CLOSED


def test_drawn_shard_is_public_in_its_round_when_the_manifest_says_so(tmp_path):
    reveal = ValidationSection(shards=2, public_milli=100, reveal="round")
    standing = Standing(tmp_path / "run", changes={"validation": reveal})
    standing.found()
    try:
        with dying(standing, "open_round", times=2):
            crash(standing)
        shard = FederationView(standing.deployment.federation).drawn_shard(1, 1)
        providers = standing.seated()
        blobs = standing.settings.out / "public" / "blobs"
        shown = {
            n: [(blobs / sha256(p.part(n).to_bytes()).hex()).exists() for p in providers] for n in (1, 2)
        }
        assert shown == {shard: [True] * 3, 3 - shard: [False] * 3}
        report = run(standing)
        assert (report.end, report.rounds) == (End.REVEALED, 2)
        assert all(
            (blobs / sha256(p.part(n).to_bytes()).hex()).exists() for p in providers for n in (0, 1, 2)
        )
    finally:
        standing.close()


def test_epoch_is_not_opened_when_a_payee_has_changed_since_the_providers_agreed(standing):
    with dying(standing, "open_epoch"):
        crash(standing)
    real = opening.agreed_payees

    def changed(*args):
        payees = real(*args)
        return payees | {min(payees): standing.relayer.address}

    with (
        mock.patch.object(opening, "agreed_payees", changed),
        pytest.raises(ConfigError, match="payee has changed"),
    ):
        run(standing)
    assert standing.deployment.federation.epoch() == 0
    assert run(standing).rounds == 2


# What the operator wants


def test_epoch_is_paid_for_its_rounds_when_the_operator_cancels(standing):
    report = run(standing, will=(Wanted.RUN, Wanted.CANCEL))
    assert (report.end, report.rounds) == (End.CANCELLED, 1)
    assert report.payout_root == standing.deployment.pool.root()
    assert sum(report.due.values()) == sum(max(0, c) for c in report.credits.values()) > 0
    assert lost(standing, BondLost) == []
    # The validation set is public all the same, or nobody could verify the round.
    shown = {p.name for p in (standing.settings.out / "public" / "blobs").iterdir()}
    deltas = {p.name for p in (standing.settings.out / "staging-1" / "blobs").iterdir()}
    assert deltas <= shown


def test_epoch_closes_when_it_is_cancelled_before_its_first_round(standing):
    report = run(standing, will=(Wanted.CANCEL,))
    assert (report.end, report.rounds, report.payout_root, report.due) == (End.CANCELLED, 0, None, {})
    assert standing.phase is Phase.CLOSED
    assert lost(standing, BondLost) == []


def test_rounds_go_on_when_the_operator_pauses_and_resumes(standing):
    with mock.patch("aggregator.epochrun.PAUSE", 0):
        report = run(standing, will=(Wanted.PAUSE, Wanted.PAUSE, Wanted.RUN))
    assert report.rounds == 2
    assert standing.kinds()[1:3] == ["paused", "resumed"]


def test_epoch_is_cancelled_when_a_pause_would_cost_the_bond(standing):
    class Passing:
        def now(self):
            return 0.0

        def sleep(self, _seconds):
            left = standing.deployment.federation.deadline() - standing.chain.timestamp
            standing.chain.advance_time(max(0, left - 50))
            standing.chain.mine()

    with standing.running(will=(Wanted.PAUSE,)) as running:
        running._clock = Passing()
        report = running.run(standing.plan())
    assert (report.end, report.rounds) == (End.CANCELLED, 0)
    assert lost(standing, BondLost) == []


def test_round_waits_when_no_members_node_is_let_in(standing):
    class Slow(dict):
        looks = 0

        def __contains__(self, did):
            self.looks += 1
            return self.looks > 20 and super().__contains__(did)

    with mock.patch("aggregator.epochrun.PAUSE", 0), standing.running() as running:
        running._ports = replace(running._ports, nodes=Slow(running._ports.nodes))
        report = running.run(standing.plan())
    assert standing.kinds()[1:3] == ["waiting-for-members", "round-opened"]
    told = next(h for h in standing.told if h.kind == "round-recorded")
    assert (report.rounds, told.facts["absent"]) == (2, 0)


def test_epoch_is_cancelled_when_nobody_ever_connects(standing):
    class Passing:
        def now(self):
            return 0.0

        def sleep(self, _seconds):
            left = standing.deployment.federation.deadline() - standing.chain.timestamp
            standing.chain.advance_time(max(0, left - 50))
            standing.chain.mine()

    with standing.running() as running:
        running._clock, running._ports = Passing(), replace(running._ports, nodes={})
        report = running.run(standing.plan())
    assert (report.end, report.rounds) == (End.CANCELLED, 0)
    assert lost(standing, BondLost) == []


def test_nobody_loses_a_bond_when_rounds_are_recorded_and_nobody_earns(standing):
    offline = [Offline(node_id=node) for node in standing.nodes.values()]
    report = run(standing, grid=standing.grid(faults=offline), claim=True)
    assert (report.end, report.rounds, report.total) == (End.REVEALED, 2, 0)
    assert standing.kinds()[-3:] == ["proposed", "finalized", "epoch-over"]
    assert lost(standing, BondLost) == []
    after = run(standing, 2)  # its table begins with the empty one
    assert (after.rounds, after.payout_root is not None) == (2, True)


def test_no_round_opens_when_the_bounty_is_spent(standing):
    real = Manifest.rules.fget

    def small(manifest):
        rules = real(manifest)
        return replace(rules, terms=replace(rules.terms, funds=1))

    with mock.patch.object(Manifest, "rules", property(small)):
        report = run(standing)
    assert (report.end, report.rounds) == (End.CANCELLED, 1)
    assert "bounty-spent" in standing.kinds()


# Crashes


@pytest.mark.parametrize(
    ("call", "times"),
    [
        pytest.param("open_epoch", 1, marks=pytest.mark.slow),
        pytest.param("open_round", 2, marks=pytest.mark.slow),
        pytest.param("close_commits", 1, marks=pytest.mark.slow),
        ("close_reveals", 2),
        pytest.param("draw_shard", 1, marks=pytest.mark.slow),
        pytest.param("record_round", 2, marks=pytest.mark.slow),
        pytest.param("reveal_epoch", 1, marks=pytest.mark.slow),
        pytest.param("propose", 1, marks=pytest.mark.slow),
        ("finalize", 1),
    ],
)
def test_report_is_the_same_when_the_aggregator_died_and_lost_its_journal(standing, call, times):
    before = standing.chain.snapshot()
    expected = run(standing, journal=standing.settings.out / "a" / "a.db")
    standing.chain.revert(before)
    (standing.settings.out / "public").rename(standing.settings.out / "old")
    with dying(standing, call, times=times):
        crash(standing, journal=standing.settings.out / "b" / "b.db")
    found = run(standing, journal=standing.settings.out / "c" / "c.db")
    assert found == expected
    assert standing.deployment.pool.root() == expected.payout_root


def test_only_those_are_asked_again_when_they_had_not_answered(standing):
    first = standing.actors[0].did
    with dying(standing, "close_commits"):
        crash(standing, grid=standing.grid(faults=[Offline(node_id=standing.nodes[first])]))
    asked = []
    grid = standing.grid()
    push = grid.push_messages
    grid.push_messages = lambda messages: push([asked.append(m.metadata) or m for m in messages])
    report = run(standing, grid=grid)
    # The phase was closed before the crash: who was offline then is not in the round.
    commits = [m.dst_node_id for m in asked if m.message_type == "train.commit" and m.group_id == "1.1"]
    assert commits == []
    assert report.rounds == 2


def test_member_is_asked_again_when_the_aggregator_died_before_it_answered(standing):
    real, first = Journal.record, standing.actors[-1].did

    def die(self, epoch, round_, step, value):
        if step == f"commit/{first}":
            raise Stop
        real(self, epoch, round_, step, value)

    with mock.patch.object(Journal, "record", die):
        crash(standing)
    asked = []
    grid = standing.grid()
    push = grid.push_messages
    grid.push_messages = lambda messages: push([asked.append(m.metadata) or m for m in messages])
    run(standing, grid=grid)
    commits = [m.dst_node_id for m in asked if m.message_type == "train.commit" and m.group_id == "1.1"]
    assert commits == [standing.nodes[first]]


# Others on the chain


def test_round_goes_on_when_somebody_else_drew_its_shard(standing):
    real = type(standing.chain).mine
    federation, providers = standing.deployment.federation, standing.seated()

    def mine(chain, count=1):
        real(chain, count)
        if federation.phase() is Phase.DRAW and chain.block_number >= federation.draw_target():
            federation.draw_shard(standing.relayer, [p.preimage(federation.round_()) for p in providers])

    with mock.patch.object(type(standing.chain), "mine", mine):
        report = run(standing, providers=providers)
    assert report.rounds == 2
    assert len(ShardDrawn.decode_logs(federation.logs())) == 2


def test_draw_goes_on_when_its_block_hash_is_forgotten(standing):
    with dying(standing, "draw_shard"):
        crash(standing)
    standing.chain.mine(300)
    assert run(standing).rounds == 2


def test_epoch_goes_on_when_somebody_else_finalized_it(standing):
    real = payday.Payday._finalize

    def late(self, number):
        standing.deployment.federation.finalize(standing.relayer)
        real(self, number)

    with mock.patch.object(payday.Payday, "_finalize", late):
        report = run(standing)
    assert report.payout_root == standing.deployment.pool.root()


def test_earlier_rounds_are_paid_when_the_time_of_a_phase_is_over(standing):
    with dying(standing, "close_commits", times=2):
        crash(standing)
    standing.chain.advance_time(standing.manifest.deadlines.phase)
    standing.chain.mine()
    with pytest.raises(Reverted, match="InsufficientBond"):
        # The aggregator has lost its bond, and cannot propose before it stands surety again.
        run(standing)
    assert FederationView(standing.deployment.federation).end(1) is End.LAPSED
    bond = int(standing.manifest.bonds.aggregator_wei)
    token, vault = standing.deployment.token, standing.deployment.vault
    token.mint(standing.community, standing.community.address, bond)
    token.approve(standing.community, vault.address, bond)
    vault.deposit(standing.community, standing.aggregator.address, bond)
    report = run(standing)
    assert (report.end, report.rounds) == (End.LAPSED, 1)
    assert sum(report.due.values()) > bond // 2


def test_reverts_end_the_run_when_nobody_else_is_behind_them(standing):
    with (
        mock.patch.object(
            type(standing.deployment.federation), "open_epoch", side_effect=Reverted("InsufficientBond")
        ),
        pytest.raises(Reverted, match="InsufficientBond"),
    ):
        run(standing)
    assert standing.kinds() == ["retrying"] * 2


def test_outage_is_waited_out_when_the_chain_cannot_be_reached(standing):
    federation = type(standing.deployment.federation)
    real, failures = federation.close_reveals, [ChainError("no answer")] * 5

    def flaky(self, *args):
        if failures:
            raise failures.pop()
        return real(self, *args)

    with mock.patch.object(federation, "close_reveals", flaky):
        assert run(standing).rounds == 2
    assert standing.kinds().count("waiting") == 5


# Providers


@pytest.mark.parametrize("duty", ["preimage", "open"])
def test_provider_loses_its_bond_when_it_keeps_silent(standing, duty):
    providers = standing.seated()
    keeper, real = providers[1], getattr(Provider, duty)

    def keep(provider, *args):
        # It does its duty in round 1.
        if provider is keeper and (args[0] if duty == "preimage" else args[1]) == 2:
            raise PeerError("the provider does not answer")
        return real(provider, *args)

    mine = type(standing.chain).mine

    def hasty(chain, count=1):
        chain.advance_time(3600)
        mine(chain, count)

    with mock.patch.object(Provider, duty, keep), mock.patch.object(type(standing.chain), "mine", hasty):
        report = run(standing, providers=providers)
    assert (report.end, report.rounds) == (End.LAPSED, 1)
    account = standing.manifest.chain.providers[1]
    assert lost(standing, BondLost) == [(account, int(standing.manifest.bonds.provider_wei))]
    assert report.payout_root == standing.deployment.pool.root()


def test_draw_goes_on_when_a_provider_shows_its_preimage_on_chain_alone(standing):
    providers, federation = standing.seated(), standing.deployment.federation
    keeper, real, mine = providers[1], Provider.preimage, type(standing.chain).mine
    shown = []

    def keep(provider, round_):
        if provider is keeper and round_ == 2:
            raise PeerError("the provider does not answer")
        return real(provider, round_)

    def show(chain, count=1):
        mine(chain, count)
        if standing.phase is Phase.DRAW and federation.round_() == 2 and not shown:
            tips = [real(p, 1) for p in providers]
            shown.append(federation.show_preimage(standing.relayer, 1, real(keeper, 2), tips))

    with mock.patch.object(Provider, "preimage", keep), mock.patch.object(type(standing.chain), "mine", show):
        report = run(standing, providers=providers)
    assert (report.end, report.rounds, len(shown)) == (End.REVEALED, 2, 1)
    assert lost(standing, BondLost) == []


def test_round_goes_on_when_an_accused_provider_opens_its_part_on_chain_alone(standing):
    providers, federation = standing.seated(), standing.deployment.federation
    keeper, real, mine = providers[1], Provider.open, type(standing.chain).mine
    cleared = []

    def keep(provider, shard, round_, reader):
        if provider is keeper and round_ == 2:
            raise PeerError("the provider does not answer")
        return real(provider, shard, round_, reader)

    def defend(chain, count=1):
        mine(chain, count)
        if federation.accused() == 1 and not cleared:
            view = FederationView(federation)
            words = view.words(1, 2)
            opening, _, _ = parse_opening(
                PublicDirectory(standing.settings.out / "public").get(view.terms(1).public_hash)
            )
            part, domain = keeper.part(words.shard), standing.domain(1)
            parts = {(words.shard, 1): part}
            known = Validation(domain=domain, providers=3, index=opening, parts=parts, mean=b"")
            context = Context(federation=federation.address, terms=view.terms(1), round_=2, words=words)
            defence = open_part(context, 1, part.to_bytes(), known.entry(words.shard, 1))
            judge = federation.config().judges[list(JUDGES).index(defence.judge)]
            cleared.append(defence.send(standing.chain, standing.relayer, judge))

    with mock.patch.object(Provider, "open", keep), mock.patch.object(type(standing.chain), "mine", defend):
        report = run(standing, providers=providers)
    assert (report.end, report.rounds, len(cleared)) == (End.REVEALED, 2, 1)
    assert lost(standing, BondLost) == []


def test_provider_is_accused_when_its_part_is_not_what_it_committed(standing):
    providers = standing.seated()
    keeper, real, mine = providers[1], Provider.open, type(standing.chain).mine

    def other(provider, shard, round_, reader):
        return real(provider, shard, round_, reader) if provider is not keeper else b"something else"

    def hasty(chain, count=1):
        chain.advance_time(3600)
        mine(chain, count)

    with mock.patch.object(Provider, "open", other), mock.patch.object(type(standing.chain), "mine", hasty):
        report = run(standing, providers=providers)
    assert (report.end, report.rounds) == (End.LAPSED, 0)
    account = standing.manifest.chain.providers[1]
    assert lost(standing, BondLost) == [(account, int(standing.manifest.bonds.provider_wei))]
    # The lost bond is the members', though no round is.
    assert report.total == sum(report.due.values()) > 0


def test_aggregator_keeps_its_bond_when_providers_do_not_reveal(standing):
    mine, federation = type(standing.chain).mine, standing.deployment.federation

    def hasty(chain, count=1):
        # As far as just before the deadline, or a long way into the time to settle.
        left = federation.deadline() - chain.timestamp
        chain.advance_time(max(0, left - 50) if standing.phase is Phase.OPEN else left // 3)
        mine(chain, count)

    with (
        mock.patch.object(Provider, "reveal", side_effect=PeerError("the provider does not answer")),
        mock.patch.object(type(standing.chain), "mine", hasty),
    ):
        report = run(standing)
    assert (report.end, report.rounds) == (End.CANCELLED, 2)
    assert lost(standing, BondLost) == []
    assert len(Cancelled.decode_logs(standing.deployment.federation.logs())) == 1
    assert "unrevealed" in standing.kinds()
    assert sum(report.due.values()) > 0


# Cohorts


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    made = Standing(
        tmp_path_factory.mktemp("sampled") / "run",
        members=4,
        changes={"cohort": CohortSection(size=2, minimum=2)},
    )
    made.found()
    yield made
    made.close()


def test_only_the_cohort_is_asked_when_the_manifest_has_one(sampled):
    asked = []
    grid = sampled.grid()
    push = grid.push_messages
    grid.push_messages = lambda messages: push([asked.append(m.metadata) or m for m in messages])
    before = sampled.chain.snapshot()
    report = run(sampled, grid=grid)
    sampled.chain.revert(before)
    commits = [(m.group_id, m.dst_node_id) for m in asked if m.message_type == "train.commit"]
    assert len(commits) == 4
    assert {group for group, _ in commits} == {"1.1", "1.2"}
    assert report.rounds == 2


def test_round_admits_nobody_when_fewer_commit_than_the_minimum(sampled, tmp_path):
    out = sampled.settings.out
    sampled.settings = replace(sampled.settings, out=tmp_path)
    node = max(sampled.nodes.values())
    before = sampled.chain.snapshot()
    faults = [
        Drop(node_id=n, message_type="train.commit", after=False) for n in sampled.nodes.values() if n != node
    ]
    report = run(sampled, grid=sampled.grid(faults=faults), timeout=3.0)
    sampled.chain.revert(before)
    sampled.settings = replace(sampled.settings, out=out)
    assert report.rounds == 2
    assert set(report.credits.values()) == {0}
    closed = [h.facts for h in sampled.told if h.kind == "commits-closed"][-2:]
    assert [f["committed"] for f in closed] == [0, 0]
