"""docs/messages.md, generated from the problem classes and the rules by `make messages`.

A problem is shown by creating it with placeholders for its arguments, such as `{filename}`. If an
argument may be left out, both forms are shown; if a text depends on an argument in another way,
`EXAMPLES` has the values that lead to each form.
"""

import importlib
import inspect
import itertools
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from alumniq_pipelines.core import problems
from alumniq_pipelines.core.problems.command import NoSummerTime, UnknownCustomer, UnknownWatch
from alumniq_pipelines.core.problems.database import DatabaseReadOnly
from alumniq_pipelines.core.problems.file import FileProblem, ForeignFormat, OtherQuotationMarks
from alumniq_pipelines.core.problems.filename import (
    FileArchivedByStore,
    FileHint,
    FileNotInBucket,
    UnusableFilename,
)
from alumniq_pipelines.core.problems.header import (
    DuplicateColumn,
    MisspeltColumn,
    NoHeader,
    UnnamedColumn,
    UnusableHeader,
)
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.core.problems.packing import (
    TooManyMembers,
    UnusableArchive,
    UnusualZipMethod,
)
from alumniq_pipelines.core.problems.problem import (
    OutageProblem,
    Problem,
    SenderProblem,
    SetupProblem,
)
from alumniq_pipelines.core.problems.rollback import MoveInterrupted
from alumniq_pipelines.core.problems.setup import PortUnusable
from tests.house.delivery_catalog import delivery_section
from tests.house.rule_catalog import cell, rules_section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "messages.md"

MODULES = (
    "request",
    "filename",
    "api",
    "page",
    "notification",
    "file",
    "header",
    "packing",
    "holding",
    "outcome",
    "outage",
    "run",
    "command",
    "rollback",
    "query",
    "paths",
    "settings",
    "setup",
    "hosts",
    "installation",
    "operation",
    "database",
)
"""The modules with problems, in the order of the page: what customers meet comes first."""

NO_TEXT = frozenset({"code_points", "problem", "live_data", "delivery", "mail_delivery"})

KINDS: Mapping[type[Problem], str] = {
    SenderProblem: "sender",
    SetupProblem: "setup",
    OutageProblem: "outage",
}

INTRODUCTION = """\
# Messages

Everything that customers, operators and engineers read when something fails, by code. Codes are
stable, so scripts may rely on them. `make messages` writes this page from the code.

A word in braces stands for a value of the case, such as `{filename}`. No message contains a cell
value, a key or a secret. Sentences about live data are made from what is live: shown here is "Your
previous data is still live."

| kind | who can fix it | what happens next |
|---|---|---|
| sender | the sender of the request or the file | nothing is retried: fix it and send it again |
| setup | the operators of the system | nothing is retried until something is changed |
| outage | no one needs to: it passes by itself | loads are retried, five attempts in all; \
calls are answered with 503 and `Retry-After`; commands can be repeated |
"""


class Placeholder(str):
    """Stands for an argument, whatever format specification a text applies to it."""

    __slots__ = ()

    def __format__(self, spec: str, /) -> str:
        return str(self)


def placeholder(name: str) -> Placeholder:
    return Placeholder(f"{{{name}}}")


MISSING = FileHint(folder=placeholder("folder"), name=placeholder("filename"))
HINTS = (
    MISSING,
    replace(MISSING, near=[placeholder("near")]),
    replace(MISSING, near=[placeholder("near")], elsewhere=placeholder("elsewhere")),
    replace(MISSING, name=placeholder("name"), elsewhere=placeholder("elsewhere")),
    replace(MISSING, name=placeholder("name"), found=placeholder("name")),
    replace(MISSING, name="Zo\u00eb.csv", found="Zoe\u0308.csv"),
    replace(MISSING, is_folder=True, inside=placeholder("inside")),
    replace(MISSING, name="x.csv", found_unseen="\u200b"),
    replace(MISSING, name="x.csv", found="x.csv ", found_unseen=" "),
    replace(MISSING, name="x.csv", found="x.csv", sent_unseen="\u3164"),
    replace(
        MISSING,
        name=placeholder("name"),
        named=placeholder("named"),
        found=placeholder("name"),
        elsewhere=placeholder("named"),
    ),
)

EXAMPLES: Mapping[type[Problem], Mapping[str, Sequence[Any]]] = {
    DatabaseReadOnly: {"is_standby": [True, False]},
    DuplicateColumn: {"positions": [(3, 7)], "spellings": [(), ("code", "Code")]},
    FileArchivedByStore: {"is_restoring": [False, True]},
    FileNotInBucket: {"filename": [placeholder("filename")], "hint": HINTS},
    ForeignFormat: {
        "kind": [
            "a PDF document",
            "an Excel workbook of the old kind",
            "text in UTF-16",
            "a tar archive, packed in gzip",
            "an encrypted file",
        ]
    },
    MisspeltColumn: {
        "pairs": [(("{name}", "{column}"),), (("{name}", "{column}"), ("{name}", "{column}"))]
    },
    NoHeader: {
        "header_line": [None, 3],
        "what": [None, "is an instruction for Excel (`sep=`)"],
    },
    MoveInterrupted: {"target": ["iqu/production/warehouse"], "number": [41]},
    NoSummerTime: {"hours": [-5, 0], "place": ["{place}", None]},
    OtherQuotationMarks: {"marks": ["'\u2026'", '"\u2026"'], "quote": ['"']},
    PortUnusable: {"port": [8000], "option": ["--gateway-port"]},
    TooManyMembers: {"listed": [None, 70_000], "limit": [1_000]},
    UnknownCustomer: {"customer": ["iqu"]},
    UnknownWatch: {"target": ["iqu/production/warehouse"]},
    UnnamedColumn: {"position": [7], "count": [1, 3]},
    UnusableArchive: {"names": [(), ("{name}", "{name}")], "side_files": [0, 2]},
    UnusableHeader: {"faults": [(FileProblem("{fault}", "{advice}"),)]},
    UnusableFilename: {"hint": [None, *HINTS[3:]]},
    UnusualZipMethod: {"method": ["Deflate64", placeholder("method")]},
}


def problem_modules() -> Mapping[str, ModuleType]:
    """Return the modules of the problems' folder, by name."""
    return {
        module.name: importlib.import_module(f"{problems.__name__}.{module.name}")
        for module in pkgutil.iter_modules(problems.__path__)
    }


def problems_of(module: ModuleType) -> Sequence[type[Problem]]:
    """Return the problems that a module defines, in its order, without bases that have no text."""
    return [
        found
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, Problem)
        and found.__module__ == module.__name__
        and "__init__" in vars(found)
    ]


def shown(problem: type[Problem]) -> Sequence[Problem]:
    """Return a problem in each of its forms."""
    examples = EXAMPLES.get(problem, {})
    parameters = list(inspect.signature(problem).parameters.values())
    assert examples.keys() <= {parameter.name for parameter in parameters}, problem
    choices = [
        examples.get(parameter.name) or values_of(parameter)
        for parameter in parameters
        if parameter.default != ""  # only for classes below, which are shown themselves
    ]
    names = [parameter.name for parameter in parameters if parameter.default != ""]
    make: Any = problem
    forms = [
        make(**dict(zip(names, values, strict=True))) for values in itertools.product(*choices)
    ]
    return list({str(form): form for form in forms}.values())


def values_of(parameter: inspect.Parameter) -> Sequence[Any]:
    """Return what to show for a parameter: a placeholder, and what else its type allows for."""
    annotation, value = parameter.annotation, placeholder(parameter.name)
    members = get_args(annotation)
    if get_origin(annotation) is Literal:
        return members
    if annotation is LiveData:
        return [LiveData.PREVIOUS]
    if get_origin(annotation) is Sequence:
        pair = (placeholder("key"), placeholder("time"))
        sequence = (pair if get_origin(members[0]) is tuple else value,)
        return [sequence, ()] if parameter.default == () else [sequence]
    if type(None) in members:
        return [value, None]
    assert annotation in {str, int, float}, parameter
    return [value]


def problem_row(problem: type[Problem]) -> str:
    [kind] = [name for base, name in KINDS.items() if issubclass(problem, base)]
    forms = shown(problem)
    details = cell(*(form.detail for form in forms))
    advice = cell(*(form.advice for form in forms))
    return f"| `{problem.code}` | {kind} | {forms[0].title} | {details} | {advice} |"


def section(module: ModuleType) -> str:
    heading = (module.__doc__ or "").splitlines()[0].partition(":")[0].rstrip(".")
    rows = "\n".join(problem_row(problem) for problem in problems_of(module))
    return (
        f"## {heading}\n\n| code | kind | title | message | what to do |\n|---|---|---|---|---|\n"
        f"{rows}\n"
    )


def page() -> str:
    """Return the whole page."""
    modules = problem_modules()
    sections = (section(modules[name]) for name in MODULES)
    return "\n".join([INTRODUCTION, *sections, delivery_section(), rules_section()])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
