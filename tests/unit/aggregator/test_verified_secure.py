"""A secure round is verified from its transcript; whatever of it is not what members signed is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from aggregator.verified_secure import transcript_of
from federation.errors import VerificationFailed
from federation.evaluation import LinearEvaluation, Received
from federation.hashing import sha256
from federation.payloads import NOTHING
from federation.rounds import Status
from federation.secagg.messages import ScalarAnswer
from federation.secagg.setup import key_word
from federation.secagg.stages import Stage
from federation.secagg.transcript import Transcript
from federation.trace import Position
from federation.types import Hash32, Wei
from tests.agreed import DIM, agreed
from tests.unit.aggregator._secure import (
    CLOSED,
    DELAY,
    DESIGNS,
    DRAWN,
    LISTED,
    MEMBERS,
    OPENED,
    QUOTAS,
    SUMMED,
    Kept,
    Record,
    recorded,
    secure_manifest,
    terms_of,
    with_own_keys,
)
from tests.unit.federation._secagg import signer


@pytest.fixture(autouse=True)
def _own_keys(monkeypatch):
    with_own_keys(monkeypatch)


def statuses(played):
    return {m.did: m.status for m in played.outcome.members}


def refused(record: Record, **more) -> tuple[str, str]:
    with pytest.raises(VerificationFailed) as info:
        record.verify(**more)
    subject = info.value.subject
    return subject, info.value.message.removeprefix(f"{subject}: ")


def test_honest_round_is_verified_and_pays_what_central_mode_would_when_all_answer():
    record = recorded()
    played = record.verify()
    assert set(statuses(played).values()) == {Status.ACCEPTED}
    evaluation, start = LinearEvaluation(DIM), record.start
    received = Received(
        deltas=record.attempt.deltas,
        absent={},
        norm_bound=record.manifest.norm_bound(QUOTAS),
        seed=sha256(b"seed"),
    )
    central, _ = evaluation.close(
        start, evaluation.open(start), received, Position(shard=1, design=DESIGNS[1])
    )
    assert played.outcome.members == central.members
    assert played.outcome.improvement > 0
    assert played.committed == set(MEMBERS)


A, B, C, D = MEMBERS[:4]


def without(record: Record, stage: Stage, did) -> None:
    """The aggregator publishes a transcript in which somebody never answered."""
    answers = {who: raw for who, raw in record.transcript.of(stage).items() if who != did}
    record.transcript = record.transcript.answered(stage, answers)


def instead(record: Record, stage: Stage, did, raw: bytes) -> None:
    """The aggregator publishes another answer of somebody."""
    record.transcript = record.transcript.answered(stage, {**record.transcript.of(stage), did: raw})


# Honest rounds


@pytest.mark.parametrize("stage", ["keys", "pledge", "commit", "reveal", "norm", "unmask", "scalars"])
def test_round_is_verified_when_a_member_falls_silent_at_any_stage(stage):
    played = recorded(lost={stage: [C]}).verify()
    summed = stage in {"unmask", "scalars"}
    assert statuses(played)[C] is (Status.ACCEPTED if summed else Status.ABSENT)
    assert all(status is Status.ACCEPTED for did, status in statuses(played).items() if did != C)


def test_two_neighbours_are_unpaid_when_both_are_silent_about_their_products():
    played = recorded(lost={"scalars": [B, C]}).verify()
    assert {did for did, status in statuses(played).items() if status is Status.ABSENT} == {B, C}
    assert all(m.counted == 0 for m in played.outcome.members if m.did in {B, C})


def test_cheat_is_charged_by_its_product_when_nobody_saw_its_delta():
    lines = {m.did: m for m in recorded(sizes={D: -0.3}).verify().outcome.members}
    assert lines[D].status is Status.ACCEPTED
    assert lines[D].credit < 0 < min(lines[did].credit for did in (A, B, C))


def test_suspended_member_is_left_out_when_it_was_not_asked():
    played = recorded(suspended=frozenset({D})).verify()
    assert statuses(played)[D] is Status.SUSPENDED


def test_members_outside_the_cohort_are_not_drawn_when_the_round_asks_some():
    manifest = secure_manifest(cohort=4)
    asked = Record(Kept(terms_of(manifest), {}), Transcript(), manifest=manifest).asked
    played = recorded(manifest=manifest, asked=asked).verify()
    assert {did for did, status in statuses(played).items() if status is Status.ACCEPTED} == asked
    assert {m.status for m in played.outcome.members if m.did not in asked} == {Status.ABSENT}


@pytest.mark.parametrize("stage", ["keys", "pledge", "commit", "reveal", "norm", "unmask"])
def test_round_is_verified_and_pays_nobody_when_too_few_are_left_at_a_stage(stage):
    played = recorded(lost={stage: MEMBERS[:4]}).verify()
    assert set(statuses(played).values()) == {Status.ABSENT}
    assert all(m.credit == 0 for m in played.outcome.members)
    assert (played.outcome.state.weights == played.start.state.weights).all()


def false_scalar(liar):
    """The liar adds one to its product of its first mask."""

    def forge(stage, did, message):
        if (stage, did) != ("scalars", liar):
            return message
        changed = bytes([message.edges[0] ^ 1]) + message.edges[1:]
        return replace(message, edges=changed).sign(terms_of(), signer(did))

    return forge


def false_self_norm(liar):
    """The liar answers the norm check about another self mask."""

    def forge(stage, did, message):
        if (stage, did) != ("norm", liar):
            return message
        return replace(message, own=bytes([message.own[0] ^ 1]) + message.own[1:]).sign(
            terms_of(), signer(did)
        )

    return forge


def test_liar_is_charged_and_others_are_paid_when_an_edge_was_opened():
    played = recorded(forge=false_scalar(B)).verify()
    assert {did for did, status in statuses(played).items() if status is not Status.ACCEPTED} == {B}
    line = next(m for m in played.outcome.members if m.did == B)
    assert (line.status, line.counted < 0) == (Status.SILENT, True)


def test_round_is_verified_and_pays_nobody_when_a_liar_spoilt_the_sum():
    played = recorded(forge=false_self_norm(B)).verify()
    assert statuses(played) == {did: Status.SILENT if did == B else Status.ABSENT for did in MEMBERS}
    assert not any(m.credit > 0 for m in played.outcome.members)


def test_what_a_round_said_can_be_sent_to_a_worker_when_it_is_secure():
    said = recorded().statements()
    assert pickle.loads(pickle.dumps(said)).secure == said.secure


# What an aggregator may try


def test_round_is_refused_when_its_receipt_names_no_transcript():
    record = recorded()
    record.named = False
    assert refused(record) == ("round 1", "its receipt names no transcript of a secure round")


def test_receipt_of_the_other_kind_is_refused_when_nothing_is_summed_in_secret():
    record = recorded()
    place = replace(record.place(), manifest=agreed())
    with pytest.raises(VerificationFailed, match="nothing is summed in secret here"):
        transcript_of(place, {"transcript": "00" * 32})


def test_round_is_refused_when_its_transcript_was_not_published():
    record = recorded()
    gone = sha256(record.transcript.to_bytes())
    assert refused(record, gone=[gone]) == (f"blobs/{gone.hex()}", "round 1's transcript was not published")


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b""])
def test_transcript_is_refused_when_its_bytes_are_in_no_canonical_form(change):
    record = recorded()
    whole = record.transcript

    class Changed:
        uploads = whole.uploads

        @staticmethod
        def to_bytes():
            return change(whole.to_bytes())

    record.transcript = Changed()
    assert refused(record)[0] == "transcript"


def test_round_is_refused_when_its_transcript_is_of_another_attempt():
    record = recorded()
    record.transcript = replace(record.transcript, attempt=1)
    # By its other terms no signature holds, and nobody is left.
    assert refused(record) == ("round 1", "went on with too few members")


def test_round_is_refused_when_its_key_list_was_announced_in_another_round():
    record = recorded()
    word = key_word(record.attempt.terms, record.attempt.key_list)
    told = "its key list was not announced between its opening and its commitments"
    for block in (OPENED - 1, CLOSED - DELAY, DRAWN + 5):
        record.announced[word] = block
        assert refused(record) == ("round 1", told)
    del record.announced[word]
    assert refused(record) == ("round 1", told)


def test_round_is_refused_when_its_graph_is_not_of_the_block_after_the_announcement():
    record = recorded(manifest=secure_manifest(degree=2))
    record.announced[key_word(record.attempt.terms, record.attempt.key_list)] = LISTED + 1
    # In another graph pledges are for other neighbours.
    assert refused(record)[0] == "round 1"


@pytest.mark.parametrize("block", [None, DRAWN, DRAWN + 1])
def test_round_is_refused_when_its_sum_was_announced_after_the_draw_or_never(block):
    record = recorded()
    word = next(word for word, at in record.announced.items() if at == SUMMED)
    del record.announced[word]
    if block is not None:
        record.announced[word] = block
    assert refused(record) == ("round 1", "its sum was not announced before the shard could be known")


def test_round_is_refused_when_a_suspended_member_is_on_the_key_list():
    record = recorded()
    record.suspended = frozenset({D})
    assert refused(record) == ("round 1", f"{D} is on the key list and was not asked")


def test_round_is_refused_when_a_commitment_is_missing_from_the_transcript():
    record = recorded()
    without(record, Stage.COMMIT, C)
    assert refused(record) == ("round 1", f"{C} committed, and its transcript does not have it")


def test_round_is_refused_when_a_commitment_in_the_transcript_was_not_recorded():
    record = recorded()
    del record.commitments[C]
    record.summed = tuple(did for did in MEMBERS if did != C)
    assert refused(record) == ("round 1", f"{C}'s commitment in its transcript is not the recorded one")


def test_round_is_refused_when_others_survived_than_the_reveal_root_says():
    record = recorded()
    record.summed = MEMBERS[1:]
    assert refused(record) == ("round 1", "the reveal root does not hold those whose deltas are summed")


def test_round_is_refused_when_an_answer_to_the_norm_check_is_removed():
    record = recorded()
    without(record, Stage.NORM, C)
    assert refused(record) == ("round 1", "the reveal root does not hold those whose deltas are summed")


NEEDED = {
    Stage.KEYS: "its key list was not announced between its opening and its commitments",
    Stage.PLEDGE: "went on with too few members",
    Stage.COMMIT: f"{C} committed, and its transcript does not have it",
    Stage.REVEAL: "the reveal root does not hold those whose deltas are summed",
    Stage.NORM: "the reveal root does not hold those whose deltas are summed",
}
"""What is said where an answer of a stage is missing."""

DAMAGE = {
    "flipped": lambda raw, _: bytes([*raw[:-1], raw[-1] ^ 1]),
    "cut": lambda raw, _: raw[: len(raw) // 2],
    "empty": lambda _, __: b"",
    "another's": lambda _, other: other,
}


@pytest.mark.parametrize("stage", NEEDED)
@pytest.mark.parametrize("how", DAMAGE)
def test_round_is_refused_when_an_answer_is_not_what_its_member_signed(stage, how):
    record = recorded()
    sent = record.transcript.of(stage) if stage is not Stage.REVEAL else record.attempt.sent["reveal"]
    damaged = DAMAGE[how](sent[C], sent[D])
    instead(record, stage, C, record.put(damaged) if stage is Stage.REVEAL else damaged)
    assert refused(record) == ("round 1", NEEDED[stage])


@pytest.mark.parametrize("stage", [Stage.UNMASK, Stage.SCALARS])
@pytest.mark.parametrize("how", DAMAGE)
def test_round_comes_to_the_same_when_an_answer_that_neighbours_gave_too_is_damaged(stage, how):
    record = recorded()
    sent = record.transcript.of(stage)
    instead(record, stage, C, DAMAGE[how](sent[C], sent[D]))
    assert record.verify().outcome.members == recorded().verify().outcome.members


def test_upload_is_refused_when_another_one_is_published_for_it():
    record = recorded()
    instead(record, Stage.REVEAL, C, record.transcript.of(Stage.REVEAL)[D])
    assert refused(record) == ("round 1", "the reveal root does not hold those whose deltas are summed")


def test_round_is_refused_when_a_masked_delta_was_not_published():
    record = recorded()
    gone = record.transcript.uploads[C]
    told = f"{C}'s masked delta of round 1 was not published"
    assert refused(record, gone=[gone]) == (f"blobs/{gone.hex()}", told)


def test_round_is_refused_when_a_product_is_not_the_signed_one():
    record = recorded()
    for did in MEMBERS:
        # Not signed: as if nobody had answered, and both ends of every edge are lost.
        answer = ScalarAnswer.parse(record.transcript.of(Stage.SCALARS)[did])
        changed = replace(answer, edges=bytes([answer.edges[0] ^ 1]) + answer.edges[1:])
        instead(record, Stage.SCALARS, did, changed.to_bytes())
    told = f"{A} is accepted in its receipt, and has to be absent"
    assert refused(record) == ("round 1", told)


def test_round_is_refused_when_an_opened_edge_is_removed():
    record = recorded(forge=false_scalar(B))
    record.transcript = record.transcript.disputed(Stage.SCALARS, ())
    subject, message = refused(record)
    assert subject == "round 1"
    assert "has to be absent" in message


def test_round_is_refused_when_a_liar_is_not_charged():
    record = recorded(forge=false_scalar(B))
    record.lines = {B: {"status": Status.ABSENT, "counted": 0, "credit": Wei(0)}}
    assert refused(record) == ("round 1", f"{B} is absent in its receipt, and has to be silent")


def test_round_is_refused_when_a_silent_member_is_called_a_liar():
    record = recorded(lost={"norm": [B]})
    record.lines = {B: {"status": Status.SILENT}}
    assert refused(record) == ("round 1", f"{B} is silent in its receipt, and has to be absent")


def test_round_is_refused_when_a_member_without_a_part_is_accepted():
    record = recorded(lost={"commit": [B]})
    record.lines = {B: {"status": Status.ACCEPTED}}
    assert refused(record) == ("round 1", f"{B} is accepted in its receipt, and has to be absent")


def test_round_is_refused_when_a_reason_is_another():
    record = recorded(sizes={B: 3.0})
    assert statuses(record.verify())[B] is Status.REJECTED
    record.lines = {B: {"reason": "rude"}}
    assert refused(record) == ("round 1", f"{B}'s reason in its receipt is not 'over-norm'")


@pytest.mark.parametrize("change", [{"score": 1}, {"credit": Wei(7)}])
def test_round_is_refused_when_a_score_or_credit_is_another(change):
    record = recorded()
    record.lines = {B: change}
    assert refused(record) == ("round 1", "the receipt's table is not the recomputed one")


def test_round_is_refused_when_a_line_names_another_masked_delta():
    record = recorded()
    record.shown = {B: (record.transcript.uploads[C], NOTHING)}
    told = f"{B}'s line in its receipt does not name its masked delta"
    assert refused(record) == ("round 1", told)
    record.shown = {B: (record.transcript.uploads[B], Hash32(b"\1" * 32))}
    assert refused(record) == ("round 1", told)


def test_round_is_refused_when_somebody_is_said_to_have_revealed_on_chain():
    record = recorded()
    record.forced = (B,)
    assert refused(record) == ("round 1", "nobody can reveal a masked delta on chain")


def test_round_is_refused_when_too_few_went_on():
    record = recorded()
    for did in MEMBERS[:4]:
        without(record, Stage.PLEDGE, did)
    assert refused(record) == ("round 1", "went on with too few members")


def test_round_is_refused_when_a_spoilt_sum_was_priced():
    record = recorded(forge=false_self_norm(B))
    instead(record, Stage.SCALARS, A, b"")
    assert refused(record) == ("round 1", "its members priced a sum that does not count")
