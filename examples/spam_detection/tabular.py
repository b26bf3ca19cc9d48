"""The user's own texts: a CSV or JSON Lines file with ``text`` and ``label`` columns.

A CSV file has a header row; other columns are ignored. A JSON Lines file has one object per line. Labels
are spam or ham, 1 or 0, true or false, in any case. Files are UTF-8.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from typing import TYPE_CHECKING, NoReturn

from examples.spam_detection.cleaning import Mail
from federation.canonical import parse_json
from federation.errors import ConfigError, DataError
from federation.importers.mailtext import LIMIT, mask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINIMUM_PER_CLASS = 20
"""The fewest different texts of each label that can be split into three parts with both labels."""

_LABELS = {"spam": True, "1": True, "true": True, "ham": False, "0": False, "false": False}
_NOT_LETTERS = re.compile(r"[\d\s]+")


def load_table(path: Path) -> list[Mail]:
    """Return a file's rows in order, with links, addresses and numbers masked as in the corpus.

    Rows that differ only in digits and white space share a thread, so that no split separates them.

    Args:
        path: A ``.csv``, ``.jsonl`` or ``.ndjson`` file.

    Raises:
        ConfigError: The file cannot be read or its kind is unknown.
        DataError: A row is malformed (the message names file and line), or a label has too few rows.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
    if path.suffix.lower() not in readers:
        raise ConfigError(f"{path}: unknown kind of table", hint="use a .csv or a .jsonl file")
    rows = readers[path.suffix.lower()](path, _read(path))
    mails = [_mail(path, line, text, label) for line, text, label in rows]
    for label in (True, False):
        count = len({mail.thread for mail in mails if mail.label is label})
        if count < MINIMUM_PER_CLASS:
            name = "spam" if label else "ham"
            raise DataError(
                f"{path}: {count} different texts are labelled {name} where {MINIMUM_PER_CLASS} are needed",
                hint="both labels are needed to train and to score",
            )
    return mails


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or error}", hint="check the path given to --data"
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, raw[: error.start].count(b"\n") + 1, "not UTF-8", hint="save the file as UTF-8")
    if not text.strip():
        raise DataError(f"{path}: the file is empty", hint="it needs the columns text and label")
    return text


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, object, object]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = next(reader)
        columns = [header.index(name) for name in ("text", "label") if header.count(name) == 1]
        if len(columns) != 2:
            found = ", ".join(map(repr, header))
            _refuse(path, 1, f"the columns text and label are needed once each, found {found}")
        line = reader.line_num + 1
        for row in reader:
            if row:
                if len(row) != len(header):
                    hint = "put texts that hold commas, quotes or line breaks in double quotes"
                    _refuse(path, line, f"{len(row)} cells where the header has {len(header)}", hint=hint)
                yield line, row[columns[0]], row[columns[1]]
            line = reader.line_num + 1
    except csv.Error as error:
        _refuse(path, line, str(error))


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, object, object]]:
    # Not splitlines(): JSON strings may hold U+2028 and other breaks that are not new lines of the file.
    for line, source in enumerate(text.split("\n"), start=1):
        if not source.strip():
            continue
        try:
            row = parse_json(source.encode())
        except ValueError as error:
            _refuse(path, line, f"not JSON: {error}")
        if not isinstance(row, dict):
            _refuse(path, line, f"a JSON object is needed, found {type(row).__name__}")
        missing = [name for name in ("text", "label") if name not in row]
        if missing:
            _refuse(path, line, f"no {' and no '.join(missing)}")
        yield line, row["text"], row["label"]


def _mail(path: Path, line: int, text: object, label: object) -> Mail:
    if not isinstance(text, str):
        _refuse(path, line, f"the text is no string but {type(text).__name__}")
    if not text.strip():
        _refuse(path, line, "the text is empty")
    known = _LABELS.get(str(label).strip().lower()) if isinstance(label, str | int) else None
    if known is None:
        _refuse(
            path,
            line,
            f"unknown label {str(label)[:40]!r}",
            hint="labels are spam or ham, 1 or 0, true or false",
        )
    try:
        thread = hashlib.sha256(_NOT_LETTERS.sub("", text.casefold()).encode()).hexdigest()
    except UnicodeEncodeError:
        _refuse(path, line, "the text holds half of a surrogate pair")
    return Mail(text=" ".join(mask(text).split())[:LIMIT], label=known, thread=thread)


def _refuse(path: Path, line: int, problem: str, *, hint: str | None = None) -> NoReturn:
    raise DataError(f"{path}, line {line}: {problem}", hint=hint)
