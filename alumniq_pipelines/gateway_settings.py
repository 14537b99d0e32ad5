"""The settings of the gateway: where it listens, and what its callers may do.

They are a part of `Settings`, which reads them.
"""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from alumniq_pipelines.core.access.public_urls import PublicUrls


class GatewaySettings(BaseSettings):
    """The part of the settings that only the gateway needs, and its address."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    public_url: str = Field(
        default="",
        description="URL at which customers reach the gateway, for links: scheme and host.",
    )
    qa_public_url: str = Field(
        default="",
        description="URL of QA, if it has a host of its own: public_url is then production's, and "
        "each refuses keys of the other. Empty: both environments at public_url.",
    )
    max_upload_bytes: int = Field(
        default=1_073_741_824,
        ge=1_024,
        description="Maximum size of a file uploaded on a page, in bytes.",
    )
    calls_per_minute: int = Field(
        default=600, ge=0, description="Calls per minute that one API key may make. 0: no limit."
    )
    address_calls_per_minute: int = Field(
        default=1_200,
        ge=0,
        description="Calls per minute that one IP address may make. 0: no limit.",
    )
    metrics_allowed_networks: tuple[str, ...] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may read /metrics (JSON list). Empty: none.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Proxies trusted to name the caller's address; separated by commas.",
    )
    staff_over_http: bool = Field(
        default=False,
        description="Allow staff to sign in over plain HTTP from another machine.",
    )
    max_body_bytes: int = Field(
        default=65_536, ge=1_024, description="Maximum size of a request body, in bytes."
    )

    @model_validator(mode="after")
    def _check_public_urls(self) -> Self:
        """Raise UnusablePublicUrl or QaHostNotItsOwn before anything is started."""
        PublicUrls.of_settings(self.public_url, self.qa_public_url)
        return self

    @property
    def public_urls(self) -> PublicUrls:
        """The URLs at which customers reach the gateway, by environment."""
        if not self.public_url:
            return PublicUrls.shared(f"http://{self.gateway_host}:{self.gateway_port}")
        return PublicUrls.of_settings(self.public_url, self.qa_public_url)

    @property
    def gateway_url(self) -> str:
        """The URL at which staff reach the gateway; links for customers are of `public_urls`."""
        return self.public_urls.staff
