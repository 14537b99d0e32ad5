"""The field map: one feed described once, as a Frictionless Data Resource with a few keys of ours.

Everything that checks, stores or shows a column is derived from here. Standard keys mean what the
Frictionless specifications say; ours are under `alumniq`: on the resource, a field, a foreign key.
Only the structure is defined here; `validation` has the rules between the parts.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from alumniq_pipelines.core.feeds.column_types import (
    DECIMAL_SPECS,
    MAX_DECIMALS,
    TYPE_SPECS,
    ColumnType,
    TypeSpec,
)
from alumniq_pipelines.core.feeds.dialect import Dialect
from alumniq_pipelines.core.feeds.field_map_model import FieldMapModel
from alumniq_pipelines.core.feeds.frictionless_standard import (
    LABELS_LEFT_OUT,
    ONE_FILE,
    PARTIAL,
    UTF_8,
    WRITTEN_OUT,
    only,
    standard_profile,
)
from alumniq_pipelines.core.feeds.provenance import License, Source

Severity = Literal["error", "warning", "note"]
ReferenceSet = Literal[
    "country", "country-alpha-2", "country-alpha-3", "subdivision", "email", "phone", "url"
]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
Count = Annotated[int, Field(strict=True, ge=0)]
Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
Slug = Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$", max_length=40)]


def _one_or_many(names: object) -> object:
    """Read a single name as a list of one, as Table Schema allows."""
    return (names,) if isinstance(names, str) else names


def _pairs(mapping: object) -> object:
    """Keep a mapping as pairs, so that a field map stays hashable."""
    if isinstance(mapping, dict):
        return tuple(mapping.items())
    if isinstance(mapping, tuple):
        return mapping
    message = "must be a mapping of columns to values"
    raise ValueError(message)


Names = Annotated[
    tuple[str, ...], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])
]
Pairs = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(_pairs, json_schema_input_type=dict[str, str]),
    PlainSerializer(dict),
]
Percentages = Annotated[
    tuple[tuple[str, Percent], ...],
    BeforeValidator(_pairs, json_schema_input_type=dict[str, Percent]),
    PlainSerializer(dict),
]

TypeName = Annotated[ColumnType, WithJsonSchema({"enum": list(ColumnType), "type": "string"})]
"""In the JSON Schema its values stand where they are used, as those of every other choice."""


class Constraints(FieldMapModel):
    """What values a column may hold (Table Schema, constraints)."""

    required: StrictBool = Field(default=False, description="A blank value is an error.")
    unique: StrictBool = Field(default=False, description="No value occurs twice in a file.")
    min_length: Count | None = Field(default=None, description="Fewest characters (string).")
    max_length: Count | None = Field(default=None, description="Most characters (string).")
    minimum: StrictInt | StrictFloat | StrictStr | None = Field(
        default=None,
        description="Smallest value; a date or time in quotes, as written in the file.",
    )
    maximum: StrictInt | StrictFloat | StrictStr | None = Field(
        default=None,
        description="Largest value; a date or time in quotes, as written in the file.",
    )
    pattern: str | None = Field(
        default=None, description="Expression for the whole value (string); see README, Patterns."
    )
    enum: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = Field(
        default=None, description="The only values allowed; texts in quotes."
    )


class ColumnRules(FieldMapModel):
    """What we know of a column beyond Table Schema."""

    severity: Severity = Field(
        default="error",
        description="What a broken rule does: error rejects the row; warning and note report it.",
    )
    default: StrictStr | StrictInt | StrictFloat | StrictBool | None = Field(
        default=None, description="Published in place of a blank."
    )
    reference: ReferenceSet | None = Field(
        default=None, description="Public set or form that values must belong to (string)."
    )
    aliases: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Further names in the file's header that mean this column."
    )
    decimals: Annotated[int, Field(strict=True, ge=0, le=MAX_DECIMALS)] | None = Field(
        default=None, description="Decimals that are published, all exactly (number)."
    )


class Column(FieldMapModel):
    """One column (Table Schema, field)."""

    name: Annotated[str, Field(min_length=1)] = Field(description="Name in the file's header.")
    title: str = Field(default="", description="Name for people.")
    description: str = Field(default="", description="What the column holds, for its sender.")
    example: Scalar | None = Field(
        default=None,
        description="A value as written in the file; texts, dates and times in quotes.",
    )
    type: TypeName = Field(default=ColumnType.STRING, description="Type of the published column.")
    format: str = Field(
        default="default",
        description="How a date or time is written: default (ISO 8601) or %Y, %m, %H, ...",
    )
    true_values: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("true", "True", "TRUE", "1"), description="Spellings of true (boolean)."
    )
    false_values: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("false", "False", "FALSE", "0"), description="Spellings of false (boolean)."
    )
    decimal_char: Annotated[
        Literal["."],
        only((".",), otherwise="must be a point: export numbers with a decimal point"),
    ] = Field(default=".", description="Before the decimals (number).")
    bare_number: Annotated[
        Literal[True],
        only(
            (True,),
            otherwise="must be true: export numbers without currency signs and other text, or "
            "write `type: string`",
        ),
    ] = Field(default=True, description="Numbers have no other text around them (number, integer).")
    rdf_type: str = Field(default="", description="Meaning of the column; without effect.")
    constraints: Constraints = Field(default=Constraints(), description="What values may be.")
    alumniq: ColumnRules = Field(default=ColumnRules(), description="Our own rules.")

    @property
    def spec(self) -> TypeSpec:
        """What is known of its type."""
        decimals = self.alumniq.decimals
        if self.type is not ColumnType.NUMBER or decimals is None:
            return TYPE_SPECS[self.type]
        return DECIMAL_SPECS[decimals]


class Reference(FieldMapModel):
    """Where a foreign key points; `resource` is a feed's name, empty for the feed itself."""

    resource: str = Field(default="", description="Name of a feed; empty: this feed itself.")
    fields: Names = Field(description="Columns there, in the order of the foreign key's fields.")


class ForeignKeyRules(FieldMapModel):
    """What we know of a foreign key beyond Table Schema."""

    severity: Severity = Field(
        default="warning", description="What a value without a referenced row does."
    )
    where: Pairs = Field(
        default=(), description="Columns there that must hold a fixed value, such as list: school."
    )


class ForeignKey(FieldMapModel):
    """Columns whose values must exist in another feed (Table Schema, foreignKeys)."""

    fields: Names = Field(description="Columns of this feed.")
    reference: Reference = Field(description="What they refer to.")
    alumniq: ForeignKeyRules = Field(default=ForeignKeyRules(), description="Our own rules.")


class TableSchema(FieldMapModel):
    """The columns of a feed and their keys (Table Schema)."""

    fields: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(description="The columns.")
    schema_url: Annotated[str | None, standard_profile("tableschema")] = Field(
        default=None, alias="$schema", description="The standard's own profile; without effect."
    )
    fields_match: Annotated[Literal["partial"], PARTIAL] = Field(
        default="partial", description="Columns are found by name, in any order."
    )
    primary_key: Names = Field(
        default=(), description="Columns that identify a row; each is required."
    )
    unique_keys: tuple[Names, ...] = Field(
        default=(), description="Each the primary key, or one column that is unique."
    )
    foreign_keys: tuple[ForeignKey, ...] = Field(default=(), description="References.")
    missing_values: Annotated[tuple[str, ...], LABELS_LEFT_OUT] = Field(
        default=("",), description="Texts that mean blank."
    )


class Threshold(FieldMapModel):
    """How much a load may change before it is held for approval."""

    percent: Percent | None = Field(default=None, description="Of the live version's rows.")
    rows: Count | None = Field(default=None, description="Rows.")


class ColumnThresholds(FieldMapModel):
    """How far the share of rows with a value may fall before a load is held for approval."""

    fill: Percent = Field(default=20.0, description="Points; 100: held only if all values go.")
    fill_of: Percentages = Field(default=(), description="Points, in single columns, by name.")

    def own_limit_of(self, name: str) -> float | None:
        """Return the points of a column's own, if it has any; the case of its name is ignored."""
        folded = name.casefold()
        return next((points for own, points in self.fill_of if own.casefold() == folded), None)

    def limit_of(self, name: str) -> float:
        """Return by how many points a column may fall."""
        own = self.own_limit_of(name)
        return self.fill if own is None else own


class Thresholds(FieldMapModel):
    """When a load is held, by kind of change; a first load never is."""

    added: Threshold = Field(default=Threshold(), description="New rows.")
    changed: Threshold = Field(default=Threshold(percent=75), description="Rows that differ.")
    removed: Threshold = Field(default=Threshold(percent=10), description="Rows that went.")
    columns: ColumnThresholds = Field(
        default=ColumnThresholds(), description="Columns that are filled less."
    )


class FeedRules(FieldMapModel):
    """What we know of a feed beyond the Frictionless standards."""

    job: str = Field(
        default="",
        pattern="^([a-z][a-z0-9-]*)?$",
        description="Job name in the URL; by default the feed's name.",
    )
    wave: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=1, description="Which round of feeds this one belongs to."
    )
    extension_columns: StrictBool = Field(
        default=False, description="Keep the sender's own columns, whose names end in __c."
    )
    unknown_columns: Literal["ignore", "warn", "reject"] = Field(
        default="warn", description="What other columns do that are not described here."
    )
    max_rejected: Count = Field(
        default=0, description="Rejected rows up to which the rest is published."
    )
    thresholds: Thresholds = Field(default=Thresholds(), description="When a load is held.")
    owners: tuple[str, ...] = Field(
        default=(), description="Who is responsible for the feed: team:name or an e-mail address."
    )


class FieldMap(FieldMapModel):
    """One feed: a Data Resource; `name` is the feed's, `alumniq.job` its job name in the URL."""

    name: Slug = Field(description="The feed's name; the file is called the same.")
    type: Literal["table"] = Field(default="table", description="Always table.")
    schema_url: Annotated[str | None, standard_profile("dataresource")] = Field(
        default=None, alias="$schema", description="The standard's own profile; without effect."
    )
    profile: Literal["data-resource", "tabular-data-resource"] = Field(
        default="tabular-data-resource", description="Of version 1 of the standard; without effect."
    )
    path: Annotated[str, ONE_FILE] = Field(description="Usual name of the delivered file.")
    title: str = Field(default="", description="Name for people.")
    description: str = Field(default="", description="What the feed is, and one row of it.")
    homepage: str = Field(default="", description="Address for people; without effect.")
    sources: tuple[Source, ...] = Field(
        default=(), description="Where the data come from; without effect."
    )
    licenses: tuple[License, ...] = Field(
        default=(), description="Terms of use of the data; without effect."
    )
    format: Annotated[
        Literal["csv"], only(("csv",), otherwise="must be csv, whatever the delimiter is")
    ] = Field(default="csv", description="Always csv, whatever the delimiter.")
    mediatype: str = Field(default="text/csv", description="Media type of the file.")
    encoding: Annotated[Literal["utf-8"], UTF_8] = Field(
        default="utf-8", description="Always utf-8."
    )
    dialect: Annotated[Dialect, WRITTEN_OUT] = Field(
        default=Dialect(), description="How the file is written down."
    )
    table_schema: Annotated[TableSchema, WRITTEN_OUT] = Field(
        alias="schema", description="Columns and keys."
    )
    alumniq: FeedRules = Field(default=FeedRules(), description="Our own rules.")

    @model_validator(mode="before")
    @classmethod
    def _default_job_name(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return data
        rules = data.get("alumniq", {})
        if isinstance(rules, dict) and "job" not in rules:
            return {**data, "alumniq": {"job": data["name"], **rules}}
        return data

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

    def is_required(self, column: Column) -> bool:
        """Whether blanks are refused: by constraint, or as a part of the primary key."""
        return column.constraints.required or column.name in self.table_schema.primary_key
