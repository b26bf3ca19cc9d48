"""``folkmoot aggregator serve`` and ``folkmoot aggregator export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contracts.session import Target, Which, address, federation_options
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, IdentityError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.serving.release import Releases

    Command = Callable[..., None]


def _source_options(command: Command) -> Command:
    for option in (
        click.option(
            "--events",
            metavar="URL",
            help="The federation's event node; by default events.car of the public directory.",
        ),
        click.option(
            "--rpc",
            envvar="FOLKMOOT_RPC",
            help="A node of the chain; by default the chain in a run's directory.",
        ),
    ):
        command = option(command)
    return federation_options(command)


def _releases(place: str, rpc: str | None, events: str | None, which: Which) -> Releases:
    """Return where releases are found: public files, events and the chain that says which of them count."""
    from aggregator.serving.book import EventBook, EventPages, LogFile
    from aggregator.serving.release import Releases, replayed_federation
    from aggregator.serving.shelf import open_shelf

    shelf = open_shelf(place)
    if rpc is None:
        expect = None if which.federation is None else address(which.federation)
        federation = replayed_federation(shelf, expect)
    else:
        federation = which.bind(Target(rpc=rpc, chain_id=None).connect()).federation
    if events is None:
        return Releases(federation, shelf, EventBook(LogFile(shelf), federation.address))
    from ceramic_bridge.node.client import RemoteNode

    node = RemoteNode(events)
    click.get_current_context().call_on_close(node.close)
    return Releases(federation, shelf, EventBook(EventPages(node), federation.address))


@click.command()
@click.argument("place", metavar="RUN|URL")
@_source_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8780, show_default=True, help="0 for any.")
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    help="The seed of the aggregator's DID: sign answers on request.",
)
@click.option(
    "--rate",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Examples a second that one caller may have answered.",
)
@click.option(
    "--proxy", multiple=True, metavar="ADDRESS", help="A reverse proxy, who says for whom it calls."
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.2),
    default=15.0,
    show_default=True,
    help="Seconds between looks for a new round; with --rpc only.",
)
def serve(
    place: str,
    rpc: str | None,
    events: str | None,
    which: Which,
    *,
    host: str,
    port: int,
    identity: Path | None,
    rate: int,
    proxy: tuple[str, ...],
    every: float,
) -> None:
    """Answer questions over HTTP with the newest model that a federation released.

    The model is held against the chain and the signed receipt of its round before it answers. With
    --rpc, each new round's model takes its place while the server runs.

    Example: folkmoot aggregator serve runs/spam_detection
    """
    import threading

    from aggregator.operator.identity import read_identity
    from aggregator.serving.app import build_app
    from aggregator.serving.limits import DEFAULT_RATE, Limits
    from aggregator.serving.server import Follower, bind, server_of
    from aggregator.serving.serving import Current
    from aggregator.serving.signed import AnswerSigner
    from ceramic_bridge.node.limits import Rate

    def report(text: str) -> None:
        click.echo(text, err=True)

    releases = _releases(place, rpc, events, which)
    signer = None if identity is None else AnswerSigner(read_identity(identity))
    if signer is not None and signer.did != releases.aggregator:
        raise IdentityError(f"{identity} is the key of {signer.did}, not of {releases.aggregator}")
    limits = Limits(
        rate=Rate(per_second=rate, burst=max(2 * rate, DEFAULT_RATE.burst)), proxies=frozenset(proxy)
    )
    current = Current()
    follower = Follower(releases, current, signer=signer, report=report)
    follower.look()
    if rpc is None and current.served is None:
        raise ConfigError(f"{place} has no released model")
    app = build_app(current, limits=limits, signer=signer, report=report)
    server = server_of(app, limits=limits, ready=lambda h, p: report(f"listening on http://{h}:{p}"))
    stop = threading.Event()
    thread = threading.Thread(target=follower.follow, args=(every, stop), daemon=True)
    sockets = [bind(host, port)]
    if rpc is not None:
        thread.start()
    try:
        server.run(sockets)
    finally:
        stop.set()


@click.command()
@click.argument("place", metavar="RUN|URL")
@_source_options
@click.option("--onnx", type=click.Path(path_type=Path), help="Write an ONNX model.")
@click.option("--safetensors", type=click.Path(path_type=Path), help="Write a safetensors file.")
@click.option(
    "--card",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Write the model card: JSON where the name ends in .json, else Markdown.",
)
@format_option
def export(
    place: str,
    rpc: str | None,
    events: str | None,
    which: Which,
    *,
    onnx: Path | None,
    safetensors: Path | None,
    card: tuple[Path, ...],
    output_format: str,
) -> None:
    """Write the newest released model as files for other software, with its card.

    Example: folkmoot aggregator export runs/spam_detection --onnx model.onnx --card model.md
    """
    import json

    from aggregator.serving.card import Card
    from aggregator.serving.export import onnx_bytes, safetensors_bytes, write

    releases = _releases(place, rpc, events, which)
    newest = releases.newest()
    if newest is None:
        raise ConfigError(f"{place} has no released model")
    release = releases.load(*newest)
    described = Card(release)
    written: dict[Path, bytes] = {}
    if onnx is not None:
        written[onnx] = onnx_bytes(release)
    if safetensors is not None:
        written[safetensors] = safetensors_bytes(release)
    for path in card:
        text = (
            json.dumps(described.table(), indent=2) + "\n" if path.suffix == ".json" else described.markdown()
        )
        written[path] = text.encode()
    for path, data in written.items():
        write(path, data)
        click.echo(f"wrote {path}", err=True)
    if output_format == "json":
        emit_json("ok", described.table())
    else:
        click.echo(release.last.model_hash.hex())
