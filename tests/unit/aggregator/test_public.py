"""The public directory: whole files or none, and an index that covers every byte."""

from __future__ import annotations

import json

import pytest

from aggregator.public import FILES, INDEX, PublicDirectory, PublicReader, index_bytes, write_atomically
from federation.errors import VerificationFailed
from federation.hashing import sha256
from federation.types import Hash32


@pytest.fixture
def path(tmp_path):
    directory = PublicDirectory(tmp_path)
    for name in FILES:
        directory.write(name, f"content of {name}".encode())
    directory.put(b"a blob")
    directory.seal()
    return tmp_path


def refused(path) -> str:
    with pytest.raises(VerificationFailed) as info:
        PublicReader(path)
    return info.value.subject


def test_files_and_blobs_come_back_when_they_are_read(path):
    reader = PublicReader(path)
    assert [reader.file(name) for name in FILES] == [f"content of {name}".encode() for name in FILES]
    assert reader.blob(sha256(b"a blob"), "the blob") == b"a blob"
    reader.require_all_used()


def test_blob_is_refused_when_nobody_asked_for_it(path):
    with pytest.raises(VerificationFailed) as info:
        PublicReader(path).require_all_used()
    assert info.value.subject == f"blobs/{sha256(b'a blob').hex()}"


def test_blob_is_missed_by_what_it_is_when_it_was_not_published(path):
    with pytest.raises(VerificationFailed, match="the roster was not published"):
        PublicReader(path).blob(Hash32(bytes(32)), "the roster")


def test_blob_is_written_once_when_it_is_put_twice(path):
    directory = PublicDirectory(path)
    blob = path / "blobs" / sha256(b"a blob").hex()
    before = blob.stat().st_mtime_ns
    assert directory.put(b"a blob") == sha256(b"a blob")
    assert blob.stat().st_mtime_ns == before


def test_old_content_stays_when_a_write_fails(tmp_path):
    target = tmp_path / "file"
    write_atomically(target, b"old")
    with pytest.raises(TypeError):
        write_atomically(target, "text")  # type: ignore[arg-type]  # wrong on purpose
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"7", b'{"files": 7}', b'{"files": []}', b"\xff"])
def test_index_is_refused_when_it_is_no_index(path, text):
    (path / INDEX).write_bytes(text)
    assert refused(path) == INDEX


def test_index_is_refused_when_it_is_spelt_otherwise(path):
    table = json.loads((path / INDEX).read_bytes())
    (path / INDEX).write_text(json.dumps(table), encoding="utf-8")
    assert refused(path) == INDEX


def test_blob_is_refused_when_its_name_is_not_its_hash(path):
    (path / "blobs" / "00").write_bytes(b"x")
    (path / INDEX).write_bytes(index_bytes(path))
    assert refused(path) == "blobs/00"


def test_index_leaves_itself_out_when_it_is_made_twice(path):
    assert index_bytes(path) == (path / INDEX).read_bytes()
