"""A real SuperLink on loopback, with TLS and node authentication, to be killed and started again."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aggregator.bundle import write_bundle
from federation.bundle import SOCKET_KEY

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LOOPBACK = "127.0.0.1"
DAY = dt.timedelta(days=1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **more: str) -> dict[str, str]:
    """For a process of ours or Flower's: nothing of this one's but where the code is."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "HOME": str(home),
        "FLWR_HOME": str(home / "flower"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2",
        "OMP_NUM_THREADS": "1",
        **more,
    }


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority of one test."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str = "authority") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return cls(certificate=_certificate(own, own, key, key, None, DAY), key=key)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, folder: Path, *, host: str = LOOPBACK, valid: dt.timedelta = DAY) -> None:
        """Write ``root.pem``, ``server.pem`` and ``server.key`` for a host; with a past end if negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "superlink")])
        found = _certificate(name, self.certificate.subject, key, self.key, host, valid)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "root.pem").write_bytes(self.pem)
        (folder / "server.pem").write_bytes(found.public_bytes(serialization.Encoding.PEM))
        private = serialization.PrivateFormat.TraditionalOpenSSL
        secret = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
        (folder / "server.key").write_bytes(secret)


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    host: str | None,
    valid: dt.timedelta,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - 2 * DAY).not_valid_after(now + valid)
    made = made.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = made.add_extension(identifier, critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    made = made.add_extension(authority, critical=False)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=host is None,
        crl_sign=host is None,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = made.add_extension(usage, critical=True)
    if host is not None:
        names = [x509.DNSName("localhost")]
        if host == LOOPBACK:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(signer, hashes.SHA256())


class SuperLink:
    """Flower's own server, with everything it keeps in one folder."""

    def __init__(self, folder: Path, *, socket: Path) -> None:
        """Prepare it; the runs that it is asked for relay for whoever listens at ``socket``."""
        self.folder, self._socket = folder, socket
        self.port = free_port()
        self.authority = Authority.make()
        self.authority.issue(folder)
        self._environment = environment(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.runs: list[str] = []
        write_bundle(folder / "bundle")
        (folder / "flower").mkdir(exist_ok=True)
        (folder / "flower" / "config.toml").write_text(
            f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "{self.address}"\n'
            f'root-certificates = "{folder / "root.pem"}"\n'
        )

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it with what it kept, and wait until it answers."""
        words = [str(BIN / "flower-superlink"), "--host", LOOPBACK, "--port", str(self.port)]
        words += ["--ssl-ca-certfile", "root.pem", "--ssl-certfile", "server.pem"]
        words += ["--ssl-keyfile", "server.key", "--enable-supernode-auth", "--database", "state.db"]
        words += ["--disable-runtime-dependency-installation"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            assert self._process.poll() is None, self.log()
            time.sleep(0.2)
        raise AssertionError(self.log())

    def kill(self) -> None:
        """End it without a word, as a crash would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def flwr(self, *words: str) -> Mapping[str, object]:
        """Run Flower's command line against it."""
        done = subprocess.run(
            [str(BIN / "flwr"), *words, "--format", "json"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        answer: Mapping[str, object] = json.loads(done.stdout or "{}")
        return answer

    def register(self, public_key: Path) -> int:
        """Let a node in; returns the number it gets."""
        answer = self.flwr("supernode", "register", str(public_key), "here")
        return int(str(answer["node-id"]))

    def submit(self, bundle: Path | None = None, *, config: str = "") -> bool:
        """Start a run, of the bundle whose ServerApp relays unless told; tell whether it was started."""
        told = config or f'{SOCKET_KEY}="{self._socket}"'
        answer = self.flwr("run", str(bundle or "bundle"), "here", "--run-config", told)
        if answer.get("success"):
            self.runs.append(str(answer["run-id"]))
        return bool(answer.get("success"))

    def nodes(self) -> dict[int, str]:
        """Every registered node's status."""
        listed = self.flwr("supernode", "list", "here")["nodes"]
        assert isinstance(listed, list)
        return {int(node["node-id"]): str(node["status"]) for node in listed}


class Process:
    """A command of ours whose status lines are watched."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], output: Path) -> None:
        self.words, self.env, self.output = words, env, output
        with output.open("ab") as stderr:
            self.process = subprocess.Popen(
                words, env=dict(env), stderr=stderr, stdout=stderr, stdin=subprocess.DEVNULL
            )

    def events(self) -> list[dict[str, object]]:
        lines = self.output.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def seen(self, event: str, **fields: object) -> list[dict[str, object]]:
        return [
            e for e in self.events() if e["event"] == event and all(e.get(k) == v for k, v in fields.items())
        ]

    def codes(self) -> list[object]:
        """The codes of the errors it told, in order."""
        return [e["error"]["code"] for e in self.events() if isinstance(e.get("error"), dict)]

    def until(self, event: str, *, times: int = 1, timeout: float = 120) -> dict[str, object]:
        """Wait for an event."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if len(found := self.seen(event)) >= times:
                return found[times - 1]
            assert self.process.poll() is None, self.output.read_text()[-4000:]
            time.sleep(0.2)
        raise AssertionError(f"no {event}: {self.output.read_text()[-4000:]}")

    def stop(self, timeout: float = 40) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
