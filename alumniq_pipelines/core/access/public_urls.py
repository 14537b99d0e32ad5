"""The public addresses of the gateway: at which host customers use which environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self, assert_never
from urllib.parse import SplitResult, urlsplit

from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.settings import QaHostNotItsOwn, UnusablePublicUrl

PRODUCTION_SETTING = "ALUMNIQ_PUBLIC_URL"
QA_SETTING = "ALUMNIQ_QA_PUBLIC_URL"
NOT_SET = f"{PRODUCTION_SETTING} is not set"
SAME_HOST = f"{PRODUCTION_SETTING} has the same host"


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """The gateway's URLs, each a scheme and a host; both the same if QA has no host of its own.

    Every link is made from these, never from a request's Host header, which a caller chooses.
    """

    production: str
    qa: str

    @classmethod
    def shared(cls, url: str) -> Self:
        """Return the URLs of a gateway with one host for both environments."""
        return cls(url, url)

    @classmethod
    def of_settings(cls, production: str, qa: str) -> Self:
        """Return the URLs of two settings, either of which may be empty.

        Raises UnusablePublicUrl and QaHostNotItsOwn.
        """
        urls = cls(_base_url(PRODUCTION_SETTING, production), _base_url(QA_SETTING, qa))
        if not urls.qa:
            return cls.shared(urls.production)
        if not urls.production:
            raise QaHostNotItsOwn(NOT_SET)
        # Two ports of one host are not enough: its cookies would be sent to both.
        if _host_name(urls.qa) == _host_name(urls.production):
            raise QaHostNotItsOwn(SAME_HOST)
        return urls

    @property
    def is_shared(self) -> bool:
        """Whether both environments have the same host."""
        return self.production == self.qa

    @property
    def staff(self) -> str:
        """The URL for staff, who work on both environments in one session, on production's host."""
        return self.production

    def of(self, environment: Environment) -> str:
        """Return the URL at which customers use an environment."""
        match environment:
            case Environment.PRODUCTION:
                return self.production
            case Environment.QA:
                return self.qa
        assert_never(environment)

    def environment_at(self, host: str) -> Environment | None:
        """Return the only environment that is used at a request's Host; None if either may be.

        Either may be where both share a host, and at any other name of the gateway, such as an IP
        address or a name of the internal network.
        """
        if self.is_shared:
            return None
        return _environments(self).get(_host_name(f"//{host}"))


@cache
def _environments(urls: PublicUrls) -> Mapping[str | None, Environment]:
    """Return the environments by their hosts, which are looked up for every call."""
    return {_host_name(urls.of(environment)): environment for environment in Environment}


NO_PUBLIC_URLS = PublicUrls.shared("")
"""Of messages without links."""


def _base_url(setting: str, text: str) -> str:
    """Return a URL as scheme and host, or an empty one; raises UnusablePublicUrl."""
    if not text.strip():
        return ""
    try:
        parts = urlsplit(text.strip().removesuffix("/"))
        fault = _fault(parts)
    except ValueError:  # an address or a port that is none
        raise UnusablePublicUrl(setting, "is not a URL") from None
    if fault is not None:
        raise UnusablePublicUrl(setting, fault)
    return f"{parts.scheme}://{parts.netloc}"


def _fault(url: SplitResult) -> str | None:
    """Return what is wrong with a URL, as a clause that follows the setting's name."""
    if url.scheme not in {"http", "https"}:
        return "does not begin with https:// or http://"
    if "@" in url.netloc:
        return "has a user name or password"
    if not url.hostname or url.port == 0:
        return "names no host"
    if not re.fullmatch(r"[!-~]+", url.netloc):  # browsers send other names in another form
        return "has blanks or letters beyond ASCII (write those in their xn-- form)"
    # The pages link to one another by paths that begin at the root of their host.
    return "has more than a scheme and a host" if url.path or url.query or url.fragment else None


def _host_name(url: str) -> str | None:
    """Return the host of a URL in lower case, without port and final dot; None if it has none."""
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None
