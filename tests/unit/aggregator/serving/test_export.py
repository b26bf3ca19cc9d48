"""Files for other software say what the model says, and where it comes from."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import onnxruntime
import pytest

from aggregator.serving.card import Card
from aggregator.serving.export import metadata_of, onnx_bytes, safetensors_bytes
from aggregator.serving.scoring import scorer_of
from federation.fixedpoint import tables
from federation.models.linear import parse_model
from federation.models.module import Network
from federation.models.registry import Architecture
from tests.agreed import secured
from tests.serving import made_up

NETWORKS = [Architecture(name=name, words=64, hidden=5) for name in ("mlp", "embedding")]


def answers(data, rows, words):
    """Logits, chances and probabilities that onnxruntime computes."""
    present = np.zeros((len(rows), words), dtype=bool)
    for i, row in enumerate(rows):
        present[i, row] = True
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["logit", "chance", "probability"], {"present": present})


def some_rows(rng, words, n=200):
    sizes = rng.integers(0, words, n)
    return [[], list(range(words)), *(np.sort(rng.choice(words, k, replace=False)).tolist() for k in sizes)]


@pytest.mark.parametrize("scale", [1, 1 << 10, 1 << 18, 1 << 24])
def test_onnx_gives_the_very_integers_when_the_model_is_linear(scale):
    release = made_up(scale, scale=scale)
    scorer = scorer_of(release.manifest, release.model, release.mean)
    rows = some_rows(np.random.default_rng(scale), scorer.words)
    logits, chances, probabilities = answers(onnx_bytes(release), rows, scorer.words)
    expected = scorer.score_all(rows)
    assert logits.tolist() == [a.logit for a in expected]
    assert chances.tolist() == [a.chance for a in expected]
    assert probabilities.tolist() == [a.probability for a in expected]


def test_onnx_gives_the_very_integers_when_the_model_was_trained(release):
    scorer = scorer_of(release.manifest, release.model, release.mean)
    rows = some_rows(np.random.default_rng(0), scorer.words, 20)
    logits, chances, _ = answers(onnx_bytes(release), rows, scorer.words)
    expected = scorer.score_all(rows)
    assert (logits.tolist(), chances.tolist()) == ([a.logit for a in expected], [a.chance for a in expected])


def test_onnx_decides_by_the_intercept_when_an_example_equals_the_mean():
    release = made_up()
    release = dataclasses.replace(release, mean=np.full(64, 1 << 12, dtype=np.int64))
    scorer = scorer_of(release.manifest, release.model, release.mean)
    rows = [list(range(64)), list(range(63))]
    expected = [a.logit for a in scorer.score_all(rows)]
    assert answers(onnx_bytes(release), rows, 64)[0].tolist() == expected
    assert expected[0] == parse_model(release.model)[1]


@pytest.mark.parametrize("architecture", NETWORKS, ids=lambda a: a.name)
def test_onnx_is_within_one_unit_of_the_logit_when_the_model_is_a_network(architecture):
    release = made_up(architecture=architecture)
    scorer = scorer_of(release.manifest, release.model, release.mean)
    rows = some_rows(np.random.default_rng(0), 64, 50)
    logits, _, probabilities = answers(onnx_bytes(release), rows, 64)
    expected = scorer.score_all(rows)
    assert np.abs(logits - [a.logit for a in expected]).max() <= 1
    assert np.abs(probabilities - [a.probability for a in expected]).max() <= 2**-23


def test_onnx_names_model_and_receipts_when_it_is_read():
    import onnx

    release = made_up(round_=3)
    model = onnx.load_from_string(onnx_bytes(release))
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said == metadata_of(release)
    assert said["folkmoot.model"] == release.last.model_hash.hex()
    assert said["folkmoot.receipts"].split()[-1] == said["folkmoot.receipt"] == str(release.last.receipt_cid)


@pytest.mark.parametrize("export", [onnx_bytes, safetensors_bytes])
@pytest.mark.parametrize("architecture", [None, *NETWORKS])
def test_file_is_the_same_when_it_is_written_twice(export, architecture):
    release = made_up(architecture=architecture)
    assert export(release) == export(release)


@pytest.mark.parametrize("architecture", [None, *NETWORKS])
def test_safetensors_round_trips_when_it_is_read(architecture, tmp_path):
    from safetensors import safe_open

    release = made_up(architecture=architecture)
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors_bytes(release))
    weights, intercept = parse_model(release.model)
    with safe_open(path, framework="np") as file:
        assert file.metadata() == {"format": "np", **metadata_of(release)}
        assert (file.get_tensor("weights") == weights).all()
        assert file.get_tensor("intercept").tolist() == [intercept]
        assert (file.get_tensor("mean") == release.mean).all()
        assert (file.get_tensor("sigmoid_table") == tables()[0]).all()
        if architecture is not None:
            network = Network.of(architecture)
            network.load(weights)
            for name, tensor in network.module.state_dict().items():
                assert (file.get_tensor(name) == tensor.numpy()).all()


# Cards


def test_card_tells_of_the_run_when_it_is_over(finished, release):
    table = Card(release).table()
    json.dumps(table, allow_nan=False)
    members = {m["did"]: m for m in finished.summary["members"]}
    accepted = {c["did"]: c for c in table["contributors"]}
    assert {c["did"]: c["credit_wei"] for c in table["contributors"]} == {
        did: str(members[did]["credit_wei"]) for did in accepted
    }
    assert table["data"]["quota"] == sum(m["quota"] for m in members.values())
    assert table["data"]["members"] == len(members)
    assert [r["model"] for r in table["receipts"]] == [r.model_hash.hex() for r in release.rounds]
    assert table["privacy"]["epsilon_spent_at_most"] == pytest.approx(8, abs=0.01)


def test_markdown_names_everybody_when_people_read_it(release):
    text = Card(release).markdown()
    for round_ in release.rounds:
        assert round_.model_hash.hex() in text
        assert str(round_.receipt_cid) in text
    assert all(c["did"] in text for c in Card(release).table()["contributors"])
    assert "{" not in text


def test_card_says_three_epsilons_when_deltas_were_masked():
    release = made_up()
    assert Card(release).table()["privacy"]["epsilons"] is None
    assert "behind masks" not in Card(release).markdown()
    masked = dataclasses.replace(release, manifest=secured(budget="sum"))
    found = Card(masked).table()["privacy"]["epsilons"]
    assert found["sum"] < found["transcript"] == found["server"]
    assert f"{found['transcript']:.3f} to everybody" in Card(masked).markdown()


def test_card_warns_when_no_noise_was_added():
    release = made_up()
    privacy = release.manifest.privacy.model_copy(update={"epsilon": "inf", "sigma_e4": 0})
    silent = dataclasses.replace(release, manifest=release.manifest.model_copy(update={"privacy": privacy}))
    assert Card(silent).table()["privacy"]["epsilon_spent_at_most"] is None
    assert "No noise was added" in Card(silent).markdown()
