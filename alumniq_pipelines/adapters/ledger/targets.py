"""The three columns that name a target, in several tables."""

from sqlalchemy import Column, ColumnElement, FromClause, RowMapping, Table, and_

from alumniq_pipelines.core.loads.target import Target


def target_columns(table: Table) -> tuple[Column[str], Column[str], Column[str]]:
    """Return the target's columns of a table, in the order in which lists are sorted."""
    return table.c.customer, table.c.environment, table.c.feed


def same_target(table: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Return the condition that rows of two tables are of the same target."""
    return and_(
        table.c.customer == other.c.customer,
        table.c.environment == other.c.environment,
        table.c.feed == other.c.feed,
    )


def matches_target(table: Table, target: Target) -> ColumnElement[bool]:
    """Return the condition that selects the rows of a target."""
    customer, environment, feed = target_columns(table)
    return and_(customer == target.customer, environment == target.environment, feed == target.feed)


def target_values(target: Target) -> dict[str, str]:
    """Return a target's columns for an INSERT."""
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
    }


def target_of(row: RowMapping) -> Target:
    """Return the target in a row."""
    return Target(row["customer"], row["environment"], row["feed"])
