"""The properties of the Frictionless standard, and legal values of each.

The lists are the profiles of the standard, in versions 1 (CSV Dialect 1.2) and 2 (2.0 and 2.1).
"""

from collections.abc import Mapping, Sequence
from typing import Any

Key = tuple[str, str]
"""What has a property, and the property; or `type` or `format`, and its value."""

STANDARD: Mapping[str, str] = {
    "resource": """
        name path data type title description homepage format mediatype encoding bytes hash sources
        licenses $schema dialect schema profile""",
    "package": "id version created keywords contributors image resources",
    "dialect": """
        $schema header headerRows headerJoin commentRows commentChar delimiter lineTerminator
        quoteChar doubleQuote escapeChar nullSequence skipInitialSpace property itemType itemKeys
        sheetNumber sheetName table namespace csvddfVersion caseSensitiveHeader""",
    "schema": "$schema fields fieldsMatch primaryKey uniqueKeys foreignKeys missingValues",
    "foreign key": "fields reference",
    "reference": "resource fields",
    "field": """
        name type title description example format constraints rdfType missingValues categories
        categoriesOrdered trueValues falseValues decimalChar groupChar bareNumber delimiter
        itemType""",
    "type": """
        string number integer boolean object array list datetime date time year yearmonth duration
        geopoint geojson any""",
    "format": "default email uri binary uuid any %Y-%m-%d array object topojson",
    "constraint": """
        required unique minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum
        jsonSchema pattern enum""",
}
"""The properties that versions 1 and 2 define."""

PROFILE = "https://datapackage.org/profiles/2.0/{}.json"
REFERENCE = {"fields": ["xid"]}
KEY = {"fields": ["xid"], "reference": REFERENCE}

PROBES: Mapping[Key, Any] = {
    ("resource", "name"): "people",
    ("resource", "path"): "people.csv",
    ("resource", "data"): [{"xid": "1"}],
    ("resource", "type"): "table",
    ("resource", "title"): "People",
    ("resource", "description"): "One row per person.",
    ("resource", "homepage"): "https://example.edu",
    ("resource", "format"): "csv",
    ("resource", "mediatype"): "text/csv",
    ("resource", "encoding"): "utf-8",
    ("resource", "bytes"): 2082,
    ("resource", "hash"): "d25c9c77f588f5dc32059d2da1136c02",
    ("resource", "sources"): [{"title": "CRM", "path": "https://example.edu", "version": "3"}],
    ("resource", "licenses"): [{"name": "odc-pddl-1.0", "title": "Public Domain"}],
    ("resource", "$schema"): PROFILE.format("dataresource"),
    ("resource", "profile"): "tabular-data-resource",
    ("resource", "dialect"): {"csv": {"delimiter": ";"}},
    ("resource", "schema"): {"fields": [{"name": "xid"}]},
    ("package", "resources"): [{"name": "people", "path": "people.csv"}],
    ("package", "keywords"): ["people"],
    ("package", "contributors"): [{"title": "Ada"}],
    ("dialect", "$schema"): PROFILE.format("tabledialect"),
    ("dialect", "header"): True,
    ("dialect", "headerRows"): [1],
    ("dialect", "headerJoin"): "-",
    ("dialect", "headerCase"): False,
    ("dialect", "commentRows"): [],
    ("dialect", "skipBlankRows"): False,
    ("dialect", "delimiter"): ";",
    ("dialect", "lineTerminator"): "\n",
    ("dialect", "quoteChar"): "'",
    ("dialect", "doubleQuote"): True,
    ("dialect", "nullSequence"): "",
    ("dialect", "skipInitialSpace"): False,
    ("dialect", "itemKeys"): ["xid"],
    ("dialect", "sheetNumber"): 1,
    ("dialect", "csvddfVersion"): 1.2,
    ("dialect", "caseSensitiveHeader"): False,
    ("schema", "$schema"): PROFILE.format("tableschema"),
    ("schema", "fields"): [{"name": "xid"}],
    ("schema", "fieldsMatch"): "partial",
    ("schema", "primaryKey"): ["xid"],
    ("schema", "uniqueKeys"): [["xid"]],
    ("schema", "foreignKeys"): [KEY],
    ("schema", "missingValues"): ["", "-"],
    ("foreign key", "fields"): ["xid"],
    ("foreign key", "reference"): {"fields": ["xid"]},
    ("reference", "resource"): "people",
    ("reference", "fields"): ["xid"],
    ("field", "name"): "c",
    ("field", "type"): "integer",
    ("field", "example"): "x",
    ("field", "format"): "default",
    ("field", "constraints"): {"required": True},
    ("field", "missingValues"): ["-"],
    ("field", "categories"): ["a", "b"],
    ("field", "categoriesOrdered"): True,
    ("field", "trueValues"): ["Y"],
    ("field", "falseValues"): ["N"],
    ("field", "decimalChar"): ".",
    ("field", "bareNumber"): True,
    ("field", "floatNumber"): True,
    ("field", "arrayItem"): {"type": "integer"},
    ("constraint", "required"): True,
    ("constraint", "unique"): True,
    ("constraint", "minLength"): 1,
    ("constraint", "maxLength"): 9,
    ("constraint", "minimum"): 1,
    ("constraint", "maximum"): 9,
    ("constraint", "exclusiveMinimum"): 0,
    ("constraint", "exclusiveMaximum"): 9,
    ("constraint", "jsonSchema"): {"type": "object"},
    ("constraint", "pattern"): "[a-z]",
    ("constraint", "enum"): ["a"],
}
"""A legal value of each property; where none is given, any text is one."""

OTHER_VALUES: Sequence[tuple[Key, Any]] = (
    (("resource", "path"), ["a.csv", "b.csv"]),
    (("resource", "path"), "https://example.edu/people.csv"),
    (("resource", "type"), "json"),
    (("resource", "format"), "xlsx"),
    (("resource", "encoding"), "windows-1252"),
    (("resource", "$schema"), "https://example.edu/profile.json"),
    (("resource", "profile"), "fiscal-data-package"),
    (("resource", "dialect"), "dialect.json"),
    (("resource", "schema"), "https://example.edu/schema.json"),
    (("dialect", "header"), False),
    (("dialect", "headerRows"), [1, 2]),
    (("dialect", "headerRows"), [3]),
    (("dialect", "headerCase"), True),
    (("dialect", "commentRows"), [2]),
    (("dialect", "skipBlankRows"), True),
    (("dialect", "delimiter"), "||"),
    (("dialect", "lineTerminator"), ";"),
    (("dialect", "quoteChar"), ""),
    (("dialect", "doubleQuote"), False),
    (("dialect", "nullSequence"), "\\N"),
    (("dialect", "skipInitialSpace"), True),
    (("dialect", "caseSensitiveHeader"), True),
    (("dialect", "$schema"), PROFILE.format("tableschema")),
    (("schema", "fieldsMatch"), "exact"),
    (("schema", "fieldsMatch"), ["subset"]),
    (("schema", "uniqueKeys"), [["c"]]),
    (("schema", "uniqueKeys"), [["xid", "c"]]),
    (("schema", "$schema"), "https://example.edu/schema.json"),
    (("field", "decimalChar"), ","),
    (("field", "bareNumber"), False),
)
"""Legal values that are refused of properties that are not."""

FIELD_TYPES = {
    "trueValues": "boolean",
    "falseValues": "boolean",
    "decimalChar": "number",
    "groupChar": "number",
    "bareNumber": "integer",
    "floatNumber": "number",
    "minimum": "integer",
    "maximum": "integer",
    "exclusiveMinimum": "integer",
    "exclusiveMaximum": "integer",
    "any": "date",
    "%Y-%m-%d": "date",
    "fmt:%Y-%m-%d": "date",
    "array": "geopoint",
    "object": "geopoint",
    "topojson": "geojson",
}
"""The type of a field to which a property, constraint or format applies, unless it is string."""

OF_TYPES = frozenset({"array", "object", "topojson"})
"""Formats that only those types have which are refused."""
