"""Damage to a run's files: found, named, and never believed."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from aggregator.public import PublicReader
from aggregator.summary import compare_summary, summary_bytes
from aggregator.verify import verify_run
from federation.errors import VerificationFailed
from federation.types import Address
from tests.world import copy_of


@pytest.fixture(scope="module")
def damaged(finished, tmp_path_factory) -> Path:
    """A copy whose files are damaged one at a time and mended again."""
    return copy_of(finished, tmp_path_factory.mktemp("damage"))


def refused(run: Path, **more: Address) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as info:
        verify_run(run, **more)
    return info.value


def names(run: Path) -> list[str]:
    public = run / "public"
    return sorted(str(p.relative_to(public)) for p in public.rglob("*") if p.is_file())


def flip_and_refuse(run: Path, name: str, bit: int) -> None:
    path = run / "public" / name
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(changed))
    try:
        error = refused(run)
    finally:
        path.write_bytes(whole)
    assert error.subject == name, (name, bit, error)
    assert name in error.message


def drawn_flips(run: Path, count: int, seed: int) -> list[tuple[str, int]]:
    """Every file once, the rest by bytes: a large file is hit as often as its size says."""
    rng, files = random.Random(seed), names(run)
    sizes = [(run / "public" / name).stat().st_size for name in files]
    chosen = files + rng.choices(files, sizes, k=max(0, count - len(files)))
    return [(name, rng.randrange(8 * (run / "public" / name).stat().st_size)) for name in chosen]


def test_flip_is_refused_and_its_file_named_when_any_file_is_hit(damaged):
    flips = drawn_flips(damaged, 0, seed=1)
    assert len(flips) > 55
    for name, bit in flips:
        flip_and_refuse(damaged, name, bit)


@pytest.mark.slow
def test_flip_is_refused_and_its_file_named_when_a_thousand_are_drawn(damaged):
    for name, bit in drawn_flips(damaged, 1000, seed=2):
        flip_and_refuse(damaged, name, bit)


def test_flip_of_the_index_is_refused_when_any_of_its_lines_is_hit(damaged):
    size = (damaged / "public" / "index.json").stat().st_size
    for bit in random.Random(3).sample(range(8 * size), 60):
        flip_and_refuse(damaged, "index.json", bit)


def test_cut_or_lengthened_file_is_refused_when_one_byte_differs(damaged):
    for name in ("federation.toml", "genesis.json", "blocks.rlp", "events.car", "index.json"):
        path = damaged / "public" / name
        whole = path.read_bytes()
        for changed in (whole[:-1], whole + b"\n", whole + b"\0", b""):
            path.write_bytes(changed)
            assert refused(damaged).subject == name
        path.write_bytes(whole)


def test_missing_file_is_refused_by_name_when_any_is_taken_away(damaged):
    for name in names(damaged):
        path = damaged / "public" / name
        whole = path.read_bytes()
        path.unlink()
        assert refused(damaged).subject == name
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["more.txt", "blobs/more", ".hidden"])
def test_surplus_file_is_refused_by_name_when_one_is_added(damaged, name):
    path = damaged / "public" / name
    path.write_bytes(b"")
    try:
        assert refused(damaged).subject == name
    finally:
        path.unlink()


@pytest.mark.parametrize("name", ["deep", "blobs/deep"])
def test_surplus_directory_is_refused_by_name_when_one_is_added(damaged, name):
    (damaged / "public" / name).mkdir()
    try:
        assert refused(damaged).subject == name
    finally:
        (damaged / "public" / name).rmdir()


def test_link_is_refused_by_name_when_it_stands_for_a_file(damaged, tmp_path):
    genesis, aside = damaged / "public" / "genesis.json", tmp_path / "genesis.json"
    genesis.rename(aside)
    genesis.symlink_to(aside)
    try:
        assert refused(damaged).subject == "genesis.json"
    finally:
        genesis.unlink()
        aside.rename(genesis)


def test_directory_is_refused_when_there_is_none(tmp_path):
    assert refused(tmp_path).subject == "index.json"


def test_sound_directory_is_read_when_nothing_is_damaged(damaged):
    assert len(PublicReader(damaged / "public").file("genesis.json")) > 0


def leaves(table: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    if isinstance(table, dict):
        return [leaf for key, value in table.items() for leaf in leaves(value, (*path, key))]
    if isinstance(table, list):
        return [leaf for i, value in enumerate(table) for leaf in leaves(value, (*path, i))]
    return [path]


def edited(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value}1" if isinstance(value, str) else "something"


def test_summary_is_refused_when_any_of_its_fields_is_edited(finished):
    """In process and against the recomputed table, so that hundreds of edits cost nothing."""
    text = (finished.out / "summary.json").read_bytes()
    expected = {k: v for k, v in json.loads(text).items() if k != "cpu_seconds"}
    compare_summary(expected, text)
    with pytest.raises(VerificationFailed, match=r"summary\.json"):
        compare_summary(expected, text.replace(b'"seed": 0', b'"seed": 1, "seed": 0'))
    paths = [p for p in leaves(json.loads(text)) if p != ("cpu_seconds",)]
    assert len(paths) > 150
    for path in paths:
        table = json.loads(text)
        at = table
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = edited(at[path[-1]])
        with pytest.raises(VerificationFailed) as info:
            compare_summary(expected, summary_bytes(table))
        assert info.value.subject == "summary.json"
        assert str(path[-1]) in info.value.message


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("final_auc"),
        lambda t: t.update(more=1),
        lambda t: t["members"].pop(),
        lambda t: t["rounds"].append(t["rounds"][-1]),
        lambda t: t["members"].reverse(),
        lambda t: t["members"][0].pop("role"),
        lambda t: t["members"][0].update(more=1),
        lambda t: t.update(verified=1),
        lambda t: t.update(schema_version=1.0),
    ],
)
def test_summary_is_refused_when_its_shape_is_edited(finished, change):
    text = (finished.out / "summary.json").read_bytes()
    expected = {k: v for k, v in json.loads(text).items() if k != "cpu_seconds"}
    table = json.loads(text)
    change(table)
    with pytest.raises(VerificationFailed, match=r"summary\.json"):
        compare_summary(expected, summary_bytes(table))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff"])
def test_summary_is_refused_when_it_is_no_table(text):
    with pytest.raises(VerificationFailed, match=r"summary\.json"):
        compare_summary({}, text)


def test_summary_is_compared_with_the_chain_when_a_run_is_verified(finished, tmp_path):
    run = copy_of(finished, tmp_path)
    table = json.loads((run / "summary.json").read_bytes())
    table["cpu_seconds"] = 12345.5
    (run / "summary.json").write_bytes(summary_bytes(table))
    verify_run(run)
    table["members"][4]["paid_wei"] += "0"
    (run / "summary.json").write_bytes(summary_bytes(table))
    assert "members[4].paid_wei" in refused(run).message
    (run / "summary.json").unlink()
    assert refused(run).subject == "summary.json"


def test_run_is_refused_when_another_federation_is_expected(finished, damaged):
    federation = finished.run.epoch.domain.federation
    assert verify_run(damaged, expect=Address(federation.lower())).federation == federation
    wrong = Address(federation[:-1] + ("0" if federation[-1] != "0" else "1"))
    for other in (wrong, finished.run.deployment.registry.address, finished.run.deployment.pool.address):
        assert refused(damaged, expect=other).subject == "blocks.rlp"


def test_private_part_is_not_needed_when_a_run_is_verified(finished, damaged):
    assert not (damaged / "private").exists()
    assert verify_run(damaged) == verify_run(finished.out)


def test_private_part_is_never_opened_when_a_run_is_verified(finished, tmp_path, monkeypatch):
    run = copy_of(finished, tmp_path)
    shutil.copytree(finished.out / "private", run / "private")
    (run / "secret.key").write_text("not for verifiers", encoding="utf-8")
    opened: list[str] = []
    for method in ("open", "read_bytes", "read_text"):
        original = getattr(Path, method)

        def spy(self: Path, *args: object, _original=original, **kwargs: object) -> object:
            opened.append(str(self))
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(Path, method, spy)
    verify_run(run)
    inside = [Path(name).relative_to(run).parts[0] for name in opened if Path(name).is_relative_to(run)]
    assert set(inside) == {"public", "summary.json"}
