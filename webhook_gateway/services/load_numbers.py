"""Before the gateway accepts loads, their numbers are compared with those in the warehouse.

A ledger that was restored from a backup would give numbers again that the warehouse has already.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.problems.problem import OutageProblem, SetupProblem

logger = logging.getLogger(__name__)

ACCEPTED_MEANWHILE = (
    "Loads are accepted meanwhile; one whose number is taken gets another when it runs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadNumberCheck:
    """Lifts the ledger's counter above the numbers in the warehouse, once."""

    ledger: Ledger
    highest_number: Callable[[], int]

    def is_done(self) -> bool:
        """Lift the counter; False if ledger or warehouse is unavailable, and to be asked again."""
        try:
            highest = self.highest_number()
            if highest and not self.ledger.database.exists():
                return False
            if highest and self.ledger.numbers.lift(highest):
                logger.warning(
                    "The ledger was restored from a backup: new loads get numbers above %d. See "
                    "what else it does not know: alumniq doctor",
                    highest,
                )
        except OutageProblem as problem:
            logger.warning("Load numbers are not compared yet: %s %s", problem, ACCEPTED_MEANWHILE)
            return False
        except SetupProblem as problem:
            logger.warning("Load numbers are not compared: %s %s", problem, ACCEPTED_MEANWHILE)
        return True
