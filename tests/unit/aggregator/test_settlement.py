"""Who is paid: the account that accepted the DID and that the DID's own event names, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from aggregator.settlement import agreed_payees, finalize_and_claim, propose, wanted_payees
from ceramic_bridge.events import JsonPatchOp, create_data, create_init
from federation.hashing import did_hash
from federation.merkle import leaf_hash, root_from_proof
from federation.payloads import NOTHING, DataImport
from federation.rostertree import NO_PAYEE, Admitted
from federation.trace import Settlement, settlement_trace
from federation.types import Address, Did, Hash32
from tests.agreed import DOMAIN, MODELS, identity

POOL = Address("0x" + "90" * 20)
FUNDS = 1000
A, B, C = (identity(name) for name in "ABC")
PAYEE = {name.did: Address("0x" + f"{i + 1:02d}" * 20) for i, name in enumerate((A, B, C))}
THIEF = Address("0x" + "66" * 20)


@dataclass
class Registry:
    """Answers as the contract does: the account itself if it accepted, or whom it handed over to."""

    consents: Iterable[tuple[Did, Address]]
    moved: Mapping[tuple[Did, Address], Address] = field(default_factory=dict)

    def payee_of(self, did: Hash32, named: Address) -> Address:
        answers = {(did_hash(who), payee): payee for who, payee in self.consents}
        answers |= {(did_hash(who), old): new for (who, old), new in self.moved.items()}
        return answers.get((did, named), NO_PAYEE)


CONSENTS = tuple(PAYEE.items())


def agreed(*, accepted=CONSENTS, wanted=PAYEE, moved=()):
    return agreed_payees(Registry(accepted, dict(moved)), wanted)


def test_payee_is_agreed_when_member_and_account_both_say_so():
    assert agreed() == PAYEE


def test_payee_is_missing_when_no_account_accepts():
    assert agreed(accepted=[(C.did, PAYEE[C.did])]) == {C.did: PAYEE[C.did]}


def test_payee_stays_when_a_stranger_accepts_for_the_member_too():
    assert agreed(accepted=[*CONSENTS, (A.did, THIEF)]) == PAYEE
    assert agreed(accepted=[(A.did, THIEF)]) == {}


def test_payee_is_missing_when_the_account_accepts_for_another_member():
    wanted = {A.did: PAYEE[B.did], B.did: PAYEE[B.did]}
    assert agreed(wanted=wanted) == {B.did: PAYEE[B.did]}


def test_payee_is_missing_when_the_members_own_event_names_nobody_or_another():
    assert agreed(wanted={}) == {}
    assert agreed(wanted={A.did: THIEF}) == {}


def test_payee_is_whom_the_account_handed_over_to_when_it_did():
    heir = Address("0x" + "55" * 20)
    assert agreed(moved={(A.did, PAYEE[A.did]): heir})[A.did] == heir


def test_payee_is_shared_when_two_members_name_the_same():
    shared = {A.did: PAYEE[A.did], B.did: PAYEE[A.did]}
    assert agreed(accepted=shared.items(), wanted=shared) == shared


# Proposing and paying


def settled(credits: Mapping[Did, int], payees: Mapping[Did, Address] = PAYEE, **kwargs) -> Settlement:
    entries = [
        Admitted(did=did, quota=10, cap=1, payee=payees.get(did, NO_PAYEE)) for did in (A.did, B.did, C.did)
    ]
    return settlement_trace(entries, credits=credits, funds=FUNDS, **kwargs)


@dataclass
class Pool:
    """Pays what a right proof is given for."""

    root: Hash32 | None = None
    balances: dict[Address, int] = field(default_factory=dict)
    address: Address = POOL

    def paid(self, payee: Address) -> int:
        return self.balances.get(payee, 0)

    def claim(self, _sender: object, payee: Address, wei: int, proof: tuple[Hash32, ...]) -> None:
        leaf = leaf_hash(DOMAIN.chain_id, POOL, payee, wei)
        assert root_from_proof(leaf, proof) == self.root
        assert self.paid(payee) < wei, "the pool reverts: nothing to claim"
        self.balances[payee] = wei


@dataclass
class Clock:
    timestamp: int = 100
    waited: list[int] = field(default_factory=list)

    def advance_time(self, seconds: int) -> None:
        self.waited.append(seconds)


class Federation:
    def __init__(self, pool: Pool) -> None:
        self.pool, self.proposed, self.end = pool, [], 160

    def propose(self, _sender: object, *what: object) -> None:
        self.proposed.append(what)

    def deadline(self) -> int:
        return self.end

    def finalize(self, _sender: object) -> None:
        self.pool.root = self.proposed[-1][0]


class Deployed:
    def __init__(self) -> None:
        self.pool = Pool()
        self.federation = Federation(self.pool)


def test_proposal_names_table_total_and_records_when_it_is_made():
    deployed, settlement = Deployed(), settled({A.did: 600, B.did: -50, C.did: 400})
    propose(deployed, settlement, DOMAIN, None)
    table = settlement.table(DOMAIN.chain_id, POOL)
    assert dict(table.rows) == {PAYEE[A.did]: 600, PAYEE[C.did]: 400}
    assert deployed.federation.proposed == [(table.tree().root, 1000, settlement.trace.root(DOMAIN, 0))]


def test_every_payee_is_paid_once_when_the_window_has_passed():
    deployed, clock = Deployed(), Clock()
    settlement = settled({A.did: 600, B.did: 100, C.did: 300})
    propose(deployed, settlement, DOMAIN, None)
    deployed.pool.balances[PAYEE[B.did]] = 100  # somebody claimed for it already
    finalize_and_claim(deployed, settlement, DOMAIN, clock, None)
    assert clock.waited == [60]
    assert deployed.pool.balances == {PAYEE[A.did]: 600, PAYEE[B.did]: 100, PAYEE[C.did]: 300}


def test_nobody_waits_when_the_window_has_passed_already():
    deployed, clock = Deployed(), Clock(timestamp=161)
    settlement = settled({})
    propose(deployed, settlement, DOMAIN, None)
    finalize_and_claim(deployed, settlement, DOMAIN, clock, None)
    assert (clock.waited, deployed.pool.balances) == ([], {})


@pytest.mark.parametrize("credit", [1, 999, 1000, 1001, 10**24])
def test_total_never_exceeds_the_funds_when_credits_grow(credit):
    assert settled({A.did: credit, B.did: credit, C.did: credit}).total <= FUNDS


def test_unpayable_credit_takes_nothing_from_the_others_when_funds_are_short():
    settlement = settled({A.did: 10_000, C.did: 1000}, payees={C.did: PAYEE[C.did]})
    assert settlement.amounts == {PAYEE[C.did]: 1000}


# What members wish


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
