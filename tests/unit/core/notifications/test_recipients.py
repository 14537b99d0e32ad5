import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.recipients import check_emails, check_webhook
from alumniq_pipelines.core.problems.request import UnusableNotifyEmail, UnusableNotifyWebhook

PUBLIC = AddressPolicy()


@pytest.mark.parametrize(
    "emails",
    [
        "you@example.edu",
        "a.b+feeds@mail.example.ac.uk",
        "one@example.edu,two@example.edu",
        "one@example.edu; two@example.edu ;",
        "o'brien@example.edu",
        "you@xn--bcher-kva.example",
        ",".join(f"{n}@example.edu" for n in range(10)),
    ],
)
def test_addresses_that_mail_servers_take_are_usable(emails: str) -> None:
    check_emails(emails)


@pytest.mark.parametrize(
    "emails",
    [
        "you",
        "@",
        ",;,",
        "you@localhost",
        "you@example..edu",
        ".you@example.edu",
        "y..u@example.edu",
        "you@-example.edu",
        "you@example.edu-",
        "one@example.edu two@example.edu",
        "You <you@example.edu>",
        "you@example.edu\r\nBcc: all@example.edu",
        "you@example.edu\n",
        "you\0@example.edu",
        "yöu@example.edu",
        "you@exämple.edu",
        "you@\ud800.edu",
        f"{'y' * 65}@example.edu",
        f"you@{'e' * 64}.edu",
        f"you@{'e.' * 130}edu",
        ",".join(f"{n}@example.edu" for n in range(11)),
        "you@example.edu, nobody",
        "one@example.edu,\r\ntwo@example.edu",
    ],
)
def test_other_addresses_are_refused_without_being_repeated(emails: str) -> None:
    with pytest.raises(UnusableNotifyEmail) as caught:
        check_emails(emails)

    assert "example.edu" not in str(caught.value)


@given(st.text())
def test_what_is_usable_never_holds_a_character_that_ends_a_mail_header(emails: str) -> None:
    try:
        check_emails(emails)
    except UnusableNotifyEmail:
        return
    assert not set(emails.strip()) & set('\r\n\0<>"')


@pytest.mark.parametrize(
    "url",
    [
        "https://example.edu",
        "https://example.edu:8443/hooks/alumniq?token=a%20b#c",
        "http://example.edu/",
        "HTTPS://EXAMPLE.EDU/",
        "https://hooks_1.example.edu./x",
        "https://bücher.example/x",
        "https://xn--bcher-kva.example/x",
        "https://xn--ls8h.la/x",
        "https://[2606:4700:4700::1111]/x",
        "https://1.1.1.1/x",
        "https://example.edu/@you",
    ],
)
def test_public_urls_are_usable(url: str) -> None:
    check_webhook(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "https://...",
        "https://",
        "https:///hooks",
        "example.edu/hooks",
        "ftp://example.edu/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://you@example.edu/",
        "https://you:secret@example.edu/",
        "https://example.edu\\@10.0.0.1/",
        "https://example.edu/a b",
        "https://example.edu/\r\nHost: x",
        "https://exa\tmple.edu/",
        "https://example.edu:99999/",
        "https://example.edu:0/",
        "https://example.edu:port/",
        "https://[::1",
        "https://[half]/",
        "https://%31%32%37.0.0.1/",
        "https://example..edu/",
        f"https://example.edu/{'x' * 2_048}",
        f"https://{'x' * 64}.edu/",
        f"https://{'ü' * 63}.edu/",
        f"https://{'.'.join(['ü' * 30] * 8)}/",
        "https://\u2603.example/",
        "https://-\u00fc-.\u0301.example/",
        "https://\u00fc.xn--a/",
        "https://\u00fc.xn--/",
        "https://\ud800.example.edu/",
    ],
    ids=ascii,
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(UnusableNotifyWebhook):
        check_webhook(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/",
        "http://LOCALHOST./",
        "http://app.localhost/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://10.0.0.8/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fd00::1]/",
        "http://0.0.0.0/",
    ],
)
def test_plainly_internal_addresses_are_refused_unless_allowed(url: str) -> None:
    with pytest.raises(UnusableNotifyWebhook, match="not public"):
        check_webhook(url, PUBLIC)

    check_webhook(url, AddressPolicy.of(["0.0.0.0/0", "::/0"]))


@given(st.text())
def test_any_text_is_either_usable_or_refused(url: str) -> None:
    for text in (url, f"https://{url}", f"https://example.edu{url}", f"https://xn--{url}"):
        try:
            check_webhook(text, PUBLIC)
        except UnusableNotifyWebhook:
            continue
        assert text.isprintable()
