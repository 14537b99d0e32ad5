"""The `alumniq` command, assembled from one module per noun.

Modules of this folder import only light packages at the top, so that `alumniq check` starts as fast
as a bare DuckDB process. Heavy packages (DuckDB, pandas, Dagster) are imported by the commands that
need them.
"""

import typer

from alumniq_pipelines.cli.backup import backup, restore
from alumniq_pipelines.cli.check import check
from alumniq_pipelines.cli.console import Commands
from alumniq_pipelines.cli.customer import customer
from alumniq_pipelines.cli.demo.command import demo
from alumniq_pipelines.cli.doctor import doctor
from alumniq_pipelines.cli.feed import feed
from alumniq_pipelines.cli.key import key
from alumniq_pipelines.cli.load import load
from alumniq_pipelines.cli.migrate import migrate
from alumniq_pipelines.cli.notification import notification
from alumniq_pipelines.cli.signing_secret import signing_secret
from alumniq_pipelines.cli.sql import sql
from alumniq_pipelines.cli.staff import staff
from alumniq_pipelines.cli.subscription import subscription
from alumniq_pipelines.cli.up import up
from alumniq_pipelines.cli.version import version
from alumniq_pipelines.cli.watch import watch

app = typer.Typer(
    name="alumniq",
    cls=Commands,
    help="Receive universities' nightly data feeds: check files, publish them, notify customers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
customer.add_typer(signing_secret, name="signing-secret")
app.add_typer(customer, name="customer")
app.add_typer(key, name="key")
app.add_typer(feed, name="feed")
app.add_typer(load, name="load")
app.add_typer(subscription, name="subscription")
app.add_typer(notification, name="notification")
app.add_typer(staff, name="staff")
app.add_typer(version, name="version")
app.command()(check)
app.add_typer(watch, name="watch")
app.command()(sql)
app.command()(doctor)
app.command()(backup)
app.command()(restore)
app.command()(migrate)
app.command()(up)
app.command()(demo)
