"""A provider's home: secrets come back, are made once, and for nobody else."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from aggregator.dealing import Dealt
from aggregator.validation import importing
from aggregator.validation.home import ProviderHome, Settings
from contracts.accounts import consent_signer
from federation.errors import ConfigError, DataError, IdentityError, VerificationFailed
from federation.features import FeatureSpec
from federation.hashing import sha256
from federation.importers.files import find
from federation.importers.items import Reading
from federation.models.linear import Examples
from tests.agreed import DIM, DOMAIN, PROVIDERS
from tests.unit.aggregator.validation.scene import ACCOUNTS, manifest
from tests.unit.federation._world import examples, rows

EXAMPLES = examples(rows(np.random.default_rng(5), 60, DIM))


def dealt(salt: bytes = b"") -> Dealt:
    state = [0]

    def entropy(n: int) -> bytes:
        state[0] += 1
        return sha256(salt + state[0].to_bytes(4, "big"))[:n]

    return Dealt.deal(EXAMPLES, DOMAIN, manifest(), PROVIDERS[1].did, entropy)


@pytest.fixture
def home(tmp_path):
    return ProviderHome(tmp_path / "data" / "provider" / "small")


def test_first_secrets_count_when_others_are_dealt_later(home):
    assert home.epochs() == []
    first = home.keep_dealt(dealt(b"first"))
    second = home.keep_dealt(dealt(b"second"))
    assert second.tip == first.tip == home.dealt(1).tip
    assert home.epochs() == [1]


def test_one_commitment_counts_when_two_processes_deal_at_once(home):
    kept, start = [], threading.Barrier(4)

    def work(salt: bytes) -> None:
        made = dealt(salt)
        start.wait()
        kept.append(home.keep_dealt(made).tip)

    threads = [threading.Thread(target=work, args=(bytes([i]),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(kept) == {home.dealt(1).tip}
    assert len(kept) == 4


def test_secrets_are_refused_when_they_are_damaged_or_lost(home):
    home.keep_dealt(dealt())
    path = home.path / "epoch-1" / "secrets"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(VerificationFailed):
        home.dealt(1)
    path.unlink()
    with pytest.raises(ConfigError) as caught:
        home.dealt(1)
    assert "backup" in str(caught.value.hint)


def test_second_shard_is_refused_when_one_was_opened_for_the_round(home):
    home.keep_opened(1, 1, 3)
    home.keep_opened(1, 1, 3)
    home.keep_opened(1, 2, 4)
    with pytest.raises(VerificationFailed, match="shard 3 was, and was opened"):
        home.keep_opened(1, 1, 4)


def settings(federation: str) -> Settings:
    return Settings(federation=federation, rpc="r", desk="d", key="k", confirmations=1)


def test_desk_may_move_but_not_the_contract_when_secrets_are_kept(home):
    home.join(manifest(), settings(DOMAIN.federation))
    home.keep_dealt(dealt())
    moved = settings(DOMAIN.federation).model_copy(update={"desk": "elsewhere"})
    home.join(manifest(), moved)
    assert home.settings() == moved
    with pytest.raises(ConfigError, match="another federation of this name"):
        home.join(manifest(), settings("0x" + "12" * 20))
    assert home.settings() == moved
    assert home.manifest() == manifest()


def test_settings_are_refused_when_they_are_damaged(home):
    home.join(manifest(), settings(DOMAIN.federation))
    (home.path / "settings.json").write_text("{}")
    with pytest.raises(ConfigError, match="is damaged"):
        home.settings()


def test_everything_is_private_when_it_is_kept(home):
    home.create_identity(bytes(32))
    home.keep_dealt(dealt())
    home.keep_opened(1, 1, 3)
    home.keep_examples(EXAMPLES)
    paths = [home.path, *home.path.rglob("*")]
    assert len(paths) == 6
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_examples_come_back_when_they_were_kept(home):
    assert len(home.examples(DIM)) == 0
    home.keep_examples(EXAMPLES)
    assert home.examples(DIM).words.tolist() == EXAMPLES.words.tolist()
    with pytest.raises(VerificationFailed):
        home.examples(4)


def added(tmp_path, text: str, before: Examples | None = None):
    (tmp_path / "judged.csv").write_text(text)
    files = list(find([tmp_path / "judged.csv"], None))
    return importing.add(before or Examples.build([], []), files, Reading(), manifest())


def test_texts_become_the_manifests_indices_when_they_are_imported(tmp_path):
    made = added(tmp_path, "text,label\nbuy cheap pills,spam\nsee you at noon,ham\nBUY cheap pills,1\n")
    assert (made.added, made.duplicates, made.examples.labels.tolist()) == (2, 1, [1, 0])
    words = made.examples.words[: made.examples.offsets[1]].tolist()
    assert tuple(words) == FeatureSpec(dim=DIM).indices("buy cheap pills")
    again = added(tmp_path, "text,label\nbuy cheap pills,spam\nnew words here,0\n", made.examples)
    assert (again.added, again.duplicates, len(again.examples)) == (1, 1, 3)
    assert again.examples.labels.tolist() == [1, 0, 0]


def test_nothing_is_imported_when_a_row_is_bad(tmp_path):
    with pytest.raises(DataError, match="row or line 3: the label is none") as caught:
        added(tmp_path, "text,label\nfine text,1\nzyxsecret,perhaps\n")
    assert "zyxsecret" not in caught.value.message


def test_signer_of_a_consent_is_its_account_when_it_is_asked_for_the_same_terms():
    fields = {"chain_id": 31337, "federation": DOMAIN.federation, "epoch": 1, "terms_hash": sha256(b"t")}
    signature = ACCOUNTS[0].sign_consent(**fields)
    assert consent_signer(signature, **fields) == ACCOUNTS[0].address
    assert consent_signer(signature, **{**fields, "epoch": 2}) != ACCOUNTS[0].address


@pytest.mark.parametrize("signature", [b"", b"\0" * 65, b"\xff" * 65, b"\1" * 64, b"\1" * 66])
def test_consent_has_no_signer_when_it_is_no_signature(signature):
    fields = {"chain_id": 31337, "federation": DOMAIN.federation, "epoch": 1, "terms_hash": sha256(b"t")}
    with pytest.raises(IdentityError):
        consent_signer(signature, **fields)
