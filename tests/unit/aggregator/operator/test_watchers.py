"""What happens is told to terminals, files, Prometheus and trackers, and none of them ends a round."""

from __future__ import annotations

import io
import json
import math
import sys
import threading
import types
import urllib.request
from dataclasses import replace

import pytest
from rich.console import Console

from aggregator.happenings import Happening
from aggregator.operator.health import Health, Standing
from aggregator.operator.live import ROUND_RECORDED, LiveTable
from aggregator.operator.metrics import Metrics, exported
from aggregator.operator.presence import is_running, present
from aggregator.operator.probe import Probe
from aggregator.operator.trackers import MLflow, TensorBoard, Tracked
from aggregator.operator.watchers import Everybody, JsonLines, TextLines
from contracts.bindings.structs import Phase
from federation.errors import ChainError, ConfigError

RECORDED = Happening(
    kind=ROUND_RECORDED,
    epoch=2,
    round=3,
    facts={
        "accepted": 4,
        "rejected": 1,
        "silent": 0,
        "absent": 2,
        "gain": 0.0123456,
        "credited_wei": str(5 * 10**17),
        "model": "ab" * 32,
    },
)


def test_line_of_json_has_time_kind_place_and_facts():
    lines: list[str] = []
    watch = JsonLines(lines.append, now=lambda: 12.3456)
    watch(RECORDED)
    watch(Happening(kind="desk-open", facts={"address": "x\n"}))
    first, second = map(json.loads, lines)
    assert first == {
        "time": 12.346,
        "kind": "round-recorded",
        "epoch": 2,
        "round": 3,
        "facts": dict(RECORDED.facts),
    }
    assert second == {"time": 12.346, "kind": "desk-open", "facts": {"address": "x\n"}}


def test_line_of_text_is_one_line_when_a_peer_is_hostile():
    lines: list[str] = []
    TextLines(lines.append, now=lambda: 0.0)(Happening(kind="waiting", facts={"message": "a\x1b[2J\nb"}))
    assert lines[0].endswith("waiting  message=a\\x1b[2J\\nb")


def test_others_are_told_when_one_watcher_fails():
    told: list[Happening] = []

    def broken(_: Happening) -> None:
        raise RuntimeError

    Everybody([broken, told.append])(RECORDED)
    assert told == [RECORDED]


def test_table_shows_rounds_and_standing_on_a_terminal():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    standing = Standing()
    standing.change(
        lambda health: replace(health, chain=True, phase="commit", epoch=2, members=7, paused=True)
    )
    with LiveTable(console, standing) as table:
        table(RECORDED)
        table(Happening(kind="waiting", facts={"message": "chain away"}))
    shown = out.getvalue()
    for part in ("0.01235", "chain away", "NO SUPERLINK", "7 nodes", "commit", "PAUSED"):
        assert part in shown


def scraped(metrics: Metrics) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def test_metrics_have_the_figures_of_the_last_round():
    standing = Standing()
    metrics = Metrics(standing, now=lambda: 100.0)
    metrics(RECORDED)
    metrics(Happening(kind="waiting"))
    metrics(Happening(kind="waiting"))
    standing.change(lambda _: Health(chain=True, epoch=2, round=3, deadline=112.5, members=7, waiting=9))
    found = scraped(metrics)
    assert found["folkmoot_happenings_total['waiting']"] == 2
    assert found["folkmoot_rounds_recorded_total[]"] == 1
    assert found["folkmoot_round_members['accepted']"] == 4
    assert found["folkmoot_round_members['suspended']"] == 0
    assert found["folkmoot_round_gain[]"] == 0.0123456
    assert found["folkmoot_round_credited_tokens[]"] == 0.5
    assert (found["folkmoot_up['chain']"], found["folkmoot_up['superlink']"]) == (1, 0)
    assert found["folkmoot_phase_deadline_seconds[]"] == 12.5
    assert found["folkmoot_events_waiting[]"] == 9


@pytest.mark.enable_socket
def test_metrics_are_answered_at_their_own_address():
    metrics = Metrics(Standing())
    metrics(RECORDED)
    with exported(metrics, "127.0.0.1:0") as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"folkmoot_rounds_recorded_total 1.0" in answer.read()
        with (
            pytest.raises(ConfigError, match="cannot be listened on"),
            exported(metrics, f"127.0.0.1:{port}"),
        ):
            pass


# Trackers


class Slow:
    """A tracker that fails now and then."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, dict[str, float]]] = []
        self.done = threading.Event()

    def log(self, step: int, values: dict[str, float]) -> None:
        self.steps.append((step, values))
        self.done.set()
        if len(self.steps) == 1:
            raise ConnectionError


def test_tracker_gets_finite_figures_and_steps_that_count_on(caplog):
    slow = Slow()
    odd = Happening(kind=ROUND_RECORDED, epoch=1, round=1, facts={"gain": math.nan, "yes": True, "n": 1})
    with Tracked([slow], ROUND_RECORDED, 5) as tracked:
        tracked(odd)
        tracked(Happening(kind="waiting"))
        tracked(RECORDED)
    assert [step for step, _ in slow.steps] == [1, 8]
    assert slow.steps[0][1] == {"n": 1.0}
    assert slow.steps[1][1] == {
        "accepted": 4.0,
        "rejected": 1.0,
        "silent": 0.0,
        "absent": 2.0,
        "gain": 0.0123456,
    }
    assert "ConnectionError" in caplog.text


def test_tensorboard_has_the_figures_when_it_is_installed(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard belongs to the extra 'tracking'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    TensorBoard(str(tmp_path)).log(8, {"gain": 0.5})
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (scalar,) = found.Scalars("gain")
    assert (scalar.step, scalar.value) == (8, 0.5)


@pytest.mark.parametrize(
    ("kind", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")]
)
def test_tracker_is_refused_with_a_way_out_when_it_is_not_installed(monkeypatch, tmp_path, kind, module):
    import sys

    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        TensorBoard(str(tmp_path)) if kind == "tensorboard" else MLflow("file:x", "run")
    assert "folkmoot[tracking]" in caught.value.hint


def test_mlflow_is_given_each_figure_of_a_step(monkeypatch):
    logged: list[tuple[object, ...]] = []

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            assert tracking_uri == "http://x"

        def get_experiment_by_name(self, name: str) -> None:
            assert name == "small"

        def create_experiment(self, name: str) -> str:
            return "e"

        def create_run(self, experiment: str) -> object:
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id="r"))

        def log_metric(self, *args: object, step: int) -> None:
            logged.append((*args, step))

    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=Client))
    MLflow("http://x", "small").log(3, {"gain": 0.5, "auc": 0.9})
    assert logged == [("r", "gain", 0.5, 3), ("r", "auc", 0.9, 3)]


# How things stand


class Contract:
    def __init__(self) -> None:
        self.away = False

    def phase(self) -> Phase:
        if self.away:
            raise ChainError("away")
        return Phase.COMMIT

    def epoch(self) -> int:
        return 2

    def round_(self) -> int:
        return 3

    def deadline(self) -> int:
        return 1000


def test_probe_notes_the_chain_and_what_this_process_knows():
    standing, contract = Standing(), Contract()
    binds = [ChainError("away"), contract]

    def bind() -> Contract:
        found = binds.pop(0)
        if isinstance(found, ChainError):
            raise found
        return found

    probe = Probe(standing, bind, lambda health: health, now=lambda: 990.0)
    probe.look()
    assert (standing().chain, standing().ready(990)) == (False, False)
    probe.look()
    found = standing()
    assert (found.chain, found.epoch, found.round) == (True, 2, 3)
    assert (found.phase, found.left(990.0)) == ("commit", 10.0)
    contract.away = True
    probe.look()
    assert (standing().chain, standing().epoch, standing().looked) == (False, 2, 990.0)
    # The time runs out whether the chain answers or not.
    assert standing().left(1003.0) == -3.0


def test_health_is_ready_when_chain_and_members_are_in_reach_and_time_is_left():
    good = Health(chain=True, superlink=True, deadline=5)
    assert good.ready(4)
    assert not good.ready(6)
    for bad in ({"chain": False}, {"superlink": False}):
        assert not Health(**{"chain": True, "superlink": True, **bad}).ready(0)
    assert good.as_json(4)["status"] == "ready"


def test_presence_is_seen_when_somebody_runs_and_not_before_or_after(tmp_path):
    assert not is_running(tmp_path / "running")
    with present(tmp_path / "running"):
        assert is_running(tmp_path / "running")
    assert not is_running(tmp_path / "running")
