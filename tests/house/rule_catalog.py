"""The part of docs/messages.md about rules: what is said of a value or a row that breaks one."""

import re
from collections.abc import Iterator, Sequence
from typing import get_args

from alumniq_pipelines.checking.damaged_cells import damaged_cell_advice, damaged_cell_message
from alumniq_pipelines.checking.damaged_keys import damaged_key_advice, damaged_key_message
from alumniq_pipelines.checking.rules import (
    Rule,
    advice_of,
    message_of,
    orphan_advice,
    orphan_message,
)
from alumniq_pipelines.checking.text_damage import (
    CERTAIN_IN_KEYS,
    IN_INVALID_CELLS,
    PROBABLE_IN_KEYS,
)
from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import (
    Column,
    ColumnRules,
    Constraints,
    ForeignKey,
    Reference,
)

COMMAND_WORD = re.compile(r"((?:alumniq|chown|chmod) [^:()]*?)'(\{\w+\})'")

RULES_INTRODUCTION = """\
## Why a row is rejected

The codes of broken rules. The line of the file, or the number of rows and the first line, follows
the message. A rule of severity `warning` or `note` has the same message and rejects nothing.

| code | message | what to do |
|---|---|---|
"""


_COLUMN = "{column}"
RULE_EXAMPLES: Sequence[tuple[Rule, Column | None]] = (
    (Rule.REQUIRED, Column(name=_COLUMN)),
    *(
        (Rule.TYPE, Column(name=_COLUMN, type=column_type))
        for column_type in ColumnType
        if column_type is not ColumnType.STRING  # every value is text
    ),
    *(
        (Rule.TYPE, Column(name=_COLUMN, type=ColumnType.NUMBER, alumniq=rules))
        for rules in (ColumnRules(decimals=0), ColumnRules(decimals=2))
    ),
    (Rule.LENGTH, Column(name=_COLUMN, constraints=Constraints(min_length=2))),
    (Rule.LENGTH, Column(name=_COLUMN, constraints=Constraints(max_length=50))),
    (Rule.LENGTH, Column(name=_COLUMN, constraints=Constraints(min_length=2, max_length=50))),
    (Rule.PATTERN, Column(name=_COLUMN, constraints=Constraints(pattern="{pattern}"))),
    (Rule.ENUM, Column(name=_COLUMN, constraints=Constraints(enum=("{value}", "{value}")))),
    (Rule.RANGE, Column(name=_COLUMN, constraints=Constraints(minimum=0, maximum=100))),
    *(
        (Rule.REFERENCE, Column(name=_COLUMN, alumniq=ColumnRules(reference=name)))
        for name in get_args(get_args(ColumnRules.model_fields["reference"].annotation)[0])
    ),
    (Rule.PRECISION, Column(name=_COLUMN, type=ColumnType.NUMBER)),
    (Rule.PRECISION, Column(name=_COLUMN, type=ColumnType.DATETIME)),
    (Rule.UNIQUE, None),
    (Rule.PRIMARY_KEY, None),
    (Rule.RAGGED_ROW, None),
    (Rule.TRAILING_DELIMITER, None),
    (Rule.BLANK_ROW, None),
    (Rule.REPEATED_HEADER, None),
    (Rule.SEPARATOR_LINE, None),
    (Rule.REPORT_LINE, None),
)

FOREIGN_KEYS = tuple(
    ForeignKey(fields=(_COLUMN,), reference=Reference(resource=feed, fields=("{column}",)))
    for feed in ("{feed}", "")
)


def cell(*forms: str) -> str:
    """Return texts as one cell of a table."""
    lines = [form.replace("\n", " ").replace("|", "\\|") for form in forms if form]
    # A placeholder is not a plain word to a shell, so commands quote it.
    return "<br>".join(dict.fromkeys(COMMAND_WORD.sub(r"\1\2", line) for line in lines))


def rule_rows() -> Iterator[str]:
    for rule, column in RULE_EXAMPLES:
        message, advice = message_of(rule, column, f"`{_COLUMN}`"), advice_of(rule, column)
        yield f"| `{rule}` | {cell(message)} | {cell(advice)} |"
    column = Column(name=_COLUMN, type=ColumnType.INTEGER)
    for damage in IN_INVALID_CELLS:
        message = damaged_cell_message(message_of(Rule.TYPE, column), damage)
        advice = damaged_cell_advice(advice_of(Rule.TYPE, column), damage, column)
        yield f"| `{Rule.TYPE}` | {cell(message)} | {cell(advice)} |"
    for key in FOREIGN_KEYS:
        message, advice = orphan_message(f"`{_COLUMN}`", key), orphan_advice(key)
        yield f"| `{Rule.FOREIGN_KEY}` | {cell(message)} | {cell(advice)} |"
    for damage in (*CERTAIN_IN_KEYS, *PROBABLE_IN_KEYS):
        message, advice = damaged_key_message(_COLUMN, damage), damaged_key_advice(damage)
        yield f"| `{Rule.DAMAGED_KEY}` | {cell(message)} | {cell(advice)} |"


def rules_section() -> str:
    """Return the section."""
    return RULES_INTRODUCTION + "".join(f"{row}\n" for row in rule_rows())
