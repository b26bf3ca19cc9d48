"""The SuperLink's certificates: who vouches for whom, and when they are made again."""

from __future__ import annotations

import datetime as dt
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from aggregator import certificates
from aggregator.certificates import RENEW, Certificates, fingerprint, self_made
from federation.errors import ConfigError
from tests.e2e.superlink import Authority

HOSTS = ("moot.example.org", "127.0.0.1", "::1")


def leaf(made):
    return x509.load_pem_x509_certificate(made.certificate.read_bytes())


def greets(made, root, host):
    """Shake hands over memory, as a member's node would."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate, made.key)
    client = ssl.create_default_context(cafile=root)
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname=host),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True


@pytest.mark.parametrize("host", HOSTS)
def test_node_trusts_the_certificate_when_it_calls_one_of_its_hosts(tmp_path, host):
    made = self_made(tmp_path, "server", HOSTS)
    made.require()
    assert greets(made, made.root, host)


def test_node_does_not_trust_it_when_the_host_or_the_authority_is_another(tmp_path):
    made = self_made(tmp_path / "a", "server", HOSTS)
    other = self_made(tmp_path / "b", "server", HOSTS)
    assert not greets(made, made.root, "other.example.org")
    assert not greets(made, other.root, HOSTS[0])


def test_authority_vouches_for_servers_only(tmp_path):
    made = self_made(tmp_path, "server", HOSTS)
    root = x509.load_pem_x509_certificate(made.root.read_bytes())
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert not leaf(made).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_everything_stays_when_it_still_holds(tmp_path):
    first = self_made(tmp_path, "server", HOSTS)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert self_made(tmp_path, "server", HOSTS) == first
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {path.stat().st_mode & 0o077 for path in before} == {0}


@pytest.mark.parametrize("hosts", [("other.example.org",), HOSTS[:1]])
def test_certificate_is_made_again_when_the_hosts_change(tmp_path, hosts):
    first = leaf(self_made(tmp_path, "server", HOSTS))
    root = (tmp_path / "root.pem").read_bytes()
    second = self_made(tmp_path, "server", hosts)
    assert leaf(second) != first
    assert greets(second, second.root, hosts[0])
    assert (tmp_path / "root.pem").read_bytes() == root


@pytest.mark.parametrize(("left", "same"), [(RENEW + dt.timedelta(days=1), True), (RENEW, False)])
def test_certificate_is_renewed_when_it_soon_expires(tmp_path, monkeypatch, left, same):
    with monkeypatch.context() as earlier:
        earlier.setattr(certificates, "LIFE", left)
        first = leaf(self_made(tmp_path, "server", HOSTS))
    assert (leaf(self_made(tmp_path, "server", HOSTS)) == first) is same


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_certificate_is_made_again_when_a_file_is_damaged(tmp_path, name, damage):
    self_made(tmp_path, "server", HOSTS)
    (tmp_path / name).write_bytes(damage)
    made = self_made(tmp_path, "server", HOSTS)
    made.require()
    assert greets(made, made.root, HOSTS[0])


def test_certificate_and_key_fit_when_a_crash_left_them_apart(tmp_path):
    made = self_made(tmp_path, "server", HOSTS)
    made.key.write_bytes(self_made(tmp_path, "other", HOSTS).key.read_bytes())
    with pytest.raises(ConfigError, match="not the key of"):
        made.require()
    self_made(tmp_path, "server", HOSTS).require()


def test_authority_is_not_replaced_when_its_key_is_lost(tmp_path):
    self_made(tmp_path, "server", HOSTS)
    (tmp_path / "root.key").unlink()
    self_made(tmp_path, "server", HOSTS)
    with pytest.raises(ConfigError, match="cannot be renewed"):
        self_made(tmp_path, "server", ("other.example.org",))


@pytest.mark.parametrize("host", ["münchen.example", ""])
def test_host_is_refused_when_it_is_no_name(tmp_path, host):
    with pytest.raises(ConfigError):
        self_made(tmp_path, "server", (host,))


def test_operators_certificate_is_refused_when_it_has_expired(tmp_path):
    Authority.make().issue(tmp_path, valid=dt.timedelta(hours=-1))
    given = Certificates(
        root=tmp_path / "root.pem", certificate=tmp_path / "server.pem", key=tmp_path / "server.key"
    )
    with pytest.raises(ConfigError, match="expired"):
        given.require()
    Authority.make().issue(tmp_path)
    given.require()


def test_fingerprint_is_what_openssl_shows(tmp_path):
    made = self_made(tmp_path, "server", HOSTS)
    assert ssl.PEM_cert_to_DER_cert(made.root.read_text()) == x509.load_pem_x509_certificate(
        made.root.read_bytes()
    ).public_bytes(Encoding.DER)
    try:
        shown = subprocess.run(
            ["openssl", "x509", "-in", made.root, "-noout", "-fingerprint", "-sha256"],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    assert shown.stdout.strip().partition("=")[2] == fingerprint(made.root)
