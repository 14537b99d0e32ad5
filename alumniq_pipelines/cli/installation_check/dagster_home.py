"""The check of Dagster's home: whether its configuration is what the settings say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alumniq_pipelines.core.problems.installation import (
    DagsterConfigurationDiffers,
    DagsterConfigurationUnreadable,
    DagsterHomeMissing,
)
from alumniq_pipelines.core.problems.problem import Problem

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext

LAUNCHER = "dagster._core.launcher.DefaultRunLauncher"


def find_in_dagster_home(context: "CheckContext") -> Iterator[Problem]:
    """Read dagster.yaml; one of ours is made anew at each start, so only another may differ."""
    import yaml

    from alumniq_pipelines.cli.dagster_configuration import configuration, is_ours

    path = context.settings.dagster_home / "dagster.yaml"
    if not path.is_file():
        yield DagsterHomeMissing(str(path))
        return
    try:
        text = path.read_text(encoding="utf-8")
        found = {} if is_ours(text) else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield DagsterConfigurationUnreadable(str(path), type(error).__name__)
        return
    if not isinstance(found, dict):
        yield DagsterConfigurationUnreadable(str(path), "no mapping of keys to values")
    elif not is_ours(text):
        differing = differing_sections(found, configuration(context.settings))
        if differing:
            yield DagsterConfigurationDiffers(str(path), differing)


def differing_sections(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Sequence[str]:
    """Return the sections in which what matters differs, whatever else an operator chose."""
    theirs, ours = _what_matters(found), _what_matters(expected)
    return [section for section, value in ours.items() if theirs[section] != value]


def _what_matters(configuration: Mapping[str, Any]) -> Mapping[str, object]:
    """Return where records are stored, what starts and queues runs, and who repeats them."""
    storage = configuration.get("storage") or {"sqlite": None}
    return {
        "storage": sorted(storage),
        "run_launcher": _class_of(configuration, "run_launcher") or LAUNCHER,
        "run_coordinator": _class_of(configuration, "run_coordinator"),
        # The ledger decides whether a load needs another run: two deciders would multiply.
        "run_retries": bool((configuration.get("run_retries") or {}).get("enabled")),
    }


def _class_of(configuration: Mapping[str, Any], section: str) -> str:
    described = configuration.get(section) or {}
    return ".".join(filter(None, (described.get("module"), described.get("class"))))
