"""A provider's files as examples: the same importers and features as the members', and no text kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from federation.errors import DataError
from federation.features import pipeline_of
from federation.hashing import sha256
from federation.importers.files import opened
from federation.importers.items import BadRow
from federation.models.linear import Examples
from federation.validation import example_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.importers.files import Found
    from federation.importers.items import Reading
    from federation.manifest import Manifest


@dataclass(slots=True, kw_only=True)
class Imported:
    """What came of some files.

    Attributes:
        examples: All examples, the earlier ones first.
        added: How many are new.
        duplicates: How many were there already, or came twice.
    """

    examples: Examples
    added: int = 0
    duplicates: int = 0


@dataclass(slots=True)
class _Taken:
    rows: list[tuple[int, ...]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    seen: dict[bytes, None] = field(default_factory=dict)


def add(before: Examples, files: Sequence[Found], reading: Reading, manifest: Manifest) -> Imported:
    """Read files, all or none.

    Args:
        before: The examples that are there.
        files: CSV, JSON Lines, mbox, maildir.
        reading: How to read them.
        manifest: Names the rule from text to indices.

    Raises:
        DataError: A file or a row cannot be used; the message says where, and quotes nothing.
        ConfigError: This software lacks the manifest's rule.
    """
    pipeline = pipeline_of(manifest.model.features_sha256, manifest.words)
    taken = _Taken()
    for i in range(len(before)):
        taken.seen[sha256(example_bytes(before, i))] = None
    result = Imported(examples=before)
    for found in files:
        with opened(found, reading) as (file, _):
            for item in file.items:
                if isinstance(item, BadRow):
                    raise DataError(f"{found.path}: row or line {item.place}: {item.reason}")
                one = Examples.build([pipeline.indices(item.text)], [int(item.label)])
                digest = sha256(example_bytes(one, 0))
                if digest in taken.seen:
                    result.duplicates += 1
                    continue
                taken.seen[digest] = None
                taken.rows.append(tuple(one.words.tolist()))
                taken.labels.append(int(item.label))
    result.added = len(taken.rows)
    result.examples = Examples.concat([before, Examples.build(taken.rows, taken.labels)])
    return result
