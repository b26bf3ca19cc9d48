"""The one error tree of the project.

::

    FolkmootError                 code, message, hint, exit code
    ├── UsageError                2   the command line is wrong
    ├── ConfigError               3   a manifest or an input file is wrong
    │   └── DataError             3   a row of data is malformed
    ├── IdentityError             4   a key, a signature or an authority is wrong
    ├── PeerError                 5   another party or the network failed
    ├── ChainError                6   the chain refused a call
    │   ├── Reverted              6   ... with one of the contracts' custom errors
    │   └── Overtaken             6   another transaction took this one's place
    ├── PrivacyBudgetExhausted    7   training would overspend; nothing was drawn or sent
    ├── VerificationFailed        8   a hash, proof, score or payment does not recompute
    └── TooFewParticipants        9   the round cannot go on

Nothing bare (``ValueError``, ``RuntimeError``) crosses a package border.
"""

from __future__ import annotations

from typing import ClassVar


class FolkmootError(Exception):
    """Base of every error a user may see.

    Attributes:
        code: Stable machine-readable name.
        message: What is wrong: lower case, no full stop.
        hint: What the user can do about it, if anything.
        exit_code: The process exit code of the command line.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FolkmootError):
    """The command line is wrong."""

    code = "usage"
    exit_code = 2


class ConfigError(FolkmootError):
    """A manifest, an option or an input file is wrong."""

    code = "config"
    exit_code = 3


class DataError(ConfigError):
    """A row of the user's data is malformed; the message names its line."""

    code = "data"


class IdentityError(FolkmootError):
    """A key, a signature, a passphrase or an authority is wrong."""

    code = "identity"
    exit_code = 4


class PeerError(FolkmootError):
    """Another party sent something unusable, or could not be reached."""

    code = "peer"
    exit_code = 5


class ChainError(FolkmootError):
    """The chain refused a call or cannot be reached."""

    code = "chain"
    exit_code = 6


class Reverted(ChainError):
    """A contract refused a call with a custom error.

    Attributes:
        name: The custom error's Solidity name.
        args_: Its decoded values, in order.
    """

    code = "chain-reverted"

    def __init__(self, name: str, args_: tuple[object, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(f"the contract refused the call: {name}{args_!r}", hint=hint)
        self.name = name
        self.args_ = args_


class Overtaken(ChainError):
    """Another transaction of the same account took this one's place; it can never be executed."""

    code = "chain-overtaken"


class PrivacyBudgetExhausted(FolkmootError):
    """Training would overspend the lifetime privacy budget; nothing was drawn or sent."""

    code = "privacy-budget-exhausted"
    exit_code = 7


class VerificationFailed(FolkmootError):
    """A hash, a proof, a score or a payment does not recompute.

    Attributes:
        subject: The file, round, event or payment that is wrong.
    """

    code = "verification-failed"
    exit_code = 8

    def __init__(self, subject: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{subject}: {message}", hint=hint)
        self.subject = subject


class TooFewParticipants(FolkmootError):
    """Too few members answered before the deadline."""

    code = "too-few-participants"
    exit_code = 9
