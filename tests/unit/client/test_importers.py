"""Files become rows, or are refused with a place and a reason, and never with their content."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from client.loading import load
from federation.errors import ConfigError, DataError
from federation.importers.files import Found, find, opened
from federation.importers.items import MOST_CHARACTERS, BadRow, Kind, Reading
from federation.importers.mail import mail_text
from federation.importers.mailtext import LIMIT
from federation.types import Row

if TYPE_CHECKING:
    from client.vault import Vault

CANARY = "zebracanary"
NEGATIVE = Reading(whole=False)


def read(path: Path, reading: Reading | None = None, kind: Kind | None = None) -> list[Row | BadRow]:
    (found,) = find([path], kind)
    with opened(found, reading or Reading()) as (file, _digest):
        return list(file.items)


def texts(path: Path, reading: Reading | None = None) -> list[str]:
    rows = read(path, reading)
    assert not [row for row in rows if isinstance(row, BadRow)]
    return [row.text for row in rows if isinstance(row, Row)]


def bad(rows: list[Row | BadRow]) -> list[tuple[int, str]]:
    assert CANARY not in repr([row for row in rows if isinstance(row, BadRow)])
    return [(row.place, row.reason) for row in rows if isinstance(row, BadRow)]


def write(path: Path, data: str | bytes, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
    return path


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_gives_rows_whatever_its_delimiter_and_line_ends(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    lines = ["id", "Label", "text"], ["1", "spam", '"a, b; c | d"'], ["2", "HAM", f'"two{end}lines ""q"""']
    path = write(tmp_path / "a.csv", end.join(delimiter.join(line) for line in lines))
    assert read(path) == [Row(text="a, b; c | d", label=True), Row(text='two lines "q"', label=False)]


def test_csv_without_header_has_numbered_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "sms.tsv", "ham\tsee you\nspam\twin money\n")
    rows = read(path, Reading(header=False, label="1", text="2"))
    assert rows == [Row(text="see you", label=False), Row(text="win money", label=True)]
    with pytest.raises(DataError, match="numbers"):
        read(path, Reading(header=False))
    with pytest.raises(DataError, match="numbers"):
        read(path, Reading(header=False, label="0", text="2"))


def test_bad_rows_are_named_by_their_line_and_never_quoted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        f'text,label\n{CANARY},maybe\n"{CANARY}\n\nlong",spam\n{CANARY}\n\n"  ",ham\n{CANARY},\n',
    )
    rows = read(path)
    assert bad(rows) == [
        (2, "the label is none of the known values"),
        (6, "it has too few columns"),
        (8, "the text is empty"),
        (9, "the label is none of the known values"),
    ]
    assert [row for row in rows if isinstance(row, Row)] == [Row(text=f"{CANARY} long", label=True)]


@pytest.mark.parametrize(
    "header", ["a,b", "text,text,label", "label", "text,Text,label", "", "\n", "text;label,other"]
)
def test_csv_is_refused_when_its_columns_are_not_there_once(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "a.csv", f"{header}\n{CANARY},1\n" if header.strip() else header)
    with pytest.raises(DataError) as caught:
        read(path)
    assert CANARY not in f"{caught.value}{caught.value.hint}"


def test_csv_is_refused_when_a_quotation_never_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\nfine,1\n" + f'"{CANARY},1\n' + "x,1\n" * 1000)
    with pytest.raises(DataError, match="line 3") as caught:
        read(path)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "wanted"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-8"),
        ("latin-1", "latin-1"),
        ("utf-16-le", "utf-16-le"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_text_is_decoded_by_its_mark_or_the_named_encoding(
    tmp_path: Path, encoding: str, wanted: str, name: str
) -> None:
    data = "text,label\nGrüße,1\n" if name == "a.csv" else '{"text": "Grüße", "label": 1}\n'
    path = write(tmp_path / name, data, encoding)
    assert texts(path, Reading(encoding=wanted)) == ["Grüße"]


def test_big_endian_text_is_decoded_by_its_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"\xfe\xff" + "text,label\nGrüße,1\n".encode("utf-16-be"))
    assert texts(path) == ["Grüße"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_text_is_refused_when_its_encoding_is_another(tmp_path: Path, name: str) -> None:
    data = "text,label\nfine,1\nGrüße,1\n" if name == "a.csv" else '{"text": "Grüße", "label": 1}\n'
    path = write(tmp_path / name, data, "latin-1")
    with pytest.raises(DataError, match="not utf-8") as caught:
        read(path)
    assert "--encoding" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="no encoding"):
        read(path, Reading(encoding="klingon"))


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\0\0\0", b"\0" * 4096, os.urandom(100) + b"\0"])
def test_text_is_refused_when_it_is_binary(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match="binary"):
        read(write(tmp_path / "a.csv", data))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_endless_line_is_refused_without_reading_it_whole(tmp_path: Path, name: str) -> None:
    start = "text,label\n" if name == "a.csv" else ""
    path = write(tmp_path / name, start + "x" * (8 * MOST_CHARACTERS))
    (found,) = find([path], None)

    def read_until_it_ends() -> None:
        with opened(found, Reading()) as (file, _):
            try:
                list(file.items)
            finally:
                assert file.position() < file.total / 2

    with pytest.raises(DataError, match="longer than"):
        read_until_it_ends()


def test_long_text_is_cut_and_masked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\ncall 123456 or a@b.example " + "word " * 5000 + ",1\n")
    (text,) = texts(path)
    assert text.startswith("call _num6_ or _addr_ word")
    assert len(text) <= LIMIT


# Labels


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ((), (), {"spam": True, "ham": False, "Junk": None, "": None}),
        (("junk",), (), {"JUNK ": True, "ham": False, "spam": False, "": None}),
        ((), ("fine",), {"fine": False, "spam": True, "": None}),
        (("junk",), ("fine",), {"junk": True, "fine": False, "spam": None}),
    ],
)
def test_label_means_what_was_said(
    positive: tuple[str, ...], negative: tuple[str, ...], expected: dict[str, bool | None]
) -> None:
    reading = Reading(positive=frozenset(positive), negative=frozenset(negative))
    assert {value: reading.label_of(value) for value in expected} == expected


def test_all_rows_have_the_label_that_was_said_for_all(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text\none\ntwo\n")
    assert read(path, Reading(whole=True)) == [Row(text="one", label=True), Row(text="two", label=True)]
    path = write(tmp_path / "a.jsonl", '{"text": "one", "label": "?"}\n{"text": "two"}\n')
    assert read(path, NEGATIVE) == [Row(text="one", label=False), Row(text="two", label=False)]


# JSON Lines


def test_json_lines_give_rows_and_name_the_bad_ones(tmp_path: Path) -> None:
    lines = [
        '{"text": "one", "label": true}',
        "",
        '{"text": "two", "label": "ham", "more": [1]}',
        '{"text": "three", "label": 1}',
        '{"text": 4, "label": 1}',
        '{"text": "x", "label": null}',
        '{"text": "x", "label": [1]}',
        f'{{"{CANARY}": 1}}',
        f'["{CANARY}"]',
        f'"{CANARY}',
        '{"text": "\\ud800", "label": 1}',
        '{"text": "a\\u0000b", "label": 1}',
        "[" * 100_000,
        "1" * 5000,
        '{"text": "last", "label": "0"}',
    ]
    rows = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [(row.text, row.label) for row in rows if isinstance(row, Row)] == [
        ("one", True),
        ("two", False),
        ("three", True),
        ("last", False),
    ]
    assert [place for place, _ in bad(rows)] == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]


def test_other_columns_are_read_when_they_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"body": "one", "class": "spam", "text": 7}\n')
    assert read(path, Reading(text="body", label="class")) == [Row(text="one", label=True)]


# Mails


def mail(subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.org", subject
    message.set_content(text)
    return message.as_bytes()


def maildir(path: Path, mails: list[bytes]) -> Path:
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    for i, raw in enumerate(mails):
        (path / ("cur" if i % 2 else "new") / f"{i:04}.host:2,S").write_bytes(raw)
    return path


def test_mbox_gives_the_senders_words(tmp_path: Path) -> None:
    html = EmailMessage()
    html["Subject"] = "=?utf-8?q?Gr=C3=BC=C3=9Fe?="
    html.set_content("<p>Hello <b>you</b></p><script>x()</script>", subtype="html")
    both = EmailMessage()
    both["Subject"] = "Re: [list] plain"
    both.set_content("plain words\n> quoted\n-- \nsignature")
    both.add_alternative("<p>html words</p>", subtype="html")
    both.add_attachment(b"attached words", maintype="application", subtype="octet-stream")
    data = b"".join(b"From x Mon Jan 1 00:00:00 2024\n" + m.as_bytes() + b"\n" for m in (html, both))
    path = write(tmp_path / "inbox", data + b"From x Mon Jan 1 00:00:00 2024\nSubject:\n\n\n")
    rows = read(path, NEGATIVE)
    assert rows[:2] == [Row(text="Grüße Hello you", label=False), Row(text="plain plain words", label=False)]
    assert bad(rows) == [(3, "the text is empty")]
    before = path.read_bytes()
    assert path.read_bytes() == before


def test_mails_are_refused_when_no_label_was_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no label") as caught:
        read(write(tmp_path / "a.mbox", b"From x\n" + mail("a", "b")))
    assert "--all" in str(caught.value.hint)


def test_maildir_gives_its_mails_in_the_same_order_each_time(tmp_path: Path) -> None:
    path = maildir(tmp_path / "Mail", [mail(f"no {'abc'[i % 3]}", "word " * (i + 1)) for i in range(9)])
    first = read(path, Reading(whole=True))
    assert len(first) == 9
    assert read(path, Reading(whole=True)) == first
    assert sorted(p.name for p in path.rglob("*") if p.is_file()) == [f"{i:04}.host:2,S" for i in range(9)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 100,
        b"Subject: =?x-nonsense?B?////?=\n\nhello",
        b"Content-Type: text/plain; charset=klingon\n\nhello",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n--x",
        b"Content-Type: multipart/alternative\n\nno boundary",
        b"Content-Type: text/plain; charset*=\"\xff\xff''\n\nhello",
        b"Content-Transfer-Encoding: base64\nContent-Type: text/plain\n\n!!!!notbase64",
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\n\nx",
        bytes(range(256)) * 50,
        b"Content-Type: message/rfc822\n\n" * 200,
        b"Subject: " + b"Re: " * 100_000 + b"\n\nx",
        b"Content-Type: text/html\n\n<p>" + b"<!--" * 50_000,
        b"Content-Type: text/html\n\n<p>" + b"<script " * 25_000 + b"<style>" * 1000,
        b"Content-Type: text/html\n\n<p>" + b"</script" * 25_000 + b"<a " * 10_000,
        b"\n\n" + b"On a " + b"2001 " * 40_000,
        b"\n\n" + b"wrote " * 30_000 + b" " * 30_000 + b"x",
        b"\n\n" + b"a" * 190_000 + b"@",
        b"\n\nhttp:" * 20_000,
    ],
)
def test_hostile_mail_gives_a_row_or_a_reason(tmp_path: Path, raw: bytes) -> None:
    start = time.process_time()
    (row,) = read(maildir(tmp_path / "Mail", [raw]), NEGATIVE)
    assert isinstance(row, Row | BadRow)
    assert time.process_time() - start < 5


def test_mail_text_keeps_no_header_but_the_subject() -> None:
    raw = b"From: secret@example.org\nX-Header: leak\nSubject: Lunch\n\nSee you\n"
    assert mail_text(raw).split() == ["Lunch", "See", "you"]


# Files and folders


def test_folder_gives_known_files_sorted_and_follows_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder / "b.csv", "text,label\n")
    write(folder / "a" / "z.jsonl", "")
    write(folder / "a" / "notes.txt", "text")
    write(folder / ".hidden.csv", "")
    write(folder / ".cache" / "x.csv", "")
    write(tmp_path / "outside.csv", "")
    maildir(folder / "Mail", [])
    (folder / "loop").symlink_to(folder)
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "maillink").symlink_to(folder / "Mail")
    os.mkfifo(folder / "pipe.csv")
    names = [(str(f.path.relative_to(folder)), f.kind) for f in find([folder], None)]
    assert sorted(names) == [("Mail", Kind.MAILDIR), ("a/z.jsonl", Kind.JSONL), ("b.csv", Kind.CSV)]


def test_file_is_what_its_first_bytes_say_when_its_name_does_not(tmp_path: Path) -> None:
    for name, data, kind in (
        ("inbox", b"From x\n", Kind.MBOX),
        ("rows", b'{"text"', Kind.JSONL),
        ("rows.txt", b"text,label\n", None),
        ("empty", b"", None),
    ):
        assert [f.kind for f in find([write(tmp_path / name, data)], None)] == [kind]
    assert [f.kind for f in find([tmp_path / "rows.txt"], Kind.CSV)] == [Kind.CSV]


def test_find_is_refused_when_there_is_no_such_file_or_it_is_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        list(find([tmp_path / "none"], None))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="neither"):
        list(find([tmp_path / "pipe"], None))
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(ConfigError, match="cannot be read"):
        list(find([tmp_path / "a"], None))


@pytest.mark.parametrize(("name", "kind"), [("a.csv", None), ("a.txt", None), ("a.mbox", Kind.MAILDIR)])
def test_file_is_refused_when_it_is_empty_or_not_what_was_said(
    vault: Vault, tmp_path: Path, name: str, kind: Kind | None
) -> None:
    (found,) = find([write(tmp_path / name, "")], kind)
    report = load(vault, found, Reading(), skip_bad=True, show=lambda *_: None)
    assert report.refused
    assert vault.count == 0


# Into the vault


def quiet(_name: str, _done: int, _total: int) -> None:
    pass


def test_file_is_imported_whole_or_not_at_all_when_rows_are_bad(vault: Vault, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"text,label\none,1\n{CANARY},?\ntwo,0\none,1\n")
    found = Found(path=path, kind=Kind.CSV)
    report = load(vault, found, Reading(), skip_bad=False, show=quiet)
    assert (vault.count, report.bad_rows, report.added) == (0, 1, 0)
    assert not [line for line in report.lines() if CANARY in line]
    report = load(vault, found, Reading(), skip_bad=True, show=quiet)
    assert (vault.count, report.bad_rows, report.added, report.duplicates) == (2, 1, 2, 1)
    (first, _) = vault.stored_rows()
    assert (first.source.name, len(first.source.digest)) == ("a.csv", 32)
    assert abs(first.source.imported - time.time()) < 60
    again = load(vault, found, Reading(), skip_bad=True, show=quiet)
    assert (vault.count, again.added, again.duplicates) == (2, 0, 3)
    turned = load(vault, found, Reading(whole=True), skip_bad=True, show=quiet)
    assert (turned.added, turned.duplicates, turned.contradicting) == (1, 2, 1)
    assert "  1 left out: there with the other label (forget that first)" in turned.lines()


def test_all_bad_rows_are_counted_and_the_first_listed(vault: Vault, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n" + "x,?\n" * 500)
    report = load(vault, Found(path=path, kind=Kind.CSV), Reading(), skip_bad=False, show=quiet)
    lines = list(report.lines())
    assert (report.bad_rows, len(lines)) == (500, 22)
    assert "480 more" in lines[-1]


def test_nothing_of_a_file_is_imported_when_it_breaks_in_the_middle(vault: Vault, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", b"text,label\n" + b"".join(b"row %d x,1\n" % i for i in range(500)) + b"\xff,1\n"
    )
    report = load(vault, Found(path=path, kind=Kind.CSV), Reading(), skip_bad=True, show=quiet)
    assert report.refused is not None
    assert "not utf-8" in report.refused
    assert vault.count == 0


def test_import_can_be_interrupted_and_done_again(vault: Vault, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", "text,label\n" + "".join(f"{'abcdefgh'[i % 8] * (i + 1)},1\n" for i in range(300))
    )
    found, shown = Found(path=path, kind=Kind.CSV), []

    def impatient(_name: str, done: int, total: int) -> None:
        shown.append((done, total))
        if len(shown) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(vault, found, Reading(), skip_bad=False, show=impatient)
    assert vault.count == 0
    assert load(vault, found, Reading(), skip_bad=False, show=quiet).added == 300
    assert all(0 <= done <= total for done, total in shown)


def test_vault_is_free_for_others_while_a_file_is_parsed(vault: Vault, path: Path, tmp_path: Path) -> None:
    rows = write(tmp_path / "a.csv", "text,label\n" + f"{CANARY} one,1\n{CANARY} two,0\n" * 100)
    seen: list[bytes] = []

    def meanwhile(_name: str, _done: int, _total: int) -> None:
        with sqlite3.connect(path, timeout=0) as other:
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
        other.close()
        seen.append(b"".join(file.read_bytes() for file in path.parent.iterdir()))

    assert load(vault, Found(path=rows, kind=Kind.CSV), Reading(), skip_bad=False, show=meanwhile).added == 2
    assert len(seen) == 4
    assert CANARY.encode() not in b"".join(seen)


def test_growing_pipe_of_names_does_not_hang_the_search(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    done: list[list[Found]] = []
    worker = threading.Thread(target=lambda: done.append(list(find([tmp_path], None))), daemon=True)
    worker.start()
    worker.join(10)
    assert done == [[]]
