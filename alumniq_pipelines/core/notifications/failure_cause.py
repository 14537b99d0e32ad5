"""Why a delivery attempt failed, where that is not simply the receiver's answer."""

from enum import StrEnum
from typing import assert_never


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


def given_up_because(cause: FailureCause | None) -> tuple[str, str]:
    """Return why a notification was given up, and what staff can do if no address is at fault.

    Nothing without a cause: then what the receiver did says why.
    """
    match cause:
        case FailureCause.CHANNEL:
            return "our own mail server took no mail for a week", ""
        case FailureCause.CONTENT:
            advice = (
                "Find the refusal in the mail server's log, have the rule corrected (against spam, "
                "links or large mails), and send it again: alumniq notification resend ID."
            )
            return "the mail server accepted the address and refused the mail itself", advice
        case FailureCause.UNANSWERED:
            advice = (
                "Look in the mail server's log whether the mail was accepted, and why the server "
                "closed the connection or did not answer within ten minutes."
            )
            return "the mail server took it and never confirmed it, so it may have arrived", advice
        case None:
            return "", ""
    assert_never(cause)
