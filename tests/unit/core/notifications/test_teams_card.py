"""The card is one that Teams takes, whatever a message holds."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.staff import STAFF_TEAMS, Staff
from alumniq_pipelines.core.notifications.teams_card import (
    MAX_CARD_BYTES,
    SHORTENED,
    card_body,
    escape_markdown,
)

TEXT = """The load was checked and is not published.

Why it waits:
- 30 rows would be removed.
- The file holds _no_ batch.

Job id: F6494FE4
Customer: iqu
Page: https://feeds.example.edu/loads/F6494FE4
"""
TEAMS_BYTES = 28 * 1024


def content(body: str) -> Any:
    """Check the envelope of a message and return its card."""
    message = json.loads(body)
    assert message["type"] == "message"
    [attachment] = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["msteams"] == {"width": "Full"}
    return card


def texts(card: Any) -> list[str]:
    """List the texts of a card's text blocks; every one of them wraps."""
    blocks = [element for element in card["body"] if element["type"] == "TextBlock"]
    assert all(block["wrap"] is True for block in blocks)
    return [block["text"] for block in blocks]


def test_a_message_is_a_title_paragraphs_a_list_and_facts() -> None:
    card = content(card_body("Held: warehouse (iqu, qa)", TEXT))
    assert texts(card) == [
        "Held: warehouse (iqu, qa)",
        "The load was checked and is not published.",
        "Why it waits:",
        "- 30 rows would be removed.\n- The file holds \\_no\\_ batch.",
    ]
    assert card["body"][-1] == {
        "type": "FactSet",
        "facts": [
            {"title": "Job id", "value": "F6494FE4"},
            {"title": "Customer", "value": "iqu"},
        ],
    }


def test_the_page_is_a_button_and_without_a_page_there_is_none() -> None:
    assert content(card_body("Held", TEXT))["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "Open the page",
            "url": "https://feeds.example.edu/loads/F6494FE4",
        }
    ]
    assert content(card_body("Away", "The bucket is away."))["actions"] == []
    assert content(card_body("Away", "Page: javascript:alert(1)"))["actions"] == []


def test_of_two_pages_the_button_leads_to_ours_which_is_written_last() -> None:
    card = content(card_body("Held", f"Page: https://evil.example/\n\n{TEXT}"))
    assert [action["url"] for action in card["actions"]] == [
        "https://feeds.example.edu/loads/F6494FE4"
    ]


@pytest.mark.parametrize(
    ("written", "escaped"),
    [
        ("**bold** and _italic_", r"\*\*bold\*\* and \_italic\_"),
        ("[the bank](https://evil.example)", r"\[the bank\](https://evil.example)"),
        ("<at>everybody</at>", r"\<at>everybody\</at>"),
        (
            "&lt; is an entity, R&D and 3 < 4 are none",
            r"\&lt; is an entity, R&D and 3 < 4 are none",
        ),
        ("`xid` is blank", r"\`xid\` is blank"),
        ("a\\b", r"a\\b"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("---", r"\---"),
        ("12. item", r"12\. item"),
        ("> quotation", r"\> quotation"),
        ("{{DATE(2026-03-01T00:00:00Z)}}", r"{\{DATE(2026-03-01T00:00:00Z)}}"),
        ("alumniq load approve F6494FE4-8642", "alumniq load approve F6494FE4-8642"),
        ("2026-03-01 10:00 UTC: -3 rows (+4 %)", "2026-03-01 10:00 UTC: -3 rows (+4 %)"),
        ("--force", "--force"),
    ],
)
def test_what_teams_would_take_for_markdown_is_escaped_and_nothing_else(
    written: str, escaped: str
) -> None:
    assert escape_markdown(written) == escaped


def test_markdown_of_others_is_escaped_in_every_part_of_a_card() -> None:
    link = "[x](https://evil.example)"
    text = f"{link}\n\nWhat went wrong:\n- {link}\n\nFile: {link}\n"
    card = content(card_body(link, text))
    values = [*texts(card), card["body"][-1]["facts"][0]["value"]]
    assert len(values) == 5
    assert not any("[x]" in value for value in values)
    assert sum(r"\[x\]" in value for value in values) == 4


def test_a_long_message_is_cut_with_a_sentence_that_says_so_and_keeps_its_button() -> None:
    lines = "\n".join(f"- error {number}: {'x' * 80}" for number in range(1_000))
    body = card_body("Not loaded", f"What went wrong:\n{lines}\n\n{TEXT}")
    card = content(body)
    assert texts(card)[-1] == SHORTENED
    assert "error 0:" in body
    assert "error 999:" not in body
    assert len(card["actions"]) == 1
    assert len(body.encode("utf-16-le")) > MAX_CARD_BYTES * 0.9, "as much as fits is shown"


def test_a_message_that_fits_is_not_shortened() -> None:
    assert SHORTENED not in card_body("Not loaded", f"{'x' * 5_000}\n\n{TEXT}")


@settings(deadline=None)  # the longest messages take long on a busy machine
@given(
    title=st.text(max_size=2_000),
    lines=st.lists(st.text(max_size=60)),
    times=st.sampled_from([1, 40, 2_000]),
)
@example(title="\\" * 2_000, lines=["\\" * 3_000], times=100)
@example(title="\U0001f4a5" * 2_000, lines=["\U0001f4a5" * 3_000], times=100)
@example(title="漢" * 2_000, lines=["漢" * 3_000], times=100)
@example(title="\ud800\0", lines=["\ud800\0\u2028- x"], times=1)
def test_every_message_is_a_card_within_the_limit(title: str, lines: list[str], times: int) -> None:
    body = card_body(title, "\n".join([line * times for line in lines]))
    card = content(body)
    assert len(body.encode()) <= TEAMS_BYTES
    assert len(body.encode("utf-16-le")) <= TEAMS_BYTES
    assert "\0" not in "".join(texts(card))


def test_staff_get_a_card_of_a_load_that_failed_by_our_fault() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(JobId("J1"), target, "w_1.csv", None, None)
    load = Load(1, request, LoadState.RUNNING, attempts=1, accepted_at=now)
    [notice] = notices_for(
        load,
        Outcome(LoadState.FAILED, is_our_fault=True),
        [AttemptRecord(1, "run-1", AttemptResult.OUTAGE)],
        Staff((STAFF_TEAMS,)),
        public_urls=PublicUrls.shared("https://feeds.example.edu"),
    )
    card = content(notice.body)
    assert texts(card)[0] == "Not loaded: warehouse (iqu, qa)"
    assert card["actions"][0]["url"] == "https://feeds.example.edu/loads/J1"
    facts = {fact["title"]: fact["value"] for fact in card["body"][-1]["facts"]}
    assert facts["File"] == "w\\_1.csv"
