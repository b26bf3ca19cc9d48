"""What a federation costs on chain, whatever its size, beside other ways to pay and to attest.

Rules of Cancun (the embedded chain's). The federation is real, its rounds are empty: contracts see
hashes, not models. What disputes cost is measured by ``tests/e2e/test_disputes.py``.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from contracts import abi
from contracts.accounts import Account
from contracts.agreement import account
from contracts.backends.embedded import EmbeddedChain
from contracts.bindings.structs import Claim, EpochTerms
from contracts.build import TEST_ARTIFACTS
from contracts.chain import Receipt, Transaction
from contracts.deploy import deploy_federation
from examples.spam_detection.npm import npm_pack
from examples.spam_detection.settings import Settings, build_manifest, chain_section
from federation.hashing import keccak256
from federation.manifest import Manifest, Parties
from federation.merkle import MerkleTree, leaf_hash
from federation.reward import PayoutTable
from federation.types import Address, Hash32, Wei

SIZES = (10, 100, 1000)
ROUNDS = 20
BATCH = 50
EAS = "@ethereum-attestation-service/eas-contracts@1.9.0"
WORD = Hash32(keccak256(b"any word"))
COMMUNITY, AGGREGATOR = (Account(keccak256(name)) for name in (b"community", b"aggregator"))
PROVIDERS = [Account(keccak256(b"provider %d" % i)) for i in range(3)]


def _manifest() -> Manifest:
    did = "did:key:z6Mk"
    return build_manifest(
        Settings(rounds=ROUNDS),
        parties=Parties(
            community=f"{did}C", aggregator=f"{did}G", providers=[f"{did}{i}" for i in (1, 2, 3)]
        ),
        chain=chain_section(AGGREGATOR.address, [p.address for p in PROVIDERS]),
        shards=ROUNDS,
    )


class _World:
    """A deployed and funded federation."""

    def __init__(self) -> None:
        self.chain = EmbeddedChain(1_767_225_600, [COMMUNITY.address, AGGREGATOR.address])
        self.manifest = _manifest()
        self.at = deploy_federation(self.chain, COMMUNITY, self.manifest)
        token, bonds = self.at.token, self.manifest.bonds
        token.mint(COMMUNITY, COMMUNITY.address, 10**27)
        for spender in (self.at.pool.address, self.at.vault.address):
            token.approve(COMMUNITY, spender, 10**27)
        self.at.vault.deposit(COMMUNITY, AGGREGATOR.address, int(bonds.aggregator_wei))
        for provider in PROVIDERS:
            self.at.vault.deposit(COMMUNITY, provider.address, int(bonds.provider_wei))
        self.links = [[WORD] for _ in PROVIDERS]
        for links in self.links:
            for _ in range(4):
                links.append(keccak256(links[-1]))

    def terms(self, members: int, rounds: int) -> EpochTerms:
        """Return an epoch's terms; the size of the community is a number in them."""
        terms = self.manifest.rules.terms
        return EpochTerms(
            validation_root=WORD,
            mean_hash=WORD,
            public_hash=WORD,
            roster_hash=WORD,
            roster_root=WORD,
            dim=self.manifest.model.dim,
            members=members,
            quota_total=100 * members,
            shards=rounds,
            rounds=rounds,
            bounty=terms.bounty,
            funds=terms.funds,
            clip_milli=terms.clip_milli,
            suspension_milli=terms.suspension_milli,
            suspension_from=terms.suspension_from,
            etas=self.manifest.rules.etas,
            betas_tenths=self.manifest.rules.betas_tenths,
            provider_tips=tuple(links[-1] for links in self.links),
            providers=tuple(account(a) for a in self.manifest.chain.providers),
        )

    def round(self) -> dict[str, int]:
        """Run one round and return the gas of its transactions."""
        federation, spent = self.at.federation, {}
        spent["openRound"] = federation.open_round(AGGREGATOR, WORD).gas_used
        spent["closeCommits"] = federation.close_commits(AGGREGATOR, WORD).gas_used
        spent["closeReveals"] = federation.close_reveals(AGGREGATOR, WORD).gas_used
        self.chain.mine(self.manifest.chain.draw_delay)
        for links in self.links:
            links.pop()
        preimages = [links[-1] for links in self.links]
        spent["drawShard"] = federation.draw_shard(AGGREGATOR, preimages).gas_used
        spent["recordRound"] = federation.record_round(
            AGGREGATOR, model_hash=WORD, events_root=WORD, trace_root=WORD, receipt_hash=WORD
        ).gas_used
        return spent

    def epoch(self, table: PayoutTable, rounds: int) -> tuple[dict[str, int], list[dict[str, int]]]:
        """Run an epoch that ends in a payout table."""
        federation, pool = self.at.federation, self.at.pool
        pool.fund(COMMUNITY, self.manifest.rules.terms.funds)
        spent = {"openEpoch": federation.open_epoch(AGGREGATOR, self.terms(len(table.rows), rounds)).gas_used}
        played = [self.round() for _ in range(rounds)]
        spent["revealEpoch"] = federation.reveal_epoch(AGGREGATOR, WORD).gas_used
        spent["propose"] = federation.propose(AGGREGATOR, table.tree().root, table.total, WORD).gas_used
        self.chain.advance_time(self.manifest.deadlines.challenge)
        spent["finalize"] = federation.finalize(COMMUNITY).gas_used
        return spent, played

    def table(self, members: int, wei: int) -> PayoutTable:
        """Return a table that has paid each member the same so far."""
        payees = [abi.to_address(keccak256(b"payee %d" % i)[:20]) for i in range(members)]
        return PayoutTable.build(self.chain.chain_id, self.at.pool.address, dict.fromkeys(payees, Wei(wei)))

    def claims(self, table: PayoutTable) -> tuple[int, int]:
        """Claim for some members one by one, for others in a batch; return gas of one, and per member."""
        tree, pool = table.tree(), self.at.pool
        alone = [
            pool.claim(COMMUNITY, payee, wei, tree.proof(i)).gas_used
            for i, (payee, wei) in enumerate(table.rows[:5])
        ]
        rest = [
            Claim(payee=payee, cumulative=wei, proof=tree.proof(i))
            for i, (payee, wei) in enumerate(table.rows)
        ][5 : 5 + BATCH]
        return max(alone), pool.claim_many(COMMUNITY, rest).gas_used // len(rest)


def _ours(members: int) -> Iterator[tuple[str, int, int | None]]:
    """Yield what is measured at a size, its gas, and its bound."""
    world = _World()
    first, (opening, later) = world.epoch(world.table(members, 10**15), 2)
    yield "the first round, openRound to recordRound", sum(opening.values()), 300_000
    yield "a later round", sum(later.values()), 300_000
    yield "recordRound", max(opening["recordRound"], later["recordRound"]), 60_000
    one, each = world.claims(world.table(members, 10**15))
    yield "claim, first", one, 95_000
    yield "claimMany per member, first", each, 75_000
    second, _ = world.epoch(world.table(members, 2 * 10**15), 1)
    for step, most in (("propose", 120_000), ("finalize", 120_000)):
        yield f"{step}, first epoch", first[step], most
        yield f"{step}, second epoch", second[step], most // 2
    yield "opening and closing an epoch, first", sum(first.values()), 600_000
    yield "opening and closing an epoch, second", sum(second.values()), 600_000
    one, each = world.claims(world.table(members, 2 * 10**15))
    yield "claim, steady", one, 60_000
    yield "claimMany per member, steady", each, 40_000


class _Comparison:
    """Other people's ways, on a chain of their own."""

    def __init__(self) -> None:
        self.world = _World()
        self.chain, self.token = self.world.chain, self.world.at.token

    def deploy(self, bytecode: str, arguments: bytes = b"") -> Address:
        """Deploy some contract."""
        data = bytes.fromhex(bytecode.removeprefix("0x")) + arguments
        receipt = self.chain.send(Transaction(to=None, data=data), COMMUNITY)
        assert receipt.contract_address
        return receipt.contract_address

    def send(self, to: Address, signature: str, *values: object) -> Receipt:
        """Call some contract."""
        data = abi.selector(signature) + abi.encode(abi.parameter_types(signature), values)
        return self.chain.send(Transaction(to=to, data=data), COMMUNITY)

    def push(self, members: int) -> int:
        """Return the gas per member of one transaction that pays everybody, the second time."""
        pusher = self.deploy(_test_bytecode("PushPayments"))
        self.token.approve(COMMUNITY, pusher, 10**27)
        payees = [payee for payee, _ in self.world.table(members, 1).rows]
        batches = [payees[i : i + 100] for i in range(0, members, 100)]
        for _ in range(2):
            gas = sum(
                self.send(pusher, "pay(address,address[],uint256)", self.token.address, b, 1).gas_used
                for b in batches
            )
        return gas // members

    def distributor(self, members: int) -> int:
        """Return the gas per member of a root per round, and a claim of it each."""
        contract = self.deploy(
            _test_bytecode("RoundDistributor"), abi.encode(("address",), (self.token.address,))
        )
        self.token.transfer(COMMUNITY, contract, 10**24)
        payees = [payee for payee, _ in self.world.table(members, 1).rows]
        tree = MerkleTree.build([leaf_hash(i, payee, 1) for i, payee in enumerate(payees)])
        for round_ in range(2):
            posted = self.send(contract, "post(uint256,bytes32)", round_, tree.root).gas_used
            claimed = [
                self.send(
                    contract,
                    "claim(uint256,uint256,address,uint256,bytes32[])",
                    round_,
                    i,
                    payees[i],
                    1,
                    tree.proof(i),
                ).gas_used
                for i in range(5)
            ]
        return posted // members + claimed[-1]

    def attestation(self, package: Mapping[str, str]) -> int:
        """Return the gas of one on-chain attestation of a hash in the Ethereum Attestation Service."""
        registry = self.deploy(package["SchemaRegistry"])
        eas = self.deploy(package["EAS"], abi.encode(("address",), (registry,)))
        nobody = Address("0x" + "00" * 20)
        schema = ("bytes32 payload", nobody, False)
        receipt = self.send(registry, "register(string,address,bool)", *schema)
        uid = receipt.logs[0].topics[1]
        request = "(bytes32,(address,uint64,bool,bytes32,bytes,uint256))"
        data = (nobody, 0, False, Hash32(bytes(32)), WORD, 0)
        return [self.send(eas, f"attest({request})", (uid, data)).gas_used for _ in range(2)][-1]


def _test_bytecode(name: str) -> str:
    artifact: dict[str, Any] = json.loads((TEST_ARTIFACTS / f"{name}.json").read_text())
    return str(artifact["bytecode"])


def _eas() -> dict[str, str]:
    """Return the creation code of the attestation service, from its npm package."""
    with tempfile.TemporaryDirectory() as folder:
        tarball = npm_pack(EAS, Path(folder)).read_bytes()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tarball)) as files:
        for name in ("EAS", "SchemaRegistry"):
            member = files.extractfile(f"package/artifacts/contracts/{name}.sol/{name}.json")
            assert member
            found[name] = str(json.load(member)["bytecode"])
    return found


def figures() -> Iterator[Figure]:
    """Yield the table."""
    per_round: dict[int, float] = {}
    for members in SIZES:
        paid: dict[str, int] = {}
        for name, gas, most in _ours(members):
            paid[name] = gas
            yield Figure(
                figure=f"gas of {name}, {members} members",
                value=gas,
                target=most or gas,
                sense="<=",
                how="one transaction each, 3 providers, Cancun",
            )
        settle = paid["propose, second epoch"] + paid["finalize, second epoch"]
        per_round[members] = (settle / members + paid["claim, steady"]) / ROUNDS
    comparison = _Comparison()
    ways: Sequence[tuple[str, Mapping[int, float], str]] = (
        ("pushing ERC-20 transfers", {n: comparison.push(n) for n in SIZES}, "steady, batches of 100"),
        (
            "a Merkle distributor per round",
            {n: comparison.distributor(n) for n in SIZES},
            "bitmap, steady, each claims every round",
        ),
        (
            "an EAS attestation",
            dict.fromkeys(SIZES, float(comparison.attestation(_eas()))),
            "EAS 1.9.0, second one; pays nobody",
        ),
    )
    for members in SIZES:
        for name, gas_of, how in ways:
            yield Figure(
                figure=f"gas per member and round of {name} over ours, {members} members",
                value=gas_of[members] / per_round[members],
                target=1,
                sense=">=",
                how=f"{how}: {gas_of[members]:,.0f} to {per_round[members]:,.0f}, every {ROUNDS}th round",
            )
