"""This installation, for the time of a command: its ledger, and who is at the keyboard."""

import getpass
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.settings import Settings


@contextmanager
def ledger_of(settings: "Settings") -> Iterator["Ledger"]:
    """Open the ledger, bring its tables up to date, and close it at the end."""
    from alumniq_pipelines.adapters.ledger.ledger import Ledger

    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        yield ledger


def operator() -> str:
    """Name who is at the keyboard, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return f"uid {os.getuid()}"
