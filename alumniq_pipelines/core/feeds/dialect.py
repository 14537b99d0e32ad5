"""How a delivered file is written down: the CSV Dialect and the Table Dialect of the standard.

What a file may not be like is refused by the name of its property, in `frictionless_standard`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictInt, StrictStr, model_validator

from alumniq_pipelines.core.feeds.field_map_model import FieldMapModel
from alumniq_pipelines.core.feeds.frictionless_standard import only, standard_profile

CSV_PROPERTIES = frozenset(
    {
        "delimiter",
        "lineTerminator",
        "quoteChar",
        "doubleQuote",
        "escapeChar",
        "nullSequence",
        "skipInitialSpace",
    }
)
"""What the standard has in the dialect itself, and frictionless 5 under `csv`."""

_ONE_HEADER_LINE = "the first line of a file, and no other, holds the names of its columns"
_ANY_CASE = "must be false: names are matched regardless of case; leave it out"


class CsvDialect(FieldMapModel):
    """How the file is written down (CSV dialect)."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default=",", description="Between two values."
    )
    line_terminator: Annotated[
        Literal["\r\n", "\n", "\r"],
        only(
            ("\r\n", "\n", "\r"),
            otherwise='must be "\\r\\n", "\\n" or "\\r": lines end in nothing else; leave it out',
        ),
    ] = Field(default="\r\n", description="Without effect: CRLF, LF and CR all end a line.")
    quote_char: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default='"', description="Around a value."
    )
    double_quote: Annotated[
        Literal[True],
        only(
            (True,),
            otherwise="must be true: a quote inside a value is doubled, there is no other way",
        ),
    ] = Field(default=True, description="A quote inside a value is doubled.")
    null_sequence: StrictStr | None = Field(
        default=None, description="Text that means blank; it must be in missingValues, too."
    )
    skip_initial_space: Annotated[
        Literal[False],
        only(
            (False,),
            otherwise="must be false: a blank behind a delimiter belongs to the value; leave such "
            "blanks out of the export",
        ),
    ] = Field(default=False, description="Blanks behind a delimiter belong to the value.")


class Dialect(FieldMapModel):
    """The file format, as frictionless 5 nests it; the standard's flat spelling is read too."""

    csv: CsvDialect = Field(default=CsvDialect(), description="The CSV dialect.")
    schema_url: Annotated[str | None, standard_profile("tabledialect")] = Field(
        default=None, alias="$schema", description="The standard's own profile; without effect."
    )
    csvddf_version: StrictInt | StrictFloat | StrictStr = Field(
        default=1.2, description="Version of the CSV Dialect; without effect."
    )
    header: Annotated[
        Literal[True], only((True,), otherwise=f"must be true: {_ONE_HEADER_LINE}")
    ] = Field(default=True, description="The first line holds the names of the columns.")
    header_rows: Annotated[
        tuple[Literal[1]], only(([1],), otherwise=f"must be [1]: {_ONE_HEADER_LINE}")
    ] = Field(default=(1,), description="The header is line 1.")
    header_join: str = Field(default=" ", description="Without effect: there is one header line.")
    header_case: Annotated[Literal[False], only((False,), otherwise=_ANY_CASE)] = Field(
        default=False, description="Names are matched regardless of case."
    )
    case_sensitive_header: Annotated[Literal[False], only((False,), otherwise=_ANY_CASE)] = Field(
        default=False, description="Names are matched regardless of case."
    )
    comment_rows: Annotated[
        tuple[StrictInt, ...],
        only(([],), otherwise="must be []: every line is data; leave comments out of the export"),
    ] = Field(default=(), description="No lines are comments.")
    skip_blank_rows: Annotated[
        Literal[False],
        only((False,), otherwise="must be false: a blank line within the rows is rejected"),
    ] = Field(default=False, description="Blank lines within the rows are rejected.")

    @model_validator(mode="before")
    @classmethod
    def _nest(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("csv", {}), dict):
            return data
        flat = {key: value for key, value in data.items() if key in CSV_PROPERTIES}
        nested = data.get("csv", {})
        if twice := sorted(flat.keys() & nested.keys()):
            message = f"has `{twice[0]}` twice, in itself and under `csv`; leave one of them out"
            raise ValueError(message)
        rest = {key: value for key, value in data.items() if key not in flat}
        return {**rest, "csv": {**nested, **flat}} if flat else data
