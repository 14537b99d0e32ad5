from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW, Accept

HOUR = timedelta(hours=1)


@pytest.mark.usefixtures("target")
def test_a_customer_without_a_secret_signs_nothing(ledger: Ledger) -> None:
    assert ledger.signing.live("iqu", NOW) == []
    assert not ledger.signing.stop("iqu", NOW)


@pytest.mark.usefixtures("target")
def test_an_old_secret_signs_beside_the_new_one_until_the_overlap_is_over(ledger: Ledger) -> None:
    old = ledger.signing.rotate("iqu", NOW)
    new = ledger.signing.rotate("iqu", NOW + HOUR, overlap=2 * HOUR)
    at_once = ledger.signing.live("iqu", NOW + HOUR)
    assert [secret.salt for secret in at_once] == [new.salt, old.salt]
    assert at_once[1].expires_at == NOW + 3 * HOUR
    assert [secret.salt for secret in ledger.signing.live("iqu", NOW + 3 * HOUR)] == [new.salt]


@pytest.mark.usefixtures("target")
def test_a_second_rotation_gives_an_old_secret_no_longer_life(ledger: Ledger) -> None:
    ledger.signing.rotate("iqu", NOW)
    ledger.signing.rotate("iqu", NOW, overlap=HOUR)
    newest = ledger.signing.rotate("iqu", NOW, overlap=5 * HOUR)
    assert len(ledger.signing.live("iqu", NOW)) == 3
    after = ledger.signing.live("iqu", NOW + 5 * HOUR)
    assert [secret.salt for secret in after] == [newest.salt]
    assert len(ledger.signing.live("iqu", NOW + 2 * HOUR)) == 2


@pytest.mark.usefixtures("target")
def test_signing_stops_at_once(ledger: Ledger) -> None:
    ledger.signing.rotate("iqu", NOW)
    ledger.signing.rotate("iqu", NOW)
    assert ledger.signing.stop("iqu", NOW)
    assert ledger.signing.live("iqu", NOW) == []


def test_a_load_is_signed_with_its_own_customers_secrets(ledger: Ledger, accept: Accept) -> None:
    ledger.customers.add(Customer("abc", "ABC University", "alumniq-abc"), NOW)
    ledger.signing.rotate("abc", NOW)
    load = accept()
    assert ledger.signing.of_load(load.job_id, NOW) == []
    own = ledger.signing.rotate("iqu", NOW)
    assert ledger.signing.of_load(load.job_id, NOW) == [own]
    assert ledger.signing.of_load(JobId("NONE"), datetime.now(UTC)) == []


def test_only_a_customer_gets_a_secret(ledger: Ledger) -> None:
    with pytest.raises(UnknownCustomer):
        ledger.signing.rotate("nobody", NOW)
