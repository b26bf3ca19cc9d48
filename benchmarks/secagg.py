"""What secure aggregation costs a member and a server, beside Flower's SecAgg+ in the same run.

100 members, 65,536 weights, 20 neighbours each. Flower's side is what its client and its workflow
do with its own functions (``flwr.common.secure_aggregation``) in a round without dropouts;
quantisation and transport are in neither side. The norm check is measured alone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.figure import Figure
from federation.errors import IdentityError
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.secagg.member import Member
from federation.secagg.messages import Message, Upload
from federation.secagg.replies import gather_keys
from federation.secagg.ring import directions, from_ring, norm_limit, project, to_ring
from federation.secagg.server import Server
from federation.secagg.terms import Sign, Terms
from federation.types import Address, Did, Hash32

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MEMBERS: Final = 100
DIM: Final = 65_536
NEIGHBOURS: Final = 20
_THRESHOLD: Final = 11
_BOUND: Final = 1 << 20
_TRIALS: Final = 1000
_BEACON: Final = Hash32(hashlib.sha256(b"beacon").digest())

Step = Callable[[Did, Member], tuple[Member, Message]]


@cache
def _key(did: Did) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(did.encode()).digest())


@cache
def _public(did: Did) -> Ed25519PublicKey:
    return _key(did).public_key()


def _sign(did: Did) -> Sign:
    return _key(did).sign


def _verify(did: Did, message: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        _public(did).verify(signature, message)
    except InvalidSignature as error:
        raise IdentityError("not signed") from error


class Round:
    """A whole attempt in memory; CPU seconds of all members and of the server are kept apart."""

    def __init__(self) -> None:
        dids = [Did(f"did:key:z{i:04d}") for i in range(MEMBERS)]
        self._terms = Terms(
            domain=Domain(chain_id=1, federation=Address("0x" + "11" * 20), epoch=1),
            round=1,
            dim=DIM,
            caps=dict.fromkeys(dids, _BOUND),
            minimum=50,
            value_bound=_BOUND,
            gradient_bound=_BOUND << 16,
        )
        draws = np.random.default_rng(0)
        self._deltas: dict[Did, Ints] = {did: draws.integers(-2000, 2000, DIM) for did in dids}
        self._gradient: Ints = draws.integers(-_BOUND, _BOUND, DIM)
        self._members = {did: Member.begin(self._terms, did, os.urandom(32)) for did in dids}
        self._uploads: dict[Did, Upload] = {}
        self.members, self.norm, self.server = 0.0, 0.0, 0.0
        self.uploaded = self.scalar_bytes = 0

    def _ask(self, step: Step) -> dict[Did, bytes]:
        began, replies = time.process_time(), {}
        for did, member in self._members.items():
            self._members[did], message = step(did, member)
            replies[did] = message.to_bytes()
        self.members += time.process_time() - began
        self.uploaded += sum(map(len, replies.values()))
        return replies

    def run(self) -> bool:
        """Run all stages; tell whether sum and products are exact."""
        total_began, deltas, terms = time.process_time(), self._deltas, self._terms
        key_list, _ = gather_keys(terms, self._ask(lambda d, m: (m, m.keys(_sign(d)))), _verify)
        server = Server.begin(terms, key_list, _BEACON, _verify)
        server = server.gather_pledges(
            self._ask(lambda d, m: m.pledge(key_list, _BEACON, sign=_sign(d), verify=_verify))
        )

        def commit(did: Did, member: Member) -> tuple[Member, Message]:
            listed = server.pledge_list(did)
            member, message, self._uploads[did] = member.commit(
                listed, deltas[did], sign=_sign(did), verify=_verify
            )
            return member, message

        server = server.gather_commits(self._ask(commit))
        commits, root = server.commit_list(), server.commit_root()
        server = server.gather_uploads(
            self._ask(lambda d, m: m.reveal(commits, root, self._uploads[d], verify=_verify))
        )
        before = self.members
        answers = self._ask(lambda d, m: m.norm(_BEACON, sign=_sign(d)))
        self.norm = self.members - before
        server, request = server.gather_norms(_BEACON, answers).close_norms([])
        root = server.reveal_root()
        server, total = server.gather_unmask(self._ask(lambda d, m: m.unmask(request, root, sign=_sign(d))))
        before_bytes = self.uploaded
        replies = self._ask(lambda d, m: m.scalars(self._gradient, sign=_sign(d)))
        self.scalar_bytes = self.uploaded - before_bytes
        products, _ = server.gather_scalars(self._gradient, replies).products(self._gradient, [])
        self.server = time.process_time() - total_began - self.members
        exact = {did: int(self._gradient @ delta) for did, delta in deltas.items()}
        return bool((total == sum(deltas.values())).all()) and products == exact


def _flower_client() -> float:
    """Return the CPU seconds of one SecAgg+ client of Flower's."""
    from flwr.common.secure_aggregation.crypto.shamir import create_shares
    from flwr.common.secure_aggregation.crypto.symmetric_encryption import (
        decrypt,
        encrypt,
        generate_shared_key,
    )
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
    from flwr.supercore.primitives.asymmetric import (
        bytes_to_private_key,
        bytes_to_public_key,
        generate_key_pairs,
        private_key_to_bytes,
        public_key_to_bytes,
    )

    theirs = [public_key_to_bytes(generate_key_pairs()[1]) for _ in range(NEIGHBOURS)]
    values = np.random.default_rng(0).integers(0, 1 << 22, DIM)
    began = time.process_time()
    mask_secret, share_secret = (private_key_to_bytes(generate_key_pairs()[0]) for _ in range(2))
    seed = os.urandom(32)
    first = create_shares(seed, _THRESHOLD, NEIGHBOURS + 1)
    second = create_shares(mask_secret, _THRESHOLD, NEIGHBOURS + 1)
    values = values + pseudo_rand_gen(seed, 1 << 32, [(DIM,)])[0]
    # It reads its own key anew for each neighbour.
    for public, a, b in zip(theirs, first, second, strict=False):
        key = generate_shared_key(bytes_to_private_key(share_secret), bytes_to_public_key(public))
        decrypt(key, encrypt(key, a + b))
        shared = generate_shared_key(bytes_to_private_key(mask_secret), bytes_to_public_key(public))
        values = values + pseudo_rand_gen(shared, 1 << 32, [(DIM,)])[0]
    (values % (1 << 32)).tobytes()
    return time.process_time() - began


def _flower_server() -> float:
    """Return the CPU seconds that Flower's workflow takes to open the sum of all members."""
    from flwr.common.secure_aggregation.crypto.shamir import combine_shares, create_shares
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen

    shares = create_shares(os.urandom(32), _THRESHOLD, NEIGHBOURS + 1)[:_THRESHOLD]
    upload = np.random.default_rng(0).integers(0, 1 << 32, DIM).tobytes()
    total = np.zeros(DIM, dtype=np.int64)
    began = time.process_time()
    for _ in range(MEMBERS):
        total = total + np.frombuffer(upload, dtype=np.int64)
        total = total - pseudo_rand_gen(combine_shares(shares), 1 << 32, [(DIM,)])[0]
    (total % (1 << 32)).tobytes()
    return time.process_time() - began


def _passed(make: Callable[[np.random.Generator], Ints]) -> float:
    """Return the share of challenges under which a vector passes the norm check at a cap of 2^20."""
    dim, count, draws, passed = 1024, 16, np.random.default_rng(1), 0
    for _ in range(_TRIALS):
        along = directions(Hash32(draws.bytes(32)), count, dim)
        squares = sum(int(v) ** 2 for v in from_ring(project(along, to_ring(make(draws)))[0]))
        passed += 2 * squares <= norm_limit(_BOUND, count)
    return passed / _TRIALS


def _of_norm(factor: float, high: int = 0, times: int = 0) -> Callable[[np.random.Generator], Ints]:
    def make(draws: np.random.Generator) -> Ints:
        values = draws.standard_normal(1024)
        found = np.rint(values * (factor * _BOUND / np.linalg.norm(values))).astype(np.int64)
        found[:times] ^= np.int64(-(1 << 63)) if high == 63 else np.int64(1 << high)
        return found

    return make


def figures() -> Iterator[Figure]:
    """Yield what is measured."""
    round_ = Round()
    exact = round_.run()
    client, norm = round_.members / MEMBERS, round_.norm / MEMBERS
    flower = min(_flower_client() for _ in range(3))
    flower_server = _flower_server()
    how = f"{MEMBERS} members, {DIM} weights, {NEIGHBOURS} neighbours"

    def figure(name: str, value: float, target: float, more: str = "") -> Figure:
        return Figure(figure=name, value=value, target=target, sense="<=", how=f"{how}{more}")

    yield Figure(figure="sum and products exact", value=float(exact), target=1, sense="==", how=how)
    beside = f"; {1000 * client:.0f} ms, SecAgg+ {1000 * flower:.0f} ms, norm check {1000 * norm:.0f} ms"
    yield figure("secure client CPU over SecAgg+", client / flower, 1.5, beside)
    yield figure("the same without the norm check", (client - norm) / flower, 1.5)
    beside = f"; {round_.server:.1f} s, SecAgg+ {flower_server:.1f} s"
    yield figure("secure server CPU over SecAgg+", round_.server / flower_server, 2, beside)
    yield figure("bytes sent over float32", round_.uploaded / MEMBERS / (4 * DIM), 2.1)
    answered = round_.scalar_bytes / MEMBERS / NEIGHBOURS
    yield figure("bytes of scalars per neighbour", answered, 16, "; DID, hash and signature included")
    how = f"{_TRIALS} challenges, 16 projections"
    yield figure("honest member at its cap refused", 1 - _passed(_of_norm(1)), 0.001)
    for name, make in (
        ("ten times the cap passes", _of_norm(10)),
        ("a pair at 2^63 passes", _of_norm(0.5, 63, 2)),
        ("a quadruple at 2^62 passes", _of_norm(0.5, 62, 4)),
    ):
        yield figure(name, _passed(make), 0.01)
