"""``folkmoot client join``: what a community asks, your answer, and what follows from it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import confirm, emit_json, format_option, printable, tell
from federation.errors import ConfigError, IdentityError, PeerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ceramic_bridge.cid import StreamId
    from client.joining import Said
    from client.membership import Membership
    from client.vault import Vault
    from contracts.chain import Reader
    from contracts.deploy import Deployment
    from federation.manifest import Manifest
    from federation.types import Address

_MOST_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """The options; what is not given stays as it was when the federation was joined before."""

    federation: str | None
    registry: str | None
    rpc: str | None
    superlink: str | None
    root_certificates: Path | None
    public: str | None
    events: str | None
    models: Path | None
    unsafe_no_dp: bool


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path), metavar="FEDERATION.TOML")
@click.option("--federation", metavar="ADDRESS", help="The federation's contract.")
@click.option("--registry", metavar="ADDRESS", help="The contract that knows who is paid for whom.")
@click.option("--rpc", envvar="FOLKMOOT_RPC", help="The chain's node: a URL, or the path of its Unix socket.")
@click.option("--superlink", metavar="HOST:PORT", help="Where the aggregator's SuperLink listens.")
@click.option(
    "--root-certificates", type=click.Path(path_type=Path), help="PEM of who vouches for the SuperLink."
)
@click.option("--public", metavar="URL|DIR", help="Where the federation publishes its blobs.")
@click.option("--events", metavar="URL", help="The community's event node.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    help="File with the community's event models, where there is no event node.",
)
@click.option(
    "--wallet-signature",
    type=click.Path(path_type=Path),
    help="File with your wallet's signature under the text that this command wrote.",
)
@click.option("--unsafe-no-dp", is_flag=True, help="Accept that what you send shows your words.")
@click.option("--forget", is_flag=True, help="Leave the federation: nothing more is sent to it.")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@passphrase_option
@format_option
def join(
    manifest: Path,
    *,
    federation: str | None,
    registry: str | None,
    rpc: str | None,
    superlink: str | None,
    root_certificates: Path | None,
    public: str | None,
    events: str | None,
    models: Path | None,
    wallet_signature: Path | None,
    passphrase_file: Path | None,
    output_format: str,
    unsafe_no_dp: bool,
    forget: bool,
    yes: bool,
) -> None:
    """Show what a community asks of you, and take part if you agree.

    The same again changes nothing; options that you leave out stay as they were. What you agree to is
    signed, kept, and published to the event node.

    Example: folkmoot client join federation.toml --federation 0x5FbDB2315678afecb367f032d93F642f64180aa3
    --registry 0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512 --rpc https://rpc.example.org --superlink
    example.org:9092 --root-certificates ca.pem --public https://example.org/run --events
    https://events.example.org
    """
    agreed = _manifest(manifest)
    given = _Given(
        federation=federation,
        registry=registry,
        rpc=rpc,
        superlink=superlink,
        root_certificates=root_certificates,
        public=public,
        events=events,
        models=models,
        unsafe_no_dp=unsafe_no_dp,
    )
    with open_vault(passphrase_file) as vault:
        if forget:
            _leave(vault, agreed.name, output_format, yes=yes)
        else:
            _join(vault, agreed, given, wallet_signature, output_format, yes=yes)


def _leave(vault: Vault, name: str, output_format: str, *, yes: bool) -> None:
    from client import joining

    confirm(f"Leave {name}? What you have sent and spent stays so.", yes=yes)
    left = joining.forget(vault, name)
    if output_format == "json":
        emit_json("ok", {"left": left})
    else:
        click.echo(f"you have left {name}" if left else f"you had not joined {name}")


def _join(
    vault: Vault, manifest: Manifest, given: _Given, signature: Path | None, output_format: str, *, yes: bool
) -> None:
    from client import assemble, joining
    from client.asking import Offer
    from client.consent import require_acceptable
    from client.forecast import forecast
    from client.membership import memberships
    from client.outbox import Outbox
    from client.wallet import names
    from contracts.session import address
    from federation.features import pipeline_of

    before = memberships(vault).get(manifest.name)
    federation = address(_need(given.federation, before.federation if before else None, "--federation"))
    # Of another federation nothing is taken over, nor of another manifest: a chain's node may lie.
    same = before is not None and (before.federation, before.manifest) == (federation, manifest)
    known = before if same else None
    joined = _membership(vault, manifest, federation, given, known)
    chain = assemble.connect(joined.rpc, manifest)
    features = pipeline_of(manifest.model.features_sha256, manifest.words)
    require_acceptable(manifest, features, unsafe_no_dp=joined.unsafe_no_dp)
    deployment = assemble.bind(chain, joined)
    joining.require_one_token(deployment)
    cost = forecast(vault, manifest, joined.federation)
    joining.require_affordable(cost)
    offer = Offer(
        membership=joined,
        did=names(vault)[-1],
        rows=vault.count,
        forecast=cost,
        token=deployment.token.address,
        symbol=deployment.token.symbol(),
        replaces=before.federation if before is not None and known is None else None,
    )
    if known is None:
        for line in offer.lines():
            click.echo(printable(line), err=True)
        click.echo(err=True)
        confirm(f"Do you agree, and take part in {manifest.name}?", yes=yes)
    _authorise(vault, joined, chain, signature)
    # The consent comes first: nobody takes part without one.
    said = joining.say(vault, joined, Outbox(client_home().events, joined.events, tell))
    joining.save(vault, joined)
    details = offer.as_json()
    details |= _said(said) | _registration(vault, joined, deployment, chain)
    if output_format == "json":
        emit_json("ok", details)
        return
    for line in _next(joined, details, said):
        click.echo(printable(line))


def _membership(
    vault: Vault, manifest: Manifest, federation: Address, given: _Given, known: Membership | None
) -> Membership:
    from client import joining, own
    from client.membership import Membership
    from contracts.session import address, deployments

    if given.registry is not None:
        registry = address(given.registry)
    elif known is not None:
        registry = known.registry
    else:
        registry = deployments(manifest.chain.chain_id).find(federation).registry
    payee = own.payee(vault)
    if payee is None:
        raise ConfigError("the vault names nobody who is paid")
    certificate = known.root_certificate if known else None
    if given.root_certificates is not None:
        certificate = joining.require_certificate(_read(given.root_certificates))
    if certificate is None:
        raise UsageError("--root-certificates is missing", hint="ask the community for the file")
    events = given.events if given.events is not None else (known.events if known else "")
    superlink = _need(given.superlink, known.superlink if known else None, "--superlink")
    return Membership(
        manifest=manifest,
        federation=federation,
        registry=registry,
        payee=payee,
        rpc=_need(given.rpc, known.rpc if known else None, "--rpc"),
        superlink=joining.require_superlink(superlink),
        root_certificate=certificate,
        public=_place(_need(given.public, known.public if known else None, "--public")),
        events=events,
        models=_models(manifest, given, known, events),
        unsafe_no_dp=given.unsafe_no_dp or (known is not None and known.unsafe_no_dp),
    )


def _models(
    manifest: Manifest, given: _Given, known: Membership | None, events: str
) -> Mapping[str, StreamId]:
    from ceramic_bridge.bundle import unpack
    from ceramic_bridge.events import SignedEvent
    from ceramic_bridge.session import read_file
    from client import joining

    if given.models is not None:
        found = [event for event in unpack(read_file(given.models)) if isinstance(event, SignedEvent)]
        return joining.models_among(manifest, found)
    if known is not None and given.events is None:
        return known.models
    if not events:
        raise UsageError("--events is missing", hint="or give --models FILE")
    try:
        return joining.find_models(manifest, events)
    except PeerError as error:
        if known is None:
            raise
        tell(f"{error.message}; its event models were not read again")
        return known.models


def _place(public: str) -> str:
    """Return a URL as it is, and a folder as a path that holds wherever a command runs."""
    return public if "://" in public else str(Path(public).expanduser().absolute())


def _authorise(vault: Vault, joined: Membership, chain: Reader, signature: Path | None) -> None:
    """Have the wallet of a member that is an account authorise this machine's key, for an epoch ahead."""
    from client import wallet
    from client.identity import rounds_seconds

    manifest, models = joined.manifest, joined.models
    now = max(int(time.time()), chain.block_time(chain.block_number))
    if wallet.authorised(vault, manifest, models, until=now + rounds_seconds(manifest, manifest.rounds)):
        return
    if signature is not None:
        wallet.answer(vault, joined.name, _read(signature).decode("ascii", errors="replace"))
        return
    grant = wallet.ask(vault, manifest, models, now=now, entropy=os.urandom)
    text = client_home().path / f"{joined.name}.siwe.txt"
    _write(text, grant.text().encode())
    click.echo(f"your wallet ({grant.account.address}) must sign the text in {text}, byte for byte", err=True)
    click.echo("with personal_sign; it lets this machine sign your contributions, and nothing else", err=True)
    if sys.stdin.isatty():
        wallet.answer(vault, joined.name, click.prompt("Signature", err=True))
    elif wallet.authorised(vault, manifest, models, until=now):
        tell("what it has signed before ends before the next epoch may: sign the text in time")
    else:
        raise IdentityError(
            f"your wallet has not authorised this machine's key for {joined.name}",
            hint=f"sign {text}, then join again with --wallet-signature FILE",
        )


def _registration(
    vault: Vault, joined: Membership, deployment: Deployment, chain: Reader
) -> dict[str, object]:
    """Tell whether the payee accepts to be paid for the member; if its key is here, have it sign so."""
    from client import own
    from client.wallet import session
    from contracts.registration import Registration
    from federation.hashing import did_hash
    from federation.rostertree import NO_PAYEE

    did = session(vault, joined.name).did
    facts: dict[str, object] = {"did_hash": "0x" + did_hash(did).hex(), "registration": None}
    registered = deployment.registry.payee_of(did_hash(did), joined.payee) != NO_PAYEE
    if not registered and own.has_payee_key(vault, joined.payee):
        path = client_home().path / f"{joined.name}.registration.json"
        now = chain.block_time(chain.block_number)
        signed = Registration.sign(deployment.registry, own.payee_account(vault), did, now=now)
        _write(path, signed.to_bytes())
        facts["registration"] = str(path)
    return {**facts, "registered": registered}


def _said(said: Said | None) -> dict[str, object]:
    if said is None:
        return {"consent": None, "published": False}
    return {"consent": str(said.event.cid), "published": said.published}


def _next(joined: Membership, details: Mapping[str, object], said: Said | None) -> list[str]:
    lines = [f"you take part in {joined.name}"]
    if said is not None:
        where = "and published" if said.published else "but not published"
        lines.append(f"consent     {said.event.cid}, signed, kept {where}")
    if details["registered"]:
        lines.append("payee       registered")
    elif details["registration"] is not None:
        lines.append(f"payee       give {details['registration']} to somebody who pays the gas:")
        lines.append("            folkmoot chain register FILE --key NAME")
    else:
        lines.append(f"payee       {joined.payee} must call register({details['did_hash']})")
        lines.append(f"            of {joined.registry}")
    lines.append(f"node        folkmoot client node {joined.name} --register has the aggregator let it in")
    lines.append(f"then        folkmoot client run {joined.name} (a guard that runs must be started again)")
    return lines


def _need(given: str | None, before: str | None, option: str) -> str:
    found = given if given is not None else before
    if not found:
        raise UsageError(f"{option} is missing", hint="the community says what it is")
    return found


def _manifest(path: Path) -> Manifest:
    from federation.manifest import Manifest

    try:
        return Manifest.from_toml(_read(path).decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text", hint="name a federation.toml") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} has more than {_MOST_BYTES} bytes", hint="is that the right file?")
    return data


def _write(path: Path, data: bytes) -> None:
    from federation.home import write_private

    write_private(path, data, replace=True)
