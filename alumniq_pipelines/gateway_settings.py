"""The settings of the gateway: where it listens, and what its callers may do.

They are a part of `Settings`, which reads them.
"""

from pydantic import Field
from pydantic_settings import BaseSettings


class GatewaySettings(BaseSettings):
    """The part of the settings that only the gateway needs, and its address."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    public_url: str = Field(
        default="", description="URL at which customers reach the gateway, for links."
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
