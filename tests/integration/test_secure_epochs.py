"""Secure epochs as an operator runs them: with a journal, published round by round, and paid."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from aggregator import games
from aggregator.happenings import Wanted
from aggregator.journal import Journal
from aggregator.obstacles import LONELY, obstacle
from aggregator.public import PublicDirectory
from federation.errors import ConfigError
from federation.manifest import CohortSection, Manifest
from federation.secagg.transcript import Transcript
from tests.operated import Standing


@pytest.fixture
def standing(tmp_path):
    found = Standing(tmp_path, members=4, rounds=2, secure=True)
    found.found()
    yield found
    found.close()


def blobs(directory: PublicDirectory):
    return {path.name: path.read_bytes() for path in (directory.path / "blobs").iterdir()}


def test_epoch_is_paid_when_its_rounds_are_secure(standing):
    with standing.running() as run:
        report = run.run(standing.plan())
    assert report.rounds == 2
    assert sum(report.due.values()) == report.total > 0
    stages = [h.facts["stage"] for h in standing.told if h.kind == "secure-stage" and h.round == 1]
    assert stages == ["keys", "pledge", "commit", "reveal", "norm", "unmask", "scalars"]
    assert [h.facts["accepted"] for h in standing.told if h.kind == "round-recorded"] == [4, 4]
    shown = blobs(PublicDirectory(standing.settings.out / "public"))
    assert not [data for data in shown.values() if data[:4] == b"FMD1"]


def test_transcript_is_public_when_its_round_is_recorded(standing):
    seen = []

    def watch(happening):
        standing.told.append(happening)
        if happening.kind == "round-opened" and happening.round == 2:
            seen.append(blobs(PublicDirectory(standing.settings.out / "public")))

    with standing.running() as run:
        run._watch = watch
        run.run(standing.plan())
    transcripts = [data for data in seen[0].values() if b"transcript" in data[:40]]
    (found,) = map(Transcript.parse, transcripts)
    assert {digest.hex() for digest in found.uploads.values()} <= seen[0].keys()
    assert len(found.uploads) == 4


class Killed(Exception):
    pass


def test_epoch_is_the_same_when_the_process_was_killed_at_its_announcements(standing, monkeypatch):
    killed: set[str] = set()
    record = Journal.record

    def fatal(self, epoch, round_, step, value):
        record(self, epoch, round_, step, value)
        fits = re.match(r"sent/\w+/(keys 0|sum)/|closed secure/0/(keys|unmask)/", step)
        if round_ == 1 and fits and step not in killed:
            killed.add(step)
            raise Killed(step)

    monkeypatch.setattr(Journal, "record", fatal)
    ended = None
    while ended is None:
        try:
            with standing.running() as run:
                ended = run.run(standing.plan())
        except Killed:
            continue
    assert (ended.rounds, len(killed)) == (2, 4)
    assert [h.facts["accepted"] for h in standing.told if h.kind == "round-recorded"] == [4, 4]
    announced = [step for step in sent_of(standing) if re.match(r"sent/\w+/(keys|sum)", step)]
    assert len(announced) == 4  # a key list and a sum in each of two rounds, each sent once


def sent_of(standing):
    federation, chain = standing.deployment.federation.address, standing.chain.chain_id
    path = standing.settings.out / "private" / "journal.db"
    with Journal(path, federation=federation, chain_id=chain) as journal:
        return [f"sent/{step}" for r in (1, 2) for step in journal.steps(1, r, "sent/")]


def test_epoch_is_not_opened_when_its_members_are_fewer_than_are_summed(tmp_path):
    found = Standing(tmp_path, members=4, rounds=1, secure=True)
    try:
        found.found()
        found.actors = found.actors[:2]
        with found.running() as run, pytest.raises(ConfigError, match="out of range"):
            run.run(found.plan())
        assert found.deployment.federation.epoch() == 0
    finally:
        found.close()


@pytest.mark.parametrize("cohort", [CohortSection(size=4, minimum=4), CohortSection(size=2)])
def test_manifest_is_refused_when_its_cohort_and_its_sums_contradict(standing, cohort):
    changed = standing.manifest.model_copy(update={"cohort": cohort})
    with pytest.raises(ConfigError, match="cohort"):
        Manifest.from_toml(changed.to_toml())


def test_rounds_go_on_when_only_a_cohort_is_asked(tmp_path):
    found = Standing(tmp_path, members=5, rounds=2, secure=True, changes={"cohort": CohortSection(size=4)})
    try:
        found.found()
        with found.running() as run:
            assert run.run(found.plan()).rounds == 2
        recorded = [h.facts for h in found.told if h.kind == "round-recorded"]
        assert [(facts["accepted"], facts["absent"]) for facts in recorded] == [(4, 1), (4, 1)]
    finally:
        found.close()


def test_comparison_says_so_when_nobody_has_seen_the_deltas(standing, monkeypatch, tmp_path):
    epoch = SimpleNamespace(manifest=standing.manifest)
    monkeypatch.setattr(games, "PublicReader", lambda _: None)
    monkeypatch.setattr(games, "replayed", lambda *_: None)
    monkeypatch.setattr(games, "VerifiedEpoch", SimpleNamespace(of_run=lambda *_: epoch))
    with pytest.raises(ConfigError, match="nobody has seen the deltas"):
        games.read_games(tmp_path, lambda _: None)


def test_round_is_waited_for_when_fewer_nodes_are_let_in_than_are_summed(standing):
    members = list(standing.nodes)
    assert standing.manifest.secure.minimum == 3
    two, three = ({did: standing.nodes[did] for did in members[:n]} for n in (2, 3))
    assert obstacle(Wanted.RUN, members, two, standing.manifest) == LONELY
    assert not obstacle(Wanted.RUN, members, three, standing.manifest)
