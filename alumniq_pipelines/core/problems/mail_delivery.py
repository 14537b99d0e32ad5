"""Why a mail was not sent: the sentence for what is stored of an attempt."""

import re
from collections.abc import Mapping

from alumniq_pipelines.core.problems.delivery import DeliveryProblem

MAIL_REFUSED = "The mail server did not take the mail (SMTP {number})."
MAIL_FAILED = "The mail could not be sent."
EARLIER_MAIL: Mapping[str, str] = {
    "ConnectionRefusedError": "The mail server refused the connection.",
    "SMTPServerDisconnected": "The mail server closed the connection.",
    "SSLCertVerificationError": "The mail server's TLS certificate could not be verified.",
    "TimeoutError": "The mail server did not answer in time.",
    "gaierror": "The mail server's name could not be looked up.",
}
"""The classes of errors that are stored for a mail, of those that say something."""

_STATUS = re.compile(r"SMTP (\d{3})")


def explain_mail(seen: str) -> DeliveryProblem:
    """Return why a mail was not sent, from what is stored of the attempt."""
    if status := _STATUS.fullmatch(seen):
        return DeliveryProblem(f"smtp-{status[1]}", MAIL_REFUSED.format(number=status[1]))
    is_sentence = seen.endswith(".")
    return DeliveryProblem(
        "mail-failed", seen if is_sentence else EARLIER_MAIL.get(seen, MAIL_FAILED)
    )
