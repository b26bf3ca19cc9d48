"""A run of so many members that receipts speak of them in a blob, at a size that tests can afford."""

from __future__ import annotations

from dataclasses import replace

from aggregator.verify import verify_run
from ceramic_bridge.events import InitPayload
from federation import payloads
from tests.world import SMALL, execute, made_up_mails


def test_run_verifies_when_its_receipts_name_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(payloads, "INLINE", 2)
    settings = replace(SMALL, rounds=2, cheats=("nan", "zero"))
    finished = execute(settings, tmp_path, mails=made_up_mails(700))
    assert verify_run(finished.out).members == len(finished.run.actors)
    contents = [e.payload.content for e in finished.run.log if isinstance(e.payload, InitPayload)]
    receipts = [content for content in contents if content.get("kind") == "round-receipt"]
    assert all(receipt["credits"] == [] and receipt["table"] for receipt in receipts)
    assert len(receipts) == 2
