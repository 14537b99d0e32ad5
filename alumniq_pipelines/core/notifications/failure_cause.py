"""Why a delivery attempt failed, where that is not simply the receiver's answer."""

from enum import StrEnum
from typing import assert_never

from alumniq_pipelines.core.shell import alumniq_command


class FailureCause(StrEnum):
    """What a failed delivery attempt is put down to; without a cause, to its receiver.

    CHANNEL: our own mail server refused us or could not be reached. No receiver is to blame, so the
    attempt does not count, and the notification waits until the channel works again.
    CONTENT: the address was accepted, and the message itself was refused for good.
    UNANSWERED: everything was sent and no answer came. It may have arrived, so that every further
    attempt may be another copy.
    """

    CHANNEL = "channel"
    CONTENT = "content"
    UNANSWERED = "unanswered"


def given_up_advice(cause: FailureCause | None, notification_id: str) -> str:
    """Return what staff can do about a given-up notification if no address is at fault."""
    resend = alumniq_command("notification", "resend", notification_id)
    match cause:
        case FailureCause.CONTENT:
            return (
                "No address is at fault. Find the refusal in the mail server's log, have the rule "
                f"corrected (against spam, links or large mails), and send it again: {resend}."
            )
        case FailureCause.UNANSWERED:
            return (
                "Look in the mail server's log whether the mail was accepted, and why the server "
                "closed the connection or did not answer within ten minutes. If it was not "
                f"accepted, send it again: {resend}."
            )
        case FailureCause.CHANNEL | None:
            return ""
    assert_never(cause)
