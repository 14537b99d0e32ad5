"""The SQL by which a file is staged: how it is read, and which of its cells are suspect."""

from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.lines_without_data import candidate_condition
from alumniq_pipelines.checking.sql_checks import damage_condition, suspect_condition
from alumniq_pipelines.checking.structure.scan import RegularText
from alumniq_pipelines.checking.text_damage import PLAIN_KEY, is_free_key, screened_damages
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.sql_text import literal
from alumniq_pipelines.files.duckdb_paths import file_pattern

WHOLE_LINE = -1
"""The index of the column to which a suspicion against a whole line belongs."""


def column_text_sql(name: str, header: Header) -> str:
    """Return the SQL for a column's text in the CSV reader: NULL if the file lacks the column."""
    index = header.sources.get(name)
    return "CAST(NULL AS VARCHAR)" if index is None else f"c{index}"


def suspects_sql(header: Header, field_map: FieldMap) -> str:
    """Return the SQL for the list of a row's cells that do not pass the screen, NULL if all pass.

    A cell is listed if it may break a rule, or looks damaged, and one more, of the column
    WHOLE_LINE, if the line may be no data.
    """
    screened: dict[int, tuple[str, str]] = {}
    for index, column in enumerate(field_map.columns):
        if column.name not in header.sources:
            continue
        text = column_text_sql(column.name, header)
        wrong = suspect_condition(text, column, required=field_map.is_required(column))
        damages = screened_damages(column, field_map)
        conditions = [] if wrong is None else [wrong]
        if damages:
            damaged = damage_condition(text, damages)
            if is_free_key(column, field_map):
                # One test in place of eleven, for nearly every row.
                damaged = f"(NOT regexp_full_match({text}, {literal(PLAIN_KEY)}) AND {damaged})"
            conditions.append(damaged)
        if conditions:
            screened[index] = (text, f"({' OR '.join(conditions)})")
    no_data = candidate_condition(header, field_map)
    if no_data is not None:
        screened[WHOLE_LINE] = ("CAST(NULL AS VARCHAR)", no_data)
    if not screened:
        return "CAST(NULL AS STRUCT(column_index INTEGER, text VARCHAR)[])"
    cells = ", ".join(
        f"CASE WHEN {condition} THEN {{'column_index': {index}, 'text': {text}}} END"
        for index, (text, condition) in screened.items()
    )
    # The list is only built where some cell is suspect: for nearly all rows one test is enough.
    any_suspect = " OR ".join(condition for _text, condition in screened.values())
    return f"CASE WHEN {any_suspect} THEN list_filter([{cells}], lambda cell: cell IS NOT NULL) END"


def read_csv_sql(text: RegularText, field_map: FieldMap) -> str:
    """Return the call of DuckDB's CSV reader, with every option set so that it guesses nothing."""
    layout = text.layout
    names = [f"c{index}" for index in range(layout.width)]
    varchar = literal("VARCHAR")  # all is read as text, and cast by us
    blanks = field_map.table_schema.missing_values
    options = {
        "header": "true",
        "delim": literal(layout.delimiter),
        "quote": literal(layout.quote),
        "escape": literal(layout.quote),
        "auto_detect": "false",
        # By its name, a file or folder could be taken for compressed or for a partition.
        "compression": literal("none"),
        "hive_partitioning": "false",
        "strict_mode": "true",
        "columns": f"{{{', '.join(f'{name}: {varchar}' for name in names)}}}",
        # Without missing values an empty text is a value, which DuckDB would read as NULL.
        "nullstr" if blanks else "force_not_null": (
            f"[{', '.join(literal(text) for text in blanks or names)}]"
        ),
    }
    # CRLF cannot be named as an option: the reader finds it at the end of the first line.
    if not text.has_returns:
        options["new_line"] = literal("\\n")
    arguments = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({literal(file_pattern(text.path))}, {arguments})"
