"""The page of results, one section per benchmark; each writes its own and leaves the others."""

import re
from pathlib import Path

from alumniq_pipelines.settings import REPOSITORY

PAGE = REPOSITORY / "benchmarks" / "RESULTS.md"
TITLE = "# Results\n"


def write_section(heading: str, body: str, page: Path = PAGE) -> None:
    """Put a section onto a page, at its end, in place of the one it had."""
    text = page.read_text("utf-8") if page.exists() else TITLE
    others = re.sub(rf"\n## {re.escape(heading)}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    page.write_text(f"{others.rstrip()}\n\n## {heading}\n\n{body.rstrip()}\n", "utf-8")
