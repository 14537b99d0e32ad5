"""The field map: one feed described once, as a Frictionless Data Resource with a few keys of ours.

Everything that checks, stores or shows a column is projected from here. Standard keys mean what the
Frictionless specifications say; ours stand under `alumniq`, on the resource and on a field.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ColumnType = Literal["string", "integer", "number", "boolean", "date", "datetime", "year"]
Severity = Literal["error", "warning", "note"]


class Part(BaseModel):
    """A part of a field map: frozen, camel case in YAML, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Constraints(Part):
    """What values a column may hold (Table Schema, constraints)."""

    required: bool = False
    unique: bool = False
    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    pattern: str | None = None
    enum: tuple[Any, ...] | None = None


class ColumnRules(Part):
    """What we know of a column beyond Table Schema."""

    severity: Severity = "error"
    default: str | int | None = None


class Column(Part):
    """One column (Table Schema, field)."""

    name: Annotated[str, Field(min_length=1)]
    title: str = ""
    description: str = ""
    example: str | int | float | bool | None = None
    type: ColumnType = "string"
    format: str = "default"
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    constraints: Constraints = Constraints()
    alumniq: ColumnRules = ColumnRules()


class Reference(Part):
    """Where a foreign key points; `resource` is a feed's name, empty for the feed itself."""

    resource: str = ""
    fields: tuple[str, ...]


class ForeignKey(Part):
    """Columns whose values must exist in another feed (Table Schema, foreignKeys)."""

    fields: tuple[str, ...]
    reference: Reference


class TableSchema(Part):
    """The columns of a feed and their keys (Table Schema)."""

    fields: Annotated[tuple[Column, ...], Field(min_length=1)]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    missing_values: tuple[str, ...] = ("",)


class CsvDialect(Part):
    """How the file is written down (CSV dialect)."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote_char: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    double_quote: bool = True


class Dialect(Part):
    """The file format, as frictionless 5 nests it."""

    csv: CsvDialect = CsvDialect()


class FeedRules(Part):
    """What we know of a feed beyond the Frictionless standards."""

    job: str
    wave: Annotated[int, Field(ge=1)] = 1
    extension_columns: bool = False
    unknown_columns: Literal["ignore", "warn", "reject"] = "warn"
    max_rejected: Annotated[int, Field(ge=0)] = 0
    owners: tuple[str, ...] = ()


class FieldMap(Part):
    """One feed: a Data Resource; `name` is the feed's, `alumniq.job` its job name in the URL."""

    name: str
    type: Literal["table"] = "table"
    path: str
    title: str
    description: str
    format: Literal["csv"] = "csv"
    mediatype: str = "text/csv"
    encoding: Literal["utf-8"] = "utf-8"
    dialect: Dialect = Dialect()
    table_schema: Annotated[TableSchema, Field(alias="schema")]
    alumniq: FeedRules

    @property
    def columns(self) -> Sequence[Column]:
        """The columns in their order."""
        return self.table_schema.fields

    @property
    def asset_name(self) -> str:
        """The feed in snake case: table name, and last part of the asset key."""
        return self.name.replace("-", "_")

    def column(self, name: str) -> Column | None:
        """Find a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)
