"""A signal ends the process in good order: after the present step, after a grace, or at once if repeated."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from aggregator.operator.stopping import Stop, Stopper


def stopped(stopper: Stopper, step: Callable[[], None]) -> bool:
    """Whether a step ends with Stop."""
    try:
        step()
    except Stop:
        return True
    return False


def signalled(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)
    time.sleep(30 if len(numbers) != 1 else 0)


def test_step_is_finished_when_a_signal_comes():
    before = signal.getsignal(signal.SIGTERM)
    with Stopper(grace=30) as stopper:
        stopper.check()
        assert not stopped(stopper, lambda: signalled(signal.SIGTERM))
        assert stopped(stopper, stopper.check)
        assert not stopper.interrupted
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_wait_ends_when_a_signal_comes():
    with Stopper(grace=30) as stopper:
        stopper.wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        began = time.monotonic()
        assert stopped(stopper, lambda: stopper.wait(30))
        assert stopper.interrupted
    assert time.monotonic() - began < 5


def test_step_is_cut_short_when_it_outlasts_the_grace():
    began = time.monotonic()
    with Stopper(grace=0.05) as stopper:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped(stopper, lambda: time.sleep(30))
    assert time.monotonic() - began < 5


def test_step_is_cut_short_when_the_signal_comes_twice():
    began = time.monotonic()
    with Stopper(grace=30) as stopper:
        assert stopped(stopper, lambda: signalled(signal.SIGTERM, signal.SIGINT))
    assert time.monotonic() - began < 5


def test_way_out_is_not_cut_short_when_the_step_ended_in_time():
    with Stopper(grace=0.05) as stopper:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stop):
            stopper.check()
        time.sleep(0.1)
