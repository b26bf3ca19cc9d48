"""What an answer over HTTP costs, as a multiple of the model's own work on the same example.

A small federation is run, its model served by ``folkmoot aggregator serve`` in a process of its own,
and asked over one kept connection. CPU is what the server's process used, kernel included; the bare
model is measured here on the same questions: from text to words, logit, probability; where words are
asked, the last two alone, which take microseconds. A mail has 120 words. Of several slices of either
the cheapest counts, as the machine does other things too; waiting times are of all.

The bare batch starts from what a Python caller has, lists of integers, and returns its answers as
objects: half of that is making an array of the lists. The server makes its array from the body's bytes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.serving.book import EventBook, LogFile
from aggregator.serving.release import Releases, replayed_federation
from aggregator.serving.serving import Served
from aggregator.serving.shelf import open_shelf
from benchmarks.figure import Figure
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast

if TYPE_CHECKING:
    from aggregator.driver import RoundReport

MAILS: Final = 64
WORDS: Final = 120
SLICES: Final = 8
ROUNDS: Final = 10
BATCHES: Final = 8
BATCH: Final = 256
_SERVE: Final = (
    "import sys; from aggregator.serving.cli import serve; from federation.cli import run_command; "
    "sys.exit(run_command(serve, 'serve', sys.argv[1:]))"
)


class Caller:
    """One kept connection."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the whole answer."""
        self._socket.sendall(request)
        data = self._socket.recv(1 << 20)
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or found is None:
            sys.exit(f"benchmarks serving: {data[:300]!r}")
        while len(body) < int(found[1]):
            body += self._socket.recv(1 << 20)
        return body


class _Quiet:
    """Watches a run and says nothing."""

    def note(self, text: str) -> None:
        """Take a line."""

    def round_closed(self, run: Run, report: RoundReport, auc: float) -> None:
        """Take a round."""


def _federate(run: Path, rng: np.random.Generator) -> list[str]:
    """Run one round of a federation on made-up mails, and return some of them."""
    mails = [
        Mail(text=" ".join(f"word{k}" for k in rng.integers(0, 5000, WORDS)), label=i % 3 == 0, thread=f"{i}")
        for i in range(300)
    ]
    settings = Settings(members=3, rounds=1, cheats=(), out=run)
    Run(settings, build_cast(mails, settings), _Quiet()).execute()
    return [mail.text for mail in mails[:MAILS]]


def _request(path: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: model\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _cpu_seconds(pid: int) -> float:
    """Return what all threads of a process used so far, in user and kernel."""
    parts = [int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(parts) / 1e9


@contextmanager
def _server(run: Path) -> Iterator[tuple[int, Caller]]:
    command = [sys.executable, "-c", _SERVE, str(run), "--port", "0", "--rate", "1000000000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://(.*):(\d+)", line):
                break
        else:
            sys.exit("benchmarks serving: the server did not start")
        try:
            yield process.pid, Caller(found[1], int(found[2]))
        finally:
            process.terminate()


def _bare(work: Callable[[], object], repeat: int) -> float:
    """Return CPU-seconds of one call."""
    work()
    costs = []
    for _ in range(SLICES):
        began = time.process_time()
        for _ in range(repeat):
            work()
        costs.append((time.process_time() - began) / repeat)
    return min(costs)


def _asked(pid: int, caller: Caller, requests: list[bytes], rounds: int) -> tuple[float, list[float]]:
    """Return the server's CPU-seconds for one request, and how long each took."""
    for request in requests:
        caller.ask(request)
    costs, waits = [], []
    for _ in range(SLICES):
        began = _cpu_seconds(pid)
        for _ in range(rounds):
            for request in requests:
                sent = time.perf_counter()
                caller.ask(request)
                waits.append(time.perf_counter() - sent)
        costs.append((_cpu_seconds(pid) - began) / (rounds * len(requests)))
    return min(costs), waits


def _line(what: str, target: float, bare: float, cost: float, waits: list[float]) -> Figure:
    p99 = statistics.quantiles(waits, n=100)[98]
    return Figure(
        figure=f"CPU of {what} over HTTP, times the bare model",
        value=cost / bare,
        target=target,
        sense="<=",
        how=f"server {cost * 1e6:.0f} us, bare {bare * 1e6:.1f} us; waited p50 "
        f"{statistics.median(waits) * 1e6:.0f} us, p99 {p99 * 1e6:.0f} us ({p99 / bare:.0f} bare models)",
    )


def figures() -> Iterator[Figure]:
    """Run, serve, ask."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="folkmoot-serving-") as folder:
        run = Path(folder) / "run"
        texts = _federate(run, rng)
        shelf = open_shelf(str(run))
        federation = replayed_federation(shelf, None)
        releases = Releases(federation, shelf, EventBook(LogFile(shelf), federation.address))
        at = releases.newest()
        assert at is not None
        served = Served(releases.load(*at))
        indices = served.reader.indices
        rows = [indices(text) for text in texts]
        scorer = served.scorer
        of_words = _bare(lambda: [scorer.score(row) for row in rows], 40) / MAILS
        of_text = _bare(lambda: [scorer.score(indices(text)) for text in texts], 10) / MAILS
        many, many_rows = (texts * 4)[:BATCH], (rows * 4)[:BATCH]
        batch_words = _bare(lambda: scorer.score_all(many_rows), 8)
        batch_text = _bare(lambda: scorer.score_all([indices(text) for text in many]), 4)
        with _server(run) as (pid, caller):
            single, batch = "/v1/predict", "/v1/predict/batch"
            asked = [_request(single, {"text": text}) for text in texts]
            yield _line("one text", 40, of_text, *_asked(pid, caller, asked, ROUNDS))
            asked = [_request(single, {"words": row}) for row in rows]
            yield _line("one example in words", 40, of_words, *_asked(pid, caller, asked, ROUNDS))
            asked = [_request(batch, {"texts": many})]
            yield _line(f"a batch of {BATCH} texts", 2, batch_text, *_asked(pid, caller, asked, BATCHES))
            asked = [_request(batch, {"words": many_rows})]
            yield _line(f"a batch of {BATCH} in words", 2, batch_words, *_asked(pid, caller, asked, BATCHES))
