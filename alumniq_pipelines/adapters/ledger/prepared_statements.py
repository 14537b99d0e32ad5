"""Statements of the hot path, compiled once: SQLAlchemy takes longer per statement than SQLite.

SQLAlchemy compiles the text and provides the processors that convert values for the driver and
back; each execution then calls the driver directly. docs/adr/the-hot-path-of-the-ledger.md has the
measurement.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Dialect, Select, exc
from sqlalchemy.sql.dml import ReturningInsert

Processor = Callable[[Any], Any] | None
"""Converts a value between Python and the driver; None if it needs no conversion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedStatement:
    """One statement that returns rows, compiled for one dialect."""

    text: str
    parameter_order: Sequence[str] | None
    """The parameters in order, for a driver with positional parameters (SQLite)."""
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
        """Compile a statement; `columns` are the ones for which an INSERT has values."""
        # dialect_impl is the type as the dialect stores it, such as UtcDateTime on SQLite.
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        types = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        result_types = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        return cls(
            text=compiled.string,
            parameter_order=compiled.positiontup if compiled.positional else None,
            bind_processors={
                name: column_type.bind_processor(dialect) for name, column_type in types.items()
            },
            # Some types choose a processor by the driver's column type, which is known only after
            # execution. Ours do not, so None stands for it.
            result_processors=[
                column_type.result_processor(dialect, None) for column_type in result_types
            ],
            dialect=dialect,
        )

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Execute it; the driver's errors are raised as SQLAlchemy's, without the values."""
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
        # The DBAPI connection below SQLAlchemy's: the caller's transaction still applies.
        with closing(connection.connection.cursor()) as cursor:
            try:
                cursor.execute(self.text, parameters)
                found = cursor.fetchall()
            except driver.Error as error:
                # Otherwise Database would not recognize it as an outage or a refused value.
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
