"""A node's folder: what is written, what stays, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from client.node.folder import Description, NodeFolder
from federation.errors import ConfigError
from tests.e2e.superlink import Authority

ROOT = Authority.make().pem


def prepare(path, **changes):
    values = {"name": "spam", "superlink": "moot.example:8000", "root_certificate": ROOT}
    return NodeFolder.prepare(path, Description.of(guard=path / "guard.sock", **{**values, **changes}))


def test_folder_reads_back_when_it_was_prepared(tmp_path):
    made = prepare(tmp_path / "node")
    assert NodeFolder.load(tmp_path / "node") == made
    assert (made.name, made.superlink) == ("spam", "moot.example:8000")
    assert made.root.read_bytes() == ROOT


def test_key_is_p384_and_private_when_it_is_made(tmp_path):
    made = prepare(tmp_path / "node")
    private = load_ssh_private_key(made.key.read_bytes(), None)
    public = load_ssh_public_key(made.public.read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.curve.name == "secp384r1"
    assert private.public_key() == public
    assert made.public_key().startswith("ecdsa-sha2-nistp384 ")
    assert made.public_key().endswith(" spam")


def test_nobody_else_can_read_when_a_folder_is_prepared(tmp_path):
    made = prepare(tmp_path / "node")
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o077 for p in made.path.rglob("*")} == {0}


def test_key_stays_when_a_folder_is_prepared_again(tmp_path):
    first = prepare(tmp_path / "node")
    key = first.public_key()
    again = prepare(tmp_path / "node", superlink="other.example:9000")
    assert again.public_key() == key
    assert NodeFolder.load(tmp_path / "node").superlink == "other.example:9000"


def test_keys_differ_when_federations_do(tmp_path):
    keys = {prepare(tmp_path / name, name=name).public_key().split()[1] for name in ("a", "b")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "superlink", ["moot.example", "moot.example:0", "a b:80", "https://x:80", ":80", "x:080"]
)
def test_folder_is_refused_when_the_address_is_none(tmp_path, superlink):
    with pytest.raises(ConfigError, match="superlink is malformed"):
        prepare(tmp_path / "node", superlink=superlink)
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("superlink", ["[::1]:8000", "127.0.0.1:65535", "localhost:1"])
def test_address_is_taken_when_it_is_host_and_port(tmp_path, superlink):
    assert prepare(tmp_path / "node", superlink=superlink).superlink == superlink


@pytest.mark.parametrize("name", ["", "../up", "Upper", "a" * 64, "a\n"])
def test_folder_is_refused_when_the_name_is_none(tmp_path, name):
    with pytest.raises(ConfigError, match="name is malformed"):
        prepare(tmp_path / "node", name=name)


@pytest.mark.parametrize("pem", [b"", b"certificate", ROOT[:200]])
def test_folder_is_refused_when_the_certificate_is_none(tmp_path, pem):
    with pytest.raises(ConfigError, match="root certificate"):
        prepare(tmp_path / "node", root_certificate=pem)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: {**d, "format": "folkmoot-node-2"},
        lambda d: {**d, "more": 1},
        lambda d: {k: v for k, v in d.items() if k != "guard"},
        lambda d: {**d, "superlink": 5},
        lambda d: [],
    ],
)
def test_folder_is_refused_when_its_document_is_damaged(tmp_path, damage):
    made = prepare(tmp_path / "node")
    document = made.path / "node.json"
    document.write_text(json.dumps(damage(json.loads(document.read_text()))))
    with pytest.raises(ConfigError, match="damaged"):
        NodeFolder.load(made.path)


def test_folder_is_refused_when_it_was_never_prepared(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        NodeFolder.load(tmp_path)
    assert "folkmoot client node" in caught.value.hint


def test_second_process_is_refused_when_a_node_runs(tmp_path):
    made = prepare(tmp_path / "node")
    with made.locked(), pytest.raises(ConfigError, match="runs already"), made.locked():
        pass
    with made.locked():
        pass


def test_guard_path_is_absolute_when_it_was_given_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    described = Description.of(name="spam", superlink="x:1", root_certificate=ROOT, guard=Path("g.sock"))
    assert NodeFolder.prepare(tmp_path / "node", described).guard == tmp_path / "g.sock"


def test_description_reads_back_when_another_user_gets_it(tmp_path):
    described = Description.of(name="spam", superlink="x:1", root_certificate=ROOT, guard=tmp_path / "g.sock")
    assert Description.parse(described.model_dump_json().encode()) == described
    assert b"PRIVATE" not in described.model_dump_json().encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "../x"), ("superlink", "x"), ("root", "none"), ("guard", 'a"b'), ("format", "2"), ("more", 1)],
)
def test_description_is_refused_when_a_field_is_wrong(tmp_path, field, value):
    described = Description.of(name="spam", superlink="x:1", root_certificate=ROOT, guard=tmp_path / "g.sock")
    document = {**described.model_dump(), field: value}
    with pytest.raises(ConfigError):
        Description.parse(json.dumps(document).encode())
