"""Prometheus: what an operator puts on a wall and is woken by. Amounts are floats here, exact on chain."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from aggregator.operator.config import split_address
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aggregator.happenings import Happening
    from aggregator.operator.health import Health

_PREFIX: Final = "folkmoot"
_STATUSES: Final = ("accepted", "rejected", "silent", "absent", "suspended")
_WEI: Final = 1e18


class Metrics:
    """A ``Watcher`` that keeps figures for Prometheus.

    Attributes:
        registry: Its own, apart from whatever libraries count.
    """

    def __init__(self, standing: Callable[[], Health], *, now: Callable[[], float] = time.time) -> None:
        """Set up.

        Args:
            standing: How things stand, asked whenever Prometheus asks.
            now: Unix seconds.
        """
        self.registry = CollectorRegistry()

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"{_PREFIX}_{name}", what, labels, registry=self.registry)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", what, labels, registry=self.registry)

        self._happened = counter("happenings", "What happened, by kind.", "kind")
        self._rounds = counter("rounds_recorded", "Rounds recorded on chain.")
        self._members = gauge("round_members", "Members of the last recorded round, by status.", "status")
        self._gain = gauge("round_gain", "Improvement of the last recorded round, in Brier score.")
        self._auc = gauge("round_auc", "AUC of the last model on the shard of its round.")
        self._credited = gauge("round_credited_tokens", "Credits of the last recorded round, in tokens.")
        up = gauge("up", "1 if it answers: the chain's node, the SuperLink.", "what")
        up.labels("chain").set_function(lambda: standing().chain)
        up.labels("superlink").set_function(lambda: standing().superlink)
        looks: dict[tuple[str, str], Callable[[], float]] = {
            ("epoch", "The epoch under way, or the last one."): lambda: standing().epoch,
            ("round", "The round under way, or the last one."): lambda: standing().round,
            ("phase_deadline_seconds", "Seconds left for the phase's duty."): lambda: standing().left(now()),
            ("nodes_registered", "Members' nodes that are let in."): lambda: standing().members,
            ("events_waiting", "Events that the event node does not have yet."): lambda: standing().waiting,
            ("paused", "1 if the operator has paused rounds."): lambda: standing().paused,
        }
        for (name, what), look in looks.items():
            gauge(name, what).set_function(look)

    def __call__(self, happening: Happening, /) -> None:
        """Count one; the figures of a recorded round take the place of the last one's."""
        self._happened.labels(happening.kind).inc()
        if happening.kind != "round-recorded":
            return
        facts = happening.facts
        self._rounds.inc()
        for status in _STATUSES:
            self._members.labels(status).set(float(facts.get(status, 0)))
        self._gain.set(float(facts.get("gain", 0)))
        if "auc" in facts:
            self._auc.set(float(facts["auc"]))
        self._credited.set(float(facts.get("credited_wei", 0)) / _WEI)


@contextmanager
def exported(metrics: Metrics, bind: str) -> Iterator[int]:
    """Answer Prometheus at an address of its own; gives the port.

    Args:
        metrics: The figures.
        bind: ``host:port``, by default on loopback; any free port if 0.

    Raises:
        ConfigError: The address cannot be had.
    """
    host, port = split_address(bind)
    try:
        server, thread = start_http_server(port, host, registry=metrics.registry)
    except OSError as error:
        raise ConfigError(
            f"{bind} cannot be listened on: {(error.strerror or str(error)).lower()}",
            hint="see [metrics] bind",
        ) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
