"""The order in which many loads of many customers are requested, beside a model of the lines."""

import random

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.integration.ledger.conftest import NOW
from tests.queue_simulation import QueueSimulation

LOADS = 250


def test_loads_are_requested_in_order_per_table_production_first_and_in_turn_by_customer(
    ledger: Ledger,
) -> None:
    targets = [
        Target(f"university-{number}", environment, feed)
        for number in range(40)
        for environment in Environment
        for feed in ("warehouse", "warehouse-degrees", "warehouse-lookups")
    ]
    simulation = QueueSimulation(ledger=ledger, now=NOW, chance=random.Random(12))
    simulation.accept(targets, LOADS)
    simulation.run()
    simulation.check_ended()
    counts = simulation.counts
    assert counts["succeeded"] + counts["canceled"] == LOADS
    assert counts["failed launches"]
    assert counts["lost attempts"]
    assert counts["canceled"]
