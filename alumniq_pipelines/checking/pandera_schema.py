"""The pandera schema of a column: what decides whether a text is a valid value of it.

It checks texts as they are in the file, with blanks as missing values. Repeated keys and values
are not checked here: `checking.staging` finds them.
"""

import re
from collections.abc import Callable
from typing import Any, assert_never

import pandas as pd
import pandera.pandas as pa

from alumniq_pipelines.checking.rules import CELL_RULES, CellRule, Rule, message_of
from alumniq_pipelines.core.feeds.field_map import Column, ColumnRules, Constraints
from alumniq_pipelines.core.feeds.reference_data import is_member
from alumniq_pipelines.core.feeds.values import broken_rules, parse_value

Test = Callable[[str], bool]


def column_schema(column: Column, *, required: bool) -> pa.Column:
    """Return the schema of one column; its checks are named by the codes of rejections."""
    return pa.Column(
        str,
        [_check(rule, column) for rule in rules_of(column)],
        nullable=not required,
        name=column.name,
        title=column.title or None,
        description=column.description or None,
    )


def rules_of(column: Column) -> list[CellRule]:
    """Return the rules that a value of the column can break, beside being blank."""
    constraints = column.constraints
    declared: dict[CellRule, bool] = {
        Rule.TYPE: not column.spec.takes_any_text,
        Rule.LENGTH: (constraints.min_length, constraints.max_length) != (None, None),
        Rule.PATTERN: constraints.pattern is not None,
        Rule.ENUM: constraints.enum is not None,
        Rule.RANGE: (constraints.minimum, constraints.maximum) != (None, None),
        Rule.REFERENCE: column.alumniq.reference is not None,
    }
    return [rule for rule in CELL_RULES if declared[rule]]


def _check(rule: CellRule, column: Column) -> pa.Check:
    test = _test(rule, column)

    def passes(texts: "pd.Series[str]") -> "pd.Series[bool]":
        known = {text: test(text) for text in texts.dropna().unique()}
        results = [known.get(text, True) for text in texts]
        return pd.Series(results, index=texts.index, dtype=bool)

    return pa.Check(passes, name=rule.value, description=message_of(rule, column), ignore_na=False)


def _test(rule: CellRule, column: Column) -> Test:
    """Return the test of one rule; a text that is no value of the type fails only TYPE."""
    constraints = column.constraints
    own: dict[str, Any]
    match rule:
        case Rule.TYPE:
            return lambda text: parse_value(text, column) is not None
        case Rule.PATTERN:
            pattern = re.compile(constraints.pattern or "")
            return lambda text: pattern.fullmatch(text) is not None
        case Rule.REFERENCE:
            reference = column.alumniq.reference
            return lambda text: reference is None or is_member(text, reference)
        case Rule.LENGTH:
            own = {"min_length": constraints.min_length, "max_length": constraints.max_length}
        case Rule.ENUM:
            own = {"enum": constraints.enum}
        case Rule.RANGE:
            own = {"minimum": constraints.minimum, "maximum": constraints.maximum}
        case _:
            assert_never(rule)
    # With the constraints of this rule alone, no text is read for rules that have a check each.
    narrowed = column.model_copy(
        update={
            "constraints": Constraints(**own),
            "alumniq": ColumnRules(decimals=column.alumniq.decimals),
        }
    )
    return lambda text: rule.value not in broken_rules(text, narrowed)
