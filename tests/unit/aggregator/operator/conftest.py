"""An operator's folder, and its commands as a person types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.commands import aggregator
from federation.cli import run_command
from tests.joined import Answer
from tests.unit.aggregator.operator.office import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("FOLKMOOT_RPC", raising=False)
    return Office(tmp_path)


@pytest.fixture
def run(office: Office, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command of the aggregator."""

    def call(*args: object) -> Answer:
        capfd.readouterr()
        code = run_command(aggregator, "folkmoot aggregator", [str(arg) for arg in args])
        return Answer(code, *capfd.readouterr())

    return call
