"""Where a provider keeps one federation: its key, its examples, and its secrets of every epoch.

::

    identity            seed of the DID
    federation.toml     the manifest, canonical
    settings.json       which contract, node, desk, account
    examples            imported examples, canonical
    epoch-N/secrets     salts and hash chain: whoever loses them loses the bond
    epoch-N/terms-HASH  the proposal that was consented to: its index proves one's own parts
    epoch-N/opened-R    the one shard that was ever opened for round R
    epoch-N/over        nothing is left to do

Everything is for this user alone (0600, 0700) and on disk, folder entries too, before anything that
depends on it leaves the machine.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aggregator.dealing import Dealt
from ceramic_bridge.did import Identity
from federation.errors import ConfigError, VerificationFailed
from federation.home import PRIVATE_FILE, data_directory, write_private
from federation.manifest import Manifest
from federation.models.linear import Examples
from federation.validation import examples_bytes, parse_examples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from federation.types import Hash32

NAME: Final = re.compile("[a-z0-9][a-z0-9-]{0,62}")
"""A federation's name, as in its manifest."""

_Account = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]


class Settings(BaseModel):
    """What a provider has told this program about a federation."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["folkmoot-provider-1"] = "folkmoot-provider-1"
    federation: _Account
    rpc: str
    desk: str
    key: str
    confirmations: Annotated[int, Field(ge=1, le=200)]


@dataclass(frozen=True, slots=True)
class ProviderHome:
    """The folder of one federation.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], name: str) -> Self:
        """Return the folder of a federation by its name.

        Raises:
            ConfigError: It is no name of a federation.
        """
        if not NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name of a federation", hint="small letters, digits, hyphens")
        return cls(data_directory(environ) / "provider" / name)

    def create_identity(self, seed: bytes) -> Identity:
        """Keep the seed of a new DID.

        Raises:
            ConfigError: There is one already.
        """
        made = Identity(seed)
        self._write(self.path / "identity", seed, replace=False)
        return made

    def identity(self) -> Identity:
        """Return the key that signs.

        Raises:
            ConfigError: There is none, or others may read it.
        """
        return Identity(self._read(self.path / "identity", "folkmoot validation init makes a provider's key"))

    def join(self, manifest: Manifest, settings: Settings) -> None:
        """Keep what was agreed with a federation; may be said again, e.g. when the desk moves.

        Raises:
            ConfigError: The folder holds secrets of another contract.
        """
        place = (manifest.chain.chain_id, settings.federation)
        for epoch in self.epochs():
            domain = self.dealt(epoch).domain
            if (domain.chain_id, domain.federation) != place:
                raise ConfigError(
                    f"{self.path} holds secrets for {domain.federation}, another federation of this name",
                    hint="if that one is over, move the folder away and begin again with its identity file",
                )
        self._write(self.path / "federation.toml", manifest.to_toml().encode(), replace=True)
        self._write(self.path / "settings.json", settings.model_dump_json().encode(), replace=True)

    def manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            ConfigError: There is none.
        """
        return Manifest.from_toml(self._read(self.path / "federation.toml", _JOIN).decode())

    def settings(self) -> Settings:
        """Return what this program was told.

        Raises:
            ConfigError: There is nothing, or it is damaged.
        """
        data = self._read(self.path / "settings.json", _JOIN)
        try:
            return Settings.model_validate_json(data)
        except ValidationError as error:
            raise ConfigError(f"{self.path / 'settings.json'} is damaged", hint=_JOIN) from error

    def examples(self, words: int) -> Examples:
        """Return all imported examples; none if nothing was imported.

        Raises:
            VerificationFailed: The file was damaged.
        """
        path = self.path / "examples"
        if not path.exists():
            return Examples.build([], [])
        return parse_examples(self._read(path, ""), dim=words)

    def keep_examples(self, examples: Examples) -> None:
        """Keep imported examples in place of those that were there."""
        self._write(self.path / "examples", examples_bytes(examples), replace=True)

    def epochs(self) -> list[int]:
        """Return the epochs that were committed to, ascending."""
        if not self.path.exists():
            return []
        found = [re.fullmatch("epoch-([1-9][0-9]*)", path.name) for path in self.path.iterdir()]
        return sorted(int(match[1]) for match in found if match and self._secrets(int(match[1])).exists())

    def dealt(self, epoch: int) -> Dealt:
        """Return the secrets of an epoch.

        Raises:
            ConfigError: There are none.
            VerificationFailed: They were damaged.
        """
        return Dealt.parse(self._read(self._secrets(epoch), "they are lost: restore them from your backup"))

    def keep_dealt(self, dealt: Dealt) -> Dealt:
        """Keep an epoch's secrets, and return those that count: the first ones kept."""
        path = self._secrets(dealt.domain.epoch)
        if not path.exists():
            try:
                self._write(path, dealt.to_bytes(), replace=False)
            except ConfigError:
                # Another process of this provider may have been first: then its secrets count.
                if not path.exists():
                    raise
        return self.dealt(dealt.domain.epoch)

    def replace_dealt(self, dealt: Dealt) -> None:
        """Keep other secrets of an epoch that nothing was consented to with those before.

        Raises:
            VerificationFailed: Something was.
        """
        if self.consented(dealt.domain.epoch):
            raise VerificationFailed(
                f"epoch {dealt.domain.epoch}", "its secrets stand behind a consent: they cannot be replaced"
            )
        self._write(self._secrets(dealt.domain.epoch), dealt.to_bytes(), replace=True)

    def consented(self, epoch: int) -> bool:
        """Tell whether any terms of an epoch were consented to."""
        return any(self._epoch(epoch).glob("terms-*"))

    def keep_opened(self, epoch: int, round_: int, shard: int) -> None:
        """Keep which shard is opened for a round, before it is.

        Raises:
            VerificationFailed: Another one was opened for that round before.
        """
        path = self._epoch(epoch) / f"opened-{round_}"
        if not path.exists():
            self._write(path, str(shard).encode(), replace=False)
        before = self._read(path, "")
        if before != str(shard).encode():
            raise VerificationFailed(
                f"round {round_} of epoch {epoch}",
                f"the chain says that shard {shard} was drawn; shard {before.decode()} was, and was opened",
                hint="the chain was reorganised below its confirmations: nothing else will be opened",
            )

    def keep_proposal(self, epoch: int, agreed: Hash32, proposal: bytes) -> None:
        """Keep a proposal before consenting to it."""
        self._write(self._epoch(epoch) / f"terms-{agreed.hex()}", proposal, replace=True)

    def proposal(self, epoch: int, agreed: Hash32) -> bytes | None:
        """Return the proposal of some terms, if it was consented to."""
        path = self._epoch(epoch) / f"terms-{agreed.hex()}"
        return self._read(path, "") if path.exists() else None

    def over(self, epoch: int) -> bool:
        """Tell whether nothing is left to do for an epoch."""
        return (self._epoch(epoch) / "over").exists()

    def keep_over(self, epoch: int) -> None:
        """Remember that nothing is left to do for an epoch."""
        self._write(self._epoch(epoch) / "over", b"", replace=True)

    def _epoch(self, epoch: int) -> Path:
        return self.path / f"epoch-{epoch}"

    def _secrets(self, epoch: int) -> Path:
        return self._epoch(epoch) / "secrets"

    @staticmethod
    def _write(path: Path, content: bytes, *, replace: bool) -> None:
        write_private(path, content, replace=replace)
        # The new name must outlive a power cut too, and so must the folder's own.
        for folder in (path.parent, path.parent.parent):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    @staticmethod
    def _read(path: Path, hint: str) -> bytes:
        try:
            if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FILE:
                raise ConfigError(f"others may read {path}", hint=f"chmod 600 {path}")
            return path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}", hint=hint or None
            ) from error


_JOIN: Final = "folkmoot validation join says which federation this is"
