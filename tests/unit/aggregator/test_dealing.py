"""What a provider keeps comes back as it was, or is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aggregator.dealing import Dealt, require_committed
from aggregator.provider import Provider
from examples.spam_detection.world import SeededEntropy
from federation.errors import IdentityError, VerificationFailed
from federation.types import Hash32
from federation.validation import Index
from tests.agreed import DOMAIN, PROVIDERS
from tests.unit.aggregator.test_provider import EXAMPLES, MANIFEST


@pytest.fixture
def dealt() -> Dealt:
    return Dealt.deal(EXAMPLES, DOMAIN, MANIFEST, PROVIDERS[1].did, SeededEntropy(0, "provider 1"))


def test_commitment_is_the_same_when_a_provider_is_restored(dealt):
    first = Provider(PROVIDERS[1], None, EXAMPLES, SeededEntropy(0, "provider 1"))
    again = Provider.restore(PROVIDERS[1], None, Dealt.parse(dealt.to_bytes()))
    assert again.committed() == first.commit(DOMAIN, MANIFEST)
    assert [again.preimage(r) for r in (1, 2, 3)] == [first.preimage(r) for r in (1, 2, 3)]
    assert again.part(2).to_bytes() == first.part(2).to_bytes()
    assert Dealt.parse(dealt.to_bytes()).to_bytes() == dealt.to_bytes()


@pytest.mark.parametrize("field", ["first", "commitment", "epoch", "provider", "parts"])
def test_secrets_are_refused_when_one_was_damaged(dealt, field):
    table = json.loads(dealt.to_bytes())
    before = table[field]
    if field == "parts":
        table[field] = before[:-1]
    else:
        table[field] = before + 1 if isinstance(before, int) else "ab" * 32
    with pytest.raises(VerificationFailed, match="epoch's secrets"):
        Dealt.parse(json.dumps(table).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"format":"folkmoot-dealt-2"}'])
def test_secrets_are_refused_when_they_are_none(data):
    with pytest.raises(VerificationFailed, match="not the secrets"):
        Dealt.parse(data)


def test_terms_are_accepted_when_they_hold_the_commitment(dealt):
    require_committed(dealt, Index(dealt.entries), (Hash32(bytes(32)), dealt.tip))


@pytest.mark.parametrize("what", ["count", "missing", "doubled", "tip", "no tip"])
def test_terms_are_refused_when_they_hold_another_commitment(dealt, what):
    entries, tips = list(dealt.entries), [Hash32(bytes(32)), dealt.tip]
    if what == "count":
        entries[1] = replace(entries[1], count=entries[1].count - 1)
    elif what == "missing":
        del entries[2]
    elif what == "doubled":
        entries.append(entries[2])
    elif what == "tip":
        tips[1] = tips[0]
    else:
        del tips[1]
    with pytest.raises(VerificationFailed, match="epoch's terms"):
        require_committed(dealt, Index(tuple(entries)), tuple(tips))


def test_consent_is_refused_when_the_accounts_key_is_not_open(dealt):
    with pytest.raises(IdentityError, match="account"):
        Provider.restore(PROVIDERS[1], None, dealt).consent(DOMAIN, Hash32(bytes(32)))
