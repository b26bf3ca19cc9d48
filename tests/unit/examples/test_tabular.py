import json
from pathlib import Path

import pytest

from examples.spam_detection.tabular import MINIMUM_PER_CLASS, load_table
from federation.errors import ConfigError, DataError

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
ROWS = [
    (f"{WORDS[i % 10]} {WORDS[i // 10]} {kind}", kind)
    for i in range(MINIMUM_PER_CLASS)
    for kind in ("ham", "spam")
]


def _csv(tmp_path: Path, *extra: str, header: str = "text,label") -> Path:
    path = tmp_path / "table.csv"
    lines = [header, *(f"{text},{label}" for text, label in ROWS), *extra]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _jsonl(tmp_path: Path, *extra: str) -> Path:
    path = tmp_path / "table.jsonl"
    lines = [*(json.dumps({"text": text, "label": label}) for text, label in ROWS), *extra]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_csv_and_json_lines_give_the_same_mails(tmp_path: Path) -> None:
    mails = load_table(_csv(tmp_path))
    assert mails == load_table(_jsonl(tmp_path))
    assert [(mail.text, mail.label) for mail in mails] == [(text, label == "spam") for text, label in ROWS]


@pytest.mark.parametrize(
    ("label", "expected"),
    [("SPAM", True), (" Ham ", False), ("1", True), ("0", False), ("True", True), ("false", False)],
)
def test_labels_are_read_in_any_case(tmp_path: Path, label: str, expected: bool) -> None:
    assert load_table(_csv(tmp_path, f"more,{label}"))[-1].label is expected


@pytest.mark.parametrize(("label", "expected"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_json_labels_may_be_booleans_or_numbers(tmp_path: Path, label: str, expected: bool) -> None:
    assert load_table(_jsonl(tmp_path, f'{{"text": "more", "label": {label}}}'))[-1].label is expected


def test_cells_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    assert load_table(_csv(tmp_path, '"a, ""b""\nc",ham'))[-1].text == 'a, "b" c'


def test_other_columns_and_a_byte_order_mark_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    body = "".join(f"{i},{label},{text}\r\n" for i, (text, label) in enumerate(ROWS))
    path.write_bytes(b"\xef\xbb\xbfid,label,text\r\n" + body.encode())
    assert len(load_table(path)) == len(ROWS)


def test_numbers_links_and_addresses_are_masked(tmp_path: Path) -> None:
    text = load_table(_csv(tmp_path, "call 555 at a@b.example or http://c.example,spam"))[-1].text
    assert text == "call _num3_ at _addr_ or _url_"


def test_rows_share_a_thread_when_they_differ_in_digits_and_spaces_alone(tmp_path: Path) -> None:
    *_, first, second, third = load_table(
        _csv(tmp_path, "Code 12 now,spam", "code  345now,spam", "cod now,spam")
    )
    assert first.thread == second.thread != third.thread


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("no label", "1 cells where the header has 2"),
        ("a,b,ham", "3 cells where the header has 2"),
        ("hello,maybe", "unknown label 'maybe'"),
        ("hello,", "unknown label ''"),
        ("  ,ham", "text is empty"),
        ('"open quote,ham', "unexpected end of data"),
        ('"a"b,ham', "expected after"),
    ],
)
def test_a_malformed_csv_row_is_named_by_its_line(tmp_path: Path, row: str, problem: str) -> None:
    path = _csv(tmp_path, '"two\nlines",ham', "", row)
    with pytest.raises(DataError, match=problem) as caught:
        load_table(path)
    # The header, the rows, a row of two lines and an empty line come before it.
    assert f"table.csv, line {len(ROWS) + 5}: " in caught.value.message


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "object is needed, found list"),
        ('{"text": "a"}', "no label"),
        ("{}", "no text and no label"),
        ('{"text": 1, "label": "ham"}', "no string but int"),
        ('{"text": "a", "label": null}', "unknown label"),
        ('{"text": "a", "label": 2}', "unknown label"),
        ('{"text": "a", "label": 1.0}', "unknown label"),
        ('{"text": "\\ud800", "label": 1}', "surrogate"),
    ],
)
def test_a_malformed_json_line_is_named_by_its_line(tmp_path: Path, row: str, problem: str) -> None:
    path = _jsonl(tmp_path, '{"text": "a\u2028b", "label": "ham"}', "", row)
    with pytest.raises(DataError, match=problem) as caught:
        load_table(path)
    assert f"table.jsonl, line {len(ROWS) + 3}: " in caught.value.message


def test_bytes_that_are_not_utf8_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"text,label\nfine,ham\ncaf\xe9,ham\n")
    with pytest.raises(DataError, match="line 3: not UTF-8"):
        load_table(path)


@pytest.mark.parametrize("header", ["text,tag", "Text,label", "text,text,label", "a b,ham"])
def test_a_header_is_refused_when_a_column_is_missing_or_doubled(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match="line 1: the columns text and label"):
        load_table(_csv(tmp_path, header=header))


@pytest.mark.parametrize("content", ["", "\n \n"])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="empty"):
        load_table(tmp_path / name)


def test_a_table_is_refused_when_a_label_has_too_few_different_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{text},{label}" for text, label in ROWS if label == "spam"] + ["same text 1,ham"] * 50
    path.write_text("\n".join(["text,label", *rows]))
    with pytest.raises(DataError, match="1 different texts are labelled ham"):
        load_table(path)


def test_a_table_is_refused_when_it_cannot_be_read_or_its_kind_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_table(tmp_path / "missing.csv")
    with pytest.raises(ConfigError, match="unknown kind"):
        load_table(tmp_path / "table.xlsx")
