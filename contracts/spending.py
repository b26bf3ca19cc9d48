"""Tokens that a command moves: amounts as people write them, test tokens, allowances, and asking first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.errors import ChainError, UsageError
from federation.types import Wei

if TYPE_CHECKING:
    from contracts.accounts import Account
    from contracts.backends.rpc import RpcChain
    from contracts.bindings.moot_token import MootToken
    from contracts.session import Sending
    from federation.types import Address

TOKEN_DECIMALS: Final = 18


def wei_of(text: str) -> Wei:
    """Return an amount of whole tokens, such as 12.5, in wei.

    Raises:
        UsageError: It is no such amount, or too large for a contract.
    """
    whole, _, part = text.partition(".")
    if not (whole + part).isdecimal() or not (whole + part).isascii() or len(part) > TOKEN_DECIMALS:
        raise UsageError(f"{text!r} is no amount", hint="it is a decimal number of tokens, such as 12.5")
    wei: int = int(whole or "0") * 10**TOKEN_DECIMALS + int(part.ljust(TOKEN_DECIMALS, "0"))
    if wei >= 1 << 128:
        raise UsageError(f"{text!r} is no amount that can be moved")
    return Wei(wei)


def movable(text: str) -> Wei:
    """Return an amount as ``wei_of`` does, which is not zero.

    Raises:
        UsageError: It is no such amount.
    """
    wei = wei_of(text)
    if not wei:
        raise UsageError(f"{text!r} is no amount that can be moved")
    return wei


def agree_to_move(
    chain: RpcChain,
    token: MootToken,
    wei: Wei,
    sender: Account,
    sending: Sending,
    *,
    to: Address,
    call: tuple[str, str],
    mint: bool,
) -> bool:
    """Ask whether to move tokens; if so, mint what is missing and let the contract take them.

    Args:
        chain: Where.
        token: What.
        wei: How much.
        sender: Whose tokens.
        sending: Asks.
        to: The contract that takes them.
        call: The call that moves them: its name in ``MOST_GAS``, and what it does, in words.
        mint: Whether test tokens may be made.

    Returns:
        Whether the call is to be sent now.

    Raises:
        ChainError: The sender has too little.
    """
    short = wei - token.balance_of(sender.address)
    if short > 0 and not mint:
        raise ChainError(
            f"account {sender.address} is underfunded: it lacks {short} wei of the token",
            hint="--mint makes test tokens, if the sender may",
        )
    allowed = token.allowance(sender.address, to) >= wei
    calls = dict([call])
    if not allowed:
        calls = {"approve": f"approve {wei} wei for {to}"} | calls
    if short > 0:
        calls = {"mint": f"mint {short} wei of {token.address}"} | calls
    if not sending.agree_on_gas(chain, sender.address, list(calls), list(calls.values())):
        return False
    if short > 0:
        token.mint(sender, sender.address, short)
    if not allowed:
        token.approve(sender, to, wei)
    return True
