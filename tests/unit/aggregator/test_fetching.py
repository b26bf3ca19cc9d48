"""Blobs that are needed together: in order, each error at its turn, and no more than are asked for."""

from __future__ import annotations

import threading
import time

import pytest

from aggregator import sources
from aggregator.sources import RemoteMaterial, Unpublished, fetching
from ceramic_bridge.blobs import Absent
from federation.hashing import sha256
from federation.types import Hash32

DATA = [bytes([i]) for i in range(40)]
WANTED = [(sha256(data), f"blob {i}") for i, data in enumerate(DATA)]


class Place:
    """A place on the web that takes its time, the longer the earlier a blob was asked for."""

    def __init__(self, *, missing: int | None = None) -> None:
        self.asked: list[int] = []
        self.together = self.most = 0
        self._missing, self._lock = missing, threading.Lock()

    def __call__(self, place: str, digest: Hash32, *, most: int) -> bytes:
        number = next(i for i, (wanted, _) in enumerate(WANTED) if wanted == digest)
        with self._lock:
            self.asked.append(number)
            self.together += 1
            self.most = max(self.most, self.together)
        time.sleep(0.02 if number % 2 else 0.005)
        with self._lock:
            self.together -= 1
        if number == self._missing:
            raise Absent("not there")
        return DATA[number]


def on_the_web(monkeypatch: pytest.MonkeyPatch, **options: int) -> Place:
    place = Place(**options)
    monkeypatch.setattr(sources, "fetch_blob", place)
    return place


def test_blobs_come_in_order_and_some_at_a_time_when_the_place_is_on_the_web(monkeypatch):
    place = on_the_web(monkeypatch)
    with fetching(RemoteMaterial("http://127.0.0.1:1"), WANTED) as blobs:
        assert [blob() for blob in blobs] == DATA
    assert sorted(place.asked) == list(range(len(DATA)))
    assert 1 < place.most <= 8


def test_blobs_come_one_by_one_when_the_place_is_a_folder(monkeypatch, tmp_path):
    place = on_the_web(monkeypatch)
    with fetching(RemoteMaterial(str(tmp_path)), WANTED) as blobs:
        assert place.asked == []
        assert next(blobs)() == DATA[0]
        assert place.asked == [0]
        assert [blob() for blob in blobs] == DATA[1:]
    assert place.most == 1


def test_missing_blob_is_told_at_its_turn_when_others_came_sooner(monkeypatch):
    on_the_web(monkeypatch, missing=5)
    got = []
    with fetching(RemoteMaterial("http://127.0.0.1:1"), WANTED) as blobs:
        for number, blob in enumerate(blobs):
            if number == 5:
                with pytest.raises(Unpublished, match="blob 5 was not published"):
                    blob()
            else:
                got.append(blob())
    assert got == DATA[:5] + DATA[6:]


def test_rest_is_not_fetched_when_nobody_asks_for_it_any_more(monkeypatch):
    place = on_the_web(monkeypatch, missing=0)
    with (
        pytest.raises(Unpublished),
        fetching(RemoteMaterial("http://127.0.0.1:1"), WANTED) as blobs,
    ):
        next(blobs)()
    assert len(place.asked) < len(WANTED)
    assert place.together == 0
