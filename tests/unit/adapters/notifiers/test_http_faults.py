"""What a code of the operating system means, which depends on how far the call has come."""

import errno

import pytest

from alumniq_pipelines.adapters.notifiers.http_faults import Phase, fault_of

CODES = {
    (errno.EACCES, Phase.CONNECT): "unreachable",  # what a firewall answers over IPv6
    (errno.EHOSTUNREACH, Phase.CONNECT): "unreachable",  # what one answers over IPv4
    (errno.ETIMEDOUT, Phase.CONNECT): "connect-timeout",
    (errno.ETIMEDOUT, Phase.ANSWER): "no-answer",
    (errno.EMFILE, Phase.CONNECT): "our-fault",
    (errno.EMFILE, Phase.LOOKUP): "our-fault",
    (errno.ECONNREFUSED, Phase.LOOKUP): "our-fault",  # by our resolver
    (errno.ENOENT, Phase.LOOKUP): "our-fault",  # our list of authorities
}


@pytest.mark.parametrize(("seen", "fault"), CODES.items())
def test_a_code_of_the_operating_system_is_read_by_how_far_the_call_has_come(
    seen: tuple[int, Phase], fault: str
) -> None:
    code, phase = seen
    assert fault_of(OSError(code, "s3cret"), phase) == fault
