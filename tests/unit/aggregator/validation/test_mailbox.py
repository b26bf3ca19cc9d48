"""The first body counts, unless it was refused; everything outlives the process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from aggregator.validation.mailbox import Mailbox, Taken
from federation.errors import ConfigError, PeerError
from federation.hashing import sha256
from tests.unit.aggregator.validation.scene import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def mailbox(tmp_path, clock):
    return Mailbox(tmp_path / "home" / "mailbox.db", clock=clock, sleep=clock.sleep)


def test_body_is_there_when_the_mailbox_is_opened_again(mailbox, tmp_path):
    mailbox.put(1, 0, "commit", b"body")
    mailbox.propose(1, b"terms")
    again = Mailbox(tmp_path / "home" / "mailbox.db")
    assert again.get(1, 0, "commit") == b"body"
    assert again.proposal(1) == b"terms"
    assert (again.get(2, 0, "commit"), again.get(1, 1, "commit"), again.proposal(2)) == (None, None, None)


def test_second_body_is_refused_when_it_differs_from_the_first(mailbox):
    mailbox.put(1, 0, "commit", b"body")
    mailbox.put(1, 0, "commit", b"body")
    with pytest.raises(Taken, match="came first"):
        mailbox.put(1, 0, "commit", b"another")
    assert mailbox.get(1, 0, "commit") == b"body"


def test_another_body_is_taken_when_the_first_was_refused(mailbox):
    mailbox.put(1, 0, "commit", b"wrong")
    mailbox.refuse(1, 0, "commit", b"wrong", "it is wrong")
    assert mailbox.get(1, 0, "commit") is None
    assert mailbox.held(1, 0)["commit"].refusal == "it is wrong"
    # The same bytes again stay refused: nothing about them has changed.
    mailbox.put(1, 0, "commit", b"wrong")
    assert mailbox.get(1, 0, "commit") is None
    mailbox.put(1, 0, "commit", b"right")
    assert mailbox.get(1, 0, "commit") == b"right"
    assert mailbox.held(1, 0)["commit"].sha256 == sha256(b"right")


def test_refusal_hits_nobody_when_the_body_was_replaced_meanwhile(mailbox):
    mailbox.put(1, 0, "commit", b"wrong")
    mailbox.refuse(1, 0, "commit", b"wrong", "it is wrong")
    mailbox.put(1, 0, "commit", b"right")
    mailbox.refuse(1, 0, "commit", b"wrong", "late")
    assert mailbox.get(1, 0, "commit") == b"right"


def test_waiting_ends_when_the_item_comes(mailbox, clock):
    clock.happens = [lambda: None, lambda: mailbox.put(1, 2, "preimage-1", b"x")]
    assert mailbox.wait(1, 2, "preimage-1", timeout=60) == b"x"
    assert clock.now < 1


def test_waiting_ends_with_the_reason_when_time_is_up(mailbox, clock):
    with pytest.raises(PeerError, match=r"^provider 2 has not sent preimage-1 in time$"):
        mailbox.wait(1, 2, "preimage-1", timeout=60)
    assert clock.now == pytest.approx(60)
    mailbox.put(1, 2, "preimage-1", b"x")
    mailbox.refuse(1, 2, "preimage-1", b"x", "too short")
    with pytest.raises(PeerError, match="the last one was refused: too short"):
        mailbox.wait(1, 2, "preimage-1", timeout=60)


@dataclass
class Outcomes:
    taken: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)


def test_one_body_wins_when_many_come_at_once(mailbox):
    outcomes, start = Outcomes(), threading.Barrier(6)

    def put(body: bytes) -> None:
        start.wait()
        try:
            mailbox.put(1, 0, "part-1", body)
        except Taken:
            outcomes.refused.append(body)
        else:
            outcomes.taken.append(body)

    threads = [threading.Thread(target=put, args=(bytes([i]),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(outcomes.taken), len(outcomes.refused)) == (1, 5)
    assert mailbox.get(1, 0, "part-1") == outcomes.taken[0]


def test_mailbox_is_private_when_it_is_made(mailbox, tmp_path):
    assert (tmp_path / "home" / "mailbox.db").stat().st_mode & 0o077 == 0


def test_mailbox_is_refused_when_the_file_is_another(tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        Mailbox(tmp_path / "x.db")
