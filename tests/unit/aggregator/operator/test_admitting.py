"""Who gets onto a roster: members with a data event and a quota, each once, by the community's signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.operator.admitting import admit, read_quotas
from aggregator.operator.rosters import Proposal, freeze, keep_imports, keep_roster, load_roster
from federation.errors import ConfigError, IdentityError, TooFewParticipants, VerificationFailed
from federation.hashing import did_hash
from federation.rostertree import NO_PAYEE
from federation.types import Address, Did
from tests.agreed import AGGREGATOR, COMMUNITY, DOMAIN, MODELS, identity
from tests.unit.aggregator.operator.office import Office, data_event

NOW = 1_800_000_000
A, B, C = (identity(name).did for name in "abc")


class Registry:
    """Knows some accounts."""

    def __init__(self, *dids: Did) -> None:
        self.known = {did_hash(did) for did in dids}

    def payee_of(self, of: bytes, payee: Address) -> Address:
        return payee if of in self.known else NO_PAYEE


def admitted(events, quotas, *, registered=(A, B, C)):
    return admit(events, quotas, domain=DOMAIN, models=MODELS, registry=Registry(*registered), now=NOW)


def test_everybody_is_admitted_with_what_it_has_when_one_number_is_given():
    found = admitted([data_event("a", count=5), data_event("b", count=500)], 100)
    assert found.quotas == {A: 5, B: 100}
    assert (found.left_out, found.unpaid) == ({}, ())
    assert [event.signer for event in found.imports] == list(found.quotas)


def test_only_the_listed_are_admitted_when_a_table_is_given():
    found = admitted([data_event("a"), data_event("b")], {A: 7, C: 3})
    assert found.quotas == {A: 7}
    assert found.left_out == {C: "no data event of this federation"}


def test_newest_statement_counts_when_a_member_made_several():
    newest = data_event("a", count=9)
    found = admitted([data_event("a", count=3), newest], 100)
    assert (found.quotas, found.imports) == ({A: 9}, (newest,))


def test_statement_of_another_federation_counts_for_nothing_when_it_is_newer():
    elsewhere = replace(DOMAIN, federation=Address("0x" + "ef" * 20))
    found = admitted([data_event("a", count=3), data_event("a", count=9, domain=elsewhere)], 100)
    assert found.quotas == {A: 3}


def test_member_is_told_to_earn_nothing_when_its_payee_did_not_register():
    found = admitted([data_event("a"), data_event("b")], 10, registered=(B,))
    assert (found.unpaid, set(found.quotas)) == ((A,), {A, B})


def test_member_is_left_out_when_it_has_no_rows():
    found = admitted([data_event("a", count=0), data_event("b")], 10)
    assert (found.quotas, found.left_out) == ({B: 10}, {A: "has no rows"})


def test_admission_fails_when_nobody_is_left():
    with pytest.raises(TooFewParticipants):
        admitted([], 10)


@pytest.mark.parametrize("text", [f"did,quota\n{A},3\n{B},4\n", f"{A}, 3\n\n{B},4"])
def test_quotas_are_read_when_there_is_a_header_or_none(text):
    assert read_quotas(text) == {A: 3, B: 4}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "nobody"),
        ("did,quota\n", "nobody"),
        (f"{A}\n", "line 1"),
        (f"{A},3\n{A},4\n", "line 2"),
        (f"{A},0\n", "line 1"),
        (f"{A},-1\n", "line 1"),
        (f"{A},3.5\n", "line 1"),
        (f"{A},\u0663\n", "line 1"),
        (f"{A},{10**40}\n", "line 1"),
        ("somebody,3\nx,4\n", "line 1"),
    ],
)
def test_quotas_are_refused_by_line_when_one_is_wrong(text, line):
    with pytest.raises(ConfigError, match=line):
        read_quotas(text)


# Rosters on disk


@pytest.fixture
def made(office: Office):
    office.home.path.mkdir(parents=True)
    proposal = Proposal(domain=DOMAIN, quotas={A: 5})
    keep_imports(office.home, proposal, [data_event("a")])
    return office.home, proposal


def test_roster_is_loaded_with_its_imports_when_the_community_signed_it(made):
    home, proposal = made
    assert load_roster(home, COMMUNITY.did, DOMAIN) is None
    keep_roster(home, proposal.signed(COMMUNITY), COMMUNITY.did, DOMAIN)
    roster, imports = load_roster(home, COMMUNITY.did, DOMAIN)
    assert (roster.quotas, [e.cid for e in imports]) == ({A: 5}, [data_event("a").cid])
    assert load_roster(home, COMMUNITY.did, replace(DOMAIN, epoch=2)) is None


def test_proposal_is_the_same_when_it_has_travelled(made, tmp_path):
    _, proposal = made
    (tmp_path / "p.json").write_bytes(proposal.to_bytes())
    assert Proposal.read(tmp_path / "p.json") == proposal
    (tmp_path / "s.json").write_bytes(proposal.signed(COMMUNITY).to_bytes())
    assert Proposal.read(tmp_path / "s.json") == proposal.signed(COMMUNITY)


def test_roster_is_refused_when_somebody_else_signed_it_or_nobody(made):
    home, proposal = made
    for wrong in (proposal, proposal.signed(AGGREGATOR), replace(proposal.signed(COMMUNITY), quotas={A: 6})):
        keep_imports(home, wrong, [data_event("a")])
        with pytest.raises(IdentityError):
            keep_roster(home, wrong, COMMUNITY.did, DOMAIN)
    assert not home.roster(1).exists()


def test_roster_is_refused_when_it_is_for_another_epoch_or_chain(made):
    home, proposal = made
    for domain in (replace(DOMAIN, epoch=2), replace(DOMAIN, chain_id=1)):
        with pytest.raises(ConfigError, match="the next epoch is"):
            keep_roster(home, proposal.signed(COMMUNITY), COMMUNITY.did, domain)


def test_roster_is_refused_when_its_imports_are_not_here(made):
    home, proposal = made
    other = replace(proposal, quotas={A: 6}).signed(COMMUNITY)
    with pytest.raises(ConfigError, match="data events"):
        keep_roster(home, other, COMMUNITY.did, DOMAIN)


def test_imports_stay_those_of_the_signed_roster_when_another_is_proposed(made):
    home, proposal = made
    keep_roster(home, proposal.signed(COMMUNITY), COMMUNITY.did, DOMAIN)
    keep_imports(home, Proposal(domain=DOMAIN, quotas={A: 5, B: 1}), [data_event("a"), data_event("b")])
    _, imports = load_roster(home, COMMUNITY.did, DOMAIN)
    assert [event.signer for event in imports] == [A]


def test_roster_stays_when_its_epoch_is_being_opened(made):
    home, proposal = made
    keep_roster(home, proposal.signed(COMMUNITY), COMMUNITY.did, DOMAIN)
    freeze(home, 1)
    other = Proposal(domain=DOMAIN, quotas={A: 6})
    keep_imports(home, other, [data_event("a")])
    with pytest.raises(ConfigError, match="being opened"):
        keep_roster(home, other.signed(COMMUNITY), COMMUNITY.did, DOMAIN)
    assert load_roster(home, COMMUNITY.did, DOMAIN)[0].quotas == {A: 5}


def test_roster_is_refused_when_its_file_was_changed(made):
    home, proposal = made
    keep_roster(home, proposal.signed(COMMUNITY), COMMUNITY.did, DOMAIN)
    home.roster(1).write_bytes(home.roster(1).read_bytes().replace(b":5", b":6"))
    with pytest.raises(IdentityError):
        load_roster(home, COMMUNITY.did, DOMAIN)
    home.roster(1).write_bytes(b"{}")
    with pytest.raises(VerificationFailed):
        load_roster(home, COMMUNITY.did, DOMAIN)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "folkmoot-roster-1"}'])
def test_proposal_is_refused_when_it_is_something_else(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ConfigError, match="no proposal"):
        Proposal.read(tmp_path / "p.json")


def test_community_signs_what_it_was_shown_when_told_to(run, office, made):
    _, proposal = made
    path = office.folder / "roster.json"
    path.write_bytes(proposal.to_bytes())
    key = office.seed("community")
    assert run("roster", "sign", path, "--community-key", key).code == 2  # nobody to ask
    assert not Proposal.read(path).signature
    said = run("roster", "sign", path, "--community-key", key, "--yes")
    assert (said.code, A in said.err) == (0, True)
    assert Proposal.read(path) == proposal.signed(COMMUNITY)
