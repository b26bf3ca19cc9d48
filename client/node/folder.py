"""What a member's SuperNode needs, in one folder: address, certificate, key. Nothing of it is about data.

::

    node.json    the federation's name, the SuperLink's address, the guard's socket
    root.pem     the authority behind the SuperLink's certificate
    key key.pub  ECDSA P-384: authenticates the node's connection, and signs nothing else
    proof.json   that the key connects for the member, to be handed in when the node is registered
    node-id      the number the SuperLink knows the node by, once it was connected
    flower/      what Flower keeps (FLWR_HOME)
    gate/        what the SuperNode starts instead of Flower's app processes

Somebody who reads the key can be online in the member's name, and no more: contributions are
signed by the guard. The SuperNode may therefore have a user of its own, with this folder alone.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import ConfigError
from federation.home import PRIVATE_FOLDER, write_private
from federation.types import Address, Did

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS: Final = r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):[1-9][0-9]{0,4}$"
_DOCUMENT: Final = "node.json"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-node-1"]
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    superlink: Annotated[str, Field(pattern=ADDRESS)]
    # Flower reads the node's configuration with a pattern of its own, which stops at a quote.
    guard: Annotated[str, Field(pattern=r'^/[^"\x00-\x1f]+$')]


class Member(BaseModel):
    """For whom a node connects, and where.

    Attributes:
        chain_id: The federation's chain.
        federation: The federation's contract.
        did: The member.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    chain_id: Annotated[int, Field(ge=1)]
    federation: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
    did: Annotated[str, Field(pattern="^did:[a-z0-9]+:[!-~]+$", max_length=256)]


class Description(_Document):
    """All that a node's user must be told; the key is made where it is used.

    Attributes:
        root: PEM of the authority behind the SuperLink's certificate.
        member: For whom; None where no key signs for the member yet.
    """

    root: str
    member: Member | None = None

    @classmethod
    def of(
        cls, *, name: str, superlink: str, root_certificate: bytes, guard: Path, member: Member | None = None
    ) -> Self:
        """Describe a node.

        Args:
            name: The federation's name.
            superlink: ``host:port``.
            root_certificate: PEM.
            guard: The guard's socket for the federation.
            member: For whom.

        Raises:
            ConfigError: One is malformed.
        """
        _require_certificate(root_certificate)
        try:
            return cls(
                format="folkmoot-node-1",
                name=name,
                superlink=superlink,
                guard=str(guard.absolute()),
                root=root_certificate.decode("ascii"),
                member=member,
            )
        except (ValidationError, UnicodeDecodeError) as error:
            raise _malformed(error) from error

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a description that another user wrote.

        Raises:
            ConfigError: It is none.
        """
        try:
            found = cls.model_validate_json(raw)
        except ValidationError as error:
            raise _malformed(error) from error
        _require_certificate(found.root.encode())
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFolder:
    """A prepared folder.

    Attributes:
        path: The folder; mode 0700.
        name: The federation's name.
        superlink: ``host:port``.
        guard: The guard's socket for the federation.
    """

    path: Path
    name: str
    superlink: str
    guard: Path

    @property
    def root(self) -> Path:
        """PEM of the authority behind the SuperLink's certificate."""
        return self.path / "root.pem"

    @property
    def key(self) -> Path:
        """The node's private key, in OpenSSH's format as Flower wants it."""
        return self.path / "key"

    @property
    def public(self) -> Path:
        """The public half, to be registered by the aggregator."""
        return self.path / "key.pub"

    @property
    def proof(self) -> Path:
        """The key's own signature that it connects for the member."""
        return self.path / "proof.json"

    @property
    def node_id(self) -> Path:
        """Written when the SuperLink first lets the node in."""
        return self.path / "node-id"

    @property
    def flower(self) -> Path:
        """What Flower keeps."""
        return self.path / "flower"

    @property
    def gate(self) -> Path:
        """First on the SuperNode's PATH."""
        return self.path / "gate"

    def public_key(self) -> str:
        """Return the line to register: ``ecdsa-sha2-nistp384 ... NAME``.

        Raises:
            ConfigError: The file cannot be read.
        """
        return _read(self.public).decode("ascii", "replace").strip()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from running this node.

        Raises:
            ConfigError: One does.
        """
        with (self.path / "lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConfigError(
                    f"the node of {self.name} runs already", hint="one process per federation is enough"
                ) from error
            yield

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a folder that was prepared.

        Raises:
            ConfigError: It was not, or is damaged.
        """
        raw = _read(path / _DOCUMENT)
        try:
            document = _Document.model_validate_json(raw)
        except ValidationError as error:
            raise ConfigError(
                f"{path / _DOCUMENT} is damaged", hint="prepare it again: folkmoot client node"
            ) from error
        return cls._of(path, document)

    @classmethod
    def prepare(cls, path: Path, description: Description) -> Self:
        """Write a folder, or renew it; a key that is there stays.

        Args:
            path: Where to; made for the owner alone.
            description: Of the node.

        Raises:
            ConfigError: It cannot be written.
        """
        document = _Document.model_validate(description.model_dump(exclude={"root", "member"}))
        folder = cls._of(path, document)
        if not folder.key.exists():
            private, public = _new_key(folder.name)
            write_private(folder.public, public, replace=True)
            write_private(folder.key, private, replace=False)
        write_private(folder.root, description.root.encode(), replace=True)
        write_private(path / _DOCUMENT, document.model_dump_json().encode(), replace=True)
        if description.member is not None:
            write_private(folder.proof, _prove(folder.key, description.member).to_bytes(), replace=True)
        folder.flower.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        return folder

    @classmethod
    def _of(cls, path: Path, document: _Document) -> Self:
        return cls(path=path, name=document.name, superlink=document.superlink, guard=Path(document.guard))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="prepare the folder: folkmoot client node",
        ) from error


def _malformed(error: ValueError) -> ConfigError:
    place = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ("root",)
    return ConfigError(f"the node's {'.'.join(map(str, place)) or 'description'} is malformed")


def _require_certificate(pem: bytes) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ConfigError(
            "the root certificate is not PEM", hint="ask the aggregator for the certificate of its authority"
        ) from error


class Proof(BaseModel):
    """A node's key, and its signature that it connects for a member.

    Attributes:
        node_key: The point, in hex.
        possession: The signature, in hex; see ``federation.nodestatement``.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    node_key: Annotated[str, Field(pattern="^04[0-9a-f]{192}$")]
    possession: Annotated[str, Field(pattern="^([0-9a-f]{2})+$", max_length=240)]

    def to_bytes(self) -> bytes:
        """Return JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what a node's user handed over.

        Raises:
            ConfigError: It is none.
        """
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            raise ConfigError("not a node's proof", hint="it is proof.json in the node's folder") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the proof of a node's folder.

        Raises:
            ConfigError: There is none.
        """
        return cls.parse(_read(path))


def _prove(path: Path, member: Member) -> Proof:
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    from federation.nodestatement import prove_possession

    try:
        key = load_ssh_private_key(_read(path), None)
    except ValueError as error:
        raise ConfigError(f"{path} is no key", hint="remove key and key.pub, and prepare it again") from error
    federation, did = Address(member.federation), Did(member.did)
    point, possession = prove_possession(key, member.chain_id, federation, did)
    return Proof(node_key=point.hex(), possession=possession.hex())


def _new_key(name: str) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private, public + f" {name}\n".encode()
