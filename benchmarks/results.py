"""The page of results, one section per benchmark; each writes its own and leaves the others."""

import re

from alumniq_pipelines.settings import REPOSITORY

PAGE = REPOSITORY / "benchmarks" / "RESULTS.md"
TITLE = "# Results\n"


def write_section(heading: str, body: str) -> None:
    """Put a section onto the page in place of the one it had."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else TITLE
    others = re.sub(rf"\n## {re.escape(heading)}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    PAGE.write_text(f"{others.rstrip()}\n\n## {heading}\n\n{body.rstrip()}\n", "utf-8")
