"""Targets in the tables: the three columns that name one."""

from sqlalchemy import Column, ColumnElement, RowMapping, Table, and_

from alumniq_pipelines.core.loads.target import Target


def target_columns(table: Table) -> tuple[Column[str], Column[str], Column[str]]:
    """Answer the columns of a table that name a row's target, in the order of lists."""
    return table.c.customer, table.c.environment, table.c.feed


def matches_target(table: Table, target: Target) -> ColumnElement[bool]:
    """Choose the rows of a target."""
    customer, environment, feed = target_columns(table)
    return and_(customer == target.customer, environment == target.environment, feed == target.feed)


def target_values(target: Target) -> dict[str, str]:
    """Write a target into a row."""
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
    }


def target_of(row: RowMapping) -> Target:
    """Read a target out of a row."""
    return Target(row["customer"], row["environment"], row["feed"])
