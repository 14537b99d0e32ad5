"""The settings of hosts that share PostgreSQL, Redis and S3, as environment variables."""

from cryptography.fernet import Fernet

SIGNING_KEY = "5a" * 32
ENCRYPTION_KEY = Fernet.generate_key().decode()


def cluster_settings(
    ledger: str, warehouse: str, s3_endpoint: str, redis: str, prefix: str = "cluster"
) -> dict[str, str]:
    """Return what all hosts have alike; the names of buckets begin with the prefix."""
    return {
        "ALUMNIQ_LEDGER_URL": ledger,
        "ALUMNIQ_WAREHOUSE": "postgres",
        "ALUMNIQ_WAREHOUSE_URL": warehouse,
        "ALUMNIQ_BUCKET": "s3",
        "ALUMNIQ_S3_ENDPOINT_URL": s3_endpoint,
        "ALUMNIQ_S3_ACCESS_KEY_ID": "key",
        "ALUMNIQ_S3_SECRET_ACCESS_KEY": "secret",
        "ALUMNIQ_ARCHIVE_BUCKET": f"{prefix}-archive",
        "ALUMNIQ_COMPUTE_LOGS_BUCKET": f"{prefix}-logs",
        "ALUMNIQ_SIGNING_KEY": SIGNING_KEY,
        "ALUMNIQ_ENCRYPTION_KEY": ENCRYPTION_KEY,
        "ALUMNIQ_LAUNCHER": "celery",
        "ALUMNIQ_CELERY_BROKER_URL": redis,
    }
