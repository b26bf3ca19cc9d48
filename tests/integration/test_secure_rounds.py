"""Secure rounds, driven over a grid and a chain: exact whoever falls silent, and nobody pays for a liar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.rebuilding import rebuild_rounds
from aggregator.secure.attempts import MOST
from aggregator.secure.gathering import UNMASKING
from ceramic_bridge.authority import Authority
from ceramic_bridge.delegated import DigestVerifier
from ceramic_bridge.events import encode
from contracts.view import FederationView
from federation.errors import FolkmootError, PeerError
from federation.membertree import MemberTree
from federation.messages import SecureReply
from federation.rounds import Status
from federation.secagg import pairs
from federation.secagg.messages import (
    Commitment,
    EdgeOpening,
    KeysOpening,
    NormAnswer,
    Pledge,
    ScalarAnswer,
    UnmaskAnswer,
    Upload,
    pieces,
)
from federation.secagg.replay import NO_PRODUCT, Chain, replay
from federation.secagg.setup import key_word, secure_terms, sum_word
from federation.secagg.stages import Stage
from federation.secagg.transcript import STAGES, Transcript
from tests.secured import MINIMUM, Crash, Notebook, World, resigned

NOBODY = MemberTree.build({}).root


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("secured"))


def statuses(report):
    return {m.did: m.status for m in report.outcome.members}


def lines(outcome, dids):
    return {m.did: (m.product, m.score, m.counted, m.credit) for m in outcome.members if m.did in dids}


def accepted(report):
    return {did for did, status in statuses(report).items() if status is Status.ACCEPTED}


def transcript_of(trial, report):
    for digest in report.public:
        try:
            return Transcript.parse(trial.world.run.public.get(digest))
        except FolkmootError:
            continue
    raise AssertionError("no transcript is public")


def replayed(trial, report):
    """The round as whoever reads its transcript sees it."""
    run, transcript = trial.world.run, transcript_of(trial, report)
    view, round_ = FederationView(run.deployment.federation), report.outcome.round
    epoch, delay = run.epoch.domain.epoch, run.manifest.chain.draw_delay
    terms = secure_terms(
        run.manifest, run.epoch.roster.quotas, run.epoch.domain, round_, attempt=transcript.attempt
    )
    chain = Chain(
        beacon=lambda t, keys: view.hash_of(view.announced(key_word(t, keys)) + delay),
        challenge=lambda: view.hash_of(view.commits_closed_in(epoch, round_) + delay),
    )
    verify = DigestVerifier(
        model=run.models["contribution"], authority=Authority(now=1000 * view.opened_at(epoch, round_))
    )
    return terms, replay(terms, transcript, chain, verify=verify, fetch=run.public.get)


def require_recorded(trial, report):
    """What the chain and the receipt say is what follows from the transcript."""
    terms, found = replayed(trial, report)
    run, round_ = trial.world.run, report.outcome.round
    view, epoch = FederationView(run.deployment.federation), run.epoch.domain.epoch
    words = view.words(epoch, round_)
    assert words.commit_root == (found.server.commit_root() if found.server else NOBODY)
    assert words.reveal_root == (found.server.reveal_root() if found.server else NOBODY)
    assert report.committed == found.committed
    said = {m.did: (m.status, m.reason) for m in report.outcome.members}
    suspended = {did for did, (status, _) in said.items() if status is Status.SUSPENDED}
    expected = found.absent([did for did in trial.world.dids if did not in suspended])
    assert {did: said[did] for did in expected} == expected
    if found.total is not None:
        announced = view.announced(sum_word(terms, words.reveal_root, found.total))
        assert 0 < announced <= view.draw_target(epoch, round_)
    return found


def require_exact(trial, report, summed):
    """The aggregate is central mode's, and so is every score and credit that there is."""
    absent = {m.did: (m.status, m.reason) for m in report.outcome.members if m.did not in summed}
    central = trial.central(report, summed, absent)
    assert central.eta
    assert np.array_equal(report.outcome.aggregate, central.aggregate)
    assert np.array_equal(report.outcome.state.weights, central.state.weights)
    paid = accepted(report)
    assert lines(report.outcome, paid) == lines(central, paid)
    if paid == set(summed):
        assert report.outcome.withheld_projection == central.withheld_projection
        assert lines(report.outcome, absent) == lines(central, absent)
    return central


# Members who fall silent


def test_rounds_are_central_modes_when_everybody_stays(world):
    with world.trial() as trial:
        for _ in range(3):
            report = trial.round()
            require_recorded(trial, report)
            require_exact(trial, report, world.dids)
            assert accepted(report) == set(world.dids)
        assert trial.refusals == []
        assert set(trial.asked.values()) == {1}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("gone", [1, 2])
def test_round_is_central_modes_when_members_fall_silent(world, stage, gone):
    lost = world.dids[1 : 1 + gone]
    with world.trial(lost={stage: lost}) as trial:
        report = trial.round()
        require_recorded(trial, report)
        late = stage in {Stage.UNMASK, Stage.SCALARS}
        summed = set(world.dids) - (set() if late else set(lost))
        require_exact(trial, report, summed)
        # On a circle of few everybody is a neighbour: two who are silent have lost their common edge.
        unpaid = set(lost) if gone == 2 or not late else set()
        assert accepted(report) == set(world.dids) - unpaid
        assert {statuses(report)[did] for did in unpaid} <= {Status.ABSENT}
        again = trial.round()
        assert accepted(again) == set(world.dids)
        require_exact(trial, again, world.dids)


@pytest.mark.parametrize("stage", STAGES)
def test_round_ends_and_the_next_one_runs_when_too_few_are_left(world, stage):
    lost = world.dids[: len(world.dids) - MINIMUM + 1]
    if stage is Stage.UNMASK:
        lost = world.dids[:4]  # two shares of a secret do not restore it
    with world.trial(lost={stage: lost}) as trial:
        report = trial.round()
        found = require_recorded(trial, report)
        if stage is Stage.SCALARS:  # the sum is open: whoever answers is paid
            assert accepted(report) == set(world.dids) - set(lost)
        else:
            assert (accepted(report), found.total, report.outcome.eta) == (set(), None, 0)
            assert {m.credit for m in report.outcome.members} == {0}
            assert not report.outcome.aggregate.any()
            assert "secure-ended" in [one.kind for one in trial.told]
        again = trial.round()
        require_recorded(trial, again)
        require_exact(trial, again, world.dids)


def test_products_of_a_silent_pair_are_not_paid_when_its_neighbours_are(world):
    with world.trial(lost={Stage.SCALARS: world.dids[:2]}) as trial:
        report = trial.round()
        unpaid = {m.did: m for m in report.outcome.members if m.status is not Status.ACCEPTED}
        assert set(unpaid) == set(world.dids[:2])
        assert {(m.status, m.reason, m.credit) for m in unpaid.values()} == {(Status.ABSENT, NO_PRODUCT, 0)}


# Members who lie


def flipped(data):
    return bytes([data[0] ^ 1]) + data[1:]


def lying(liars, stage, change):
    """Members of the first round whose answer in a stage is another one."""

    def forge(puppet, request, reply):
        if puppet.did not in liars or request.stage is not stage or request.round != 1:
            return reply
        terms = secure_terms(
            puppet.terms.manifest,
            puppet.trial.world.run.epoch.roster.quotas,
            request.domain,
            request.round,
            attempt=request.attempt,
        )
        return SecureReply(change(puppet, terms, reply.parts))

    return forge


def false_seed(puppet, terms, parts):
    message = Pledge.parse(parts[0])
    return (resigned(puppet, terms, message, seeds=flipped(message.seeds)),)


def false_share(puppet, terms, parts):
    message = Pledge.parse(parts[0])
    size = len(message.sealed) // (len(terms.caps) - 1)
    sealed = b"".join(flipped(one) for one in pieces(message.sealed, size))
    return (resigned(puppet, terms, message, sealed=sealed),)


def one_false_share(puppet, terms, parts):
    message = Pledge.parse(parts[0])
    return (resigned(puppet, terms, message, sealed=flipped(message.sealed)),)


def false_complaint(puppet, terms, parts):
    state = puppet.rounds._attempts.resume(terms)
    _, opening = replace(state, commitment=b"").open_keys(next(d for d in terms.caps if d != puppet.did))
    return (opening.to_bytes(),)


def false_complaint_about_a_share(puppet, terms, parts):
    state = puppet.rounds._attempts.resume(terms)
    against = next(d for d in terms.caps if d != puppet.did)
    opening = KeysOpening(puppet.did, against, slot_secret=state.slot_secret(state.roll(), against))
    return (opening.to_bytes(),)


def false_edge(puppet, terms, parts):
    message = NormAnswer.parse(parts[0])
    return (resigned(puppet, terms, message, edges=flipped(message.edges)),)


def false_own(puppet, terms, parts):
    message = NormAnswer.parse(parts[0])
    return (resigned(puppet, terms, message, own=flipped(message.own)),)


def false_secret(puppet, terms, parts):
    message = UnmaskAnswer.parse(parts[0])
    return (resigned(puppet, terms, message, self_seed=flipped(message.self_seed)),)


def false_opened_share(puppet, terms, parts):
    message = UnmaskAnswer.parse(parts[0])
    shares = (flipped(message.shares[0]), *message.shares[1:])
    return (resigned(puppet, terms, message, shares=shares),)


def false_product(puppet, terms, parts):
    message = ScalarAnswer.parse(parts[0])
    return (resigned(puppet, terms, message, edges=flipped(message.edges)),)


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        (Stage.PLEDGE, false_seed),
        (Stage.PLEDGE, false_share),
        (Stage.PLEDGE, one_false_share),
        (Stage.COMMIT, false_complaint),
        (Stage.COMMIT, false_complaint_about_a_share),
    ],
)
def test_attempt_is_run_again_without_the_liar_when_a_pledge_is_false(world, stage, change):
    liar = world.dids[2]
    with world.trial(forge=lying({liar}, stage, change)) as trial:
        report = trial.round()
        assert transcript_of(trial, report).attempt == 1
        require_recorded(trial, report)
        require_exact(trial, report, set(world.dids) - {liar})
        # What proves the lie is not in the transcript: nobody is charged for it.
        line = next(m for m in report.outcome.members if m.did == liar)
        assert (line.status, line.reason, line.credit) == (Status.ABSENT, "", 0)
        assert [h.facts for h in trial.told if h.kind == "secure-again"] == [{"attempt": 0, "liars": 1}]
        assert accepted(trial.round()) == set(world.dids)


def test_both_liars_are_left_out_when_they_lie_to_everybody(world):
    liars = set(world.dids[2:4])
    with world.trial(forge=lying(liars, Stage.PLEDGE, false_seed)) as trial:
        report = trial.round()
        assert accepted(report) == set(world.dids) - liars
        require_exact(trial, report, set(world.dids) - liars)
        assert transcript_of(trial, report).attempt == 1


def test_round_ends_with_nobody_when_liars_spoil_every_attempt(world):
    def forge(puppet, request, reply):
        liar = world.dids[request.attempt]
        return lying({liar}, Stage.PLEDGE, false_share)(puppet, request, reply)

    with world.trial(forge=forge) as trial:
        report = trial.round()
        assert transcript_of(trial, report) == Transcript(attempt=MOST - 1)
        require_recorded(trial, report)
        assert (accepted(report), report.committed) == (set(), frozenset())
        assert accepted(trial.round()) == set(world.dids)


@pytest.mark.parametrize(
    ("stage", "change", "summed"),
    [
        (Stage.NORM, false_edge, False),
        (Stage.UNMASK, false_secret, True),
        (Stage.UNMASK, false_opened_share, True),
        (Stage.SCALARS, false_product, True),
    ],
)
def test_liar_alone_is_charged_when_its_answer_is_false(world, stage, change, summed):
    liar = world.dids[3]
    with world.trial(forge=lying({liar}, stage, change)) as trial:
        report = trial.round()
        found = require_recorded(trial, report)
        assert (found.total is None, liar in found.survivors) == (False, summed)
        central = require_exact(trial, report, set(world.dids) - (set() if summed else {liar}))
        assert statuses(report)[liar] is Status.SILENT
        assert accepted(report) == set(world.dids) - {liar}
        line = next(m for m in report.outcome.members if m.did == liar)
        worst = min(m.credit for m in central.members if m.did == liar)
        assert line.credit < 0
        assert line.credit <= worst
        assert accepted(trial.round()) == set(world.dids) - {liar}


def test_round_is_spoilt_and_its_liar_charged_when_a_self_mask_was_projected_falsely(world):
    liar = world.dids[3]
    with world.trial(forge=lying({liar}, Stage.NORM, false_own)) as trial:
        report = trial.round()
        found = require_recorded(trial, report)
        # Either the check itself finds its delta too long by that, or the open mask shows the lie.
        assert found.spoilt or statuses(report)[liar] is Status.REJECTED
        if found.spoilt:
            assert {did for did, s in statuses(report).items() if s is Status.SILENT} == {liar}
            assert accepted(report) == set()
        assert accepted(trial.round()) == set(world.dids) - ({liar} if found.spoilt else set())


def test_liar_is_named_when_it_opens_nothing_in_its_disputes(world):
    liar = world.dids[0]

    def forge(puppet, request, reply):
        if puppet.did == liar and request.stage is Stage.OPEN_EDGE:
            return SecureReply((EdgeOpening(liar, world.dids[1], bytes(32)).to_bytes(),))
        return lying({liar}, Stage.SCALARS, false_product)(puppet, request, reply)

    with world.trial(forge=forge) as trial:
        report = trial.round()
        require_recorded(trial, report)
        assert {did for did, s in statuses(report).items() if s is Status.SILENT} == {liar}
        require_exact(trial, report, world.dids)


def pledged_of_five_bytes(puppet, terms, parts):
    message = Pledge.parse(parts[0])
    short = pairs.self_commitment(terms, b"short", puppet.did)
    return (resigned(puppet, terms, message, self_seed=short),)


def opened_of_five_bytes(puppet, terms, parts):
    return (resigned(puppet, terms, UnmaskAnswer.parse(parts[0]), self_seed=b"short"),)


def test_round_is_spoilt_by_its_dealer_when_what_it_pledged_is_no_seed(world):
    bad = world.dids[2]

    def forge(puppet, request, reply):
        reply = lying({bad}, Stage.PLEDGE, pledged_of_five_bytes)(puppet, request, reply)
        return lying({bad}, Stage.UNMASK, opened_of_five_bytes)(puppet, request, reply)

    with world.trial(forge=forge) as trial:
        report = trial.round()
        require_recorded(trial, report)
        assert accepted(report) == set()
        assert statuses(report)[bad] is Status.SILENT
        assert accepted(trial.round()) == set(world.dids) - {bad}


def lengthened(puppet, terms, parts):
    message = NormAnswer.parse(parts[0])
    return (resigned(puppet, terms, message, edges=message.edges + bytes(1 << 20)),)


def test_answer_is_not_kept_when_it_is_longer_than_its_edges(world):
    bad = world.dids[2]
    with world.trial(forge=lying({bad}, Stage.NORM, lengthened)) as trial:
        report = trial.round()
        found = require_recorded(trial, report)
        assert bad not in found.server.norms
        assert len(transcript_of(trial, report).to_bytes()) < 1 << 20
        assert accepted(report) == set(world.dids) - {bad}


def test_masked_delta_is_not_kept_when_it_has_another_length(world):
    bad = world.dids[2]

    def longer(puppet, terms, parts):
        promised = Commitment.parse(parts[1])
        upload = Upload(bad, bytes(8 * terms.dim + 8)).commitment(terms)
        named = replace(promised, upload=upload, signature=b"").sign(terms, puppet.sign_digest)
        event = puppet.statement(terms.round, named.signed_digest(terms), puppet.kept[terms.round].number)
        return encode(event), named.to_bytes()

    def forge(puppet, request, reply):
        if (puppet.did, request.stage, request.round) == (bad, Stage.REVEAL, 1):
            return SecureReply(
                (Upload(bad, bytes(8 * puppet.trial.world.run.manifest.model.dim + 8)).to_bytes(),)
            )
        return lying({bad}, Stage.COMMIT, longer)(puppet, request, reply)

    with world.trial(forge=forge) as trial:
        report = trial.round()
        require_recorded(trial, report)
        assert bad not in transcript_of(trial, report).uploads
        assert accepted(report) == set(world.dids) - {bad}


def test_round_ends_with_nobody_when_others_have_put_off_its_draw_too_often(world):
    chain, federation = world.run.chain, world.run.deployment.federation

    def forge(puppet, request, reply):
        # Anybody may put off a draw whose target has expired: three times, while members unmask.
        if (request.stage, request.round, puppet.did) == (Stage.UNMASK, 1, world.dids[0]):
            for _ in range(3):
                while chain.block_number <= federation.draw_target() + 256:
                    chain.mine()
                federation.retarget(world.run.relayer)
            while chain.block_number <= federation.draw_target():
                chain.mine()
        return reply

    with world.trial(forge=forge) as trial:
        report = trial.round()
        assert accepted(report) == set()
        assert {m.reason for m in report.outcome.members} == {"late"}
        assert [one.facts["reason"] for one in trial.told if one.kind == "secure-ended"] == ["late"]
        assert accepted(trial.round()) == set(world.dids)


# Replies that are none


def garbage(_puppet, _request, _reply):
    return SecureReply((b"garbage",))


def nothing(_puppet, _request, _reply):
    return SecureReply(())


def twice(_puppet, _request, reply):
    return SecureReply(reply.parts * 2)


def others(puppet, request, reply):
    """What the first member answered, as one's own."""
    kept = puppet.trial.__dict__.setdefault("said", {})
    if puppet.did == puppet.trial.world.dids[0]:
        kept[request.round, request.stage] = reply
    return kept.get((request.round, request.stage), reply)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("noise", [garbage, nothing, twice, others])
def test_member_only_harms_itself_when_its_reply_is_none(world, stage, noise):
    bad = world.dids[3]

    def forge(puppet, request, reply):
        if noise is others and puppet.did == world.dids[0]:
            return others(puppet, request, reply)
        return noise(puppet, request, reply) if (puppet.did, request.stage) == (bad, stage) else reply

    with world.trial(forge=forge) as trial:
        report = trial.round()
        require_recorded(trial, report)
        late = stage in {Stage.UNMASK, Stage.SCALARS}
        require_exact(trial, report, set(world.dids) - (set() if late else {bad}))
        assert accepted(report) == set(world.dids) - (set() if late else {bad})
        refused = trial.memory.steps(1, 1, "refused secure/")
        assert list(refused) == [f"0/{stage}/{bad}"]


@pytest.mark.parametrize("stage", STAGES)
def test_reply_is_refused_when_it_is_of_an_older_round(world, stage):
    bad, kept = world.dids[3], {}

    def forge(puppet, request, reply):
        if (puppet.did, request.stage) != (bad, stage):
            return reply
        return kept.setdefault("first", reply)

    with world.trial(forge=forge) as trial:
        assert accepted(trial.round()) == set(world.dids)
        report = trial.round()
        late = stage in {Stage.UNMASK, Stage.SCALARS}
        assert accepted(report) == set(world.dids) - (set() if late else {bad})
        require_recorded(trial, report)
        assert list(trial.memory.steps(1, 2, "refused secure/")) == [f"0/{stage}/{bad}"]


def test_commitment_is_refused_when_its_event_names_another(world):
    bad = world.dids[3]

    def forge(puppet, request, reply):
        if (puppet.did, request.stage) != (bad, Stage.COMMIT):
            return reply
        event = puppet.statement(request.round, bytes(32), 1)
        from ceramic_bridge.events import encode

        return SecureReply((encode(event), reply.parts[1]))

    with world.trial(forge=forge) as trial:
        report = trial.round()
        assert bad not in report.committed
        assert trial.memory.steps(1, 1, "refused secure/0/commit/") == {bad: b"commitment-mismatch"}
        Commitment.parse(transcript_of(trial, report).of(Stage.COMMIT)[world.dids[0]])


# Who is asked


def test_member_is_not_asked_when_it_is_suspended(world):
    out = world.dids[4]
    with world.trial() as trial:
        driver = trial.start()
        driver._state = replace(driver.state, suspended=frozenset({out}))
        report = trial.round()
        assert out not in {did for did, *_ in trial.asked}
        assert statuses(report)[out] is Status.SUSPENDED
        require_recorded(trial, report)
        require_exact(trial, report, set(world.dids) - {out})


@pytest.mark.parametrize("stage", STAGES)
def test_member_takes_part_when_its_chain_is_a_block_behind(world, stage):
    late, seen = world.dids[1], []

    def forge(puppet, request, reply):
        if (puppet.did, request.stage) == (late, stage) and not seen:
            seen.append(world.run.chain.block_number)
            raise PeerError("the block is not there yet")
        return reply

    with world.trial(forge=forge) as trial:
        report = trial.round()
        assert accepted(report) == set(world.dids)
        assert trial.times(1, stage) == dict.fromkeys(world.dids, 1) | {late: 2}
        require_recorded(trial, report)


@pytest.mark.parametrize("forge", ["honest", "pledge"])
def test_round_ends_in_time_when_every_stage_is_waited_out(world, forge):
    """One member never answers: each stage takes all the time that it may."""
    liars = {world.dids[2]} if forge == "pledge" else set()
    silent = world.dids[1]
    with world.trial(lost={Stage.KEYS: {silent}}, forge=lying(liars, Stage.PLEDGE, false_seed)) as trial:
        waited, chain = [], world.run.chain
        driver = trial.start(timeout=1e9)
        inner = driver._ports.grid.stream

        def stream(messages, *, timeout):
            yield from inner(messages, timeout=timeout)
            waited.append((str(messages[0].content["round"]["stage"]), timeout))
            chain.advance_time(int(timeout))
            chain.mine()

        driver._ports.grid.stream = stream
        report = trial.round()
        assert accepted(report) == set(world.dids) - {silent} - liars
        longest = {stage: timeout for stage, timeout in waited if stage == Stage.UNMASK}
        # Of the draw's phase no more: others could put the draw off meanwhile.
        assert longest == {Stage.UNMASK: UNMASKING}
        others = [timeout for stage, timeout in waited if stage != Stage.UNMASK]
        assert min(others) > world.run.manifest.deadlines.phase / 100


# Restarts


def crashing(step):
    seen = []

    def fatal(_round, name):
        if name.startswith(step) and not seen:
            seen.append(name)
            return True
        return False

    return fatal


def words_of(world, rounds):
    view = FederationView(world.run.deployment.federation)
    return [view.words(1, r) for r in range(1, rounds + 1)]


@pytest.fixture(scope="module")
def undisturbed(world):
    with world.trial() as trial:
        trial.round()
        trial.round()
        return words_of(world, 2)


STEPS = [
    *(f"{kind}secure/0/{stage}/" for stage in STAGES for kind in ("", "closed ")),
    "commit/",
]


@pytest.mark.parametrize("step", STEPS)
def test_record_is_the_same_when_the_aggregator_was_killed(world, undisturbed, step):
    book = Notebook(fatal=crashing(step))
    with world.trial(memory=book) as trial:
        with pytest.raises(Crash):
            trial.round()
        trial.driver = None  # another process, with what the first one wrote down
        trial.round()
        trial.driver = None
        trial.round()
        assert words_of(world, 2) == undisturbed
        assert set(trial.asked.values()) == {1}


@pytest.mark.parametrize("step", ["secure/0/open-keys.0/", "secure/0/liars", "secure/1/keys/"])
def test_attempt_is_taken_up_when_the_aggregator_was_killed_in_a_dispute(world, step):
    liar = world.dids[2]
    forge = lying({liar}, Stage.PLEDGE, false_seed)
    with world.trial(memory=Notebook(fatal=crashing(step)), forge=forge) as trial:
        with pytest.raises(Crash):
            trial.round()
        trial.driver = None
        report = trial.round()
        assert accepted(report) == set(world.dids) - {liar}
        require_recorded(trial, report)
        assert max(trial.asked.values()) == 1


def test_dispute_is_taken_up_when_the_aggregator_was_killed_in_it(world):
    liar = world.dids[2]
    book = Notebook(fatal=crashing("secure/0/open-edge-scalars"))
    with world.trial(memory=book, forge=lying({liar}, Stage.SCALARS, false_product)) as trial:
        with pytest.raises(Crash):
            trial.round()
        trial.driver = None
        report = trial.round()
        assert {did for did, s in statuses(report).items() if s is Status.SILENT} == {liar}
        require_recorded(trial, report)
        assert max(trial.asked.values()) == 1


def test_openings_of_keys_can_be_read_when_they_are_in_the_journal(world):
    with world.trial(forge=lying({world.dids[2]}, Stage.PLEDGE, false_seed)) as trial:
        trial.round()
        found = trial.memory.steps(1, 1, "secure/0/open-keys.0/")
        assert {KeysOpening.parse(raw).did for raw in found.values()} == set(found)


@pytest.mark.parametrize("fault", ["none", "pledge", "spoilt", "scalars", "keys"])
def test_rounds_are_computed_again_when_the_journal_is_lost(world, fault):
    liar = world.dids[2]
    forge = {
        "pledge": lying({liar}, Stage.PLEDGE, false_seed),
        "spoilt": lying({liar}, Stage.NORM, false_own),
        "scalars": lying({liar}, Stage.SCALARS, false_product),
    }.get(fault, lambda _puppet, _request, reply: reply)
    lost = {Stage.KEYS: world.dids[:3]} if fault == "keys" else {}
    with world.trial(forge=forge, lost=lost) as trial:
        trial.round()
        trial.round()
        before, state = words_of(world, 2), trial.driver.state
        asked = trial.asked.copy()
        trial.memory, trial.driver = Notebook(), None
        driver = trial.start()
        view = FederationView(world.run.deployment.federation)
        ports = replace(driver._ports, history=lambda: trial.log)
        rebuild_rounds(ports, world.run.epoch, view, trial.memory)
        trial.driver = None
        for _ in range(2):
            trial.round()
        assert words_of(world, 2) == before
        assert trial.asked == asked
        assert trial.driver.state.credits == state.credits
        assert np.array_equal(trial.driver.state.weights, state.weights)
        rebuild_rounds(ports, world.run.epoch, view, trial.memory)  # nothing is lost any more


def test_journal_is_not_written_again_when_it_is_whole(world):
    with world.trial() as trial:
        trial.round()
        before = dict(trial.memory.steps_)
        view = FederationView(world.run.deployment.federation)
        rebuild_rounds(trial.driver._ports, world.run.epoch, view, trial.memory)
        assert trial.memory.steps_ == before
