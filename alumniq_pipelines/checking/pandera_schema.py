"""The pandera schema of a column: what decides whether a text is a valid value of it.

It checks texts as they are in the file, with blanks as missing values. Whether a value occurs more
than once is not for one column to say: `checking.staging` finds repeated keys and values.
"""

import re
from collections.abc import Callable

import pandas as pd
import pandera.pandas as pa

from alumniq_pipelines.checking.rules import CELL_RULES, Rule, message_of
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


def rules_of(column: Column) -> list[Rule]:
    """List what a value of the column can break, beside being blank."""
    constraints = column.constraints
    declared = {
        Rule.TYPE: not column.spec.takes_any_text,
        Rule.LENGTH: (constraints.min_length, constraints.max_length) != (None, None),
        Rule.PATTERN: constraints.pattern is not None,
        Rule.ENUM: constraints.enum is not None,
        Rule.RANGE: (constraints.minimum, constraints.maximum) != (None, None),
        Rule.REFERENCE: column.alumniq.reference is not None,
    }
    return [rule for rule in CELL_RULES if declared[rule]]


def _check(rule: Rule, column: Column) -> pa.Check:
    test = _test(rule, column)

    def passes(texts: "pd.Series[str]") -> "pd.Series[bool]":
        known = {text: test(text) for text in texts.dropna().unique()}
        results = [known.get(text, True) for text in texts]
        return pd.Series(results, index=texts.index, dtype=bool)

    return pa.Check(passes, name=rule.value, description=message_of(rule, column), ignore_na=False)


def _test(rule: Rule, column: Column) -> Test:
    """Answer what tells whether a text keeps the rule; only TYPE fails what is no value at all."""
    if rule is Rule.TYPE:
        return lambda text: parse_value(text, column) is not None
    if rule is Rule.PATTERN:
        pattern = re.compile(column.constraints.pattern or "")
        return lambda text: pattern.fullmatch(text) is not None
    if (reference := column.alumniq.reference) and rule is Rule.REFERENCE:
        return lambda text: is_member(text, reference)
    constraints = _only(rule, column.constraints)
    narrowed = column.model_copy(update={"constraints": constraints, "alumniq": ColumnRules()})
    return lambda text: rule.value not in broken_rules(text, narrowed)


def _only(rule: Rule, constraints: Constraints) -> Constraints:
    """Keep the constraints that one rule is made of."""
    names = {
        Rule.LENGTH: ("min_length", "max_length"),
        Rule.ENUM: ("enum",),
        Rule.RANGE: ("minimum", "maximum"),
    }[rule]
    return Constraints(**{name: getattr(constraints, name) for name in names})
