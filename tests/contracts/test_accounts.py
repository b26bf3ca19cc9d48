"""Keys stay inside, and signatures repeat themselves."""

from __future__ import annotations

import pytest

from ceramic_bridge.pkh import signer_of
from contracts.accounts import Account
from contracts.chain import UnsignedTransaction
from federation.errors import IdentityError
from federation.types import Wei

from .conftest import h

UNSIGNED = UnsignedTransaction(
    chain_id=1,
    nonce=0,
    max_priority_fee_per_gas=Wei(0),
    max_fee_per_gas=Wei(1),
    gas=21_000,
    to=None,
    data=b"x",
)


def test_address_is_the_known_one_when_the_key_is_one() -> None:
    assert Account((1).to_bytes(32, "big")).address == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def test_key_is_hidden_when_an_account_is_printed() -> None:
    secret = h("secret")
    account = Account(secret)
    assert secret.hex() not in repr(account)
    assert repr(account) == f"Account({account.address})"
    assert not hasattr(account, "__dict__")


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, b"\1" * 31])
def test_account_is_refused_when_its_key_is_none(key: bytes) -> None:
    with pytest.raises(IdentityError):
        Account(key)


def test_signatures_are_the_same_bytes_when_made_again() -> None:
    account = Account(h("key"))
    assert account.sign_transaction(UNSIGNED) == account.sign_transaction(UNSIGNED)
    assert account.sign_transaction(UNSIGNED)[:1] == b"\x02"


def test_text_is_signed_as_wallets_do_when_it_is_shown() -> None:
    account = Account(h("key"))
    for text in ("hello", "two\nlines", "", "h\u00e9"):
        signature = account.personal_sign(text)
        assert len(signature) == 65
        assert signer_of(text, signature) == account.address
    assert signer_of("hello!", account.personal_sign("hello")) != account.address
