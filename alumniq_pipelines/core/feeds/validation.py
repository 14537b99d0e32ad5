"""Rules inside one field map: what must hold between its parts, beyond the shape of each."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from alumniq_pipelines.core.feeds.column_spellings import fold, is_extension_name
from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap, Scalar
from alumniq_pipelines.core.feeds.field_map_error import Fault, Path
from alumniq_pipelines.core.feeds.frictionless_standard import REFUSED_TEXT_FORMATS
from alumniq_pipelines.core.feeds.named_columns import named_column_faults
from alumniq_pipelines.core.feeds.portable_regex import portability_error
from alumniq_pipelines.core.feeds.reference_data import is_member
from alumniq_pipelines.core.feeds.values import (
    broken_rules,
    format_value,
    loses_digits,
    parse_value,
)

RESERVED_COLUMNS = frozenset({"rowid", "ctid", "oid", "tableoid", "xmin", "xmax", "cmin", "cmax"})
"""Names that DuckDB or PostgreSQL keep for themselves."""

MAX_COLUMN_NAME_BYTES = 63
"""PostgreSQL cuts longer names off, without an error."""

DIRECTIVES = {
    "Y": "years",
    "m": "months",
    "d": "days",
    "H": "hours",
    "M": "minutes",
    "S": "seconds",
}
"""What may follow `%` in a format: the numeric ones, which every engine reads alike."""

OWNER = re.compile(r"team:[A-Za-z0-9_]+|[^@\s]+@[^@\s]+\.[^@\s]+")

IGNORED_IN_NAMES = "case, blanks, `_`, `-`, `.`, brackets and quotes do not count in a header"

NUMBER_KEYS = {
    "decimalChar": frozenset({ColumnType.NUMBER}),
    "bareNumber": frozenset({ColumnType.NUMBER, ColumnType.INTEGER}),
}
"""How numbers are written, and the types to which that applies."""


def validate_field_map(field_map: FieldMap) -> Iterator[Fault]:
    """Find everything that is wrong inside a field map, in the order of its document."""
    csv = field_map.dialect.csv
    delimiter: Path = ("dialect", "csv", "delimiter")
    if csv.delimiter == csv.quote_char:
        yield Fault(delimiter, "`delimiter` and `quoteChar` are the same character")
    elif not csv.delimiter.isascii() or csv.delimiter.isalnum() or csv.delimiter in "\r\n\0":
        yield Fault(delimiter, '`delimiter` must be a mark such as , ; | or a tab, written "\\t"')
    names: dict[str, str] = {}
    for index, column in enumerate(field_map.columns):
        path: Path = ("schema", "fields", index)
        yield from (Fault((*path, *key), text) for key, text in _column_faults(column, field_map))
        folded = fold(column.name)
        if folded in names:
            text = (
                f"`name` cannot be told from that of another field, `{names[folded]}`: "
                f"{IGNORED_IN_NAMES}"
            )
            yield Fault((*path, "name"), text)
        names.setdefault(folded, column.name)
    yield from _alias_faults(field_map)
    yield from named_column_faults(field_map)
    for index, owner in enumerate(field_map.alumniq.owners):
        if not OWNER.fullmatch(owner):
            text = "`owners` holds what is neither team:name (letters, digits, _) nor an address"
            yield Fault(("alumniq", "owners", index), text)


def _alias_faults(field_map: FieldMap) -> Iterator[Fault]:
    """Find aliases that do not mean one column only, or that say nothing new."""
    owners = {fold(column.name): column.name for column in field_map.columns}
    for index, column in enumerate(field_map.columns):
        own = {fold(column.name)}
        for at, alias in enumerate(column.alumniq.aliases):
            folded, path = fold(alias), ("schema", "fields", index, "alumniq", "aliases", at)
            owner = owners.setdefault(folded, column.name)
            if alias != alias.strip() or not alias.isprintable():
                text = (
                    "one of `aliases` has blanks at its ends or characters that cannot be printed"
                )
                yield Fault(path, text)
            elif owner != column.name:
                text = f"`aliases` lists `{alias}`, but that is a name of another field, `{owner}`"
                yield Fault(path, text)
            elif folded in own:
                text = f"`aliases` lists `{alias}`, which is known already; leave it out"
                yield Fault(path, f"{text} ({IGNORED_IN_NAMES})")
            own.add(folded)


def _column_faults(column: Column, field_map: FieldMap) -> Iterator[tuple[Path, str]]:
    """Find what is wrong with one column; paths start at the column."""
    yield from _name_faults(column, field_map)
    wrong = [*_format_faults(column), *_decimals_faults(column)]
    wrong = wrong or [(("constraints", *key), text) for key, text in _constraint_faults(column)]
    wrong = wrong or [*_reference_faults(column)]
    wrong = wrong or [*_value_faults(column, field_map)]
    yield from wrong or _precision_faults(column)
    yield from _spelling_faults(column, field_map.table_schema.missing_values)


def _name_faults(column: Column, field_map: FieldMap) -> Iterator[tuple[Path, str]]:
    name, path = column.name, ("name",)
    if name != name.strip() or not name.isprintable():
        yield path, "`name` has blanks at its ends or characters that cannot be printed"
    if len(name.encode()) > MAX_COLUMN_NAME_BYTES:
        yield path, f"`name` is longer than {MAX_COLUMN_NAME_BYTES} bytes; no table can hold it"
    if name.casefold() in RESERVED_COLUMNS:
        yield path, "`name` is one that databases keep for themselves; choose another"
    if is_extension_name(name) and not field_map.alumniq.extension_columns:
        yield (
            path,
            (
                "`name` ends in __c, which is kept for the sender's own columns; "
                "rename it or set `alumniq.extensionColumns: true`"
            ),
        )


def _format_faults(column: Column) -> Iterator[tuple[Path, str]]:
    form, spec = column.format, column.spec
    if form == "default":
        return
    if column.type is ColumnType.STRING and form in REFUSED_TEXT_FORMATS:
        yield ("format",), f"`format` {REFUSED_TEXT_FORMATS[form]}"
    elif not spec.has_formats:
        yield ("format",), f"`format` does not apply to type {column.type}; leave it out"
    else:
        yield from ((("format",), text) for text in _directive_faults(column))


def _decimals_faults(column: Column) -> Iterator[tuple[Path, str]]:
    if column.alumniq.decimals is not None and column.type is not ColumnType.NUMBER:
        text = f"`decimals` does not apply to type {column.type}; leave it out"
        yield ("alumniq", "decimals"), text


def _directive_faults(column: Column) -> Iterator[str]:
    """Find what is wrong with the parts that a format of dates or times consists of."""
    spec = column.spec
    directives = re.findall("%(.?)", column.format)
    if column.format.startswith("fmt:"):
        # As the first drafts of the standard had it; taken literally, no date would be one.
        yield "`format` is written without `fmt:`; leave that out"
    elif not DIRECTIVES.keys() >= set(directives) >= set(spec.required_directives):
        *first, last = (f"%{letter}" for letter in spec.required_directives)
        more = ", ".join(f"%{letter}" for letter in spec.optional_directives)
        added = f" (and {more} if needed)" if more else ""
        guess = "; `any` would be a guess" if column.format == "any" else ""
        yield f"`format` must be default, or name {', '.join(first)} and {last}{added}{guess}"
    elif set(directives) - set(spec.required_directives) - set(spec.optional_directives):
        allowed = spec.required_directives + spec.optional_directives
        *first, last = (name for letter, name in DIRECTIVES.items() if letter not in allowed)
        parts = f"{', '.join(first)} or {last}"
        yield f"`format` of a {column.type} names {parts}; use datetime"
    elif max(Counter(directives).values()) > 1:
        yield f"`format` names a part of the {column.type} twice"


def _constraint_faults(column: Column) -> Iterator[tuple[Path, str]]:
    """Find what is wrong with the constraints themselves; paths start at them."""
    constraints = column.constraints
    fitting = column.spec.constraints
    for key in constraints.model_dump(by_alias=True, exclude_defaults=True):
        if key not in fitting | {"required", "unique"}:
            yield (key,), f"`{key}` does not apply to type {column.type}; leave it out"
    for key, bound in (("minimum", constraints.minimum), ("maximum", constraints.maximum)):
        if key in fitting and bound is not None and not _is_value(bound, column):
            yield (key,), f"`{key}` is no {_type_name(column)} as it would stand in the file"
    if constraints.pattern is not None and (reason := portability_error(constraints.pattern)):
        yield ("pattern",), f"`pattern` {reason}"
    for index, allowed in enumerate(constraints.enum or ()):
        if not _is_value(allowed, column):
            yield ("enum", index), f"`enum` holds what is no {_type_name(column)}{_quotes(column)}"
    yield from _order_faults(column)


def _reference_faults(column: Column) -> Iterator[tuple[Path, str]]:
    """Find a reference set that does not fit, or allowed values that do not belong to it."""
    reference = column.alumniq.reference
    if reference is None:
        return
    if column.type is not ColumnType.STRING:
        text = f"`reference` does not apply to type {column.type}; leave it out"
        yield ("alumniq", "reference"), text
        return
    for index, allowed in enumerate(column.constraints.enum or ()):
        if not is_member(format_value(allowed, column), reference):
            text = f"`enum` holds what does not belong to the reference set {reference}"
            yield ("constraints", "enum", index), text


def _order_faults(column: Column) -> Iterator[tuple[Path, str]]:
    constraints = column.constraints
    shortest, longest = constraints.min_length, constraints.max_length
    if shortest is not None and longest is not None and shortest > longest:
        yield ("minLength",), "`minLength` is greater than `maxLength`"
    low, high = constraints.minimum, constraints.maximum
    if low is None or high is None or "minimum" not in column.spec.constraints:
        return
    if _is_value(low, column) and "range" in broken_rules(
        format_value(low, column),
        column.model_copy(update={"constraints": constraints.model_copy(update={"minimum": None})}),
    ):
        yield ("minimum",), "`minimum` is greater than `maximum`"


def _value_faults(column: Column, field_map: FieldMap) -> Iterator[tuple[Path, str]]:
    """Find examples and defaults that the column itself would refuse."""
    blanks = field_map.table_schema.missing_values
    for path, value in (
        (("example",), column.example),
        (("alumniq", "default"), column.alumniq.default),
    ):
        if value is None:
            continue
        key = path[-1]
        text = format_value(value, column)
        if not _is_value(value, column):
            yield path, f"`{key}` is no {_type_name(column)}{_quotes(column)}"
        elif text in blanks:
            yield path, f"`{key}` is one of `missingValues`, so it means blank"
        elif broken := ", ".join(broken_rules(text, column)):
            yield path, f"`{key}` breaks the field's own rules ({broken})"
    if column.alumniq.default is not None and field_map.is_required(column):
        yield ("alumniq", "default"), "`default` is never used: the field is required"
    elif column.alumniq.default is not None and column.constraints.unique:
        yield ("alumniq", "default"), "`default` would stand twice, and the field is unique"


def _precision_faults(column: Column) -> Iterator[tuple[Path, str]]:
    """Find values in the field map that lose digits when they are published or compared."""
    constraints = column.constraints
    values: list[tuple[Path, Scalar | None]] = [
        (("example",), column.example),
        (("alumniq", "default"), column.alumniq.default),
        (("constraints", "minimum"), constraints.minimum),
        (("constraints", "maximum"), constraints.maximum),
        *((("constraints", "enum"), allowed) for allowed in constraints.enum or ()),
    ]
    for path, value in values:
        if value is not None and loses_digits(format_value(value, column), column):
            yield path, f"`{path[-1]}` {column.spec.precision_clause}"


def _spelling_faults(column: Column, blanks: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Find spellings of a boolean, or allowed values, that cannot be told apart."""
    if column.type is ColumnType.BOOLEAN:
        if both := set(column.true_values) & set(column.false_values):
            yield ("trueValues",), f"`trueValues` and `falseValues` share {_joined(both)}"
        if unseen := (set(column.true_values) | set(column.false_values)) & set(blanks):
            yield ("trueValues",), f"{_joined(unseen)} means blank (`missingValues`)"
    elif {"trueValues", "falseValues"} & column.model_dump(
        by_alias=True, exclude_defaults=True
    ).keys():
        yield ("trueValues",), f"`trueValues` does not apply to type {column.type}; leave it out"
    for key, types in NUMBER_KEYS.items():
        if key in column.model_dump(by_alias=True, exclude_unset=True) and column.type not in types:
            yield (key,), f"`{key}` does not apply to type {column.type}; leave it out"
    allowed = {format_value(member, column) for member in column.constraints.enum or ()}
    if unseen := allowed & set(blanks):
        yield ("constraints", "enum"), f"`enum` holds {_joined(unseen)}, which means blank"


def _is_value(value: Scalar, column: Column) -> bool:
    """Whether a scalar of the document is a value of the column, YAML's own type included."""
    if isinstance(value, str):
        return parse_value(value, column) is not None
    if isinstance(value, bool):
        return column.spec.written_as == "boolean"
    return column.spec.written_as == "number" and parse_value(str(value), column) is not None


def _type_name(column: Column) -> str:
    """Return what a value of the column is, in the words of the language."""
    decimals = column.alumniq.decimals
    return column.type if decimals is None else f"{column.type} with `decimals: {decimals}`"


def _quotes(column: Column) -> str:
    return "; write it in quotes" if column.spec.written_as == "text" else ""


def _joined(texts: Iterable[str]) -> str:
    return " and ".join(f"`{text}`" for text in sorted(texts))
