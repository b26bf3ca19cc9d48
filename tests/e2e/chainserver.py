"""The embedded chain for other processes to read: JSON-RPC on loopback, while this process writes to it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any

from contracts.backends.embedded import EmbeddedChain
from federation.errors import ChainError, Reverted
from federation.types import Address


class SharedChain(EmbeddedChain):
    """One thread at a time."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.turn = RLock()
        super().__init__(*args, **more)

    def call(self, *args: Any) -> bytes:
        with self.turn:
            return super().call(*args)

    def _append(self, *args: Any) -> Any:
        with self.turn:
            return super()._append(*args)


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


class _Reads:
    """The methods of a node that ``RpcChain`` reads with."""

    def __init__(self, chain: SharedChain) -> None:
        self.chain = chain

    def eth_chainId(self) -> str:
        return hex(self.chain.chain_id)

    def eth_blockNumber(self) -> str:
        return hex(self.chain.block_number)

    def eth_getBlockByNumber(self, block: str, _full: bool) -> dict[str, str] | None:
        number = self.chain.block_number if block == "latest" else int(block, 16)
        if number > self.chain.block_number:
            return None
        stamp = self.chain.block_time(number)
        return {
            "number": hex(number),
            "hash": hexed(self.chain.block_hash(number)),
            "timestamp": hex(stamp),
        }

    def eth_getCode(self, address: str, _block: str) -> str:
        return hexed(self.chain.code(Address(address)))

    def eth_call(self, call: dict[str, str], _block: str) -> str:
        return hexed(self.chain.call(Address(call["to"]), bytes.fromhex(call["data"][2:])))

    def eth_getLogs(self, wanted: dict[str, str]) -> list[dict[str, Any]]:
        last = int(wanted["toBlock"], 16)
        logs = self.chain.logs(Address(wanted["address"]), int(wanted["fromBlock"], 16))
        return [
            {
                "address": log.address,
                "topics": [hexed(topic) for topic in log.topics],
                "data": hexed(log.data),
                "blockNumber": hex(log.block_number),
                "logIndex": hex(log.index),
                "transactionHash": hexed(log.transaction_hash),
            }
            for log in logs
            if log.block_number <= last
        ]


@contextmanager
def served(chain: SharedChain) -> Any:
    """Serve a chain; gives the URL."""
    reads = _Reads(chain)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
            try:
                with chain.turn:
                    answer["result"] = getattr(reads, asked["method"])(*asked["params"])
            except Reverted as error:
                answer["error"] = {"code": 3, "message": f"execution reverted: {error.name}"}
            except ChainError as error:
                answer["error"] = {"code": -32000, "message": error.message}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
