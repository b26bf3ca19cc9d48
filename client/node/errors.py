"""Why a member's node is not connected; each says what the member, or somebody else, can do.

None of them ends ``folkmoot client run``: it says what is wrong and tries again.
"""

from __future__ import annotations

from federation.errors import ConfigError, IdentityError, PeerError


class SuperLinkUnreachable(PeerError):
    """Nothing answers at the aggregator's address."""

    code = "superlink-unreachable"


class CertificateRefused(IdentityError):
    """What answers there does not prove to be the aggregator's SuperLink."""

    code = "certificate"


class ClockOff(ConfigError):
    """This machine's clock is so far off that the node's signatures are refused."""

    code = "clock"


class NodeUnknown(IdentityError):
    """The SuperLink does not know the node's key."""

    code = "node-unknown"


class NodeCountedOnline(PeerError):
    """The SuperLink still counts an earlier process of this node as connected."""

    code = "node-online"


class FlowerDiffers(PeerError):
    """The SuperLink runs a release of Flower that does not work with this one."""

    code = "flower-version"


class GuardSilent(PeerError):
    """No guard answers, so that the node could answer nothing."""

    code = "guard-silent"
