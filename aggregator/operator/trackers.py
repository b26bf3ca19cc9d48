"""Figures of rounds for the tools that machine learning people look at; one method is all it takes."""

from __future__ import annotations

import logging
import math
import queue
import threading
from typing import TYPE_CHECKING, Final, Protocol, Self

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from aggregator.happenings import Happening

_EXTRA: Final = "pip install folkmoot[tracking]"
_WAITING: Final = 1000
_logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """Takes the figures of one step."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take them; may be slow, and may fail."""
        ...


class TensorBoard:
    """Writes a run that TensorBoard shows."""

    def __init__(self, folder: str) -> None:
        """Open the run's folder.

        Raises:
            ConfigError: TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError("TensorBoard is not installed", hint=_EXTRA) from error
        self._writer = SummaryWriter(folder)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the figures of a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()


class MLflow:
    """Logs to an MLflow tracking server or folder."""

    def __init__(self, uri: str, run: str) -> None:
        """Begin a run.

        Args:
            uri: MLflow's tracking URI.
            run: The run's name.

        Raises:
            ConfigError: MLflow is not installed.
        """
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise ConfigError("MLflow is not installed", hint=_EXTRA) from error
        self._client = MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(run)
        experiment = self._client.create_experiment(run) if found is None else found.experiment_id
        self._run = self._client.create_run(experiment).info.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the figures of a step."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)


class Tracked:
    """A ``Watcher`` that hands the figures of each round to trackers, in a thread of its own."""

    def __init__(self, trackers: Sequence[Tracker], kind: str, rounds: int) -> None:
        """Name the trackers.

        Args:
            trackers: Who is told.
            kind: The kind of happening that has a round's figures.
            rounds: Rounds of an epoch; steps count on over epochs.
        """
        self._trackers, self._kind, self._rounds = tuple(trackers), kind, rounds
        self._queue: queue.Queue[tuple[int, dict[str, float]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="trackers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join(timeout=10)

    def __call__(self, happening: Happening, /) -> None:
        """Take a round's figures; when the trackers are far behind, they miss it."""
        if happening.kind != self._kind:
            return
        step = (happening.epoch - 1) * self._rounds + happening.round
        try:
            self._queue.put_nowait((step, figures(happening)))
        except queue.Full:
            _logger.warning("trackers are behind: round %d is not tracked", happening.round)

    def _work(self) -> None:
        while (taken := self._queue.get()) is not None:
            for tracker in self._trackers:
                try:
                    tracker.log(*taken)
                except Exception as error:  # noqa: BLE001 -- somebody else's software, and never a round's business
                    _logger.warning(
                        "%s does not take figures: %s", type(tracker).__name__, type(error).__name__
                    )


def figures(happening: Happening) -> dict[str, float]:
    """Return what in a happening is a finite number."""
    return {
        name: float(value)
        for name, value in happening.facts.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(float(value))
    }
