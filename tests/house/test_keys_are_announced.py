"""Keys are created in one module, which notifies their owner and staff."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKES_KEYS = re.compile(r"\bkeys\.(?:issue|rotate)\(")

DEMO = "alumniq_pipelines/cli/demo/stage.py"
"""Its customer is fictional, and it has a data folder of its own."""


def test_only_one_module_creates_keys() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for top in ("alumniq_pipelines", "webhook_gateway")
        for path in (ROOT / top).rglob("*.py")
        if MAKES_KEYS.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"alumniq_pipelines/services/key_issuance.py", DEMO}
