"""What of the Frictionless standard a field map may not say, each with the reason.

Every property of Data Resource, Table Schema and Table Dialect (versions 1 and 2) is either in the
models of the field map, where a load goes by it or it has no effect, or it is listed here. Nothing
is ignored without a word: schemas/README.md has the table of all of them.
"""

import re
from collections.abc import Mapping, Sequence

from pydantic import BeforeValidator

from alumniq_pipelines.core.feeds.field_map_error import Path

_OF_A_PACKAGE = "belongs to a data package, and a field map is one resource of it; leave it out"
_OF_ONE_FILE = "describes one file, and another one is delivered at every load; leave it out"
_OF_JSON = "is about JSON files; files are delimited text here; leave it out"
_OF_WORKBOOKS = "is about workbooks; files are delimited text here; leave it out"
_OF_DATABASES = "is about databases; files are delimited text here; leave it out"
_OF_LISTS = "is about lists, which are not taken apart; leave it out, and use `type: string`"
_BY_CONTENT = "is not needed: compression and archives are known by their content; leave it out"
_OF_NO_USE = "says nothing that is not known; leave it out"
_IN_THE_FEED = "describes the feed, so it belongs at the top of the field map; write it there"
_INCLUSIVE = "is not supported: bounds include their value; write `{}`, with the last value allowed"

_DIALECT = {
    "commentChar": (
        "is not supported: every line is data; leave comments out of the export, and `commentChar` "
        "out of the field map"
    ),
    "escapeChar": (
        "is not supported: a quote inside a value is doubled, and a backslash is a character like "
        "any other; export with doubled quotes, and leave `escapeChar` out"
    ),
    "name": _IN_THE_FEED,
    "type": _OF_NO_USE,
    "title": _IN_THE_FEED,
    "description": _IN_THE_FEED,
    "property": _OF_JSON,
    "itemType": _OF_JSON,
    "itemKeys": _OF_JSON,
    "sheetNumber": _OF_WORKBOOKS,
    "sheetName": _OF_WORKBOOKS,
    "table": _OF_DATABASES,
    "namespace": _OF_DATABASES,
}

_FIELD = {
    "missingValues": (
        "is not supported for one field: list the texts in `schema.missingValues`; they mean blank "
        "in every column"
    ),
    "categories": (
        "is not supported: list the values in `constraints.enum`; their labels are not published"
    ),
    "categoriesOrdered": "is not supported: no order of values is published; leave it out",
    "groupChar": (
        "is not supported: numbers have no separators of thousands; export them without, and leave "
        "`groupChar` out"
    ),
    "floatNumber": "is not supported: how numbers are published follows from `type`; leave it out",
    "delimiter": _OF_LISTS,
    "itemType": _OF_LISTS,
    "arrayItem": _OF_LISTS,
}

_RESOURCE = {
    "data": "is not supported: files are delivered to the bucket; write `path`, its usual name",
    "bytes": _OF_ONE_FILE,
    "hash": _OF_ONE_FILE,
    "fields": (
        "belongs under `schema` if it lists the columns; if it is their number, it describes one "
        "file: leave it out"
    ),
    "rows": _OF_ONE_FILE,
    "scheme": "is not supported: files are delivered to the bucket, not fetched; leave it out",
    "compression": _BY_CONTENT,
    "innerpath": _BY_CONTENT,
    "extrapaths": "is not supported: a feed is delivered as one file; leave it out",
    "resources": (
        "makes this a data package; write one field map, a resource, for each feed "
        "(`alumniq feed package` prints the package)"
    ),
    "id": _OF_A_PACKAGE,
    "version": _OF_A_PACKAGE,
    "created": _OF_A_PACKAGE,
    "keywords": _OF_A_PACKAGE,
    "contributors": f"{_OF_A_PACKAGE}, or name who is responsible in `alumniq.owners`",
    "image": _OF_A_PACKAGE,
}

REFUSED_PROPERTIES: Mapping[Path, Mapping[str, str]] = {
    (): _RESOURCE,
    ("dialect",): _DIALECT,
    ("dialect", "csv"): _DIALECT,
    ("schema",): {
        "name": _IN_THE_FEED,
        "type": _OF_NO_USE,
        "title": _IN_THE_FEED,
        "description": _IN_THE_FEED,
    },
    ("schema", "fields"): _FIELD,
    ("schema", "fields", "constraints"): {
        "exclusiveMinimum": _INCLUSIVE.format("minimum"),
        "exclusiveMaximum": _INCLUSIVE.format("maximum"),
        "jsonSchema": "is not supported: JSON inside a value is not read; leave it out",
    },
}
"""Legal properties that are refused, by where they stand; what is said follows the name."""

_AS_TEXT = "write `type: string`, and the text is published as it is"

REFUSED_TYPES: Mapping[str, str] = {
    "any": f"would check nothing; {_AS_TEXT}",
    "object": f"would be a value inside a value; {_AS_TEXT}",
    "array": f"would be values inside a value; {_AS_TEXT}",
    "list": f"would be values inside a value; {_AS_TEXT}",
    "geojson": f"would be a value inside a value; {_AS_TEXT}",
    "geopoint": f"is not read; write two columns of `type: number`, or {_AS_TEXT}",
    "duration": f"is not read; write `type: number` with a unit in its name, or {_AS_TEXT}",
    "yearmonth": (
        'is not read; write `type: string` with `constraints: {pattern: "[0-9]{4}-[0-9]{2}"}`, or '
        "`type: date` if there is a day"
    ),
}
"""Legal types of a field that no column can have."""

REFUSED_TEXT_FORMATS: Mapping[str, str] = {
    "email": "is not used for texts; write `alumniq: {reference: email}`",
    "uri": "is not used for texts; write `alumniq: {reference: url}`",
    "uuid": (
        "is not used for texts; write `constraints: {pattern: "
        '"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"}`'
    ),
    "binary": "is not used for texts: nothing is decoded; leave it out, and the text is published",
    "wkt": "is not used for texts: shapes are not read; leave it out, and the text is published",
}
"""Legal formats of a string."""


def refusal(path: Path) -> str | None:
    """Return why the legal property at a path is refused; None where it is no such property."""
    *steps, name = path
    part = tuple(step for step in steps if isinstance(step, str))
    return REFUSED_PROPERTIES.get(part, {}).get(str(name))


def only(allowed: Sequence[object], *, otherwise: str) -> BeforeValidator:
    """Refuse every other value than those `allowed`, whose type counts too."""

    def check(value: object) -> object:
        if not any(type(value) is type(option) and value == option for option in allowed):
            raise ValueError(otherwise)
        return value

    return BeforeValidator(check)


def standard_profile(kind: str) -> BeforeValidator:
    """Refuse a `$schema` other than the standard's own: it may demand what is not checked here."""
    known = re.compile(rf"https?://datapackage\.org/profiles/[12]\.[0-9]/{kind}\.json")
    otherwise = (
        f"must be the standard's own profile, https://datapackage.org/profiles/2.0/{kind}.json: "
        "what another one demands is not checked here; leave it out"
    )

    def check(value: object) -> object:
        if value is not None and not (isinstance(value, str) and known.fullmatch(value)):
            raise ValueError(otherwise)
        return value

    return BeforeValidator(check)


def _refuse_reference(value: object) -> object:
    """Refuse the address of a descriptor in place of the descriptor."""
    if isinstance(value, str):
        message = "must be written out here: a reference to another file is not followed"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _refuse_other_paths(value: object) -> object:
    """Refuse what the standard allows beside the name of one file."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        message = "must be the name of one file: a feed is delivered as one"
        raise ValueError(message)
    if isinstance(value, str) and "://" in value:
        message = "must be the name of a file: files are delivered to the bucket, not fetched"
        raise ValueError(message)
    return value


def _without_labels(values: object) -> object:
    """Read missing values with labels, as version 2 allows them: the labels have no effect."""
    if not isinstance(values, list):
        return values
    return [
        value["value"]
        if isinstance(value, dict) and "value" in value and value.keys() <= {"value", "label"}
        else value
        for value in values
    ]


def _only_partial(value: object) -> object:
    """Refuse other ways to match fields; the profile of version 2.0 has a list of one."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if value != "partial":
        message = (
            "must be partial: columns are found by name, in any order, and may be absent; to "
            "refuse a file that lacks a column, write `constraints: {required: true}`; to refuse "
            "one with other columns, `alumniq: {unknownColumns: reject}`"
        )
        raise ValueError(message)
    return value


def _utf_8(value: object) -> object:
    """Read the name of the encoding as RFC 3629 has it, in any case."""
    is_utf_8 = isinstance(value, str) and value.casefold() in {"utf-8", "utf8"}
    return "utf-8" if is_utf_8 else value


WRITTEN_OUT = BeforeValidator(_refuse_reference)
ONE_FILE = BeforeValidator(_refuse_other_paths)
LABELS_LEFT_OUT = BeforeValidator(
    _without_labels, json_schema_input_type=list[str | dict[str, str]]
)
PARTIAL = BeforeValidator(_only_partial)
UTF_8 = BeforeValidator(_utf_8)
