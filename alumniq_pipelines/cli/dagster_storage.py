"""Where Dagster stores its own records: SQLite in its home, or a schema of the ledger's PostgreSQL.

It cannot be the ledger's own schema: both store the revision of their tables in a table of the same
name (alembic_version).
"""

from typing import TYPE_CHECKING

from alumniq_pipelines.adapters.postgresql import startup_options
from alumniq_pipelines.core.problems.setup import DagsterNotMigrated

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.settings import Settings

SCHEMA = "dagster"
TABLE = f"{SCHEMA}.alembic_version"
"""Where Dagster stamps the revision of its tables."""
DRIVER = "postgresql+psycopg2"
"""Not psycopg 3: Dagster sends NOTIFY with a parameter, which it passes on and servers refuse."""
URL = "DAGSTER_POSTGRES_URL"
"""The variable that Dagster reads the URL from: it may hold a password, so the file must not."""
STORAGE = {"storage": {"postgres": {"postgres_url": {"env": URL}}}}


def is_postgresql(settings: "Settings") -> bool:
    """Whether Dagster's records are stored in the ledger's PostgreSQL."""
    return settings.ledger.startswith("postgresql")


def storage_environment(settings: "Settings") -> dict[str, str]:
    """Return the environment variables by which Dagster's programs find their records."""
    if not is_postgresql(settings):
        return {}
    from sqlalchemy import make_url

    url = make_url(settings.ledger).set(drivername=DRIVER)
    # Its own long transactions, such as migrations, may stand idle for as long as they need.
    options = startup_options(search_path=SCHEMA, idle_in_transaction_session_timeout="0")
    own = url.update_query_dict({"options": options})
    return {URL: own.render_as_string(hide_password=False)}


def make_schema(settings: "Settings") -> None:
    """Create the schema in the ledger's PostgreSQL; harmless to repeat.

    Raises LedgerUnavailable and DatabaseProblem.
    """
    from sqlalchemy import text
    from sqlalchemy.schema import CreateSchema

    from alumniq_pipelines.adapters.ledger.database import setup_problems_shown
    from alumniq_pipelines.cli.installation import ledger_of

    with (
        ledger_of(settings) as ledger,
        setup_problems_shown(),
        ledger.database.writing() as connection,
    ):
        # Creating it needs a privilege even where it exists.
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is None:
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))


def check_tables(ledger: "Ledger") -> None:
    """Raise DagsterNotMigrated if Dagster's tables are not in the ledger's PostgreSQL yet."""
    if ledger.database.path is not None:
        return
    from sqlalchemy import text

    with ledger.database.reading() as connection:
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": TABLE}) is None:
            raise DagsterNotMigrated
