"""Writing down a call without a chain."""

from __future__ import annotations

import pytest

from contracts import abi
from contracts.bindings.federation import Federation
from contracts.draft import draft
from federation.errors import ChainError
from federation.types import Hash32

WORD = Hash32(b"\1" * 32)


def test_draft_returns_the_data_that_would_be_sent_when_a_call_is_made() -> None:
    data = draft(Federation, lambda federation, sender: federation.open_round(sender, WORD))
    assert data == abi.selector("openRound(bytes32)") + WORD


def test_draft_is_refused_when_nothing_is_sent() -> None:
    with pytest.raises(ChainError, match="nothing was sent"):
        draft(Federation, lambda *_: None)  # type: ignore[arg-type,return-value]  # sends nothing, on purpose
