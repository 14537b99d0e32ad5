import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alumniq_pipelines.core.monitoring.incident import Condition, Incident, Kind
from alumniq_pipelines.core.notifications.incidents import closed_notices, opened_notices
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import CHAT, NO_STAFF, Staff, chat_body

NOW = datetime(2026, 3, 5, 10, 1, tzinfo=UTC)
STAFF = Staff(("ops@example.org",), has_chat=True)
INCIDENT = Incident(
    7,
    Condition(
        key="k",
        kind=Kind.NO_FILE,
        title="No file arrived: warehouse (iqu, qa)",
        detail="It was due.",
        advice="Ask them.",
    ),
    opened_at=NOW,
)


def several(count: int) -> list[Incident]:
    return [replace(INCIDENT, id=number) for number in range(count)]


def test_an_incident_is_notified_on_every_channel_with_advice() -> None:
    mail, chat = opened_notices([INCIDENT], STAFF)
    assert (mail.channel, mail.destination) == (Channel.MAIL, "ops@example.org")
    assert mail.subject == "Staff: No file arrived: warehouse (iqu, qa)"
    assert "What to do: Ask them." in mail.body
    assert "Opened: 2026-03-05 10:01 UTC" in mail.body
    assert (chat.channel, chat.destination) == (Channel.CHAT, CHAT)
    assert "It was due." in json.loads(chat.body)["text"]


def test_recovery_is_notified_with_its_duration() -> None:
    over = replace(INCIDENT, closed_at=NOW + timedelta(hours=3, minutes=20))
    mail, _ = closed_notices([over], STAFF)
    assert mail.subject == "Staff: Resolved: No file arrived: warehouse (iqu, qa)"
    assert "resolved after 3 h 20 min" in mail.body


def test_a_clock_that_was_set_back_makes_no_negative_length() -> None:
    over = replace(INCIDENT, closed_at=NOW - timedelta(hours=3))
    assert "resolved after 0 min" in closed_notices([over], STAFF)[0].body


def test_what_is_noticed_at_once_is_one_message() -> None:
    mail, chat = opened_notices(several(60), STAFF)
    assert mail.subject == "Staff: 60 new incidents"
    assert mail.body.count("\n- ") == 51
    assert "and 10 more: alumniq watch incidents" in mail.body
    assert chat.channel is Channel.CHAT
    over = [replace(incident, closed_at=NOW) for incident in several(3)]
    assert len(closed_notices(over, STAFF)) == 2


def test_without_recipients_there_are_no_notices() -> None:
    assert opened_notices([INCIDENT], NO_STAFF) == ()
    assert opened_notices([], STAFF) == ()
    assert closed_notices([], STAFF) == ()


def test_a_chat_message_cannot_mention_everybody_and_is_bounded() -> None:
    body = chat_body("A & B", "<!channel> " + "x" * 20_000)
    text = json.loads(body)["text"]
    assert "&lt;!channel&gt;" in text
    assert "A &amp; B" in text
    assert len(text) <= 8_000
