"""Who is paid: the account that registered the DID and that the DID's own event names, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from aggregator.settlement import settle, wanted_payees
from ceramic_bridge.events import JsonPatchOp, create_data, create_init
from federation.hashing import did_hash
from federation.payloads import NOTHING, DataImport
from federation.reward import Terms
from federation.types import Address, Did, Hash32, Wei
from tests.agreed import DOMAIN, MODELS, identity

POOL = Address("0x" + "90" * 20)
A, B, C = (identity(name) for name in "ABC")
PAYEE = {name.did: Address("0x" + f"{i + 1:02d}" * 20) for i, name in enumerate((A, B, C))}
TERMS = Terms(bounty=Wei(10**21), funds=Wei(1000))


@dataclass
class Registry:
    consents: set[tuple[Hash32, Address]]

    def accepts(self, did: Hash32, payee: Address) -> bool:
        return (did, payee) in self.consents


@dataclass
class Pool:
    address: Address = POOL


class Deployed:
    def __init__(self, accepted: Iterable[tuple[Did, Address]]) -> None:
        self.registry = Registry({(did_hash(did), payee) for did, payee in accepted})
        self.pool = Pool()


CONSENTS = tuple(PAYEE.items())


def settled(credits, *, accepted=CONSENTS, wanted=PAYEE):
    return settle(Deployed(accepted), TERMS, credits, wanted, chain_id=31337)


def test_members_are_paid_their_credits_when_funds_last():
    settlement = settled({A.did: 600, B.did: -50, C.did: 400})
    assert settlement.paid == {A.did: 600, B.did: 0, C.did: 400} or settlement.paid == {
        A.did: 600,
        C.did: 400,
    }
    assert dict(settlement.table.rows) == {PAYEE[A.did]: 600, PAYEE[C.did]: 400}
    assert settlement.table.total == 1000


def test_payments_are_scaled_down_when_funds_do_not_last():
    settlement = settled({A.did: 3000, B.did: 1000, C.did: 1})
    assert settlement.table.total <= 1000
    assert settlement.paid[A.did] in {749, 750}
    assert settlement.paid[B.did] in {249, 250}
    assert settlement.paid.get(C.did, 0) == 0


def test_member_is_not_paid_when_no_account_accepts_for_it():
    settlement = settled({A.did: 600, C.did: 400}, accepted=[(C.did, PAYEE[C.did])])
    assert dict(settlement.table.rows) == {PAYEE[C.did]: 400}
    assert A.did not in settlement.payees
    assert A.did not in settlement.paid


def test_member_is_paid_all_the_same_when_a_stranger_accepts_for_it_too():
    thief = Address("0x" + "66" * 20)
    settlement = settled({A.did: 600}, accepted=[*PAYEE.items(), (A.did, thief)])
    assert dict(settlement.table.rows) == {PAYEE[A.did]: 600}


def test_stranger_is_not_paid_when_only_it_accepts():
    settlement = settled({A.did: 600}, accepted=[(A.did, Address("0x" + "66" * 20))])
    assert settlement.table.rows == ()


def test_account_is_not_paid_when_it_accepts_for_another_member():
    settlement = settled({A.did: 600, B.did: 300}, wanted={A.did: PAYEE[B.did], B.did: PAYEE[B.did]})
    assert dict(settlement.table.rows) == {PAYEE[B.did]: 300}


def test_member_is_not_paid_when_its_own_event_names_another_account():
    settlement = settled({A.did: 600}, wanted={A.did: Address("0x" + "77" * 20)})
    assert settlement.table.rows == ()
    assert settlement.table.total == 0
    assert settled({A.did: 600}, wanted={}).table.rows == ()


def test_unpayable_credit_takes_nothing_from_the_others_when_funds_are_short():
    settlement = settled({A.did: 10_000, C.did: 1000}, accepted=[(C.did, PAYEE[C.did])])
    assert dict(settlement.table.rows) == {PAYEE[C.did]: 1000}


def test_payee_is_paid_in_one_row_when_two_members_share_it():
    shared = {A.did: PAYEE[A.did], B.did: PAYEE[A.did]}
    settlement = settled({A.did: 600, B.did: 300}, accepted=shared.items(), wanted=shared)
    assert settlement.table.rows == ((PAYEE[A.did], 900),)
    assert settlement.paid == {A.did: 600, B.did: 300}


def test_table_is_empty_when_nobody_earned_anything():
    settlement = settled({A.did: 0, B.did: -1})
    assert settlement.table.rows == ()
    assert len(settlement.table.tree().root) == 32


def import_event(who, payee: Address, head: Hash32 = NOTHING):
    statement = DataImport(federation=DOMAIN.federation, payee=payee, count=1, root=NOTHING, head=head)
    return create_init(who, model=MODELS["data"], content=statement.content(), unique=payee.encode()[-12:])


def test_wish_is_the_signers_newest_when_it_signed_several():
    events = [
        import_event(A, PAYEE[A.did]),
        import_event(B, PAYEE[B.did]),
        import_event(A, PAYEE[C.did]),
    ]
    assert wanted_payees(events) == {A.did: PAYEE[C.did], B.did: PAYEE[B.did]}
    assert wanted_payees([]) == {}


def test_wish_is_one_address_when_it_is_spelt_in_another_case():
    lower = Address("0x" + "ab" * 20)
    (checked,) = wanted_payees([import_event(A, lower)]).values()
    assert checked != lower
    assert wanted_payees([import_event(A, Address("0x" + "AB" * 20))]) == {A.did: checked}


def test_wish_is_ignored_when_it_only_changes_a_stream():
    begun = import_event(A, PAYEE[A.did])
    patch = [JsonPatchOp(op="replace", path="/payee", value=PAYEE[B.did])]
    change = create_data(A, stream=begun.stream_id, prev=begun.cid, patch=patch)
    assert wanted_payees([begun, change]) == {A.did: PAYEE[A.did]}


@pytest.mark.parametrize("credit", [1, 999, 1000, 1001, 10**24])
def test_total_never_exceeds_the_funds_when_credits_grow(credit):
    assert settled({A.did: credit, B.did: credit, C.did: credit}).table.total <= TERMS.funds
