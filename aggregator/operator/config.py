"""operator.toml: what one operator has set; nothing in it is agreed with anybody, so it may change.

It holds no secret: keys and passphrases lie in files of their own.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aggregator.operator.faults import read_table, require

_FILE: Final = "operator.toml"


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; an IPv6 address stands in brackets.

    Raises:
        ValueError: It has another form.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not port.isdecimal() or not port.isascii() or int(port) >= 1 << 16:
        raise ValueError("must be host:port, such as 127.0.0.1:8700")
    return bare, int(port)


def on_loopback(text: str) -> bool:
    """Tell whether only this machine reaches an address ``host:port``."""
    host, _ = split_address(text)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> str:
    split_address(text)
    return text


def _address_or_nothing(text: str) -> str:
    return _address(text) if text else text


def _url_or_nothing(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None):
        raise ValueError("must be a URL, http://... or https://..., without a password")
    return text


_Bind = Annotated[str, AfterValidator(_address)]
_MaybeBind = Annotated[str, AfterValidator(_address_or_nothing)]
_MaybeUrl = Annotated[str, AfterValidator(_url_or_nothing)]
_MaybeContract = Annotated[str, Field(pattern="^(0x[0-9a-fA-F]{40})?$")]
_Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ChainSettings(_Section):
    """How the chain is reached."""

    rpc: str = Field(
        default="http://127.0.0.1:8545", min_length=1, description="the node: a URL, or a socket's path"
    )
    confirmations: int = Field(default=3, ge=1, le=256, description="blocks until something counts as done")
    max_fee_gwei: int = Field(default=500, ge=1, description="nothing is sent while gas costs more")
    federation: _MaybeContract = Field(
        default="", description='the contract; "" finds what "folkmoot chain deploy" recorded'
    )
    registry: _MaybeContract = Field(default="", description="its registry, beside federation")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if bool(self.federation) != bool(self.registry):
            raise ValueError("federation and registry are given together or not at all")
        return self


class AccountSettings(_Section):
    """Whose account sends transactions."""

    key: str = Field(
        default="aggregator", min_length=1, description='a name of "folkmoot keys new", or a path'
    )
    passphrase_file: str = Field(
        default="",
        description='where its passphrase is; "" asks, or takes systemd\'s credential "passphrase"',
    )


class DeskSettings(_Section):
    """Where members, providers and the public find this aggregator."""

    bind: _Bind = Field(default="127.0.0.1:8700", description="address of the desk")
    certificate: str = Field(default="", description='PEM file; "" speaks plain HTTP, for a proxy in front')
    key: str = Field(default="", description="PEM file of the certificate's key")
    public_url: _MaybeUrl = Field(default="", description="under which URL others reach the desk")
    max_connections: int = Field(default=256, ge=8, le=65_536, description="at once, from all callers")
    max_body: int = Field(default=64 << 20, ge=1 << 16, description="bytes of one request")

    @model_validator(mode="after")
    def _a_pair(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key are given together or not at all")
        return self


class MetricsSettings(_Section):
    """Where Prometheus looks."""

    bind: _MaybeBind = Field(default="127.0.0.1:9464", description='address of /metrics; "" for none')


class SuperLinkSettings(_Section):
    """Flower's server: one that this process keeps running, or another."""

    existing: _MaybeBind = Field(
        default="", description='address of the control API of one that runs already; "" starts one'
    )
    authority: str = Field(
        default="", description="PEM file of who vouches for the certificate, or for the existing one"
    )
    bind: _Bind = Field(default="0.0.0.0:9092", description="where members' nodes connect to the started one")
    hosts: list[str] = Field(
        default=["localhost"], min_length=1, description="names in a self-made certificate"
    )
    certificate: str = Field(default="", description='PEM file; "" makes an authority and a certificate')
    key: str = Field(default="", description="PEM file of the certificate's key")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.certificate) != bool(self.key) or (self.certificate and not self.authority):
            raise ValueError("certificate, key and authority are given together or not at all")
        if self.existing and not self.authority:
            raise ValueError("existing is given with the authority that vouches for it")
        return self


class EventSettings(_Section):
    """Where events are published."""

    node: _MaybeUrl = Field(default="", description='URL of the community\'s event node; "" keeps them here')


class TimeoutSettings(_Section):
    """How long others are waited for, in seconds; the chain's deadlines bound all of it."""

    members: _Seconds = Field(default=600.0, description="for members' answers in each phase of a round")
    providers: _Seconds = Field(
        default=3600.0, description="for providers' commitments, consents and last reveals"
    )
    shards: _Seconds = Field(default=600.0, description="for a drawn shard; who is later is accused on chain")


class TrackerSettings(_Section):
    """Where figures of rounds go besides; needs the extra ``tracking``."""

    tensorboard: str = Field(default="", description='folder of a TensorBoard run; "" for none')
    mlflow: str = Field(default="", description='tracking URI of MLflow; "" for none')


class SettleSettings(_Section):
    """What happens once an epoch is paid."""

    claim: bool = Field(default=True, description="claim for every member, at this account's cost")


class OperatorConfig(_Section):
    """All of operator.toml; every key has a default."""

    chain: ChainSettings = ChainSettings()
    account: AccountSettings = AccountSettings()
    desk: DeskSettings = DeskSettings()
    metrics: MetricsSettings = MetricsSettings()
    superlink: SuperLinkSettings = SuperLinkSettings()
    events: EventSettings = EventSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    trackers: TrackerSettings = TrackerSettings()
    settle: SettleSettings = SettleSettings()

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read operator.toml.

        Raises:
            ConfigError: It is no TOML, or keys are unknown or wrong; the hint lists all of them.
        """
        return cls.of(read_table(text, _FILE))

    @classmethod
    def of(cls, table: dict[str, object]) -> Self:
        """Read the file's table; see :meth:`from_toml`."""
        require(cls, table, _FILE, _hint)
        return cls.model_validate(table)

    def to_toml(self) -> str:
        """Return the file's text, every key with what it means."""
        lines = ["# What this operator has set; see docs/operator.md. No secrets belong here."]
        for name, field in type(self).model_fields.items():
            section = getattr(self, name)
            lines += ["", f"[{name}]"]
            assert field.annotation is not None
            for key, about in type(section).model_fields.items():
                lines += [f"# {about.description}", f"{key} = {_toml(getattr(section, key))}"]
        return "\n".join(lines) + "\n"


def _hint(section: str, key: str) -> str:
    sections = OperatorConfig.model_fields
    if section not in sections:
        return f"the sections are {', '.join(sections)}"
    kind = sections[section].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, _Section)
    known = kind.model_fields
    if key and key not in known:
        return f"its keys are {', '.join(known)}"
    return known[key].description or "" if key else ""


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            # JSON's escapes are TOML's, but for one character that TOML wants escaped too.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case list():
            return "[" + ", ".join(_toml(one) for one in value) + "]"
    return str(value)
