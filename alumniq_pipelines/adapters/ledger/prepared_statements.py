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

Processor = Callable[[Any], Any] | None
"""What turns a value into another one; None where it stays as it is."""


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """One statement that answers rows, for one engine."""

    text: str
    parameter_order: Sequence[str] | None
    """Of the parameters, where the driver goes by their place."""
    bind_processors: Mapping[str, Processor]
    result_processors: Sequence[Processor]
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
        types = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        result_types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        return cls(
            compiled.string,
            compiled.positiontup if compiled.positional else None,
            {name: column_type.bind_processor(dialect) for name, column_type in types.items()},
            [column_type.result_processor(dialect, None) for column_type in result_types],
            dialect,
        )

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Run it; the driver's errors come as SQLAlchemy's, without the values."""
        bound = {
            name: values[name] if processor is None else processor(values[name])
            for name, processor in self.bind_processors.items()
        }
        parameters = (
            bound
            if self.parameter_order is None
            else [bound[name] for name in self.parameter_order]
        )
        driver: Any = self.dialect.loaded_dbapi
        with closing(connection.connection.cursor()) as cursor:
            try:
                cursor.execute(self.text, parameters)
                found = cursor.fetchall()
            except driver.Error as error:
                raise exc.DBAPIError.instance(
                    self.text, None, error, driver.Error, hide_parameters=True, dialect=self.dialect
                ) from None
        return [
            tuple(
                value if processor is None else processor(value)
                for value, processor in zip(row, self.result_processors, strict=True)
            )
            for row in found
        ]
