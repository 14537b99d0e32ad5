"""The settings of an installation; only this module reads them from the environment.

Every setting is an environment variable `ALUMNIQ_<NAME>` or a line in `.env`. A secret may instead
be read from the file that `ALUMNIQ_<NAME>_FILE` names. The defaults are the embedded profile:
SQLite, DuckDB and folders.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.gateway_settings import GatewaySettings
from alumniq_pipelines.secret_files import PREFIX, SecretFiles

BucketKind = Literal["folder", "s3"]
WarehouseEngine = Literal["duckdb", "postgres"]
MailKind = Literal["folder", "smtp"]
S3KeyMaker = Literal["by-hand", "iam"]
"""Closed sets: code that depends on one matches every value and ends in `assert_never`."""

REPOSITORY = Path(__file__).resolve().parent.parent


def _scratch_dir(values: Mapping[str, Any]) -> Path:
    data_dir: Path = values["data_dir"]
    return data_dir.resolve() / "scratch"


def _dagster_home(values: Mapping[str, Any]) -> Path:
    data_dir: Path = values["data_dir"]
    return Path(os.environ.get("DAGSTER_HOME") or data_dir.resolve() / "dagster")


class Settings(GatewaySettings):
    """Everything that may differ between two installations."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(
        default=Path("var"), description="Folder for all data of this installation."
    )
    scratch_dir: Path = Field(
        default_factory=_scratch_dir,
        description="Folder for temporary files of loads, on each host its own. Unset: scratch in "
        "data_dir.",
    )
    schemas_dir: Path = Field(
        default=REPOSITORY / "schemas", description="Folder of the field maps."
    )
    ledger_url: str = Field(
        default="", description="SQLAlchemy URL of the ledger. Empty: SQLite in data_dir."
    )

    bucket: BucketKind = Field(
        default="folder", description="Where customers upload files: a local folder or S3."
    )
    s3_endpoint_url: str | None = Field(default=None, description="S3 endpoint. Unset: Amazon's.")
    s3_region: str = Field(default="us-east-1", description="S3 region.")
    s3_access_key_id: str | None = Field(
        default=None, description="S3 access key id. Unset: the usual AWS credential chain."
    )
    s3_secret_access_key: SecretStr | None = None
    s3_keys: S3KeyMaker = Field(
        default="by-hand",
        description="How customers' S3 keys are created: by staff, or automatically through IAM.",
    )
    iam_endpoint_url: str | None = Field(default=None, description="IAM endpoint. Unset: Amazon's.")

    warehouse: WarehouseEngine = Field(
        default="duckdb",
        description="Where versions are published: DuckDB files or a PostgreSQL database.",
    )
    warehouse_url: SecretStr | None = Field(
        default=None,
        description="URL of the PostgreSQL warehouse: postgresql://user:password@host/name.",
    )
    warehouse_group: str = Field(
        default="", description="Group that may read the DuckDB files, by name or number."
    )
    versions_kept: int = Field(
        default=5,
        ge=1,
        description="Published versions to keep per customer, environment and feed.",
    )
    query_seconds: float = Field(
        default=300,
        gt=0,
        le=86_400,
        description="Maximum duration of a query by alumniq sql, in seconds.",
    )

    archive_bucket: str = Field(
        default="",
        description="S3 bucket for received files and held rows. Empty: a folder in data_dir.",
    )
    archive_days: int = Field(default=30, ge=1, description="Days to keep received files.")
    report_days: int = Field(default=30, ge=1, description="Days to keep rejection reports.")
    report_rows: int = Field(
        default=100_000,
        ge=0,
        description="Maximum rows in a rejection report. 0: write no reports.",
    )
    load_days: int = Field(
        default=400,
        ge=90,
        description="Days to keep loads that have ended, with their attempts and notifications, "
        "and closed incidents. The newest of each table stay.",
    )
    audit_days: int = Field(default=1_100, ge=90, description="Days to keep the audit trail.")
    run_days: int = Field(
        default=30,
        ge=7,
        description="Days to keep ended runs and their events in Dagster's storage. The latest of "
        "each partition stay.",
    )
    hold_days: int = Field(default=7, ge=1, description="Days that a held load waits for approval.")

    mail: MailKind = Field(
        default="folder",
        description="How mail is sent: by SMTP, or written to a folder in data_dir.",
    )
    mail_from: str = "AlumnIQ data feeds <feeds@alumniq.invalid>"
    smtp_host: str = "localhost"
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ehlo_name: str = Field(
        default="",
        pattern=r"^[!-~]*$",
        description="Name by which we introduce ourselves to the mail server (EHLO). Empty: the "
        "machine's full host name.",
    )
    staff_email: str = Field(
        default="",
        description="Staff addresses for alerts, such as our own faults and missed deliveries; "
        "separated by commas.",
    )
    staff_webhook: SecretStr | None = Field(
        default=None, description="Slack-compatible incoming webhook for the same alerts."
    )
    staff_teams_webhook: SecretStr | None = Field(
        default=None, description="Microsoft Teams webhook (Workflows) for the same alerts."
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="External heartbeat service (dead man's switch) to call every minute.",
    )

    signing_key: SecretStr | None = Field(
        default=None,
        description="Key, in hex, from which customers' signing secrets are derived. Unset: "
        "signing.key in data_dir.",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Fernet keys, the newest first, that encrypt secrets which must be shown "
        "again. Unset: sealing.key in data_dir.",
    )
    callback_allowed_networks: tuple[str, ...] = Field(
        default=(),
        description="Private networks that callbacks may reach (JSON list).",
    )

    dagster_host: str = "127.0.0.1"
    dagster_port: int = 3000
    dagster_home: Path = Field(
        default_factory=_dagster_home,
        description="Folder of Dagster's instance. Unset: DAGSTER_HOME, or dagster in data_dir.",
    )
    launcher: str = Field(
        default="local",
        description="What starts runs: local, as processes of the code server; celery, in workers "
        "on any host; or the path of a YAML file that describes another launcher of Dagster.",
    )
    celery_broker_url: SecretStr | None = Field(
        default=None, description="Queue of the Celery workers: redis://:password@host/0."
    )
    celery_backend_url: SecretStr | None = Field(
        default=None, description="Store of what became of Celery's tasks. Unset: the broker."
    )
    worker_processes: int = Field(
        default=2, ge=1, description="Runs that a Celery worker carries out at a time."
    )
    code_server: str = Field(
        default="",
        pattern=r"^([^:\s]+:\d+)?$",
        description="Where Dagster's code server listens, host:port, if its programs are on "
        "several hosts. Empty: on a socket of this host.",
    )
    max_concurrent_runs: int = Field(default=4, ge=1, description="Maximum runs at a time.")
    max_customer_runs: int = Field(
        default=2, ge=1, description="Maximum runs of one customer at a time."
    )
    compute_logs_bucket: str = Field(
        default="",
        description="S3 bucket for what runs print. Empty: the folder of Dagster's instance.",
    )

    retry_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Seconds before the second attempt at a load; doubles for each further one.",
    )
    monitor_seconds: int = Field(
        default=60,
        ge=5,
        description="Seconds between two polls for missed deliveries and other incidents.",
    )
    max_outstanding: int = Field(
        default=12,
        ge=1,
        description="Maximum loads for which a run is requested or at work; a small multiple of "
        "max_concurrent_runs. All others wait in the ledger.",
    )
    max_expanded_bytes: int = Field(
        default=50 << 30, ge=1_024, description="Maximum size of a decompressed file, in bytes."
    )
    max_expansion_ratio: int = Field(
        default=200,
        ge=1,
        description="Maximum ratio of decompressed to compressed size, beyond 64 MiB.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: secret files take precedence over plain variables."""
        del file_secret_settings
        return init_settings, SecretFiles(settings_cls), env_settings, dotenv_settings

    @property
    def home(self) -> Path:
        """The data folder as an absolute path: child processes may have another working folder.

        Raises UnusableFolderName.
        """
        return Path(database_path(self.data_dir.resolve()))

    @property
    def ledger(self) -> str:
        """The SQLAlchemy URL of the ledger."""
        # In a URL, `%` begins an escape.
        path = str(self.home / "ledger.db").replace("%", "%25")
        return self.ledger_url or f"sqlite:///{path}"

    @property
    def buckets_dir(self) -> Path:
        """Buckets as folders, one per customer."""
        return self.home / "buckets"

    @property
    def warehouse_dir(self) -> Path:
        """DuckDB files of the published versions."""
        return self.home / "warehouse"

    @property
    def archive_dir(self) -> Path:
        """Received files and held rows, unless a bucket is named."""
        return self.home / "archive"

    @property
    def workers_dir(self) -> Path:
        """Leases of the run workers of this machine."""
        return self.home / "workers"

    @property
    def encryption_key_file(self) -> Path:
        """Where the encryption key is stored unless it is a setting; keep a copy elsewhere."""
        return self.home / "sealing.key"

    @property
    def signing_key_file(self) -> Path:
        """Where the signing key is stored unless it is a setting."""
        return self.home / "signing.key"

    @property
    def last_good_dir(self) -> Path:
        """The last good field maps, in force while a file of `schemas_dir` is broken."""
        return self.home / "field-maps"

    @property
    def mail_dir(self) -> Path:
        """Where `.eml` files go if `mail` is "folder"."""
        return self.home / "mail"

    @property
    def gateway_url(self) -> str:
        """The URL at which customers reach the gateway."""
        return self.public_url or f"http://{self.gateway_host}:{self.gateway_port}"


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that give a child process the same settings.

    Secrets are not among them: a child finds those where this process did.
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
