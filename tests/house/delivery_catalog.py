"""The section of docs/messages.md on notifications that were not delivered."""

from alumniq_pipelines.core.problems import delivery, mail_delivery

INTRODUCTION = """\
## Why a notification was not delivered

The codes of delivery attempts that failed, as the API and `--json` show them. An answer with a
status has the code `http-` and the status; a status without a row of its own has the sentence
of `http-4{nn}`, `http-5{nn}` or `http-{nnn}`. A mail that was not sent has `mail-failed`, or
`smtp-` and the reply of the mail server. No sentence contains anything that a receiver sent.

| code | message | what to do |
|---|---|---|
"""


def delivery_section() -> str:
    """Return the section, with a row for each sentence."""
    forms: dict[str, tuple[str, str]] = {
        **{str(fault): sentences for fault, sentences in delivery.SENTENCES.items()},
        **{f"http-{code}": sentences for code, sentences in delivery.STATUS_SENTENCES.items()},
        "http-4{nn}": delivery.REFUSED_STATUS,
        "http-5{nn}": delivery.FAILED_STATUS,
        "http-{nnn}": delivery.OTHER_STATUS,
        "smtp-{nnn}": (mail_delivery.MAIL_REFUSED, ""),
        "mail-failed": (mail_delivery.MAIL_FAILED, ""),
    }
    return INTRODUCTION + "".join(
        f"| `{code}` | {detail} | {advice} |\n" for code, (detail, advice) in forms.items()
    )
