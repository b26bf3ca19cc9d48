import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.spam_detection.cleaning import clean_mail, thread_of
from federation.importers.mailtext import LIMIT, html_to_text, mask, shorten, strip_subject


def _clean(raw: str | bytes) -> str:
    mail = clean_mail(raw.encode("latin-1") if isinstance(raw, str) else raw, label=True)
    assert mail is not None
    return mail.text


def test_headers_other_than_the_subject_leave_no_trace() -> None:
    raw = (
        "From bounce@lists.example  Thu Aug 22 12:36:23 2002\nReceived: from secrethost by relay\n"
        "X-Mailer: Leaky 9\nSubject: Lunch\n\nSee you at noon.\n"
    )
    assert _clean(raw) == "Lunch See you at noon."


@pytest.mark.parametrize(
    "noise",
    [
        "> quoted words",
        "JD> quoted by initials",
        "On Mon, 2 Sep 2002, John Doe wrote:",
        "John Doe wrote:",
        "-----Original Message-----",
        "-- \nJohn Doe, Example Ltd",
        "_______________________________\nirish mailing list\nhttp://lists.example/listinfo/irish",
        "URL: http://feed.example/1",
    ],
)
def test_lines_the_sender_did_not_write_are_dropped(noise: str) -> None:
    assert _clean(f"Subject: Lunch\n\nMy own words.\n{noise}\n") == "Lunch My own words."


def test_a_ruled_section_is_kept_when_no_list_footer_follows() -> None:
    assert "buy now" in _clean("Subject: x\n\nhello\n--------------------------\nbuy now\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see http://a.example/b?c=1 now", "see _url_ now"),
        ("see www.a.example now", "see _url_ now"),
        ("ask john.doe@a.example now", "ask _addr_ now"),
        ("call 555 or 1234567", "call _num3_ or _num7_"),
        ("in September 2002", "in _month_ _year_"),
        ("you may in March", "you may in _month_"),
        ("nothing", "nothing"),
    ],
)
def test_mask_replaces_what_identifies(text: str, expected: str) -> None:
    assert " ".join(mask(text).split()) == expected


@given(
    st.lists(st.sampled_from(["May 1999", "12", "x1y", "_num12_", "www.a", "b@c", "_num", "é", "-4.5/"])).map(
        " ".join
    )
)
def test_masking_again_changes_nothing(text: str) -> None:
    once = shorten(text)
    assert shorten(once) == once


def test_a_number_is_masked_when_it_only_resembles_a_placeholder() -> None:
    assert " ".join(mask("x_num1_ _num7_x 12").split()) == "x_num _num1_ _ _num _num1_ _x _num2_"


def test_a_cut_text_stays_as_it_is_when_it_ends_in_half_a_placeholder() -> None:
    once = shorten("x" * (LIMIT - 6) + " 1234567")
    assert once.endswith(" _num7")
    assert shorten(once) == once


def test_artefacts_of_the_archive_are_dropped() -> None:
    assert _clean("Subject: zzzz offer\n\nDear yyyy, taint.org and netnoteinc say hello\n").split() == [
        "offer", "Dear", ",", "and", "say", "hello",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>Buy<br>now</p>", ["Buy", "now"]),
        ("v<b></b>iag<!-- x -->ra", ["viagra"]),
        ("<script>var a = '<p>';</script>ok", ["ok"]),
        ("a &lt;b&gt; &amp; c&nbsp;d", ["a", "<b>", "&", "c", "d"]),
        ("<head><p>never closed, still read", ["never", "closed,", "still", "read"]),
        ("<td", ["<td"]),
        ("1 < 2 and 3 > 2", ["1", "<", "2", "and", "3", ">", "2"]),
    ],
)
def test_html_becomes_its_visible_text(markup: str, words: list[str]) -> None:
    assert html_to_text(markup).split() == words


def test_encoded_parts_are_decoded_and_attachments_ignored() -> None:
    html = base64.b64encode("<html><body>Señor <b>free</b></body></html>".encode("latin-1")).decode()
    raw = (
        "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\nContent-Type: multipart/mixed; boundary=B\n\n"
        "--B\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\n"
        f"{html}\n--B\nContent-Type: text/plain\nContent-Disposition: attachment; name=a\n\nattached\n"
        "--B\nContent-Type: application/pdf\n\nbinary\n--B--\n"
    )
    assert _clean(raw) == "Grüße Señor free"


@pytest.mark.parametrize(("plain", "expected"), [("plain words", "s plain words"), (" ", "s rich words")])
def test_plain_alternative_is_preferred_when_it_says_something(plain: str, expected: str) -> None:
    raw = (
        "Subject: s\nContent-Type: multipart/alternative; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\n{plain}\n--B\nContent-Type: text/html\n\n<b>rich words\n--B--\n"
    )
    assert _clean(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: s\nContent-Type: text/plain; charset=no-such-charset\n\nword",
        b"Subject: s\nContent-Type: multipart/mixed; boundary=missing\n\nword",
        b"Subject: s\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nword!",
        b"Subject: =?bad?Q?\xff?= s\n\nword",
        b"Subject: s\r\nContent-Type: text/html; charset=\"\x00\"\r\n\r\nword",
        b"word",
        bytes(range(256)),
    ],
)  # fmt: skip
def test_broken_mail_still_gives_text_that_can_be_encoded(raw: bytes) -> None:
    assert _clean(raw).encode()


def test_text_is_cut_at_the_limit() -> None:
    assert len(_clean("Subject: s\n\n" + "word " * 10_000)) <= LIMIT


@pytest.mark.parametrize("raw", [b"", b"Subject: \n\n> only a quotation\n", b"X: y\n\n"])
def test_mail_is_left_out_when_no_text_remains(raw: bytes) -> None:
    assert clean_mail(raw, label=False) is None


@pytest.mark.parametrize(
    "subject",
    ["Lunch", "Re: Lunch", "RE: [list] Re: Lunch", "Fwd: lunch  ", "[x] AW: Re[2]: LUNCH", "lunch 42!"],
)
def test_replies_share_a_thread(subject: str) -> None:
    assert thread_of(subject, "any") == "lunch"


def test_mails_without_a_subject_share_a_thread_only_when_their_texts_do() -> None:
    assert thread_of("Re: ", "one") == thread_of("", "One!") != thread_of("", "two")


def test_a_tag_is_kept_when_it_is_not_in_front() -> None:
    assert strip_subject("Lunch [today] Re: menu") == "Lunch [today] Re: menu"
