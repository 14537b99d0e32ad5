"""What all hosts must have alike, on each engine."""

from datetime import timedelta

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.worker_leases import LedgerLeases


def test_what_is_recorded_stays_unless_it_is_replaced(ledger: Ledger) -> None:
    ledger.host_values.record({"signing-key": "a", "field-maps": "b"})
    ledger.host_values.record({"signing-key": "c", "encryption-key": "d"})
    recorded = {"signing-key": "a", "field-maps": "b", "encryption-key": "d"}
    assert recorded.items() <= ledger.host_values.all().items()
    ledger.host_values.record({"signing-key": "e", "field-maps": "f"}, ["signing-key"])
    assert ledger.host_values.all()["signing-key"] == "e"
    assert ledger.host_values.all()["field-maps"] == "b"


def test_only_a_worker_that_gave_its_lease_up_or_renews_it_has_not_vanished(
    ledger: Ledger,
) -> None:
    leases = LedgerLeases(ledger.database, "ws7")
    with leases.hold("run"):
        assert leases.vanished(timedelta(hours=1)) == []
        assert leases.vanished(timedelta(hours=-1)) == ["ws7"]
        leases.dead(["run"])  # takes the reconciler's own lease
    assert leases.vanished(timedelta(hours=-1)) == []
