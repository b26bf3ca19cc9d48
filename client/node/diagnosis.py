"""What the SuperNode's log lines mean, and why it ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from client.node.errors import FlowerDiffers, NodeCountedOnline, NodeUnknown, SuperLinkUnreachable
from client.node.supernode import RETURNED
from federation.errors import ConfigError, IdentityError, PeerError

if TYPE_CHECKING:
    from client.node.folder import NodeFolder
    from federation.errors import FolkmootError

_EXIT, _API = re.compile(r"Exit Code: (\d+)"), re.compile(r"\[code: (\d+)\]")
_LINES: Final = (
    ("connected", re.compile(r"SuperNode ID: (\d+)")),
    ("asked", re.compile(r"Receiving: (\S+) message")),
    ("answered", re.compile(r"(Sent) successfully")),
    ("refused", re.compile(r"gate: refused: (.*)")),
)

_NOT_ACTIVATED: Final = 2004
_EXPLAINED: Final = {
    302: ConfigError("the node's key is damaged", hint="remove key and key.pub, and register the new one"),
    606: FlowerDiffers(
        "the SuperLink runs another release of Flower",
        hint="install the release that the aggregator names: pip install 'flwr>=1.41,<1.42'",
    ),
}
"""By exit code of Flower's (``flwr.supercore.exit.ExitCode``)."""


class Diagnosis:
    """Reads one SuperNode's log as it comes."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._exit = self._api = 0

    def line(self, text: str) -> tuple[str, str] | None:
        """Read a line.

        Returns:
            What it says, if that is of interest: connected (with the node's id), asked (with the
            message's type), answered, refused (by the gate, with the reason).
        """
        if found := _EXIT.search(text):
            self._exit = int(found[1])
        if found := _API.search(text):
            self._api = int(found[1])
        return next(((event, found[1]) for event, line in _LINES if (found := line.search(text))), None)

    def ended(self, status: int) -> FolkmootError:
        """Explain why the SuperNode ended without being told to.

        Args:
            status: Its exit status; negative for a signal.
        """
        if self._api == _NOT_ACTIVATED:
            return self._not_activated()
        if (known := _EXPLAINED.get(self._exit)) is not None:
            return known
        if status == 0:
            # Flower ends a node whose signature is refused as if it had been asked to.
            return IdentityError(
                "the SuperLink refuses the node's signature",
                hint="is the clock right? Has the aggregator removed the node's key?",
            )
        if status == RETURNED:
            return SuperLinkUnreachable("the connection to the SuperLink was lost")
        if status < 0:
            return PeerError(f"the SuperNode was ended by signal {-status}")
        return PeerError(
            f"the SuperNode ended with status {status}, Flower's exit code {self._exit}",
            hint="--verbose shows its log",
        )

    def _not_activated(self) -> FolkmootError:
        # Flower has one answer for both; a node that was in before is most likely still counted.
        if self._folder.node_id.exists():
            return NodeCountedOnline(
                "the SuperLink still counts this node as connected, or does not know it any more",
                hint="after a crash that takes a minute to pass; else it must be let in again: "
                f"{self._remedy()}",
            )
        return NodeUnknown(
            "the SuperLink does not know this node",
            hint=self._remedy(),
        )

    def _remedy(self) -> str:
        name, key = self._folder.name, self._folder.public_key()
        return f"folkmoot client node {name} --register; or the aggregator registers this key: {key}"
