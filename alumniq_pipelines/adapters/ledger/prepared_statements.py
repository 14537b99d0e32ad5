"""Statements of the hot path, compiled once: SQLAlchemy spends more time on each than SQLite does.

The text, and what turns values into the driver's and back, come from SQLAlchemy; each call is then
the driver's own. docs/adr/the-hot-path-of-the-ledger.md has the measurement.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Dialect, Select, exc
from sqlalchemy.sql.dml import ReturningInsert

Turn = Callable[[Any], Any] | None
"""What turns a value into another one; None where it stays as it is."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement that answers rows, for one engine."""

    text: str
    order: Sequence[str] | None
    """Of the parameters, where the driver goes by their place."""
    inward: Mapping[str, Turn]
    outward: Sequence[Turn]
    dialect: Dialect

    @classmethod
    def of(
        cls,
        statement: Select[Any] | ReturningInsert[Any],
        dialect: Dialect,
        columns: Sequence[str] | None = None,
    ) -> Self:
        """Compile a statement; `columns` are those that an INSERT gives values for."""
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        answered = [each.type.dialect_impl(dialect) for each in statement.exported_columns]
        return cls(
            compiled.string,
            compiled.positiontup if compiled.positional else None,
            {name: kind.bind_processor(dialect) for name, kind in kinds.items()},
            [kind.result_processor(dialect, None) for kind in answered],
            dialect,
        )

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it; the driver's errors come as SQLAlchemy's, without the values."""
        turned = {
            name: values[name] if turn is None else turn(values[name])
            for name, turn in self.inward.items()
        }
        given = turned if self.order is None else [turned[name] for name in self.order]
        driver: Any = self.dialect.loaded_dbapi
        with closing(connection.connection.cursor()) as cursor:
            try:
                cursor.execute(self.text, given)
                found = cursor.fetchall()
            except driver.Error as error:
                raise exc.DBAPIError.instance(
                    self.text, None, error, driver.Error, hide_parameters=True, dialect=self.dialect
                ) from None
        return [
            tuple(
                value if turn is None else turn(value)
                for value, turn in zip(row, self.outward, strict=True)
            )
            for row in found
        ]
