"""A member that joins by the commands, as a person would, and a run in which it takes part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ceramic_bridge.admission import read_event
from ceramic_bridge.bundle import pack
from ceramic_bridge.models import create_models, create_sealed_model
from ceramic_bridge.store.base import Query
from ceramic_bridge.store.sqlite import SqliteStore
from client.assemble import open_member
from client.cli import client
from client.home import ClientHome
from client.keys import Kdf
from client.membership import memberships
from client.vault import Vault
from client.wallet import session
from contracts.accounts import Account
from contracts.registration import Registration
from examples.spam_detection.run import Actor, Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import Party, build_cast
from federation.cli import run_command
from tests.world import Quiet, made_up_mails

PASSPHRASE = "correct horse"
CERTIFICATE = Path(__file__).parent / "vectors" / "root.pem"


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.out)["data"]
        return data


@dataclass
class Person:
    """Somebody with a home of its own, who types commands.

    Attributes:
        folder: Where home, passphrase and other files are.
        patch: Sets the environment.
        capture: Takes what is printed.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.secret = self.folder / "passphrase"
        self.secret.touch(mode=0o600)
        self.secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
        self.patch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        defaults = Vault.create.__func__.__kwdefaults__  # type: ignore[attr-defined]  # of a class method
        self.patch.setitem(defaults, "kdf", Kdf.MINIMUM)

    @property
    def home(self) -> ClientHome:
        return ClientHome.of({"FOLKMOOT_HOME": str(self.folder / "home")})

    def __call__(self, *args: object) -> Answer:
        self.patch.setenv("FOLKMOOT_HOME", str(self.folder / "home"))
        words = [str(arg) for arg in args]
        self.capture.readouterr()
        code = run_command(client, "folkmoot client", [*words, "--passphrase-file", str(self.secret)])
        return Answer(code, *self.capture.readouterr())

    def vault(self) -> Vault:
        return Vault.open(self.home.vault, PASSPHRASE.encode())

    def rows(self, texts: list[tuple[str, bool]]) -> Path:
        path = self.folder / "rows.jsonl"
        lines = [json.dumps({"text": text, "label": "spam" if label else "ham"}) for text, label in texts]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def community(settings: Settings) -> Run:
    """A community whose contracts are deployed."""
    made = Run(settings, build_cast(made_up_mails(), settings), Quiet())
    made._found_community()
    return made


def models_file(run: Run, path: Path) -> Path:
    events = [*create_models(run.community_id).values(), create_sealed_model(run.community_id)]
    path.write_bytes(pack(events))
    return path


def publish_models(run: Run, store: SqliteStore) -> None:
    store.add([*create_models(run.community_id).values(), create_sealed_model(run.community_id)])


def invitation(run: Run, folder: Path, **more: object) -> list[object]:
    """The arguments of ``join`` as the community would give them out; None leaves one out."""
    manifest = folder / "federation.toml"
    manifest.write_text(run.manifest.to_toml(), encoding="utf-8")
    options: dict[str, object] = {
        "federation": run.deployment.federation.address,
        "registry": run.deployment.registry.address,
        "rpc": "http://127.0.0.1:8545",
        "superlink": "localhost:9092",
        "root_certificates": CERTIFICATE,
        "public": run.settings.out / "public",
    }
    words: list[object] = ["join", manifest]
    for name, value in {**options, **more}.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", value]
    return words


class JoinedRun(Run):
    """A run whose second member joins by the commands, with an event node."""

    person: Person
    events: str

    def _join(self, party: Party) -> Actor:
        if party.name != "member-02":
            return super()._join(party)
        say = self.person
        unsafe = self.settings.epsilon is None
        assert say("init", "--epsilon", "inf" if unsafe else "8").code == 0
        rows = say.rows([(mail.text, mail.label) for mail in party.mails])
        assert say("import", rows).code == 0
        words = [*invitation(self, say.folder, events=self.events), *(["--unsafe-no-dp"] * unsafe)]
        answer = say(*words, "--yes", "--format", "json")
        assert answer.code == 0, answer.err
        self.joined = answer.data
        registration = Registration.parse(Path(answer.data["registration"]).read_bytes())
        registration.send(self.deployment.registry, self.relayer)
        vault = say.vault()
        own = session(vault, "spam-detection")
        with SqliteStore(say.home.events) as store:
            (event,) = events_in(store)
        return Actor(party, vault, own, Account(vault.get_secret("payee-key")), event)

    def _members(self) -> list[Any]:
        members = super()._members()
        at = next(i for i, actor in enumerate(self.actors) if actor.party.name == "member-02")
        vault = self.actors[at].vault
        (membership,) = memberships(vault).values()
        self.told: list[str] = []
        members[at] = open_member(vault, membership, events=self.person.home.events, report=self.told.append)
        return members


def events_in(store: SqliteStore) -> list[Any]:
    return [read_event(entry.car) for entry in store.page(Query()).entries]
