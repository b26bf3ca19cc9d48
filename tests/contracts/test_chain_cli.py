"""The commands, from a key to a claim: on anvil where something is sent, else without a node."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from contracts.agreement import federation_config
from contracts.backends.anvil import AnvilChain
from contracts.backends.patience import Patience
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.bindings.federation import Federation
from contracts.bindings.moot_token import MootToken
from contracts.chain import Transaction
from contracts.cli import chain
from contracts.keys_cli import keys
from contracts.registration import Registration
from contracts.session import deployments, wei_of
from federation.cli import run_command
from federation.errors import ChainError, ConfigError, UsageError
from federation.hashing import did_hash
from federation.manifest import Manifest
from federation.reward import PayoutTable
from federation.types import Did

from .conftest import MANIFEST, chain_of, h, key, some_terms

COMMUNITY, AGGREGATOR, POOR = key("community"), key("aggregator"), key("poor")


def run(command, *args, capsys):
    code = run_command(command, "folkmoot", [str(arg) for arg in args])
    out, err = capsys.readouterr()
    return code, out, err


def coin(chain_, account):
    return chain_.balance(account.address)


@dataclass
class Sender:
    """Runs a command as somebody."""

    home: Path
    socket: Path
    capsys: object

    def __call__(self, *args, who="community", yes=True):
        sent = ["--rpc", self.socket, "--key", who, "--passphrase-file", self.home / "words"]
        return run(chain, *args, *sent, *(["--yes"] * yes), capsys=self.capsys)


@pytest.fixture
def send(home, node, capsys):
    return Sender(home, node[1], capsys)


def settle(chain_, federation, table):
    token, vault = MootToken(chain_, federation.config().token), BondVault(chain_, federation.vault())
    terms = some_terms(shards=1, rounds=1, funds=10**18)
    for party in (AGGREGATOR.address, *terms.providers):
        token.mint(COMMUNITY, COMMUNITY.address, 100)
        token.approve(COMMUNITY, vault.address, 100)
        vault.deposit(COMMUNITY, party, 100)
    federation.open_epoch(AGGREGATOR, terms)
    federation.open_round(AGGREGATOR, h("b"))
    federation.close_commits(AGGREGATOR, h("c"))
    federation.close_reveals(AGGREGATOR, h("r"))
    chain_.mine(2)
    federation.draw_shard(AGGREGATOR, tuple(chain_of(i, 40)[1] for i in range(3)))
    federation.record_round(
        AGGREGATOR, model_hash=h("m"), events_root=h("e"), trace_root=h("t"), receipt_hash=h("x")
    )
    federation.reveal_epoch(AGGREGATOR, h("s"))
    federation.propose(AGGREGATOR, table.tree().root, table.total, h("settlement"))
    chain_.advance_time(3600)
    federation.finalize(AGGREGATOR)


@pytest.mark.slow
def test_bond_stands_for_a_party_when_somebody_stakes_it(send, node, home):
    chain_, _ = node
    made = json.loads(send("deploy", MANIFEST, "--format", "json")[1])["data"]
    vault = BondVault(chain_, Federation(chain_, made["federation"]).vault())
    code, _, err = send("bond", "2", who="aggregator")
    assert (code, "lacks 2000000000000000000 wei" in err) == (6, True)
    code, _, err = send("bond", "2", "--mint", "--for", "aggregator", "--dry-run")
    assert (code, vault.bond_of(AGGREGATOR.address)) == (0, 0)
    most, held = int(re.search(r"at most (\d+) wei for gas", err)[1]), coin(chain_, COMMUNITY)
    code, out, _ = send("bond", "2", "--mint", "--for", "aggregator")
    assert (code, out) == (0, f"{AGGREGATOR.address}  has {2 * 10**18} wei at stake\n")
    assert 0 < held - coin(chain_, COMMUNITY) <= most
    assert send("bond", "1", "--mint", "--for", AGGREGATOR.address)[0] == 0
    assert vault.bond_of(AGGREGATOR.address) == 3 * 10**18
    assert send("bond", "1", "--for", "0x12")[0] == 2


@pytest.mark.slow
def test_members_are_paid_when_deploy_fund_and_claim_are_run(send, node, home, capsys):
    chain_, socket = node
    assert run(chain, "status", "--rpc", socket, capsys=capsys)[1].startswith("chain 31337  block 0")
    before = chain_.block_number
    code, out, err = send("deploy", MANIFEST, "--dry-run", yes=False)
    assert (code, out) == (0, "")
    assert err.endswith("dry run: nothing was sent\n")
    assert chain_.block_number == before
    code, out, err = send("deploy", MANIFEST, "--format", "json")
    assert code == 0, err
    made = json.loads(out)["data"]
    federation, token = Federation(chain_, made["federation"]), MootToken(chain_, made["token"])
    agreed = Manifest.from_toml(MANIFEST.read_text(encoding="utf-8"))
    config = federation.config()
    assert config == federation_config(
        agreed, token=token.address, randomness=config.randomness, judges=config.judges
    )
    assert federation.aggregator() == AGGREGATOR.address

    code, _, err = send("fund", "1.5", who="aggregator")
    assert (code, "lacks 1500000000000000000 wei" in err) == (6, True)
    code, out, err = send("fund", "1.5", "--mint", "--dry-run")
    assert (code, out, token.total_supply()) == (0, "", 0)
    said = re.search(r"from (\S+), nonce (\d+), at most (\d+) wei for gas\n", err)
    assert said[1] == COMMUNITY.address
    held = coin(chain_, COMMUNITY)
    assert send("fund", "1.5", "--mint")[:2] == (0, "unallocated 1500000000000000000 wei\n")
    assert 0 < held - coin(chain_, COMMUNITY) <= int(said[3])
    assert token.balance_of(made["pool"]) == 15 * 10**17

    payees = [key("one").address, key("two").address]
    table = PayoutTable.build(31337, made["pool"], {payees[0]: 3, payees[1]: 4})
    (home / "public/blobs").mkdir(parents=True)
    (home / "public/blobs/00").write_bytes(b"something else")
    (home / "public/blobs/01").write_bytes(table.to_bytes())
    code, _, err = send("claim", home / "public", who="aggregator")
    assert (code, "not the one that pool" in err) == (8, True)
    settle(chain_, federation, table)
    assert send("claim", home / "public", "--payee", payees[1], who="aggregator")[0] == 0
    assert [token.balance_of(payee) for payee in payees] == [0, 4]
    err = send("claim", home / "public/blobs/01", "--dry-run", who="aggregator")[2]
    most = int(re.search(r"claim 3 wei for .*\nfrom .* at most (\d+) wei for gas\n", err)[1])
    held = coin(chain_, AGGREGATOR)
    code, out, _ = send("claim", home / "public/blobs/01", who="aggregator")
    assert 0 < held - coin(chain_, AGGREGATOR) <= most
    assert out == f"{payees[0]}  3 wei\n"
    assert "nothing to claim" in send("claim", home / "public", who="aggregator")[2]
    code, _, err = send("claim", home / "public", "--payee", POOR.address, who="aggregator")
    assert (code, "not in the payout table" in err) == (3, True)

    code, out, _ = run(
        chain, "balances", payees[0], "poor", "--rpc", socket, "--format", "json", capsys=capsys
    )
    assert code == 0
    rows = json.loads(out)["data"]
    assert (rows["pool"]["paid_wei"], rows["accounts"][0]["token_wei"]) == ("7", "3")
    assert rows["accounts"][1] == {
        "address": POOR.address, "token_wei": "0", "gas_wei": "0", "paid_wei": "0"
    }  # fmt: skip
    code, out, _ = run(chain, "status", "--rpc", socket, capsys=capsys)
    assert f"federation {made['federation']}  CLOSED, epoch 1" in out


@pytest.mark.slow
def test_command_says_why_when_sender_chain_or_code_is_wrong(send, node, home, capsys):
    chain_, socket = node
    code, _, err = send("deploy", MANIFEST, who="poor")
    assert (code, f"account {POOR.address} is underfunded" in err) == (6, True)
    code, _, err = run(chain, "status", "--rpc", socket, "--chain-id", 1, capsys=capsys)
    assert (code, err.split("\n")[0]) == (6, "folkmoot: error: the node serves chain 31337, not chain 1")
    code, _, err = run(chain, "balances", "--rpc", socket, capsys=capsys)
    assert (code, "no federation is recorded on chain 31337" in err) == (3, True)
    snapshot = chain_.snapshot()
    assert send("deploy", MANIFEST)[0] == 0
    chain_.give_gas(COMMUNITY.address, 10**12)
    code, _, err = send("fund", "1", "--mint")
    assert (code, f"account {COMMUNITY.address} is underfunded: it holds 1000000000000 wei" in err) == (
        6,
        True,
    )
    assert "hint: send it some of the chain's own coin" in err
    chain_.revert(snapshot)
    code, _, err = run(chain, "balances", "--rpc", socket, capsys=capsys)
    assert (code, "its code is not that of the artifact" in err) == (8, True)
    code, out, _ = run(chain, "status", "--rpc", socket, capsys=capsys)
    assert (code, "WRONG: Federation at" in out) == (0, True)


@pytest.mark.slow
@pytest.mark.slow
def test_payee_is_registered_when_somebody_else_pays_the_gas(send, node, home):
    chain_, _ = node
    assert send("deploy", MANIFEST)[0] == 0
    record = deployments(31337).find(None)
    registry, payee, did = ContributorRegistry(chain_, record.registry), key("one"), Did("did:key:z6Mkmember")
    signed = Registration.sign(registry, payee, did, now=chain_.timestamp)
    path = home / "spam.registration.json"
    path.write_bytes(signed.to_bytes())
    before = chain_.block_number
    assert send("register", path, "--dry-run", yes=False)[0] == 0
    assert chain_.block_number == before
    code, _, err = send("register", path)
    assert code == 0, err
    assert registry.payee_of(did_hash(did), payee.address) == payee.address
    assert send("register", path)[0] == 6  # a signature is good once
    theirs = replace(signed, payee=key("two").address, nonce=0)
    path.write_bytes(theirs.to_bytes())
    assert send("register", path)[0] == 6
    path.write_bytes(replace(signed, chain_id=1).to_bytes())
    assert "is for chain 1" in send("register", path)[2]
    path.write_bytes(replace(signed, registry=record.token).to_bytes())
    assert send("register", path)[0] == 8


def test_registration_is_read_as_it_was_written_and_nothing_else():
    signed = Registration(
        chain_id=1,
        registry=key("registry").address,
        payee=key("one").address,
        did=Did("did:key:z6Mkmember"),
        nonce=0,
        deadline=9,
        signature="ab" * 65,
    )
    data = signed.to_bytes()
    assert Registration.parse(data) == signed
    document = json.loads(data)
    for field, wrong in (
        ("format", "folkmoot-registration-2"),
        ("chain_id", 0),
        ("registry", "0x12"),
        ("payee", "\x1b[2J"),
        ("did", "did:key:\x1b[2J"),
        ("nonce", -1),
        ("deadline", "9"),
        ("signature", "ab"),
        ("more", 1),
    ):
        with pytest.raises(ConfigError, match="no registration"):
            Registration.parse(json.dumps({**document, field: wrong}).encode())
    for field in document:
        left = {name: value for name, value in document.items() if name != field}
        with pytest.raises(ConfigError, match="no registration"):
            Registration.parse(json.dumps(left).encode())
    for raw in (b"", b"[]", b"\xff", data + b" " * (1 << 15)):
        with pytest.raises(ConfigError, match="no registration"):
            Registration.parse(raw)


def test_deploy_waits_for_nobody_when_nonces_are_pending(send, node, home):
    chain_, _ = node
    chain_._node.request("evm_setAutomine", False)
    impatient = AnvilChain(chain_._node, patience=Patience(timeout=0.01))
    with pytest.raises(ChainError, match="overdue"):
        impatient.send(Transaction(to=None, data=b"\x00"), COMMUNITY)
    code, _, err = send("deploy", MANIFEST)
    assert (code, "has 1 pending transaction(s) from nonce 0" in err) == (6, True)


@pytest.mark.slow
def test_nothing_is_sent_when_nobody_agrees(send, node, monkeypatch):
    before = node[0].block_number
    code, _, err = send("deploy", MANIFEST, yes=False)
    assert (code, "there is nobody to ask" in err) == (2, True)
    assert node[0].block_number == before


def test_status_says_unreachable_when_no_node_is_there(tmp_path, capsys):
    code, _, err = run(chain, "status", "--rpc", tmp_path / "none.ipc", capsys=capsys)
    assert code == 6
    assert f"the node at {tmp_path / 'none.ipc'} cannot be reached: no such file" in err
    assert "hint: is it running?" in err


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://", ""])
def test_status_refuses_an_endpoint_when_it_is_neither_url_nor_path(endpoint, capsys):
    assert run(chain, "status", "--rpc", endpoint, capsys=capsys)[0] == 3


@pytest.mark.parametrize(
    ("text", "wei"), [("1", 10**18), ("0.5", 5 * 10**17), (".25", 25 * 10**16), ("0." + "0" * 17 + "1", 1)]
)
def test_amount_is_exact_when_it_has_decimals(text, wei):
    assert wei_of(text) == wei


@pytest.mark.parametrize(
    "text", ["", ".", "0", "-1", "1e3", "1.0000000000000000001", "1,5", "٣", "1_0", "9" * 40]
)
def test_amount_is_refused_when_it_is_none(text):
    with pytest.raises(UsageError):
        wei_of(text)


# Keys


@pytest.fixture
def cheap(monkeypatch):
    """Keyfiles whose passphrase costs nothing to try."""
    import contracts.keyfile as module

    original = module.write_keyfile
    monkeypatch.setattr(module, "write_keyfile", lambda *a, **k: original(*a, **{**k, "iterations": 2}))


def test_key_is_stored_shown_and_never_overwritten_when_it_is_new(home, cheap, capsys):
    words = ("--passphrase-file", home / "words")
    code, out, err = run(keys, "new", "me", *words, capsys=capsys)
    assert code == 0
    path = home / "home/data/keys/me.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert run(keys, "show", "me", capsys=capsys)[1] == out
    before = path.read_bytes()
    code, _, err = run(keys, "new", "me", *words, capsys=capsys)
    assert (code, "is there already" in err) == (3, True)
    assert path.read_bytes() == before


def test_key_is_the_same_when_it_is_imported(home, cheap, capsys):
    words = ("--passphrase-file", home / "words")
    (home / "bare").write_text("0x" + h("key of community").hex() + "\n", encoding="ascii")
    assert (
        run(keys, "import", home / "bare", "bare", "--hex", *words, capsys=capsys)[1]
        == f"{COMMUNITY.address}\n"
    )
    source = home / "home/data/keys/bare.json"
    assert run(keys, "import", source, "copy", *words, capsys=capsys)[1] == f"{COMMUNITY.address}\n"
    (home / "bare").write_text("0x12", encoding="ascii")
    assert run(keys, "import", home / "bare", "other", "--hex", *words, capsys=capsys)[0] == 4


def test_passphrase_is_not_asked_when_nobody_is_there(home, capsys):
    code, _, err = run(keys, "new", "me", capsys=capsys)
    assert (code, "hint: give --passphrase-file" in err) == (4, True)
