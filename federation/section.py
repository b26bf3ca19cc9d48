"""A section of federation.toml: strict, and closed to what it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Values as the file writes them, checked once and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
