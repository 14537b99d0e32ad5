"""Reading YAML documents strictly, so that values mean what their author meant.

YAML 1.1 reads `no` as false, `0012` as ten and `2026-01-31` as a date, and silently prefers the
second of two equal keys. Here all of these are faults, each with its line.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from alumniq_pipelines.core.feeds.field_map_error import Fault, Path, last_key

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser, if PyYAML was built with it: ten times as fast."""

MAX_DIGITS = 100
"""Python refuses to parse integers of thousands of digits."""
MAX_DEPTH = 30
MAX_VALUES = 100_000
"""Aliases let a few lines expand to millions of values; our largest field map has 1,000."""

PREFIX = "tag:yaml.org,2002:"
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+")


@dataclass(slots=True, kw_only=True)
class YamlDocument:
    """A parsed YAML text: its value, the line of every part, and the faults found."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    values: int = 0

    def line(self, path: Path) -> int | None:
        """Return the line of a part, or of the nearest part that contains it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


class TooLarge(Exception):
    """The document has more values than any field map would."""


def read_yaml(text: str) -> YamlDocument:
    """Parse one YAML document; faults are in the result, never raised."""
    document = YamlDocument()
    try:
        node = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        document.faults.append(_syntax_fault(error, document))
        return document
    if node is None:
        document.faults.append(Fault((), "the file is empty"))
        return document
    try:
        document.value = _value(node, (), document)
    except TooLarge:
        text = f"the file holds more than {MAX_VALUES:,} values, or more than {MAX_DEPTH} levels"
        return YamlDocument(faults=[Fault((), text)])
    return document


def _syntax_fault(error: yaml.YAMLError, document: YamlDocument) -> Fault:
    """Return a parser's error as a fault, and record its line in the document."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        document.lines["",] = mark.line + 1
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if "\\t" in problem or "tab character" in problem:
        problem = "a tab is used for indentation where only spaces are allowed"
    return Fault(("",), f"this is not YAML: {problem}")


def _value(
    node: yaml.Node, path: Path, document: YamlDocument, ancestors: tuple[yaml.Node, ...] = ()
) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    document.values += 1
    if len(path) > MAX_DEPTH or document.values > MAX_VALUES:
        raise TooLarge
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, document)
    if any(node is outer for outer in ancestors):
        document.faults.append(Fault(path, "the value refers to itself"))
        return None
    ancestors = (*ancestors, node)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, ancestors)
    return [_value(item, (*path, i), document, ancestors) for i, item in enumerate(node.value)]


def _mapping(
    node: yaml.MappingNode, path: Path, document: YamlDocument, ancestors: tuple[yaml.Node, ...]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(path, "a key must be plain text"))
            continue
        key = key_node.value
        key_path = (*path, key)
        if key in values:
            line = document.lines[key_path]
            document.lines[(*key_path, "")] = key_node.start_mark.line + 1
            document.faults.append(
                Fault((*key_path, ""), f"the key is already defined on line {line}")
            )
            continue
        document.lines[key_path] = key_node.start_mark.line + 1
        values[key] = _value(value_node, key_path, document, ancestors)
    return values


def _scalar(node: yaml.ScalarNode, path: Path, document: YamlDocument) -> Any:
    """Return a scalar as YAML 1.2 reads it; a value that YAML 1.1 reads differently is a fault."""
    text: str = node.value
    kind = node.tag.removeprefix(PREFIX)
    if kind == "str":
        return text
    if kind == "null":
        advice = 'write "" for an empty text, or remove the key'
        document.faults.append(Fault(path, f"`{last_key(path)}` has no value; {advice}"))
        return None
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    if kind == "int" and INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text)
    meant = {"bool": "true or false", "timestamp": "a date"}.get(
        kind, "a number in another notation"
    )
    if kind == "float" and DECIMAL.fullmatch(text):
        number = float(text)
        if Decimal(repr(number)) == Decimal(text):
            return number
        meant = "a number of fewer digits"
    document.faults.append(
        Fault(path, f"`{last_key(path)}`: YAML reads `{text}` as {meant}; write it in quotes")
    )
    return text
