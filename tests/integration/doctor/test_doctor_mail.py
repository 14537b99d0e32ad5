"""Mail by SMTP: the doctor connects and logs in as a notification would, and sends nothing."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.doctor.set_up import SetUp, advice, doctor, failed
from tests.servers.broken_receiver import refuse
from tests.servers.smtp import PASSWORD, MailServer, serve_mail

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def server(embedded: SetUp) -> Iterator[MailServer]:
    """Send by a server that wants a login, which is right."""
    with serve_mail(auth_require_tls=False, auth_required=True) as server:
        embedded.secrets.append(PASSWORD)
        embedded.set(
            mail="smtp",
            smtp_host="127.0.0.1",
            smtp_port=str(server.port),
            smtp_tls="none",
            smtp_username="feeds",
            smtp_password=PASSWORD,
        )
        yield server


def test_a_mail_server_in_order_is_green_and_gets_no_mail(
    embedded: SetUp, server: MailServer
) -> None:
    exit_code, checks = doctor()
    assert (failed(checks), exit_code) == ([], 0)
    assert checks["mail-server"]["state"] == "ok"
    assert (server.names, server.received) == ([], [])
    assert embedded.gateway


@pytest.mark.parametrize(
    ("setting", "value", "detail"),
    [
        ("smtp_password", "wrong horse", "No login at the mail server (SMTP 535)."),
        ("smtp_tls", "starttls", "No encrypted connection to the mail server (not offered)."),
        ("smtp_tls", "tls", "No connection to the mail server (TLS failed)."),
        ("smtp_host", "mail.invalid", "No connection to the mail server (its name has no address)"),
        ("smtp_port", "refused", "No connection to the mail server (connection refused)."),
    ],
)
def test_a_mail_server_that_takes_no_mail_is_named_with_the_reason(
    embedded: SetUp, server: MailServer, setting: str, value: str, detail: str
) -> None:
    with ExitStack() as stack:
        if value == "refused":
            value = str(stack.enter_context(refuse()))
        embedded.set(**{setting: value})
        _, checks = doctor()
    assert failed(checks) == [("mail-server", ["mail-server-unusable"])]
    assert detail in advice(checks)
    assert "Correct ALUMNIQ_SMTP_HOST" in advice(checks)
    assert PASSWORD not in str(checks)
    assert server.received == []
