"""The SuperLink's certificates: an authority of the operator's own, and what it vouches for.

Members trust the authority's certificate, ``root.pem``, and nothing else, so that it must reach them
by a way that they trust: whoever hands them another one can be the SuperLink.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from federation.errors import ConfigError
from federation.home import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AUTHORITY_LIFE: Final = dt.timedelta(days=3650)
LIFE: Final = dt.timedelta(days=365)
RENEW: Final = dt.timedelta(days=60)
"""A certificate with less than this left is replaced."""

_HOST: Final = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?")

_BEFORE: Final = dt.timedelta(days=1)
"""Clocks of members may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Where a server's certificate lies.

    Attributes:
        root: PEM of the authority that members trust.
        certificate: PEM of the server's, with what leads to the authority.
        key: PEM of its key.
    """

    root: Path
    certificate: Path
    key: Path

    def require(self) -> None:
        """Check that certificate and key belong together and hold today.

        Raises:
            ConfigError: They do not, or a file cannot be read.
        """
        leaf = _read(self.certificate)
        _read(self.root)
        try:
            key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{self.key} is no private key without a passphrase") from error
        if key.public_key() != leaf.public_key():
            raise ConfigError(f"{self.key} is not the key of {self.certificate}")
        if leaf.not_valid_after_utc <= dt.datetime.now(dt.UTC):
            raise ConfigError(f"{self.certificate} has expired", hint="renew it: no node connects")


def fingerprint(root: Path) -> str:
    """Return the SHA-256 of a certificate as ``openssl x509 -fingerprint -sha256`` shows it.

    Raises:
        ConfigError: The file holds none.
    """
    return _read(root).fingerprint(hashes.SHA256()).hex(":").upper()


def self_made(folder: Path, name: str, hosts: Sequence[str]) -> Certificates:
    """Return a server's certificate from the folder's own authority; each is made, or renewed, as needed.

    Args:
        folder: Where authority and certificates are kept.
        name: The certificate's file name, without its end.
        hosts: Host names and addresses that it is for; the first names it.

    Raises:
        ConfigError: A host is no name, a file is damaged or cannot be written.
    """
    _names(hosts)
    root, secret = folder / "root.pem", folder / "root.key"
    made = Certificates(root=root, certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    if not root.exists():
        _make_authority(root, secret)
    if not _holds(made, hosts):
        _issue(made, secret, hosts)
    return made


def _holds(made: Certificates, hosts: Sequence[str]) -> bool:
    if not (made.certificate.exists() and made.key.exists()):
        return False
    try:
        leaf, root = _read(made.certificate), _read(made.root)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf.verify_directly_issued_by(root)
        made.require()
    except (ConfigError, ValueError, TypeError, InvalidSignature):
        return False  # whatever is wrong with it, another one is made
    left = leaf.not_valid_after_utc - dt.datetime.now(dt.UTC)
    return left > RENEW and set(names) == set(_names(hosts))


def _make_authority(root: Path, secret: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Folkmoot aggregator")])
    made = _builder(subject, subject, key, key, AUTHORITY_LIFE)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_usage(signs=True), critical=True)
    write_private(secret, _pem(key), replace=True)
    certificate = made.sign(key, hashes.SHA256())
    write_private(root, certificate.public_bytes(serialization.Encoding.PEM), replace=False)


def _issue(made: Certificates, secret: Path, hosts: Sequence[str]) -> None:
    root = _read(made.root)
    try:
        signer = serialization.load_pem_private_key(secret.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{secret} cannot be read, so the SuperLink's certificate cannot be renewed",
            hint="put it back from a backup; with a new authority every member must join again",
        ) from error
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    leaf = _builder(subject, root.subject, key, signer, min(LIFE, root.not_valid_after_utc - _now()))
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(_usage(signs=False), critical=True)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    leaf = leaf.add_extension(server, critical=False)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
    write_private(made.key, _pem(key), replace=True)
    certificate = leaf.sign(signer, hashes.SHA256())
    write_private(made.certificate, certificate.public_bytes(serialization.Encoding.PEM), replace=True)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(_now() - _BEFORE).not_valid_after(_now() + life)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return made.add_extension(own, critical=False).add_extension(theirs, critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for host in hosts:
        with suppress(ValueError):
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
            continue
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{host!r} is no host name", hint="an international name as xn--...")
        found.append(x509.DNSName(host))
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    private = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())


def _read(path: Path) -> x509.Certificate:
    """Return the first certificate of a file."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no certificate", hint="it must be PEM") from error
