"""The ClientApp that the bundle names: whatever comes, the guard answers."""

from __future__ import annotations

from client.guard.client import guarded_app

app = guarded_app()
