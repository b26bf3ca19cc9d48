"""``folkmoot client audit``: how private this client really is, measured and signed."""

from __future__ import annotations

import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import open_vault, passphrase_option
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from client.vault import Vault
    from federation.manifest import Manifest


@click.command()
@click.argument("federation", metavar="NAME|federation.toml|REPORT")
@click.option("--canaries", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the signed report to a new file.")
@click.option("--check", is_flag=True, help="Check the signature of a REPORT instead, and say what it says.")
@passphrase_option
@format_option
def audit(
    federation: str,
    canaries: int,
    out: Path | None,
    passphrase_file: Path | None,
    output_format: str,
    *,
    check: bool,
) -> None:
    """Send canaries through the real client and compare what an attacker learns with what is promised.

    Throw-away data take the way that yours take: vault, training, noise, the bytes that are sent. Your
    own data and your privacy budget are not touched; your vault is opened for your signature alone.
    Exit code 8 if the client does not keep the promise.

    Example: folkmoot client audit federation.toml --out audit.json
    """
    if check:
        _check(Path(federation), output_format)
        return
    from ceramic_bridge.did import Identity
    from client.audit import report, trial
    from federation.home import write_private

    if out is not None and out.exists():  # said before the work, not after
        raise ConfigError(f"{out} is there already", hint="choose another name")
    with open_vault(passphrase_file) as vault:
        findings = trial.audit(
            _manifest(federation, vault),
            canaries=canaries,
            progress=lambda number: click.echo(f"  round {number} released", err=True),
        )
        signed = report.sign_report(
            findings,
            Identity(vault.get_secret("did-seed")),
            version=metadata.version("folkmoot"),
            time=int(time.time()),
        )
    if out is not None:
        write_private(out, signed, replace=False)
    if output_format == "json":
        emit_json("ok", report.check_report(signed)[1])
    else:
        for line in report.lines(findings):
            click.echo(line)
    if not findings.passed:
        wrong = ", ".join(gate.name for gate in findings.gates if not gate.passed)
        raise VerificationFailed(
            "privacy audit",
            f"this client does not keep what {findings.federation} promises: {wrong}",
            hint="do not train with it; a sound client fails about one audit in 300: run it again",
        )


def _manifest(name: str, vault: Vault) -> Manifest:
    from client.membership import memberships
    from federation.manifest import Manifest

    path = Path(name)
    if path.suffix != ".toml":
        joined = memberships(vault)
        if name not in joined:
            raise ConfigError(f"you have not joined {name!r}", hint="give its name or its federation.toml")
        return joined[name].manifest
    try:
        return Manifest.from_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read") from error


def _check(path: Path, output_format: str) -> None:
    from client.audit.report import MOST_BYTES, check_report

    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read") from error
    did, report = check_report(data)
    if output_format == "json":
        emit_json("ok", {"did": did, "report": report})
        return
    verdict = "keeps" if report["passed"] is True else "does not keep"
    click.echo(f"yes: {did} signed that its client {verdict} what {report['federation']} promises")
