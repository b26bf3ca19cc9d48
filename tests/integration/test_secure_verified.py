"""A secure run on a chain, in which members fall silent and one lies, verified by strangers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from aggregator.forecast import published_state
from aggregator.games import read_games
from aggregator.ground import Ground, live, replayed
from aggregator.public import PublicReader
from aggregator.secure.words import Beacons
from aggregator.snapshot import state_bytes
from aggregator.sources import RemoteMaterial, Unpublished
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_rounds import RoundReplay
from aggregator.verify import verify_run
from aggregator.verify_federation import EpochVerdict, Wanted, verify_federation
from ceramic_bridge.events import InitPayload
from client.contributing import Contributing
from client.secure import SecureRounds
from contracts.bindings.federation import RoundRecorded
from contracts.chain import Reader
from examples.spam_detection.settings import Settings
from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.messages import SecureReply, SecureRequest
from federation.rounds import Status
from federation.secagg.messages import ScalarAnswer
from federation.secagg.setup import secure_terms
from federation.secagg.stages import Stage
from federation.secagg.transcript import Transcript
from tests.integration.test_forgery import Forger
from tests.live import PastChain
from tests.live import Stage as Stand
from tests.wallets import WalletRun, own_revocation
from tests.world import Finished, copy_of, execute, made_up_mails, scratch

SETTINGS = Settings(members=6, rounds=4, seed=0, epsilon=8.0, alpha=5.0, secure=True, cheats=("flip",))
TOO_FEW, DROPS, LIE = 2, 3, 4
SILENT = {(TOO_FEW, Stage.PLEDGE): {0, 1, 2, 3}, (DROPS, Stage.REVEAL): {3}, (DROPS, Stage.SCALARS): {1}}
"""Which members, in the order of their DIDs, fall silent at which stage of which round."""
LIAR = 2


def faulty(honest):
    """Answer as members do, but for the faults of ``SILENT`` and one false product."""

    def answer(self: SecureRounds, request: SecureRequest) -> SecureReply:
        reply = honest(self, request)
        place = sorted(self._admitted.quotas()).index(self._given.did)
        if place in SILENT.get((request.round, request.stage), ()):
            raise PeerError("silent")
        if (request.round, request.stage, place) != (LIE, Stage.SCALARS, LIAR):
            return reply
        terms = secure_terms(
            self._given.terms.manifest,
            self._admitted.quotas(),
            request.domain,
            request.round,
            attempt=request.attempt,
        )
        true = ScalarAnswer.parse(reply.parts[0])
        false = replace(true, edges=bytes([true.edges[0] ^ 1]) + true.edges[1:])
        return SecureReply((false.sign(terms, self._given.sign_digest).to_bytes(),))

    return answer


@cache
def secure_run() -> Finished:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SecureRounds, "answer", faulty(SecureRounds.answer))
        return execute(SETTINGS, scratch() / "secure", mails=made_up_mails(1100))


@pytest.fixture(scope="module")
def secure() -> Finished:
    return secure_run()


def quiet(_: str) -> None:
    pass


def played(finished: Finished):
    epoch = VerifiedEpoch.of_run(replayed(PublicReader(finished.public), None, quiet), quiet)
    replay = RoundReplay(epoch)
    return {one.outcome.round: one for one in replay.play()}, replay


def ground_of(finished: Finished, folder: Path | None, chain: Reader | None) -> Ground:
    run = finished.run
    addresses = run.deployment.federation.address, run.deployment.registry.address
    return live(chain or run.chain, RemoteMaterial(str(folder or finished.public)), *addresses, quiet)


def verdict_of(
    finished: Finished, *, folder: Path | None = None, chain: Reader | None = None, events=None, **more
) -> EpochVerdict:
    (verdict,) = verify_federation(
        ground_of(finished, folder, chain),
        list(finished.run.log) if events is None else events,
        **{"wanted": Wanted(), "cache": None, "progress": quiet, **more},
    )
    return verdict


def test_run_is_verified_when_members_fell_silent_and_one_lied(secure):
    verdict = verify_run(secure.out)
    assert (verdict.rounds, verdict.members) == (4, 7)
    rounds, _ = played(secure)
    dids = sorted(secure.run.epoch.roster.quotas)
    lines = {r: {m.did: m.status for m in one.outcome.members} for r, one in rounds.items()}
    out = rounds[DROPS].start.state.suspended
    cheat = next(actor.did for actor in secure.run.actors if actor.party.role == "flip")
    assert out == rounds[LIE].start.state.suspended == {cheat}
    accepted = {did: Status.SUSPENDED if did in out else Status.ACCEPTED for did in dids}
    assert lines[1] == dict.fromkeys(dids, Status.ACCEPTED)
    assert lines[TOO_FEW] == dict.fromkeys(dids, Status.ABSENT)
    assert lines[DROPS] == {**accepted, dids[3]: Status.ABSENT}
    assert lines[LIE] == {**accepted, dids[LIAR]: Status.SILENT}
    assert [len(rounds[r].committed) for r in (1, TOO_FEW, DROPS, LIE)] == [7, 0, 6, 6]
    assert (rounds[TOO_FEW].outcome.state.weights == rounds[1].outcome.state.weights).all()


def test_federation_is_verified_when_its_events_lie_among_others(secure, tmp_path):
    events, run = list(secure.run.log), secure.run
    junk = [
        run.actors[0].session.sign(
            {**event.payload.content, "commitment": "ab" * 32}, model=event.payload.model, unique=bytes(12)
        )
        for event in events
        if isinstance(event.payload, InitPayload)
        and event.payload.controller == run.actors[0].did
        and event.payload.content.get("kind") == "contribution"
    ]
    assert junk
    told: list[str] = []
    verdict = verdict_of(secure, events=[*junk, *events], cache=tmp_path, progress=told.append)
    assert (verdict.status, verdict.verified, verdict.notes) == ("verified", 4, [])
    assert verdict.paid_wei == verify_run(secure.out).paid_wei
    again: list[str] = []
    assert verdict_of(secure, cache=tmp_path, progress=again.append).paid_wei == verdict.paid_wei
    assert sum("verified before" in line for line in again) == 4


def test_workers_find_the_same_when_rounds_are_recomputed_side_by_side(secure):
    assert verify_run(secure.out, jobs=2) == verify_run(secure.out)
    assert verdict_of(secure, jobs=2) == verdict_of(secure)


def test_published_states_are_the_recomputed_ones_when_nobody_sees_a_delta(secure):
    rounds, replay = played(secure)
    for round_, one in rounds.items():
        foretold = published_state(replay._epoch, one.start.state, replay.statements[round_])
        assert state_bytes(foretold) == state_bytes(one.outcome.state)


def test_rounds_are_no_games_when_nobody_sees_a_delta(secure):
    with pytest.raises(ConfigError, match="nobody has seen the deltas"):
        read_games(secure.out, quiet)


# Public material that was tampered with


@pytest.fixture
def forger(secure, tmp_path) -> Forger:
    return Forger(copy_of(secure, tmp_path), secure)


def named(secure: Finished, round_: int = 1) -> tuple[str, Transcript]:
    _, replay = played(secure)
    facts = replay.statements[round_].secure
    assert facts is not None
    name = f"blobs/{facts.transcript.hex()}"
    return name, Transcript.parse((secure.public / name).read_bytes())


def test_upload_is_missed_when_it_was_not_published(forger, secure):
    name = f"blobs/{min(named(secure)[1].uploads.values()).hex()}"
    (forger.public / name).unlink()
    assert forger.refused().subject == name


def test_transcript_is_missed_when_another_one_is_published(forger, secure):
    name, transcript = named(secure)
    answers = dict(transcript.of(Stage.SCALARS))
    del answers[min(answers)]
    forger.replace_blob(name, transcript.answered(Stage.SCALARS, answers).to_bytes())
    assert forger.refused().subject == name


def test_upload_is_refused_when_no_transcript_refers_to_it(forger):
    name = forger.put(b"a masked delta of somebody")
    assert forger.refused().subject == name


def test_material_is_withheld_when_an_upload_is_missing_after_the_epoch(secure, tmp_path):
    folder = tmp_path / "public"
    shutil.copytree(secure.public, folder)
    gone = min(named(secure, DROPS)[1].uploads.values())
    (folder / "blobs" / gone.hex()).unlink()
    with pytest.raises(Unpublished, match="masked delta of round 3 was not published"):
        verdict_of(secure, folder=folder)


@pytest.mark.parametrize("kind", ["transcript", "upload"])
def test_verdict_waits_when_an_open_epoch_has_not_published_a_round_yet(secure, tmp_path, kind):
    run, folder = secure.run, tmp_path / "public"
    shutil.copytree(secure.public, folder)
    last = RoundRecorded.decode_logs(run.deployment.federation.logs())[-1].log.block_number
    chain = PastChain(Stand(run, last, folder, ()))
    whole = verdict_of(secure, folder=folder, chain=chain)
    assert (whole.stage, whole.status, whole.verified) == ("rounds", "pending", 4)
    name, transcript = named(secure, DROPS)
    gone = name if kind == "transcript" else f"blobs/{min(transcript.uploads.values()).hex()}"
    (folder / gone).unlink()
    verdict = verdict_of(secure, folder=folder, chain=chain)
    # Without a transcript nobody knows which of many events a round recorded.
    assert (verdict.status, verdict.verified) == ("pending", 0 if kind == "transcript" else DROPS - 1)
    assert any("was not published" in note for note in verdict.notes)


# An aggregator that lies on the way


@pytest.fixture
def lying(monkeypatch, tmp_path) -> Iterator:
    def run() -> VerificationFailed:
        finished = execute(replace(SETTINGS, members=4, rounds=1, cheats=()), tmp_path / "run")
        with pytest.raises(VerificationFailed) as info:
            verify_run(finished.out)
        return info.value

    return monkeypatch, run


def test_run_is_refused_when_the_driver_announced_no_sum(lying):
    patch, run = lying
    words, announce = [], Beacons._announce

    def announced(self, word, label):
        words.append(word)
        announce(self, word, label)

    patch.setattr(Beacons, "_announce", announced)
    patch.setattr(Beacons, "announce_sum", lambda *_: True)
    # Members who believe that any announced word is the sum's.
    patch.setattr("client.secure.sum_word", lambda *_: words[-1])
    error = run()
    assert error.subject == "round 1"
    assert "its sum was not announced before the shard could be known" in error.message


def test_round_is_nobodys_when_its_sum_came_too_late(monkeypatch, tmp_path):
    monkeypatch.setattr(Beacons, "announce_sum", lambda *_: False)
    finished = execute(replace(SETTINGS, members=4, rounds=1, cheats=()), tmp_path / "run")
    assert verify_run(finished.out).paid_wei == 0
    (report,) = finished.run.reports
    assert {(m.status, m.reason) for m in report.outcome.members} == {(Status.ABSENT, "late")}


# Members that act by a capability


def revoked(run: WalletRun) -> None:
    run.driver.sessions.revoke(own_revocation(run.session_of("member-02")))


def test_run_is_verified_when_a_members_capability_ended_between_its_rounds(monkeypatch, tmp_path):
    # Clients that go on whatever became of their authority.
    monkeypatch.setattr(Contributing, "require_authority", lambda *_: None)
    settings = replace(SETTINGS, members=5, rounds=2, cheats=())
    run = WalletRun.played(tmp_path / "run", settings, {"member-01": {}, "member-02": {}}, between=revoked)
    assert run.statuses("member-01") == ["accepted", "accepted"]
    assert run.statuses("member-02") == ["accepted", "absent"]
    assert verify_run(tmp_path / "run").rounds == 2
