"""A server of models as a process: public files over HTTP, a chain over RPC, rounds as they come."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread

import pytest

from aggregator.public import BLOCKS, GENESIS
from aggregator.serving.signed import read_answer
from ceramic_bridge import multibase
from contracts.bindings.federation import Federation, RoundRecorded
from contracts.replay import replay
from examples.spam_detection.world import entropy_for
from tests.e2e.chainserver import served

pytestmark = pytest.mark.enable_socket

_RUN = (
    "import sys; from aggregator.serving.cli import serve; from federation.cli import run_command; "
    "sys.exit(run_command(serve, 'serve', sys.argv[1:]))"
)


class Growing:
    """A chain as it was after a block, for who holds its turn; the block can be chosen anew."""

    def __init__(self, chain):
        self._chain, self.turn, self.now = chain, RLock(), chain.block_number

    def __getattr__(self, name):
        return getattr(self._chain.after(self.now), name)


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def files(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(url, path, body=None):
    with urllib.request.urlopen(urllib.request.Request(url + path, body), timeout=20) as answer:
        return json.load(answer)


def test_each_rounds_model_answers_when_the_chain_has_recorded_it(finished, tmp_path):
    deployment = finished.run.deployment
    at = deployment.federation.address
    chain = Growing(replay((finished.public / GENESIS).read_bytes(), (finished.public / BLOCKS).read_bytes()))
    rounds = RoundRecorded.decode_logs(Federation(chain, at).logs())
    chain.now = rounds[0].log.block_number
    seed, aggregator = tmp_path / "identity", finished.run.aggregator_id.did
    seed.touch(mode=0o600)
    seed.write_text(entropy_for(finished.run.settings.seed, "did/aggregator")(32).hex())
    with served(chain) as rpc, files(finished.public) as public:
        command = [sys.executable, "-W", "error", "-c", _RUN, public, "--rpc", rpc, "--port", "0"]
        command += ["--federation", at, "--registry", deployment.registry.address, "--every", "0.2"]
        command += ["--identity", str(seed)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FOLKMOOT_HOME": str(tmp_path)}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
            try:
                said = []
                for line in server.stderr:
                    said.append(line)
                    if found := re.search(r"http://\S+", line):
                        break
                assert len(said) == 2, said
                for event in rounds:
                    with chain.turn:
                        chain.now = event.log.block_number
                    until = time.monotonic() + 30
                    while get(found[0], "/health")["model"] != event.model_hash.hex():
                        assert time.monotonic() < until
                        time.sleep(0.1)
                    answer = get(found[0], "/v1/predict", b'{"text": "spamword1", "sign": true}')
                    assert (answer["round"], answer["model"]) == (event.round_, event.model_hash.hex())
                    signed = read_answer(multibase.decode(answer["event"], "m"), signer=aggregator)
                    assert (signed.model_hash, signed.receipt) == (event.model_hash, event.receipt_hash)
            finally:
                server.terminate()
                rest = server.stderr.read()
        assert (server.returncode, len(rest.splitlines())) == (0, len(rounds) - 1)
