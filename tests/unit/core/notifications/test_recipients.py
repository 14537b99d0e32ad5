import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
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
        "You <you@example.edu>",
        "you@exämple.edu",
        '"Lee, Ann" <one@example.edu>, two@example.edu',
        ",".join(f"{n}@example.edu" for n in range(10)),
        ",".join(["you@example.edu", "You <you@example.edu>"] * 6),
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
        "You <you@example.edu> and others",
        "You\r\n <you@example.edu>",
        "you@example.edu\r\nBcc: all@example.edu",
        "you@example.edu\n",
        "you\0@example.edu",
        "yöu@example.edu",
        "you@\uff45xample.edu",
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
    assert emails.isprintable()
    for address in addresses_in(emails):
        assert not set(address) & set('\r\n\0<>"')


@pytest.mark.parametrize(
    ("emails", "named"),
    [
        ("a@example.edu, nobody, c@example.edu", "nobody (number 2 of 3)"),
        ("@, b@example.edu", "@ (number 1 of 2)"),
        ("a@example.edu;x y;you@", "x y (number 2 of 3), you@ (number 3 of 3)"),
        (f"a@example.edu,{'x' * 100}", f"{'x' * 59}\u2026 (number 2 of 2)"),
        (f"a@example.edu,{'x' * 60}", f"{'x' * 60} (number 2 of 2)"),
        (f"a@example.edu{',nobody' * 99}", "nobody (number 2 of 100)"),
    ],
)
def test_of_several_addresses_each_that_is_none_is_named(emails: str, named: str) -> None:
    with pytest.raises(UnusableNotifyEmail) as caught:
        check_emails(emails)
    assert caught.value.detail == (
        f"The option NotifyEmail holds what is not an e-mail address: {named}."
    )


@pytest.mark.parametrize(
    ("emails", "named"),
    [
        ("Lee, Ann <a@example.edu>", "Lee (number 1 of 2)"),
        ("b@example.edu; Ann <a@example.edu>, Lee", "Lee (number 3 of 3)"),
    ],
)
def test_a_name_with_a_comma_is_told_that_it_needs_quotation_marks(emails: str, named: str) -> None:
    with pytest.raises(UnusableNotifyEmail) as caught:
        check_emails(emails)
    assert caught.value.detail == (
        f"The option NotifyEmail holds what is not an e-mail address: {named}. "
        "A name that contains a comma needs quotation marks."
    )


@pytest.mark.parametrize(
    "character", ["\n", "\0", "\u200b", "\u2028", "\u00a0", "\u3000"], ids=ascii
)
def test_a_character_that_cannot_be_printed_is_called_what_it_is(character: str) -> None:
    with pytest.raises(
        UnusableNotifyEmail,
        match=(
            "contains a line break, another character that cannot be printed, or an unusual blank"
        ),
    ):
        check_emails(f"Ann{character}Lee <a@example.edu>")


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
        "https://alumni-.example.edu/x",
        "https://example\u3002edu/x",
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
        "http://127\u30020.0.1/",
        "http://app\uff0elocalhost/",
        "http://localhost\uff61/",
        "http://10.0.0.8/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fd00::1]/",
        "http://0.0.0.0/",
    ],
    ids=ascii,
)
def test_plainly_internal_addresses_are_refused_unless_allowed(url: str) -> None:
    with pytest.raises(UnusableNotifyWebhook, match="not public"):
        check_webhook(url, PUBLIC)

    check_webhook(url, AddressPolicy.of(["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize(
    "host",
    [
        "\uff45xample.edu",
        "\uff11\uff12\uff17.0.0.1",
        "ex\u00adample.edu",
        "1.2.3.4.5",
        "256.256.256.256",
        "example.0x1f",
        "hooks.example.invalid",
        "alumni.onion",
        "-hooks.example.edu",
        "xn--.example.edu",
        "xn--\u00fc.example.edu",
        "xn--99999999999.example.edu",
    ],
    ids=ascii,
)
def test_a_host_that_no_resolver_can_know_is_refused_at_once(host: str) -> None:
    """Its callback would be given up only after 75 hours."""
    for policy in (PUBLIC, AddressPolicy.of(["0.0.0.0/0", "::/0"])):
        with pytest.raises(UnusableNotifyWebhook):
            check_webhook(f"https://{host}/hook", policy)


@pytest.mark.parametrize(
    "host",
    ["example..edu", ".example.edu", "...", "example.edu..", "b\u00fccher..edu", "a.\u3002edu"],
    ids=ascii,
)
def test_two_dots_in_a_row_are_called_that_and_not_a_wrong_letter(host: str) -> None:
    with pytest.raises(UnusableNotifyWebhook, match="an empty part: a dot"):
        check_webhook(f"https://{host}/hook", PUBLIC)


@pytest.mark.parametrize(
    "host",
    [
        "hooks",
        "hooks.",
        "crm.local",
        "crm.internal",
        "crm.lan.",
        "crm.home.arpa",
        "db.corp\u3002internal",
        "metadata.google\uff0einternal",
        "crm\uff61lan",
        "hooks\u3002",
    ],
    ids=ascii,
)
def test_a_name_of_a_private_network_is_refused_unless_one_is_allowed(host: str) -> None:
    with pytest.raises(UnusableNotifyWebhook, match="only a private network knows"):
        check_webhook(f"https://{host}/hook", PUBLIC)

    check_webhook(f"https://{host}/hook", AddressPolicy.of(["10.0.0.0/8"]))


@given(st.text())
def test_any_text_is_either_usable_or_refused(url: str) -> None:
    for text in (url, f"https://{url}", f"https://example.edu{url}", f"https://xn--{url}"):
        try:
            check_webhook(text, PUBLIC)
        except UnusableNotifyWebhook:
            continue
        assert text.isprintable()
