"""Raw mail to text that says what the sender said, and nothing of how it reached the archive.

The SpamAssassin archives leak their labels: header names alone reach an AUC of 0.99, and list footers,
quoting and the collectors' own host names do much of the same. The rules for any mail are those of a
member's import (``client/importers/mailtext.py``); here the archives' own artefacts go too.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass

from federation.importers.mailtext import LIMIT, body, mask, strip_body, strip_subject, subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One labelled text.

    Attributes:
        text: What the features are made from.
        label: True for spam.
        thread: Texts with the same thread never land in two parts of a split.
    """

    text: str
    label: bool
    thread: str


_OWN_LISTS = re.compile(r"exmh|ilug", re.IGNORECASE)
_ARTEFACTS = re.compile(
    r"\b(?:zzzz\w*|yyyy\w*|jmason|jm|spamassassin|taint|netnoteinc|freshrpms|slashnull|xent|exmh|ilug|iiu"
    r"|sadev|satalk|listman|linux\.ie|example\.com|(?:deathtospam)+)\b(?:\.(?:com|net|org|ie)\b)?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"[\d\W_]+")


def thread_of(subject: str, text: str) -> str:
    """Return the name of a mail's thread: the subject's letters, else the start of its text."""
    return _letters(strip_subject(subject)) or f"text:{_letters(text)[:200]}"


def _letters(text: str) -> str:
    return _DIGITS.sub(" ", text.casefold()).strip()


def clean_mail(raw: bytes, *, label: bool) -> Mail | None:
    """Clean one raw mail (RFC 5322 with MIME, possibly broken); None when no text is left.

    Args:
        raw: The mail's bytes; an mbox ``From `` line may come first.
        label: True for spam.

    Returns:
        Subject and body, at most ``LIMIT`` characters, with the subject's thread.
    """
    message = email.message_from_bytes(raw)
    title = subject(message)
    lines = strip_body(body(message)).splitlines()
    own = "\n".join(line for line in lines if not _OWN_LISTS.search(line))
    text = f"{strip_subject(title)}\n{own}"
    # Masking only a little more than can remain keeps a long mail cheap.
    text = _ARTEFACTS.sub(" ", mask(text[: 3 * LIMIT]))
    text = " ".join(text.split())[:LIMIT].rstrip()
    return Mail(text=text, label=label, thread=thread_of(title, text)) if text else None
