"""Keyfiles of version 3: ours open elsewhere, others' open here, and no damaged one does."""

from __future__ import annotations

import json

import pytest
from eth_account import Account as EthAccount

from contracts.keyfile import decrypt_keyfile, keyfile_address, read_keyfile, write_keyfile
from federation.errors import ConfigError, IdentityError

from .conftest import h, key

SECRET, ADDRESS = h("key of me"), key("me").address

VECTOR = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
"""The PBKDF2 test vector of the Web3 Secret Storage definition; its passphrase is ``testpassword``."""
VECTOR_KEY = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "keys/me.json"
    write_keyfile(made, SECRET, "words", iterations=2)
    return made


def change(path, **changes):
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document | changes), encoding="utf-8")


def test_keyfile_opens_elsewhere_when_it_was_written_here(path):
    assert bytes(EthAccount.decrypt(path.read_text(encoding="utf-8"), "words")) == SECRET
    assert SECRET.hex() not in path.read_text(encoding="utf-8")
    assert read_keyfile(path, "words").address == ADDRESS == keyfile_address(path)


def test_keyfile_opens_here_when_it_is_the_definitions_vector(tmp_path):
    path = tmp_path / "vector.json"
    path.write_text(json.dumps(VECTOR), encoding="utf-8")
    assert decrypt_keyfile(path, "testpassword", private=False).hex() == VECTOR_KEY
    with pytest.raises(ConfigError, match="does not name its account"):
        keyfile_address(path)


def test_passphrase_is_refused_when_it_is_wrong_or_empty(path, tmp_path):
    with pytest.raises(IdentityError, match="passphrase does not open"):
        read_keyfile(path, "other words")
    with pytest.raises(IdentityError, match="empty"):
        write_keyfile(tmp_path / "new.json", SECRET, "", iterations=2)
    assert not (tmp_path / "new.json").exists()


def test_keyfile_is_refused_when_it_names_another_account(path):
    change(path, address=key("other").address)
    with pytest.raises(IdentityError, match="another account"):
        read_keyfile(path, "words")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o700])
def test_keyfile_is_refused_when_others_may_read_it(path, mode):
    path.chmod(mode)
    with pytest.raises(ConfigError, match="others may read") as info:
        read_keyfile(path, "words")
    assert info.value.hint == f"chmod 600 {path}"
    assert read_keyfile(path, "words", private=False).address == ADDRESS


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b'{"version": 1}', b'{"version": 3}', b'{"version": 3, "crypto": 5}',
     b'{"version": 3, "crypto": {"kdf": "none", "cipher": "x"}}', b"[" * 60_000, b" " * 70_000],
)  # fmt: skip
def test_file_is_refused_when_it_is_no_keyfile(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is no web3 keyfile"):
        read_keyfile(path, "words")


def test_file_is_refused_when_it_is_missing(tmp_path):
    with pytest.raises(ConfigError, match="no such file") as info:
        read_keyfile(tmp_path / "none.json", "words")
    assert "keys new" in str(info.value.hint)


def test_keyfile_is_not_overwritten_when_one_is_there(path):
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        write_keyfile(path, h("another"), "words", iterations=2)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["me.json"]
