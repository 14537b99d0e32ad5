"""Settings: the only reader of the environment, for pipelines, gateway and command line.

Every setting is an environment variable `ALUMNIQ_<NAME>`, or a line of `.env`; a secret may instead
come from the file that `ALUMNIQ_<NAME>_FILE` names. The defaults are the embedded profile.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from alumniq_pipelines.core.database_paths import database_path

BucketKind = Literal["folder", "s3"]
WarehouseEngine = Literal["duckdb", "postgres"]
MailKind = Literal["folder", "smtp"]
S3KeyMaker = Literal["by-hand", "iam"]
"""Closed sets: whoever decides by one of them matches every value and ends in `assert_never`."""

PREFIX = "ALUMNIQ_"
REPOSITORY = Path(__file__).resolve().parent.parent


class SecretFiles(PydanticBaseSettingsSource):
    """Read `ALUMNIQ_X` from the file `ALUMNIQ_X_FILE` names, as platforms mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Answer the file's content without its line end, or None where no file is named."""
        del field
        secret_file = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        content = (
            Path(secret_file).read_text(encoding="utf-8").rstrip("\r\n") if secret_file else None
        )
        return content, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Gather the settings for which a file is named."""
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """All that may differ between two installations."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default=Path("var"), description="Folder of everything that is kept.")
    schemas_dir: Path = Field(
        default=REPOSITORY / "schemas", description="Folder of the field maps."
    )
    ledger_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in data_dir.")

    bucket: BucketKind = Field(default="folder", description="Where files are delivered.")
    s3_endpoint_url: str | None = Field(default=None, description="S3 endpoint; none: Amazon's.")
    s3_region: str = Field(default="us-east-1", description="S3 region.")
    s3_access_key_id: str | None = Field(default=None, description="None: the usual AWS chain.")
    s3_secret_access_key: SecretStr | None = None
    s3_keys: S3KeyMaker = Field(
        default="by-hand", description="Who makes customers' S3 keys: staff, or we do, by IAM."
    )
    iam_endpoint_url: str | None = Field(default=None, description="IAM endpoint; none: Amazon's.")

    warehouse: WarehouseEngine = Field(
        default="duckdb", description="Where versions are published: files, or a database."
    )
    warehouse_url: SecretStr | None = Field(
        default=None, description="That database: postgresql://user:password@host/name."
    )
    warehouse_group: str = Field(
        default="", description="Group that may read the DuckDB files, by name or number."
    )
    versions_kept: int = Field(default=5, ge=1, description="Published versions kept per target.")
    query_seconds: float = Field(
        default=300, gt=0, le=86_400, description="Seconds that a query of alumniq sql may take."
    )

    archive_bucket: str = Field(
        default="", description="S3 bucket for received files and held rows; empty: in data_dir."
    )
    archive_days: int = Field(default=30, ge=1, description="Days that received files are kept.")
    report_days: int = Field(default=30, ge=1, description="Days that rejection reports are kept.")
    report_rows: int = Field(
        default=100_000, ge=0, description="Rejected rows listed in a load's report; 0: no reports."
    )
    hold_days: int = Field(default=7, ge=1, description="Days that a held load waits for a person.")

    mail: MailKind = Field(default="folder", description="How mail leaves.")
    mail_from: str = "AlumnIQ data feeds <feeds@alumniq.invalid>"
    smtp_host: str = "localhost"
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    staff_email: str = Field(
        default="", description="Who is told of faults of ours and of silence; commas between."
    )
    staff_webhook: SecretStr | None = Field(
        default=None, description="Where they chat: a Slack-compatible incoming webhook."
    )
    staff_teams_webhook: SecretStr | None = Field(
        default=None, description="Their Microsoft Teams: an incoming webhook of Workflows."
    )
    heartbeat_url: SecretStr | None = Field(
        default=None, description="A dead man's switch elsewhere that hears from us every minute."
    )

    signing_key: SecretStr | None = Field(
        default=None,
        description="Makes customers' signing secrets, in hex; none: signing.key in data_dir.",
    )
    callback_allowed_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks callbacks may reach although they are not public (JSON list).",
    )

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8080
    dagster_host: str = "127.0.0.1"
    dagster_port: int = 3000
    public_url: str = Field(default="", description="How customers reach the gateway; for links.")

    retry_seconds: float = Field(
        default=30.0, gt=0, description="Wait before the second attempt; doubles from there."
    )
    max_upload_bytes: int = Field(
        default=1_073_741_824, ge=1_024, description="Largest file taken in a page's form."
    )
    max_expanded_bytes: int = Field(
        default=50 << 30, ge=1_024, description="Bytes that a compressed file may expand to."
    )
    max_expansion_ratio: int = Field(
        default=200, ge=1, description="The same in bytes per byte of it, beyond 64 MiB."
    )
    calls_per_minute: int = Field(
        default=600, ge=0, description="Calls that one API key may make a minute; 0: any number."
    )
    address_calls_per_minute: int = Field(
        default=1_200, ge=0, description="The same for one address, whatever its keys."
    )
    metrics_allowed_networks: tuple[str, ...] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may read /metrics (JSON list); none: nobody.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Proxies whose word is taken for a call's address; commas between.",
    )
    staff_over_http: bool = Field(
        default=False,
        description="Whether staff may sign in over plain http from another machine.",
    )
    max_body_bytes: int = Field(default=65_536, ge=1_024, description="Largest body of a request.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put secret files before the plain variables."""
        del file_secret_settings
        return init_settings, SecretFiles(settings_cls), env_settings, dotenv_settings

    @property
    def home(self) -> Path:
        """The data folder, absolute: child processes may run elsewhere.

        Raises UnusableFolderName.
        """
        return Path(database_path(self.data_dir.resolve()))

    @property
    def ledger(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        # In an address, `%` begins an escape.
        path = str(self.home / "ledger.db").replace("%", "%25")
        return self.ledger_url or f"sqlite:///{path}"

    @property
    def buckets_dir(self) -> Path:
        """Folder buckets, one folder per customer's bucket."""
        return self.home / "buckets"

    @property
    def warehouse_dir(self) -> Path:
        """DuckDB files of the published versions."""
        return self.home / "warehouse"

    @property
    def scratch_dir(self) -> Path:
        """Room for loads at work; may be emptied whenever none runs."""
        return self.home / "scratch"

    @property
    def archive_dir(self) -> Path:
        """Received files and held rows, unless a bucket is named."""
        return self.home / "archive"

    @property
    def workers_dir(self) -> Path:
        """Signs of life of the run workers of this machine."""
        return self.home / "workers"

    @property
    def encryption_key_file(self) -> Path:
        """What secrets are encrypted with that must be told again; keep a copy elsewhere."""
        return self.home / "sealing.key"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance: its configuration, runs and events."""
        return self.home / "dagster"

    @property
    def signing_key_file(self) -> Path:
        """Where the signing key is kept unless it is a setting."""
        return self.home / "signing.key"

    @property
    def last_good_dir(self) -> Path:
        """The last good field maps, in force while a file of `schemas_dir` is broken."""
        return self.home / "field-maps"

    @property
    def mail_dir(self) -> Path:
        """Where `.eml` files go when mail is kept in a folder."""
        return self.home / "mail"

    @property
    def gateway_url(self) -> str:
        """How customers reach the gateway."""
        return self.public_url or f"http://{self.gateway_host}:{self.gateway_port}"


def child_environment(settings: Settings) -> dict[str, str]:
    """Answer the environment in which a child process has these settings too.

    Secrets are not written into it: a child finds them where this process did.
    """
    values = settings.model_dump(mode="json", exclude_none=True)
    secret = {name for name in values if isinstance(getattr(settings, name), SecretStr)}
    variables = {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in {**values, "data_dir": str(settings.home)}.items()
        if name not in secret
    }
    replaced = {f"{name}_FILE" for name in variables}
    return {name: value for name, value in os.environ.items() if name not in replaced} | variables
