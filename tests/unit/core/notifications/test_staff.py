import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alumniq_pipelines.core.monitoring.incident import Condition, Incident, Kind
from alumniq_pipelines.core.notifications.incidents import closed_notices, opened_notices
from alumniq_pipelines.core.notifications.notification import Audience, Channel, channel_facts
from alumniq_pipelines.core.notifications.staff import (
    NO_STAFF,
    SECRET_DESTINATION,
    STAFF_CHANNELS,
    STAFF_CHAT,
    Staff,
    chat_body,
    mail_recipients,
)
from alumniq_pipelines.secret_files import PREFIX
from alumniq_pipelines.settings import Settings

NOW = datetime(2026, 3, 5, 10, 1, tzinfo=UTC)
STAFF = Staff((*mail_recipients(("ops@example.org",)), STAFF_CHAT))
INCIDENT = Incident(
    id=7,
    condition=Condition(
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
    assert (chat.channel, chat.destination) == (Channel.CHAT, SECRET_DESTINATION)
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


def test_the_channels_of_staff_are_those_whose_facts_say_so() -> None:
    of_staff = {
        channel for channel in Channel if Audience.STAFF in channel_facts(channel).audiences
    }
    assert set(STAFF_CHANNELS) == of_staff


def test_a_channel_of_staff_names_its_setting() -> None:
    settings = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    named = {channel: channel_facts(channel).staff_setting for channel in Channel}
    assert {channel for channel, setting in named.items() if setting} == set(STAFF_CHANNELS)
    assert {setting for setting in named.values() if setting} <= settings


def test_only_a_channel_with_subjects_gets_one() -> None:
    for notice in STAFF.notices("Away", "The bucket is away."):
        assert bool(notice.subject) == channel_facts(notice.channel).has_subject
