"""Whose deltas a server may sum: nobody, and no part, may be left with masks that colluders know."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import ConfigError, TooFewParticipants
from federation.secagg.graph import falls_apart
from federation.secagg.messages import UnmaskRequest
from federation.secagg.roll import active, root
from tests.unit.federation._secagg import Attempt, deltas_for, dids, signer, terms_for


def in_parts(places, n, reach):
    """Whether members at some places of a circle are more than one part; by walking."""
    left = set(places)
    edge = [left.pop()] if left else []
    while edge:
        at = edge.pop()
        near = {p for p in left if min((p - at) % n, (at - p) % n) <= reach}
        left -= near
        edge.extend(near)
    return bool(left)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=8, max_size=11), st.integers(1, 3), st.integers(0, 3))
def test_circle_falls_apart_exactly_when_some_few_can_be_taken_out_so_that_it_does(present, reach, few):
    n = len(present)
    places = [p for p in range(n) if present[p]]
    taken = (out for k in range(min(few, len(places)) + 1) for out in combinations(places, k))
    expected = any(in_parts(set(places) - set(out), n, reach) for out in taken)
    assert falls_apart(present, reach, few) == expected


def opened_up(colluders, dropped):
    """A server drops some neighbours of one member; what that member answers when it is to unmask."""
    terms = terms_for(24, dim=4, degree=6, minimum=8, colluders=colluders)
    attempt = Attempt(terms, deltas_for(terms)).keys().pledge().commit().reveal()
    victim = dids(24)[0]
    near = active(attempt.server.roll, attempt.server.pledges, victim)
    gone = near[:dropped]
    survivors = tuple(did for did in dids(24) if did not in gone)
    reveal_root = root(terms, attempt.server.commits, survivors)
    request = UnmaskRequest(survivors)
    _, answer = attempt.members[victim].unmask(request, reveal_root, sign=signer(victim))
    return sum(1 for seed in answer.seeds if not seed)


def test_member_refuses_to_unmask_when_colluders_alone_would_know_its_masks():
    # With five of six neighbours dropped, the sixth knows all that is still closed.
    assert opened_up(0, 5) == 1
    for colluders in (1, 2):
        with pytest.raises(TooFewParticipants):
            opened_up(colluders, 5)


def test_member_unmasks_when_more_neighbours_are_left_than_may_collude():
    assert opened_up(2, 3) == 3
    with pytest.raises(TooFewParticipants):
        opened_up(2, 4)


@pytest.mark.parametrize(("minimum", "colluders", "percent"), [(4, 3, 50), (8, 4, 50), (8, 2, 20)])
def test_terms_are_refused_when_colluders_could_hold_enough_shares_or_be_all_but_one(
    minimum, colluders, percent
):
    with pytest.raises(ConfigError):
        terms_for(8, minimum=minimum, colluders=colluders, threshold_percent=percent)
    assert terms_for(8, minimum=minimum, colluders=1, threshold_percent=percent).colluders == 1
