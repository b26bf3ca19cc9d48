"""What the vault keeps of secure rounds: of each federation the newest attempt, and nothing older.

It holds the secrets of the attempt's masks. When another one begins they are overwritten, so that who
takes the vault and its passphrase later opens no earlier round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from client.release import ledger_name
from federation.errors import PeerError
from federation.secagg.codec import decode, encode
from federation.secagg.member import Member

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.vault import Vault
    from federation.hashing import Domain
    from federation.secagg.terms import Terms
    from federation.types import Did

_KIND: Final = "secure-attempt"
_ROSTER: Final = "secure-roster"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A stored attempt.

    Attributes:
        place: Its epoch, round and attempt.
        out: Whether its masked delta was let out: then it is the only one of its round.
        state: ``Member.to_bytes``; empty where it was given up.
    """

    place: tuple[int, int, int]
    out: bool
    state: bytes

    def to_bytes(self) -> bytes:
        return encode((*self.place, int(self.out), self.state))

    @classmethod
    def parse(cls, data: bytes) -> _Kept:
        match decode(data, ("i", "i", "i", "i", "b")):
            case (int() as epoch, int() as round_, int() as attempt, int() as out, bytes() as state):
                return cls((epoch, round_, attempt), bool(out), state)
        raise AssertionError("decode checks the shape")


class Attempts:
    """The attempts of one federation."""

    def __init__(self, vault: Vault, domain: Domain) -> None:
        """Take a vault.

        Args:
            vault: The member's.
            domain: The federation's.
        """
        self._vault, self._name = vault, ledger_name(domain.chain_id, domain.federation)

    def begin(self, terms: Terms, did: Did, secret: Callable[[], bytes]) -> Member:
        """Return the attempt, or begin it: its secret is stored when this returns.

        Args:
            terms: The attempt.
            did: Who.
            secret: Gives 32 fresh bytes.

        Raises:
            PeerError: A later one has begun, or a masked delta of this round is out.
            SecureRefused: The member is not admitted.
        """
        place, kept = _place(terms), self._kept()
        if kept is not None and kept.place >= place:
            return self.resume(terms)
        if kept is not None and kept.out and kept.place[:2] == place[:2]:
            raise PeerError(
                "the member's masked delta of this round is out: it takes part in no other attempt"
            )
        state = Member.begin(terms, did, secret())
        self.keep(state)
        if kept is not None:
            self._vault.storage.file.tidy()
        return state

    def resume(self, terms: Terms) -> Member:
        """Return the attempt as it was stored last.

        Raises:
            PeerError: It never began, or a later one has.
        """
        kept = self._kept()
        if kept is None or kept.place < _place(terms):
            raise PeerError("the attempt has not begun here")
        if kept.place > _place(terms):
            raise PeerError("a later attempt or round has begun: the secrets of this one are deleted")
        if not kept.state:
            raise PeerError("the attempt was given up when the vault was put back from a backup")
        return Member.parse(terms, kept.state)

    def keep(self, state: Member) -> None:
        """Store an attempt's state, before what it answers is sent."""
        kept = _Kept(_place(state.terms), bool(state.commit_list), state.to_bytes())
        self._vault.put_record(_KIND, self._name, kept.to_bytes())

    def roster(self) -> bytes | None:
        """Return the list of admitted members that was kept last."""
        return self._vault.record(_ROSTER, self._name)

    def keep_roster(self, roster: bytes) -> None:
        """Keep the list of admitted members: later stages and restarts need it."""
        self._vault.put_record(_ROSTER, self._name, roster)

    def _kept(self) -> _Kept | None:
        found = self._vault.record(_KIND, self._name)
        return None if found is None else _Kept.parse(found)


def abandon_all(vault: Vault) -> None:
    """Give up all attempts and their rounds, as in a vault put back from a backup.

    The backup may be older than what the member has let out, and so would let out a second one.
    """
    for name, raw in vault.records(_KIND).items():
        given_up = replace(_Kept.parse(raw), out=True, state=b"")
        vault.put_record(_KIND, name, given_up.to_bytes())


def _place(terms: Terms) -> tuple[int, int, int]:
    return terms.domain.epoch, terms.round, terms.attempt
