"""What `alumniq check --live` prints about a load of the file: published, held, or neither."""

from typing import TYPE_CHECKING, Any, Literal, assert_never

from alumniq_pipelines.core.loads.diff import format_changes
from alumniq_pipelines.core.loads.publication import HoldRows, KeepLive, PublishRows
from alumniq_pipelines.services.file_check import LiveComparison

if TYPE_CHECKING:
    from rich.console import Console

UNCHANGED = "the file is identical to the live version of {}, so a load changes nothing."

LoadPrediction = Literal["published", "held", "unchanged", "rejected"]


def load_prediction(comparison: LiveComparison) -> LoadPrediction:
    """Return what would become of a load of the file."""
    decision = comparison.decision
    match decision:
        case None:
            return "rejected"
        case PublishRows():
            return "published"
        case HoldRows():
            return "held"
        case KeepLive():
            return "unchanged"
    assert_never(decision)


def comparison_to_json(comparison: LiveComparison) -> dict[str, Any]:
    """Serialize what would become of a load, with what it would change; null if nothing is live."""
    return {
        "target": comparison.target.partition_key,
        "load": load_prediction(comparison),
        "hold_reasons": list(comparison.hold_reasons),
        "changes": comparison.changes.to_json() if comparison.changes else None,
    }


def show_comparison(console: "Console", comparison: LiveComparison) -> None:
    """Print what would become of a load, why it would be held, and what it would change."""
    from rich.markup import escape

    target = comparison.target.partition_key
    prediction = load_prediction(comparison)
    match prediction:
        case "rejected":
            console.print(
                f"[bold red]Would be rejected:[/bold red] a load into {target} allows "
                f"{_limit(comparison.max_rejected)}, and needs a row that is accepted."
            )
        case "published":
            console.print(f"[bold green]Would be published:[/bold green] a load into {target}.")
        case "held":
            console.print(
                f"[bold yellow]Would be held for approval:[/bold yellow] a load into {target}, "
                "because of what it would change."
            )
            for reason in comparison.hold_reasons:
                console.print(f"- {escape(reason)}")
        case "unchanged":
            console.print(f"[bold green]Nothing new:[/bold green] {UNCHANGED.format(target)}")
        case _ as unreachable:
            assert_never(unreachable)
    if prediction in {"published", "held"}:
        changes = comparison.changes
        lines = format_changes(changes) if changes else ["Nothing is live there yet."]
        for line in lines:
            console.print(escape(line))


def _limit(max_rejected: int) -> str:
    if not max_rejected:
        return "no rejected rows"
    return f"at most {max_rejected:,} rejected row{'s' if max_rejected > 1 else ''}"
