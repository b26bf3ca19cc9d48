"""Joining over a node's RPC, as a member does: no chain in this process."""

from __future__ import annotations

import pytest

from ceramic_bridge.bundle import pack
from client.membership import memberships
from contracts.deploy import deploy_federation
from federation.manifest import Manifest
from federation.types import Address
from tests.agreed import MODEL_EVENTS
from tests.agreed import agreed as agreed_manifest
from tests.joined import CERTIFICATE, Person

from .conftest import MANIFEST, key

COMMUNITY = key("community")


@pytest.fixture
def agreed() -> Manifest:
    """A manifest of the community whose event models the tests have."""
    chain = Manifest.from_toml(MANIFEST.read_text(encoding="utf-8")).chain
    return agreed_manifest().model_copy(update={"chain": chain})


@pytest.mark.slow
def test_member_joins_and_sees_how_it_stands_when_the_chain_is_a_node(
    node, agreed, tmp_path, monkeypatch, capfd
):
    chain, socket = node
    deployed = deploy_federation(chain, COMMUNITY, agreed)
    (tmp_path / "models.car").write_bytes(pack(list(MODEL_EVENTS.values())))
    manifest = tmp_path / "federation.toml"
    manifest.write_text(agreed.to_toml(), encoding="utf-8")
    person = Person(tmp_path / "person", monkeypatch, capfd)
    assert person("init").code == 0
    words = ["join", manifest, "--federation", deployed.federation.address, "--registry"]
    rest = ["--rpc", socket, "--superlink", "localhost:9092", "--root-certificates", CERTIFICATE]
    rest += ["--public", tmp_path, "--models", tmp_path / "models.car", "--yes"]
    wrong = person(*words, deployed.token.address, *rest)
    assert (wrong.code, "its code is not that of the artifact" in wrong.err) == (8, True)
    nobody = person(*words, Address("0x" + "11" * 20), *rest)
    assert nobody.code == 8
    said = person(*words, deployed.registry.address, *rest)
    assert said.code == 0, said.err
    with person.vault() as vault:
        assert list(memberships(vault)) == ["small"]
    (one,) = person("status", "--format", "json").data["federations"]
    assert (one["epoch"], one["registered"], one["claimable_wei"]) == (0, False, "0")
    assert one["unknown"] == []
