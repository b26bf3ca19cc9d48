"""Raw mail to text that says what the sender said, and nothing of how it travelled.

Headers other than the subject are dropped, as are quotations, attributions, signatures and list
footers; addresses, links, numbers, months and years become placeholders. What a member imports and
what a community trains its first model from go through the same rules, so that the words agree.
"""

from __future__ import annotations

import html
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

LIMIT = 6_000
"""The most characters of a text that are kept; what follows is cut."""

_RAW_LIMIT = 200_000
_SUBJECT_LIMIT = 2_000

_INVISIBLE = re.compile(r"<(!--|script\b|style\b)", re.IGNORECASE)
_VISIBLE = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|em|font|i|s|small|span|strike|strong|sub|sup|tt|u)\b[^<>]*>", re.IGNORECASE
)
_BLOCK_TAG = re.compile(
    r"</?(?:p|div|br|hr|tr|table|h[1-6]|li|ul|ol|center|blockquote|form|body|html)\b[^<>]*>", re.IGNORECASE
)
_ANY_TAG = re.compile(r"<[a-z/!?][^<>]*>", re.IGNORECASE)
_LOOKS_HTML = re.compile(r"<(?:html|body|table|font|br|p|div|center)\b[^<>]*>", re.IGNORECASE)

_TAGS = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]|(?:re|fw|fwd|aw|sv)\s*(?:\[\d+\]|\(\d+\))?\s*:|\(fwd\))\s*", re.IGNORECASE
)
_QUOTED = re.compile(r"^\s{0,3}(?:[A-Za-z]{0,4}>|[|:}]\s)")
_ATTRIBUTION = re.compile(
    r"\b(?:wrote|writes|said|scribbled|typed|quoth|asked|schrieb)\b.{0,20}[:.]{1,3}\s*$"
    r"|^\s*(?:On|At|>*In)\b.{3,120}\b(?:19|20)\d\d\b.{0,120}[,:]?\s*$"
    r"|^\s*-*\s*(?:original message|forwarded message|forwarded by|begin forwarded)\b"
    r"|^\s*(?:From|To|Cc|Sent|Date|Subject|URL|Reply-To|Message-ID)\s*:",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*[-_=~*]{20,}\s*$")
_FOOTER = re.compile(
    r"mailing list|listinfo|majordomo|yahoo! groups|yahoogroups|egroups|sf\.net|sourceforge|list maintainer"
    r"|unsubscribe from this (?:group|list)",
    re.IGNORECASE,
)
_FOOTER_LINE = re.compile(r"listinfo|sf\.net email|yahoogroups|egroups\.com|list maintainer", re.IGNORECASE)

_URL = re.compile(r"\b(?:https?|ftp|mailto)\s?:\s?/{0,2}[^\s<>\"']+|\bwww\.[^\s<>\"']+", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.+=-])[\w.+=-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*")
_MONTH = re.compile(
    r"\b(?:january|february|march|april|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:19[89]|20[01])\d(?!\d)")
_NUMBER = re.compile(r"(?<!\w)_num\d+(?:_(?!\w)|$)|(\d+)")


def html_to_text(markup: str) -> str:
    """Return the visible text of HTML, however broken; block tags become line breaks."""
    text = _drop_invisible(markup[:_RAW_LIMIT])
    text = _BLOCK_TAG.sub("\n", _INLINE_TAG.sub("", text))
    return html.unescape(_ANY_TAG.sub(" ", text))


def _drop_invisible(markup: str) -> str:
    """Drop comments, scripts and styles that end; in linear time, whoever wrote the markup."""
    kept: list[str] = []
    at, endless = 0, set[str]()
    for opening in _INVISIBLE.finditer(markup):
        kind = opening[1].lower()
        if opening.start() < at or kind in endless:
            continue
        closing = _VISIBLE[kind].search(markup, opening.end())
        if closing is None:
            endless.add(kind)  # and so is every later one
        else:
            kept.append(markup[at : opening.start()])
            at = closing.end()
    return "".join([*kept, markup[at:]])


def mask(text: str) -> str:
    """Replace links, addresses, months, years and numbers by words such as ``_url_`` and ``_num4_``.

    Placeholders stay as they are, so that rows that were exported are recognised on import.
    """
    text = _ADDRESS.sub(" _addr_ ", _URL.sub(" _url_ ", text))
    text = _YEAR.sub(" _year_ ", _MONTH.sub(" _month_ ", text))
    return _NUMBER.sub(lambda match: f" _num{len(match[1])}_ " if match[1] else match[0], text)


def strip_subject(subject: str) -> str:
    """Return a subject without list tags and reply marks."""
    while (match := _TAGS.match(subject)) and match.end():
        subject = subject[match.end() :]
    return " ".join(subject.split())


def strip_body(text: str) -> str:
    """Drop what the sender did not write: quotations, attributions, signatures and list footers."""
    kept: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line in {"-- ", "--"}:
            break
        if _RULE.match(line) and _FOOTER.search("\n".join(lines[number + 1 : number + 10])):
            break
        if not (_QUOTED.match(line) or _ATTRIBUTION.search(line) or _FOOTER_LINE.search(line)):
            kept.append(line)
    return "\n".join(kept)


def subject(message: Message) -> str:
    """Return a mail's subject, decoded where it can be."""
    raw = str(message.get("Subject", ""))[:_SUBJECT_LIMIT]
    try:
        return str(make_header(decode_header(raw)))
    except (MessageError, LookupError, ValueError):
        return raw


def body(part: Message) -> str:
    """Return a mail's text, plain where there is a choice; attachments are left out."""
    if part.is_multipart():
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        if part.get_content_subtype() == "alternative":
            plain = [body(child) for child in children if child.get_content_type() == "text/plain"]
            if any(text.strip() for text in plain):
                return "\n".join(plain)
        return "\n".join(map(body, children))
    if part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment":
        return ""
    text = _decoded(part)
    return html_to_text(text) if part.get_content_subtype() == "html" or _LOOKS_HTML.search(text) else text


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload[:_RAW_LIMIT] if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset("latin-1"), errors="replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")


def shorten(text: str) -> str:
    """Return a text masked, with single spaces, and no longer than the limit."""
    # Masking only a little more than can remain keeps a long text cheap.
    return " ".join(mask(text[: 3 * LIMIT]).split())[:LIMIT].rstrip()
