"""Forgeries that carry a fresh index: what is refused is what the files say, not that they changed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
import rlp

from aggregator.public import INDEX, index_bytes
from aggregator.summary import summary_bytes
from aggregator.verify import verify_run
from ceramic_bridge.did import Identity
from ceramic_bridge.events import DataPayload, InitPayload, JsonPatchOp, SignedEvent, create_data, create_init
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import create_sealed_model
from ceramic_bridge.sealed import publish
from federation.errors import VerificationFailed
from federation.hashing import sha256
from federation.reward import PayoutTable
from federation.types import Row
from tests.world import Finished, copy_of

STRANGER = Identity(b"\x07" * 32)


@dataclass(frozen=True, slots=True)
class Forger:
    """Edits a run directory and seals it again."""

    run: Path
    finished: Finished

    @property
    def public(self) -> Path:
        return self.run / "public"

    def read(self, name: str) -> bytes:
        return (self.public / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        (self.public / name).write_bytes(data)

    def put(self, data: bytes) -> str:
        name = f"blobs/{sha256(data).hex()}"
        self.write(name, data)
        return name

    def replace_blob(self, name: str, data: bytes) -> None:
        (self.public / name).unlink()
        self.put(data)

    def events(self) -> list[SignedEvent]:
        return list(EventLog.from_bytes(self.read("events.car")))

    def write_events(self, events: list[SignedEvent]) -> None:
        log = EventLog()
        for event in events:
            log.append(event)
        self.write("events.car", log.to_bytes())

    def of_kind(self, kind: str) -> list[SignedEvent]:
        """Documents of a kind; models have none."""
        return [
            e
            for e in self.events()
            if isinstance(e.payload, InitPayload) and e.payload.content.get("kind") == kind
        ]

    def content(self, kind: str, i: int = 0) -> dict[str, object]:
        payload = self.of_kind(kind)[i].payload
        assert isinstance(payload, InitPayload)
        return dict(payload.content)

    def claims(self) -> str:
        """The name of the claims' blob, as the last version of the model card has it."""
        last = [e.payload for e in self.events() if isinstance(e.payload, DataPayload)][-1]
        return f"blobs/{last.patch[0].value}"

    def refused(self) -> VerificationFailed:
        self.write(INDEX, index_bytes(self.public))
        with pytest.raises(VerificationFailed) as info:
            verify_run(self.run, expect=self.finished.run.epoch.domain.federation)
        return info.value


@pytest.fixture
def forger(finished, tmp_path) -> Forger:
    return Forger(copy_of(finished, tmp_path), finished)


def payouts(finished: Finished) -> PayoutTable:
    run = finished.run
    return run.settlement.table(run.chain.chain_id, run.deployment.pool.address)


def test_forger_is_believed_when_it_changes_nothing(forger):
    forger.write(INDEX, index_bytes(forger.public))
    forger.write_events(forger.events())
    assert verify_run(forger.run).rounds == 3


def delta_names(forger: Forger) -> list[str]:
    lines = forger.content("round-receipt")["credits"]
    assert isinstance(lines, list)
    return [f"blobs/{line['delta']}" for line in lines if line["status"] == "accepted"]


def test_edited_delta_is_refused_when_it_keeps_its_name(forger):
    name = delta_names(forger)[0]
    forger.write(name, forger.read(name)[:-1] + b"\x55")
    assert forger.refused().subject == name


def test_edited_delta_is_missed_when_it_takes_its_new_name(forger):
    name = delta_names(forger)[0]
    forger.replace_blob(name, forger.read(name)[:-1] + b"\x55")
    assert forger.refused().subject == name


def test_swapped_deltas_are_refused_when_each_has_the_others_name(forger):
    first, second = sorted(delta_names(forger)[:2])
    one, two = forger.read(first), forger.read(second)
    forger.write(first, two)
    forger.write(second, one)
    assert forger.refused().subject == first


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("contribution", "round 1"),
        ("round-receipt", "round 1"),
        ("data", "epoch"),
        ("validation-shard", "validation set"),
    ],
)
def test_dropped_event_is_missed_when_the_rest_is_whole(forger, kind, subject):
    dropped = forger.of_kind(kind)[0]
    forger.write_events([e for e in forger.events() if e.cid != dropped.cid])
    assert forger.refused().subject == subject


def test_dropped_last_card_is_missed_when_the_rest_is_whole(forger):
    events = forger.events()
    assert isinstance(events[-1].payload, DataPayload)
    forger.write_events(events[:-1])
    assert forger.refused().subject == "events.car"


def test_dropped_model_is_missed_when_the_rest_is_whole(forger):
    forger.write_events(forger.events()[1:])
    assert forger.refused().subject == "model data"


def signed_by(identity: Identity, event: SignedEvent, **changes: object) -> SignedEvent:
    payload = event.payload
    assert isinstance(payload, InitPayload)
    content = {**payload.content, **changes}
    return create_init(identity, model=payload.model, content=content, unique=payload.unique)


def replaced(forger: Forger, old: SignedEvent, new: SignedEvent) -> None:
    forger.write_events([new if e.cid == old.cid else e for e in forger.events()])


@pytest.mark.parametrize(
    ("kind", "subject"), [("contribution", "round 1"), ("round-receipt", "round 1"), ("data", "epoch")]
)
def test_event_is_refused_when_another_key_signs_it_again(forger, kind, subject):
    # An import names the payee that the epoch's terms commit to, so it is missed before the first round.
    old = forger.of_kind(kind)[0]
    replaced(forger, old, signed_by(STRANGER, old))
    assert forger.refused().subject == subject


def test_shard_event_is_refused_when_another_key_signs_it_again(forger):
    old = forger.of_kind("validation-shard")[0]
    new = signed_by(STRANGER, old)
    replaced(forger, old, new)
    assert forger.refused().subject == f"event {new.cid}"


def test_receipt_is_refused_when_its_own_signer_changes_a_credit(forger):
    old = forger.of_kind("round-receipt")[1]
    lines = [dict(line) for line in forger.content("round-receipt", 1)["credits"]]
    lines[0]["credit"] = str(int(lines[0]["credit"]) + 1)
    replaced(forger, old, signed_by(forger.finished.run.aggregator_id, old, credits=lines))
    assert forger.refused().subject == "round 2"


def test_event_is_refused_when_it_was_never_recorded(forger):
    contribution = forger.of_kind("contribution")[0]
    more = signed_by(STRANGER, contribution)
    events = forger.events()
    forger.write_events([*events, more])
    assert forger.refused().subject == "round 1"


def test_sealed_rows_are_refused_when_they_stand_in_a_runs_log(forger):
    community, member = forger.finished.run.community_id, forger.finished.run.actors[0].session.identity
    model = create_sealed_model(community)
    (rows,) = publish(
        member,
        [Row(text="rows are the member's own", label=True)],
        model=model.stream_id,
        federation=forger.finished.run.epoch.domain.federation,
    )
    forger.write_events([*forger.events(), rows])
    assert "is not the model of any kind" in forger.refused().message
    forger.write_events([*forger.events()[:-1], model])
    assert "is not the model of any kind" in forger.refused().message


@pytest.mark.parametrize(
    ("changes", "subject"), [({"round": 4}, "event"), ({"round": 0}, "event"), ({"epoch": 2}, "event")]
)
def test_event_is_refused_when_it_belongs_to_no_round(forger, changes, subject):
    more = signed_by(STRANGER, forger.of_kind("contribution")[0], **changes)
    forger.write_events([*forger.events(), more])
    assert forger.refused().subject.startswith(subject)


def test_card_is_refused_when_its_signer_names_other_claims(forger):
    run, events = forger.finished.run, forger.events()
    old = events[-1]
    payload = old.payload
    assert isinstance(payload, DataPayload)
    table = json.loads(forger.read(forger.claims()))
    did = next(iter(table["names"]))
    table["names"][did][1] = "saint"
    name = forger.put(json.dumps(table, sort_keys=True, separators=(",", ":")).encode())
    (forger.public / forger.claims()).unlink()
    patch = [JsonPatchOp(op="replace", path="/claims", value=name.removeprefix("blobs/"))]
    new = create_data(run.aggregator_id, stream=payload.stream, prev=payload.prev, patch=patch)
    forger.write_events([*events[:-1], new])
    assert forger.refused().subject == "closing events"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('bounty_wei = "1000000000000000000000"', 'bounty_wei = "2000000000000000000000"'),
        ("rounds = 3", "rounds = 2"),
        ("sigma_e4 = ", "sigma_e4 = 1"),
        ('name = "spam-detection"', 'name = "spam-detectiom"'),
        ("version = 1", "version = 1 # the same, with a comment"),
    ],
)
def test_manifest_is_refused_when_it_is_not_the_deployed_text(forger, old, new):
    text = forger.read("federation.toml").decode()
    assert old in text
    forger.write("federation.toml", text.replace(old, new, 1).encode())
    assert forger.refused().subject == "federation.toml"


def test_blocks_are_refused_when_the_last_payment_is_cut_off(forger):
    blocks = rlp.decode(forger.read("blocks.rlp"))
    forger.write("blocks.rlp", rlp.encode(blocks[:-1]))
    last = payouts(forger.finished).rows[-1][0]
    assert forger.refused().subject == f"payee {last}"


def test_blocks_are_refused_when_the_settlement_is_cut_off(forger):
    blocks = rlp.decode(forger.read("blocks.rlp"))
    payments = len(payouts(forger.finished).rows)
    forger.write("blocks.rlp", rlp.encode(blocks[: -payments - 1]))
    assert forger.refused().subject == "payout table"


def test_blocks_are_refused_when_the_rounds_are_cut_off(forger):
    blocks = rlp.decode(forger.read("blocks.rlp"))
    forger.write("blocks.rlp", rlp.encode(blocks[:20]))
    assert forger.refused().subject in {"blocks.rlp", "federation.toml", "closing events"}


def test_genesis_is_refused_when_an_account_is_richer(forger):
    table = json.loads(forger.read("genesis.json"))
    first = min(table["alloc"])
    table["alloc"][first] += "0"
    forger.write("genesis.json", json.dumps(table, sort_keys=True, separators=(",", ":")).encode())
    assert forger.refused().subject == "genesis"


def blob_of(forger: Forger, what: str) -> str:
    run = forger.finished.run
    return {
        "trace": f"blobs/{forger.content('round-receipt', 2)['trace']}",
        "model": f"blobs/{forger.content('round-receipt', 2)['modelHash']}",
        "base": f"blobs/{forger.content('round-receipt', 1)['baseHash']}",
        "shard": f"blobs/{forger.content('validation-shard', 4)['blob']}",
        "claims": forger.claims(),
        "test set": f"blobs/{json.loads(forger.read(forger.claims()))['test_set']}",
        "payouts": f"blobs/{sha256(payouts(forger.finished).to_bytes()).hex()}",
        "settlement": f"blobs/{sha256(run.settlement.trace.to_bytes()).hex()}",
        "roster": f"blobs/{run.epoch.roster.hash.hex()}",
    }[what]


@pytest.mark.parametrize(
    "what",
    [
        "trace",
        "shard",
        "claims",
        "payouts",
        "settlement",
        *(pytest.param(what, marks=pytest.mark.slow) for what in ("model", "base", "test set", "roster")),
    ],
)
def test_blob_is_missed_when_an_edited_one_takes_its_place(forger, what):
    name = blob_of(forger, what)
    forger.replace_blob(name, forger.read(name) + b"\0")
    assert forger.refused().subject == name


def test_blob_is_refused_when_nothing_refers_to_it(forger):
    name = forger.put(b"an extra blob")
    assert forger.refused().subject == name


def test_summary_is_refused_when_an_auc_is_another(forger):
    table = json.loads((forger.run / "summary.json").read_bytes())
    table["rounds"][1]["auc"] += 0.01
    (forger.run / "summary.json").write_bytes(summary_bytes(table))
    assert "rounds[1].auc" in forger.refused().message


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip_and_seal(forger: Forger, name: str, bit: int) -> None:
    """Flip one bit, rename a blob after its new hash, seal, be refused, mend."""
    whole = forger.read(name)
    changed = flip(whole, bit)
    (forger.public / name).unlink()
    new = f"blobs/{sha256(changed).hex()}" if name.startswith("blobs/") else name
    forger.write(new, changed)
    try:
        assert forger.refused().exit_code == 8
    finally:
        (forger.public / new).unlink()
        forger.write(name, whole)


def sealed_flips(forger: Forger, names: list[str], seed: int) -> None:
    rng = random.Random(seed)
    for name in names:
        flip_and_seal(forger, name, rng.randrange(8 * len(forger.read(name))))


def test_flip_is_refused_when_the_index_covers_it_up(forger):
    sealed_flips(forger, ["genesis.json", "blocks.rlp", "events.car", "federation.toml"] * 2, seed=4)


@pytest.mark.slow
def test_flip_is_refused_when_the_index_covers_up_hundreds(forger):
    blobs = sorted(f"blobs/{p.name}" for p in (forger.public / "blobs").iterdir())
    rest = ["genesis.json", "blocks.rlp", "events.car", "federation.toml"]
    sealed_flips(forger, blobs + rest * 12, seed=5)
