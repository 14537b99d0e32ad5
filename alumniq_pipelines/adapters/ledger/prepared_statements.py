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
    is_positional: bool
    """Whether the driver takes its parameters in order (SQLite), not by name."""
    parameters: Sequence[tuple[str, Processor]]
    """Each with what converts it for the driver, in the order of the text."""
    result_processors: Sequence[tuple[int, Callable[[Any], Any]]]
    """Of the columns that need one, by index."""
    dialect: Dialect

    @classmethod
    def of(cls, statement: Select[Any] | ReturningInsert[Any], dialect: Dialect) -> Self:
        """Compile a statement."""
        # dialect_impl is the type as the dialect stores it, such as UtcDateTime on SQLite.
        compiled: Any = statement.compile(dialect=dialect)
        names = compiled.positiontup if compiled.positional else compiled.binds
        types = [compiled.binds[name].type.dialect_impl(dialect) for name in names]
        # Some types choose a processor by the driver's column type, which is known only after
        # execution. Ours do not, so None stands for it.
        result_processors = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in statement.exported_columns
        ]
        return cls(
            text=compiled.string,
            is_positional=compiled.positional,
            parameters=[
                (name, column_type.bind_processor(dialect))
                for name, column_type in zip(names, types, strict=True)
            ],
            result_processors=[
                (index, processor) for index, processor in enumerate(result_processors) if processor
            ],
            dialect=dialect,
        )

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Execute it; the driver's errors are raised as SQLAlchemy's, without the values."""
        parameters: Any
        if self.is_positional:
            parameters = [
                values[name] if processor is None else processor(values[name])
                for name, processor in self.parameters
            ]
        else:
            parameters = {
                name: values[name] if processor is None else processor(values[name])
                for name, processor in self.parameters
            }
        driver: Any = self.dialect.loaded_dbapi
        # The DBAPI connection below SQLAlchemy's: the caller's transaction still applies.
        with closing(connection.connection.cursor()) as cursor:
            try:
                cursor.execute(self.text, parameters)
                found: Sequence[Any] = cursor.fetchall()
            except driver.Error as error:
                # Otherwise Database would not recognize it as an outage or a refused value.
                raise exc.DBAPIError.instance(
                    self.text, None, error, driver.Error, hide_parameters=True, dialect=self.dialect
                ) from None
        if self.result_processors:
            found = [list(row) for row in found]
            for row in found:
                for index, processor in self.result_processors:
                    row[index] = processor(row[index])
        return found
