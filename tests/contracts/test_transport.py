"""Attempts are counted, secrets stay out of messages, and JSON-RPC errors are read in all their forms."""

from __future__ import annotations

import pytest

from contracts.backends.transport import ATTEMPTS, NodeTransport, RpcRefused
from federation.errors import ChainError

URL = "https://node.example:8443/v3/SECRET?token=SECRET"


class Response:
    def __init__(self, status):
        self.status_code = status


class HttpError(OSError):
    def __init__(self, status):
        super().__init__(f"{status} for url {URL}")
        self.response = Response(status)


class Provider:
    """Answers from a list; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def make_request(self, method, params):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ask():
    def made(*answers):
        pauses = []
        transport = NodeTransport(URL, sleep=pauses.append)
        transport._provider = provider = Provider(*answers)
        try:
            return transport.request("eth_chainId"), provider.asked, pauses
        except ChainError as error:
            return error, provider.asked, pauses

    return made


OK = {"jsonrpc": "2.0", "id": 1, "result": "0x1"}


@pytest.mark.parametrize("failure", [TimeoutError(), OSError("reset"), HttpError(503), HttpError(429)])
def test_request_is_repeated_when_the_failure_may_pass(ask, failure):
    assert ask(failure, failure, OK) == ("0x1", 3, [0.2, 0.4])


def test_request_is_given_up_when_it_fails_each_time(ask):
    error, asked, pauses = ask(TimeoutError())
    assert (asked, len(pauses)) == (ATTEMPTS, ATTEMPTS - 1)
    assert error.message == "the node at https://node.example:8443 cannot be reached: TimeoutError"


@pytest.mark.parametrize("failure", [HttpError(401), HttpError(404), ConnectionRefusedError(111, "Refused")])
def test_request_is_not_repeated_when_that_cannot_help(ask, failure):
    error, asked, _ = ask(failure)
    assert asked == 1
    assert "cannot be reached" in error.message


@pytest.mark.parametrize("failure", [HttpError(401), HttpError(500), TimeoutError(URL)])
def test_message_names_the_host_only_when_the_url_holds_a_secret(ask, failure):
    error, *_ = ask(failure)
    assert "SECRET" not in error.message
    assert "node.example" in error.message


@pytest.mark.parametrize("answer", [[], "0x1", {"id": 1}, None])
def test_answer_is_refused_when_it_is_not_json_rpc(ask, answer):
    error, asked, _ = ask(answer)
    assert (type(error), error.message, asked) == (ChainError, "the node's answer is not JSON-RPC", 1)


@pytest.mark.parametrize(
    ("error", "message", "data", "reverted"),
    [
        ({"code": 3, "message": "reverted: x", "data": "0xdead"}, "reverted: x", b"\xde\xad", True),
        ({"code": 3, "message": "vm", "data": {"data": "0xdead"}}, "vm", b"\xde\xad", True),
        ({"code": -32000, "message": "execution reverted"}, "execution reverted", b"", True),
        ({"code": -32000, "message": "nonce too low"}, "nonce too low", b"", False),
        ({"code": -32000, "message": "x", "data": "more words"}, "x", b"", False),
        ("plain", "plain", b"", False),
    ],
)  # fmt: skip
def test_error_keeps_its_revert_data_when_a_contract_refuses(ask, error, message, data, reverted):
    found, asked, _ = ask({"id": 1, "error": error})
    assert isinstance(found, RpcRefused)
    assert (found.message, found.data, found.reverted, asked) == (
        f"the node refuses: {message}",
        data,
        reverted,
        1,
    )
